"""PLS-POS: segments in which the driven constructs are predicted best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError
from csindex.estimation import PLSc, row_estimator
from csindex.inference.segments.climbing import (
    Climb,
    Hill,
    climbs,
    explained,
    hill,
)
from csindex.inference.segments.finite import equations, mixtures, recommendations
from csindex.inference.segments.sample import (
    Division,
    Sample,
    criteria_table,
    equal_parts,
    ranks_by_size,
    starts_table,
)
from csindex.kernels.arrays import IntArray
from csindex.kernels.partitions import adjusted_rand
from csindex.kernels.threads import one_thread
from csindex.results import Results

# objectives that differ by less are those of one top
_SAME = 1e-6
SOURCE = "Sarstedt, Ringle & Hair (2017); criteria of FIMIX-PLS"


@dataclass(frozen=True, eq=False)
class MixtureStarts:
    """The mixtures that starts and advice come from.

    Attributes
    ----------
    divisions : mapping of int to Division
        The division by a mixture, by number of segments; not for all numbers.
    notes : tuple of str
        Why there is none for the others.
    """

    divisions: Mapping[int, Division]
    notes: tuple[str, ...]


def pos_refusals(results: Results) -> list[str]:
    """Return why a fit's respondents can't be divided by what the model explains.

    Parameters
    ----------
    results : Results
        The fit.

    Returns
    -------
    list of str
        The reasons; empty when there is none.
    """
    if row_estimator(results.estimator) is not None:
        return [
            f"estimates by {type(results.estimator).__name__} are not made of the "
            "answers' own moments, which pos follows as respondents move; take "
            "method='fimix', or fit with csi.PLS()"
        ]
    if isinstance(results.estimator, PLSc):
        return [
            "PLSc's explained variances are those of constructs without error, and "
            "pos would climb to segments where they pass one; fit with csi.PLS()"
        ]
    return []


def mixture_starts(
    sample: Sample, ks: Sequence[int], seed: int, starts: int, least: int
) -> MixtureStarts:
    """Return the mixtures that starts and advice come from.

    Parameters
    ----------
    sample : Sample
        The respondents.
    ks : sequence of int
        Numbers of segments.
    seed : int
        Seed of the mixtures' starts.
    starts : int
        Starts for each number.
    least : int
        Respondents that a segment needs.

    Returns
    -------
    MixtureStarts
        The mixtures; those that can't be estimated are left out, with the reasons.
    """
    found: dict[int, Division] = {}
    notes: list[str] = []
    try:
        chosen = equations(sample)
        for k in ks:
            try:
                found[k] = mixtures(sample, chosen, [k], seed, starts, least)[0]
            except DataError as error:
                notes += error.problems
    except SpecificationError as error:
        notes += error.problems
    return MixtureStarts(found, tuple(f"no start from FIMIX-PLS: {n}" for n in notes))


def predictive(
    sample: Sample, k: int, first: MixtureStarts, seed: int, starts: int, least: int
) -> Division:
    """Divide respondents so that the driven constructs are predicted best.

    Parameters
    ----------
    sample : Sample
        The respondents.
    k : int
        Number of segments.
    first : MixtureStarts
        Divisions to start from.
    seed : int
        Seed of the random starts.
    starts : int
        Starts: the mixture's division first, if its segments are large enough; random
        ones after it. The best is kept.
    least : int
        Respondents that a segment keeps.

    Returns
    -------
    Division
        The best division, with these measures: objective; r2 (explained variance,
        mean over the driven constructs, and over segments by their shares); gain (of
        r2 over one segment; see `with_gains`); reached (starts that came to the best
        objective); and r2_ with the name of each driven construct.

    Raises
    ------
    DataError
        If no start can be estimated.
    """
    begun = _starts(sample, k, first, seed, starts, least)
    with one_thread():
        ground = hill(sample, k, least)
        return _division(ground, climbs(ground, begun))


def with_gains(tried: Sequence[Division]) -> list[Division]:
    """Return divisions with what they explain more than one segment does.

    Parameters
    ----------
    tried : sequence of Division
        Divisions, that into one segment first.

    Returns
    -------
    list of Division
        The same, with gains.
    """
    alone = float(tried[0].measures["r2"])
    return [
        replace(one, measures=_with(one.measures, "gain", one.measures["r2"] - alone))
        for one in tried
    ]


def _with(measures: pd.Series, name: str, value: float) -> pd.Series:
    changed = measures.copy()
    changed[name] = value
    return changed


def _starts(
    sample: Sample, k: int, first: MixtureStarts, seed: int, starts: int, least: int
) -> list[IntArray]:
    """Return the divisions (n,) that are started from."""
    if k == 1:
        return [np.zeros(len(sample.values), dtype=np.int64)]
    given: list[IntArray] = []
    if k in first.divisions:
        codes = first.divisions[k].codes
        if np.bincount(codes, minlength=k).min() >= least:
            given.append(codes)
    return [*given, *equal_parts(sample, k, seed, starts - len(given))]


def _division(ground: Hill, ended: Sequence[Climb]) -> Division:
    """Return the best climb as a division."""
    sample, k = ground.sample, ground.k
    value = np.array([climb.history[-1] for climb in ended])
    value[~np.isfinite(value)] = np.nan
    if not np.isfinite(value).any():
        raise DataError(
            f"no division into {k} segments can be estimated: items are constant in "
            "random segments, or say the same there; ask for fewer segments"
        )
    # of starts that came to the same top, the first
    best = int(np.flatnonzero(value > np.nanmax(value) - _SAME)[0])
    codes = ended[best].codes
    ranks = ranks_by_size(codes, sample.weights, k)
    agreement = np.array([adjusted_rand(codes, climb.codes) for climb in ended])
    model = sample.results.model
    shares = explained(ground, codes)
    measures: dict[str, object] = {
        "objective": value[best],
        "r2": value[best] / len(model.endogenous),
        "gain": np.nan,
        "reached": int((value > np.nanmax(value) - _SAME).sum()),
    }
    for name in model.endogenous:
        measures[f"r2_{name}"] = shares[model.construct_names.index(name)]
    starts = starts_table(
        value,
        np.array([len(climb.history) - 1 for climb in ended]),
        np.array([climb.converged for climb in ended]),
        agreement,
        "its segments can't be estimated: items are constant there, or say the same",
    )
    return Division(
        k,
        ranks[codes],
        None,
        None,
        pd.Series(measures, dtype=object),
        starts.assign(kept=np.arange(len(ended)) == best),
    )


def advice(first: MixtureStarts, least: int) -> pd.DataFrame:
    """Return how many segments to ask for, which explained variance can't say.

    Parameters
    ----------
    first : MixtureStarts
        The mixtures.
    least : int
        Respondents that a segment needs.

    Returns
    -------
    DataFrame
        rule, k, note, source: a single row, or none if there is no mixture.
    """
    if 1 not in first.divisions:
        return pd.DataFrame(columns=["rule", "k", "note", "source"])
    table = criteria_table(list(first.divisions.values()))
    row = recommendations(table, least).iloc[-1:]
    return row.assign(rule="recommended by the criteria of FIMIX-PLS", source=SOURCE)
