"""Expected and found structure: adequacy, number of factors, factors by construct."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.instrument import criteria
from csindex.diagnostics.instrument.adequacy import (
    dimensions,
    sampling_table,
    upper_tail,
)
from csindex.diagnostics.instrument.exploration import (
    Exploration,
    Rotation,
    degrees_of_freedom,
    explore,
)
from csindex.diagnostics.instrument.sample import Sample
from csindex.errors import SpecificationError, quoted
from csindex.kernels import factors as kernels
from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import correlation
from csindex.moments import Moments

# a uniqueness below this is a Heywood case
_HEYWOOD = 0.005


@dataclass(frozen=True, eq=False)
class Structure:
    """What the items' correlations say about their structure.

    Attributes
    ----------
    sampling : DataFrame
        Measures of whether the items can be factored.
    dimensionality : DataFrame
        One row per possible factor.
    suggested : DataFrame
        Numbers of factors by several rules.
    pattern : DataFrame
        One row per item: expected and found factor, loadings.
    factors : DataFrame
        One row per expected factor: how it fits.
    factor_correlations : DataFrame
        Correlations of the factors.
    fit : Series
        Test of the number of factors that was extracted.
    notes : tuple of str
        What is to be told.
    """

    sampling: pd.DataFrame
    dimensionality: pd.DataFrame
    suggested: pd.DataFrame
    pattern: pd.DataFrame
    factors: pd.DataFrame
    factor_correlations: pd.DataFrame
    fit: pd.Series
    notes: tuple[str, ...]


def structure_of(
    sample: Sample, factors: int | None, rotation: Rotation, draws: int, seed: int
) -> Structure:
    """Compare the structure that a model expects with the one that is found.

    Parameters
    ----------
    sample : Sample
        The answers.
    factors : int, optional
        Number of factors; as many as are expected if None.
    rotation : {"oblimin", "promax"}
        The oblique rotation.
    draws : int
        Random samples of the parallel analysis.
    seed : int
        Their seed.

    Returns
    -------
    Structure
        The tables; empty where there is nothing to factor, with a note.

    Raises
    ------
    SpecificationError
        If there are fewer correlations than so many factors need.
    """
    expected = _expected(sample)
    names = list(dict.fromkeys(expected.values()))
    if len(expected) < 3:
        return _nothing(
            "no factor analysis: it needs at least three items of reflective "
            "constructs with several items"
        )
    if sample.moments is None:
        return _nothing()
    if sample.effective_n <= len(expected) + 1:
        return _nothing(
            f"no factor analysis: {len(expected)} items need more respondents than "
            f"{sample.effective_n:.0f}"
        )
    corr = _correlations(sample.moments, list(expected))
    if np.linalg.eigvalsh(corr)[0] < 1e-10:
        return _nothing(
            "no factor analysis: one item is a sum of others; leave out the one that "
            "repeats them"
        )
    count, notes = _count(len(corr), len(names), factors)
    dimensionality, suggested = dimensions(corr, sample.effective_n, draws, seed)
    found = explore(corr, count, rotation)
    matched = _matched(found, list(expected.values()), names)
    msa = kernels.kmo(corr)[1]
    return Structure(
        sampling_table(sample, list(expected), corr),
        dimensionality,
        _with_model(suggested, len(names), count),
        _pattern(expected, matched, msa),
        _factors(expected, matched, names),
        _labelled(matched),
        _fit(corr, found, sample.effective_n),
        (
            *notes,
            *found.problems,
            *_heywood(list(expected), found),
            *_fewer(suggested, len(names)),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Matched:
    """Factors in the order of the constructs, turned to agree with them.

    ``nearest`` says of each factor which construct it resembles most when all
    constructs are taken together, empty for a factor that is left over; a label names
    that construct only if the factor is like it. ``congruence`` is by construct.
    """

    labels: tuple[str, ...]
    nearest: tuple[str, ...]
    pattern: FloatArray
    correlations: FloatArray
    congruence: FloatArray


def _expected(sample: Sample) -> dict[str, str]:
    """Return the factor that every item of the analysis should load on.

    It is the item's construct or, where the codebook divides a construct's items into
    specific indicators of several items each, its indicator.
    """
    routed = dict(zip(sample.answers.names, sample.routed, strict=True))
    found: dict[str, str] = {}
    for construct in sample.model.constructs:
        asked = [item for item in construct.items if not routed[item]]
        if construct.measurement == "reflective" and len(asked) > 1:
            found |= _divided(sample, construct.name, asked)
    return found


def _divided(sample: Sample, construct: str, items: list[str]) -> dict[str, str]:
    published = {item.name: item for item in sample.model.instrument}
    book = sample.survey.codebook
    parents = [book.item(name, published.get(name)).parent for name in items]
    sizes = Counter(parents)
    if len(sizes) > 1 and "" not in sizes and min(sizes.values()) > 1:
        return dict(zip(items, parents, strict=True))
    return dict.fromkeys(items, construct)


def _correlations(moments: Moments, items: Sequence[str]) -> FloatArray:
    positions = [moments.names.index(item) for item in items]
    return correlation(moments.cov[np.ix_(positions, positions)])[0]


def _count(p: int, constructs: int, factors: int | None) -> tuple[int, list[str]]:
    """Return how many factors are extracted, and what is to be told about it."""
    most = max(k for k in range(1, p) if degrees_of_freedom(p, k) >= 0)
    whole = isinstance(factors, (int, np.integer)) and not isinstance(factors, bool)
    if factors is not None and not (whole and 1 <= factors <= most):
        raise SpecificationError(
            f"factors={factors!r}: {p} items allow 1 to {most} factors"
        )
    wanted = constructs if factors is None else factors
    if wanted > most:
        return most, [
            f"{p} items allow {most} factors, the model expects {wanted}: some have no "
            "factor of their own"
        ]
    return wanted, []


def _with_model(suggested: pd.DataFrame, constructs: int, count: int) -> pd.DataFrame:
    own = pd.DataFrame(
        [
            ("expected by the model", constructs, "the model"),
            ("extracted", count, "this analysis"),
        ],
        columns=suggested.columns,
    )
    return pd.concat([suggested, own], ignore_index=True)


def _heywood(items: list[str], found: Exploration) -> list[str]:
    whole = [
        item
        for item, left in zip(items, found.uniqueness, strict=True)
        if left < _HEYWOOD
    ]
    if not whole:
        return []
    return [
        f"factors explain {quoted(whole)} wholly (Heywood case): there are too many "
        "factors, or two items are almost the same; take such loadings with caution"
    ]


def _fewer(suggested: pd.DataFrame, constructs: int) -> list[str]:
    by_chance = int(suggested["factors"].iloc[0])
    if by_chance >= constructs:
        return []
    return [
        f"parallel analysis finds {by_chance} factors, the model expects {constructs}: "
        "some are hardly distinct in these answers (see the heterotrait-monotrait "
        "ratios), and their items may go with either"
    ]


def _matched(found: Exploration, expected: list[str], names: list[str]) -> _Matched:
    """Give every construct the factor that resembles it most, all taken together."""
    from scipy.optimize import linear_sum_assignment

    target = (np.array(expected)[:, None] == np.array(names)).astype(np.float64)
    likeness = kernels.congruence(found.pattern, target)
    rows, columns = linear_sum_assignment(-np.abs(likeness))
    chosen = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    order = [chosen[c] for c in sorted(chosen)]
    nearest = [names[c] for c in sorted(chosen)]
    alike = [abs(likeness[chosen[c], c]) for c in sorted(chosen)]
    spare = [f for f in range(found.pattern.shape[1]) if f not in order]
    nearest += [""] * len(spare)
    alike += [0.0] * len(spare)
    labels = [
        name if value >= criteria.CONGRUENCE.acceptable else f"factor {k}"
        for k, (name, value) in enumerate(zip(nearest, alike, strict=True), 1)
    ]
    signs = np.array(
        [
            *(
                np.sign(likeness[f, c])
                for f, c in zip(order, sorted(chosen), strict=True)
            ),
            *(np.sign(found.pattern[:, f].sum()) for f in spare),
        ]
    )
    signs = np.where(signs < 0, -1.0, 1.0)
    order += spare
    best = np.full(len(names), np.nan)
    best[columns] = np.abs(likeness[rows, columns])
    return _Matched(
        tuple(labels),
        tuple(nearest),
        found.pattern[:, order] * signs,
        found.correlations[np.ix_(order, order)] * np.outer(signs, signs),
        best,
    )


def _pattern(
    expected: dict[str, str], matched: _Matched, msa: FloatArray
) -> pd.DataFrame:
    absolute = np.abs(matched.pattern)
    main = absolute.argmax(axis=1)
    rows = np.arange(len(main))
    others = absolute.copy()
    others[rows, main] = 0.0
    own = [
        matched.pattern[row, matched.nearest.index(name)]
        if name in matched.nearest
        else np.nan
        for row, name in enumerate(expected.values())
    ]
    common = matched.pattern @ matched.correlations
    table = pd.DataFrame(
        {
            "item": list(expected),
            "expected": list(expected.values()),
            "found": [matched.labels[k] for k in main],
            "nearest": [matched.nearest[k] for k in main],
            "loading": matched.pattern[rows, main],
            "own_loading": own,
            "cross_loading": others.max(axis=1),
            "communality": (common * matched.pattern).sum(axis=1),
            "msa": msa,
        }
    )
    # a construct may bear the name of a column
    columns = [f"on {label}" for label in matched.labels]
    return pd.concat([table, pd.DataFrame(matched.pattern, columns=columns)], axis=1)


def _factors(
    expected: dict[str, str], matched: _Matched, names: list[str]
) -> pd.DataFrame:
    main = np.abs(matched.pattern).argmax(axis=1)
    found = np.array(matched.nearest)[main]
    wanted = np.array(list(expected.values()))
    labels = dict(zip(matched.nearest, matched.labels, strict=True))
    criterion = criteria.CONGRUENCE
    return pd.DataFrame(
        {
            "factor": names,
            "found": [labels.get(name, "") for name in names],
            "items": [int((wanted == name).sum()) for name in names],
            "items_found": [
                int(((wanted == name) & (found == name)).sum()) for name in names
            ],
            "others_found": [
                int(((wanted != name) & (found == name)).sum()) for name in names
            ],
            "congruence": matched.congruence,
            "threshold": criterion.rule,
            "verdict": [criterion.verdict(float(v)) for v in matched.congruence],
            "source": criterion.source,
        }
    )


def _labelled(matched: _Matched) -> pd.DataFrame:
    labels = pd.Index(matched.labels, name="factor")
    return pd.DataFrame(matched.correlations, index=labels, columns=labels)


def _fit(corr: FloatArray, found: Exploration, n: float) -> pd.Series:
    """Return Bartlett's test of the number of factors, and its RMSEA."""
    p, k = found.pattern.shape
    df = degrees_of_freedom(p, k)
    chisq = (n - 1 - (2 * p + 5) / 6 - 2 * k / 3) * max(found.objective, 0.0)
    return pd.Series(
        {
            "factors": float(k),
            "chisq": chisq,
            "df": float(df),
            "pvalue": upper_tail(chisq, df) if df else np.nan,
            "rmsea": np.sqrt(max(chisq - df, 0.0) / (df * (n - 1))) if df else np.nan,
        },
        name="fit",
    )


def _nothing(*notes: str) -> Structure:
    def empty(columns: str) -> pd.DataFrame:
        return pd.DataFrame(columns=columns.split())

    return Structure(
        empty("measure value df p threshold verdict source"),
        empty("factor eigenvalue share random_mean random_95 map map_fourth"),
        empty("rule factors source"),
        empty(
            "item expected found nearest loading own_loading cross_loading communality "
            "msa"
        ),
        empty(
            "factor found items items_found others_found congruence threshold verdict "
            "source"
        ),
        pd.DataFrame(),
        pd.Series(dtype=np.float64, name="fit"),
        notes,
    )
