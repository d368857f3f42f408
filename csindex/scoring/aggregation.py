"""From companies to industries, sectors and the nation, with known weights."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray

# how far covered weight may exceed a known total by rounding
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Level:
    """A level of aggregation: what it is called and what its members weigh.

    Parameters
    ----------
    name : str
        The column that says to which unit of this level a company belongs, as
        ``"industry"``.
    weight : str or mapping of label to float
        Weights of the members in a unit: a column of the companies' table that is
        summed over what a member covers (revenue), or known weights of the members by
        their labels (shares of GDP, of the consumption basket).
    totals : mapping of label to float, optional
        Of some units, the weight of all that there is; what the members don't cover
        belongs to a member without a weight ("all others"), or lowers the coverage.
    decimals : int
        Digits of the published score.
    """

    name: str
    weight: str | Mapping[Hashable, float]
    totals: Mapping[Hashable, float] | None = None
    decimals: int = 0


def aggregate(
    companies: pd.DataFrame,
    levels: Sequence[Level],
    unit: str = "company",
    minimum_n: int = 0,
    decimals: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Aggregate company scores level by level.

    Parameters
    ----------
    companies : DataFrame
        One row per company: its name in the column ``unit``, its score in ``score``
        (or ``estimate``), standard error in ``se``, number of respondents in ``n``,
        and the columns that the levels name.
    levels : sequence of Level
        From the lowest upwards, as industry, sector, nation.
    unit : str
        The column of the companies' names.
    minimum_n : int
        A company with fewer respondents counts in the aggregates, but its own score
        isn't published.
    decimals : int
        Digits of a company's published score.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row per company and unit: level, unit, parent, weight (share in the
        parent), score, se, low, high, n, members, coverage (part of the known total
        that the members cover; NaN where no total is known), published (rounded, half
        up) and note.

    Raises
    ------
    SpecificationError
        For levels that are no list of `Level`, or a confidence level off 0 to 1.
    DataError
        With every problem found: a missing column, a missing score, standard error or
        parent, a company given twice, a unit with two parents, a weight that is
        missing or negative, members that weigh more than the known total.

    Notes
    -----
    .. math:: I = \sum_k a_k I_k, \quad \sum_k a_k = 1, \quad
        \mathrm{Var}(I) = \sum_k a_k^2 \mathrm{SE}_k^2

    for independent samples and known weights.

    References
    ----------
    Fornell, Johnson, Anderson, Cha & Bryant (1996), Journal of Marketing 60(4).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {
    ...         "company": ["A", "B"],
    ...         "score": [70.0, 80.0],
    ...         "se": [1.0, 1.0],
    ...         "n": [250, 250],
    ...         "industry": "airlines",
    ...         "revenue": [3.0, 1.0],
    ...     }
    ... )
    >>> made = aggregate(table, [Level("industry", "revenue", decimals=1)])
    >>> float(made.set_index("unit").loc["airlines", "score"])
    72.5
    """
    if not 0 < level < 1:
        raise SpecificationError(f"level must lie between 0 and 1, not {level}")
    table = _checked(companies, levels, unit)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    below = pd.DataFrame(
        {
            "level": unit,
            "unit": table[unit],
            "score": table["score"],
            "se": table["se"],
            "n": table["n"],
            "members": 1,
            "coverage": np.nan,
            "decimals": decimals,
        }
    )
    below["note"] = [
        f"n = {n} is below {minimum_n}: not published" if n < minimum_n else ""
        for n in table["n"]
    ]
    parts: list[pd.DataFrame] = []
    column = unit
    for step in levels:
        weighed = _weighed(below, table, step, column)
        parts.append(weighed)
        below = _summed(weighed, step)
        column = step.name
    top = below.assign(parent="", weight=1.0)
    made = pd.concat([*parts, top], ignore_index=True)
    made["low"] = made["score"] - z * made["se"]
    made["high"] = made["score"] + z * made["se"]
    published = [
        math.nan if "not published" in note else rounded(score, int(digits))
        for score, digits, note in zip(
            made["score"], made["decimals"], made["note"], strict=True
        )
    ]
    order = ["level", "unit", "parent", "weight", "score", "se", "low", "high", "n"]
    made = made.assign(published=published)
    return made[[*order, "members", "coverage", "published", "note"]]


def rounded(score: float, decimals: int = 0) -> float:
    """Round a score as it is published: half up.

    Parameters
    ----------
    score : float
        The score.
    decimals : int
        Digits after the point: 0 for companies, 1 for a nation.

    Returns
    -------
    float
        The rounded score.

    Examples
    --------
    >>> rounded(72.5), rounded(73.25, 1)
    (73.0, 73.3)
    """
    if math.isnan(score):
        return math.nan
    factor = 10.0**decimals
    # sums that are halves on paper may lie a hair below
    return math.floor(score * factor + 0.5 + 1e-9) / factor


