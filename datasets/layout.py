"""How the simulated surveys are laid out: cells, thresholds, respondents, files.

What the scripts ``*/make.py`` have in common; ``norta.py`` has the mathematics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import norta
import numpy as np
import numpy.typing as npt
import pandas as pd
from norta import Floats, Ints, Item


def crossed(segments: pd.DataFrame, **groups: Iterable[object]) -> pd.DataFrame:
    """Return the cells of all segments in each combination of groups.

    The first group varies slowest, and combinations have equal population shares.
    """
    parts = [
        segments.assign(**dict(zip(groups, labels, strict=True)))
        for labels in product(*groups.values())
    ]
    cells = pd.concat(parts, ignore_index=True)
    cells["population"] /= len(parts)
    return cells


def population(
    cells: pd.DataFrame,
    columns: Sequence[str],
    item_shifts: Callable[..., Sequence[float]],
    cuts: Floats,
    target: Floats,
    binary: Sequence[int] = (),
) -> norta.Population:
    """Return the population whose answers have the target's correlations (p, p).

    ``item_shifts`` gives the latent shifts (p,) of a cell from its values in some
    columns and its own shift; ``binary`` are the positions of items answered 0 or 1.
    """
    keys = zip(*(cells[column] for column in (*columns, "shift")), strict=True)
    shifts = np.array([item_shifts(*key) for key in keys])
    lowest = np.ones(len(cuts))
    lowest[list(binary)] = 0.0
    return norta.population(cells, shifts, cuts, lowest, target)


def thresholds(
    items: Mapping[str, Item],
    binary: Mapping[str, float] | None = None,
    shares: Mapping[str, Sequence[float]] | None = None,
) -> Floats:
    """Return the thresholds (p, 9) of all answers at shift zero.

    ``binary`` has the share of 1 in items answered 0 or 1, ``shares`` those of the
    answers 1, 2, ... to other items; the rest is answered on 1-10.
    """
    special = {
        **{name: norta.binary_cuts(share)[0] for name, share in (binary or {}).items()},
        **{name: norta.share_cuts(given) for name, given in (shares or {}).items()},
    }
    likert = {name: item for name, item in items.items() if name not in special}
    cuts = dict(zip(likert, norta.likert_cuts(likert), strict=True)) | special
    return np.array([cuts[name] for name in items])


def picked(rng: np.random.Generator, segments: pd.DataFrame, size: int) -> Ints:
    """Return the segment of each respondent, drawn by the shares of the sample."""
    return rng.choice(len(segments), size=size, p=segments["sample"].to_numpy())


def respondents(segments: pd.DataFrame, pick: Ints, **groups: object) -> pd.DataFrame:
    """Return one row per respondent: groups, segment, and post-stratified weight."""
    names = segments.columns.drop(["population", "sample", "shift"])
    frame = segments.loc[pick, names].reset_index(drop=True)
    for place, (name, labels) in enumerate(groups.items()):
        frame.insert(place, name, labels)
    frame["weight"] = norta.post_stratified(segments, pick)
    return frame


def columns(
    names: Iterable[str],
    coded: Ints,
    asked: npt.NDArray[np.bool_],
    routed: Sequence[str],
) -> dict[str, Ints | pd.Series]:
    """Return the columns of answers (n, p), some empty for those who weren't asked."""
    return {
        name: norta.routed(column, asked) if name in routed else column
        for name, column in zip(names, coded.T, strict=True)
    }


def score(
    made: norta.Moments, items: Mapping[str, Item], names: Iterable[str]
) -> float:
    """Return the 0-100 score of some items on 1-10 with equal weights."""
    chosen = [list(items).index(name) for name in names]
    return float((made.mean[chosen].mean() - 1) / 9 * 100)


def write(folder: Path, data: pd.DataFrame, truth: str = "") -> None:
    """Write ``data.csv``, and ``truth.toml`` where there is one."""
    data.to_csv(folder / "data.csv", index=False, lineterminator="\n", encoding="utf-8")
    if truth:
        (folder / "truth.toml").write_text(truth, encoding="utf-8", newline="\n")