def _checked(
    companies: pd.DataFrame, levels: Sequence[Level], unit: str
) -> pd.DataFrame:
    """Return the companies' table, or everything that is wrong with it."""
    if not isinstance(companies, pd.DataFrame):
        raise SpecificationError(
            "aggregate: companies is a data frame with one row per company, not "
            f"{type(companies).__name__}"
        )
    if not levels or not all(isinstance(level, Level) for level in levels):
        raise SpecificationError(
            "aggregate: levels is a list from the lowest upwards, as "
            "[csi.Level('industry', 'revenue')]"
        )
    table = companies
    if "score" not in table.columns and "estimate" in table.columns:
        table = table.rename(columns={"estimate": "score"})
    columns = [unit, "score", "se", "n", *(level.name for level in levels)]
    columns += [level.weight for level in levels if isinstance(level.weight, str)]
    if problems := unknown("column", columns, table.columns, "in the companies"):
        raise DataError([f"aggregate: {problem}" for problem in problems])
    table = table.reset_index(drop=True)
    problems = [
        f"{name} is missing for {quoted(table.loc[lost, unit])}"
        for name in ("score", "se", "n", *(level.name for level in levels))
        if (lost := table[name].isna()).any()
    ]
    if not problems:
        try:
            numbers = table[["score", "se", "n"]].astype(float)
        except (TypeError, ValueError):
            problems.append("score, se and n must hold numbers")
        else:
            if (numbers[["se", "n"]] < 0).any(axis=None):
                problems.append("se and n must be zero or more")
            table = table.assign(**{name: numbers[name] for name in ("score", "se")})
    chain = [unit, *(level.name for level in levels)]
    for lower, upper in pairwise(chain):
        owners = table.groupby(lower, sort=False, dropna=True)[upper].nunique()
        several = owners.index[owners > 1]
        problems += [
            f"{lower} {name!r} belongs to several of {upper}: "
            f"{quoted(table.loc[table[lower] == name, upper].unique())}; keep one"
            for name in several
        ]
    twice = table.loc[table[unit].duplicated(), unit].unique()
    problems += [f"{unit} {name!r} is given twice; keep one row" for name in twice]
    if problems:
        raise DataError([f"aggregate: {problem}" for problem in problems])
    return table


def _weighed(
    below: pd.DataFrame, table: pd.DataFrame, step: Level, column: str
) -> pd.DataFrame:
    """Return the members with their parent, their share in it, and its coverage."""
    parents = table.drop_duplicates(column).set_index(column)[step.name]
    made = below.assign(parent=below["unit"].map(parents))
    raw = _weights(made, table, step, column)
    shares = np.empty(len(made))
    covers: dict[Hashable, float] = {}
    problems: list[str] = []
    for parent, rows in made.groupby("parent", sort=False).indices.items():
        own = raw[rows].copy()
        names = made["unit"].to_numpy()[rows]
        total = float((step.totals or {}).get(parent, np.nan))
        problems += _fill_rest(own, names, total, step, parent)
        if np.isnan(own).any():
            continue
        covered = own.sum()
        if covered > total * (1 + _ROUNDING):
            problems.append(
                f"the members of {step.name} {parent!r} weigh {covered:g}, more than "
                f"its known total {total:g}"
            )
        if covered <= 0:
            problems.append(f"the members of {step.name} {parent!r} weigh nothing")
            continue
        shares[rows] = own / covered
        covers[parent] = min(1.0, covered / total) if total > 0 else np.nan
    if problems:
        raise DataError([f"aggregate: {problem}" for problem in problems])
    return made.assign(weight=shares, parent_coverage=made["parent"].map(covers))


def _weights(
    made: pd.DataFrame, table: pd.DataFrame, step: Level, column: str
) -> FloatArray:
    """Return each member's weight; NaN where none is given."""
    if isinstance(step.weight, str):
        try:
            values = table[step.weight].astype(float)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"aggregate: column {step.weight!r} must hold numbers"
            ) from error
        sums = values.groupby(table[column]).sum(min_count=1)
        found = made["unit"].map(sums)
    else:
        if problems := unknown(
            "member", map(str, step.weight), map(str, made["unit"]), f"of {step.name}"
        ):
            raise DataError([f"aggregate: {problem}" for problem in problems])
        found = made["unit"].map(dict(step.weight))
    return np.array(found, dtype=np.float64)


def _fill_rest(
    own: FloatArray,
    names: np.ndarray,
    total: float,
    step: Level,
    parent: Hashable,
) -> list[str]:
    """Give the one member without a weight the rest of a known total."""
    where = f"in {step.name} {parent!r}"
    if (own < 0).any():
        return [f"weights {where} are negative: {quoted(names[own < 0])}"]
    lost = np.isnan(own)
    if not lost.any():
        return []
    if lost.sum() > 1 or np.isnan(total):
        return [
            f"weights {where} are missing for {quoted(names[lost])}; give them, or "
            "totals= with the weight of all, for a single 'all others'"
        ]
    rest = total - own[~lost].sum()
    if rest < 0:
        return [
            f"nothing is left for {names[lost][0]!r} {where}: the others weigh "
            f"{own[~lost].sum():g} of {total:g}"
        ]
    own[lost] = rest
    return []


def _summed(weighed: pd.DataFrame, step: Level) -> pd.DataFrame:
    """Return the units of a level: score, standard error, respondents, members."""
    rows = [
        {
            "level": step.name,
            "unit": parent,
            "score": float((part["weight"] * part["score"]).sum()),
            "se": float(np.sqrt((part["weight"] ** 2 * part["se"] ** 2).sum())),
            "n": part["n"].sum(),
            "members": len(part),
            "coverage": part["parent_coverage"].iloc[0],
            "decimals": step.decimals,
            "note": "",
        }
        for parent, part in weighed.groupby("parent", sort=False)
    ]
    return pd.DataFrame(rows)
