"""Kano's questionnaire: pairs of questions, and the class of each feature."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from csindex.codebook import Codebook
from csindex.errors import (
    AnswersWarning,
    DataError,
    SpecificationError,
    quoted,
    unknown,
)
from csindex.survey import Survey
from csindex.survey.reading import read_frame

# answer to "how do you feel if it is there" (rows) and "if it is not" (columns): I like
# it, it must be so, I am neutral, I can live with it, I dislike it
EVALUATION = (
    ("Q", "A", "A", "A", "O"),
    ("R", "I", "I", "I", "M"),
    ("R", "I", "I", "I", "M"),
    ("R", "I", "I", "I", "M"),
    ("R", "R", "R", "R", "Q"),
)
# of equally frequent classes the one that does more harm if it is neglected
CLASSES = {
    "M": "must-be",
    "O": "one-dimensional",
    "A": "attractive",
    "I": "indifferent",
    "R": "reverse",
    "Q": "questionable",
}
# Lee & Newcomb (1997): a class that leads by less is a mixture
LEAST_LEAD = 0.06
# values outside the codes that a message names
_SHOWN = 5


def kano(
    answers: Any,
    pairs: Mapping[str, tuple[str, str]],
    codes: Sequence[Hashable] = (1, 2, 3, 4, 5),
) -> pd.DataFrame:
    r"""Classify features by Kano's pairs of questions.

    Parameters
    ----------
    answers : DataFrame or Survey
        One row per respondent; a frame of pandas, Polars, PyArrow or any other library
        that narwhals knows.
    pairs : mapping of str to (str, str)
        For each feature the columns of its functional question ("how do you feel if
        it is there") and its dysfunctional one ("if it is not").
    codes : sequence of five
        The codes of: I like it, it must be so, I am neutral, I can live with it, I
        dislike it. Respondents with another value are left out, and counted.

    Returns
    -------
    DataFrame
        feature; category, the most frequent class; note, where it leads the next one by
        less than 6 points; better and worse, the satisfaction coefficients;
        total_strength, the share that cares (A, O or M); category_strength, the lead
        over the next class; A, O, M, I, R, Q, the shares of attractive,
        one-dimensional, must-be, indifferent, reverse and questionable answers; n, the
        respondents who answered both questions; outside, those left out because of an
        answer that is neither one of the codes nor missing (or, in a survey, one of its
        missing codes).

    Raises
    ------
    SpecificationError
        If pairs are none, a column is unknown, or codes aren't five different ones.
    DataError
        If nobody answered both questions of a feature.

    Warns
    -----
    AnswersWarning
        If there are answers outside the codes; it names columns, values and counts.

    Notes
    -----
    .. math:: better = \frac{A + O}{A + O + M + I}, \qquad
        worse = -\frac{O + M}{A + O + M + I}

    Of equally frequent classes the first of M, O, A, I is taken. Respondents count
    equally; a survey's weights are not used.

    References
    ----------
    Kano, Seraku, Takahashi & Tsuji (1984), Hinshitsu 14(2); Berger, Blauth, Boger et
    al. (1993), Center for Quality of Management Journal 2(4); Lee & Newcomb (1997),
    Quality Management in Health Care 5(4).

    Examples
    --------
    >>> frame = pd.DataFrame({"with": [1, 1, 3, 1], "without": [5, 3, 5, 5]})
    >>> found = kano(frame, {"fast delivery": ("with", "without")})
    >>> found.loc[0, "category"], float(found.loc[0, "better"])
    ('one-dimensional', 0.75)
    """
    frame = _frame(answers)
    book = answers.codebook if isinstance(answers, Survey) else None
    problems = _problems(frame, pairs, codes)
    if problems:
        raise SpecificationError([f"kano: {p}" for p in problems])
    code_of = {code: k for k, code in enumerate(codes)}
    table = np.array(EVALUATION)
    rows: list[dict[str, object]] = []
    empty: list[str] = []
    strays = {
        name: _outside(frame[name], codes, book)
        for name in dict.fromkeys(name for pair in pairs.values() for name in pair)
    }
    for feature, (functional, dysfunctional) in pairs.items():
        both = frame[[functional, dysfunctional]].apply(lambda c: c.map(code_of))
        known = both.dropna().to_numpy(dtype=np.int64)
        if not len(known):
            empty.append(
                f"nobody gave answers among {quoted(codes)} to both questions of "
                f"{feature!r}{_told(strays, pairs[feature])}; say codes=..."
            )
            continue
        found = table[known[:, 0], known[:, 1]]
        shares = {letter: float((found == letter).mean()) for letter in "AOMIRQ"}
        out = strays[functional].notna() | strays[dysfunctional].notna()
        counts = {"n": len(known), "outside": int(out.sum())}
        rows.append({"feature": feature, **_judged(shares), **shares, **counts})
    if empty:
        raise DataError([f"kano: {p}" for p in empty])
    made = pd.DataFrame(rows)
    if left := made["outside"].sum():
        warnings.warn(
            f"kano: {left} pairs of answers were left out, because one of the two is "
            f"none of the codes {quoted(codes)}{_told(strays, list(strays))}; say "
            "codes=..., or set what means 'no answer' to missing",
            AnswersWarning,
            stacklevel=2,
        )
    return made


def _frame(answers: Any) -> pd.DataFrame:
    """Return the answers as a frame of pandas."""
    if isinstance(answers, Survey):
        return answers.frame
    if isinstance(answers, pd.DataFrame):
        return answers
    if isinstance(answers, str | PathLike):
        raise SpecificationError(
            f"kano: answers must be a survey or a frame, as csi.read_survey({answers!r}"
            ")"
        )
    try:
        return read_frame(answers)[0]
    except DataError as error:
        raise SpecificationError(
            [f"kano: answers must be a survey or a frame; {p}" for p in error.problems]
        ) from error


def _outside(
    column: pd.Series, codes: Sequence[Hashable], book: Codebook | None
) -> pd.Series:
    """Return a column's answers that are no codes and not missing; others as NaN."""
    known = [*codes, *(book.item(str(column.name)).missing if book else ())]
    return column.astype(object).where(column.notna() & ~column.isin(known))


def _told(strays: Mapping[str, pd.Series], names: Sequence[str]) -> str:
    """Return which answers of which columns are outside the codes, in words."""
    told = [
        f"{name} holds "
        + ", ".join(f"{value!r} ({count})" for value, count in counts.items())
        for name in names
        if len(counts := strays[name].value_counts().head(_SHOWN))
    ]
    return f": {'; '.join(told)}" if told else ""


def _judged(shares: Mapping[str, float]) -> dict[str, object]:
    """Return class, coefficients and strengths of one feature, as columns."""
    a, o, m, i = (shares[letter] for letter in "AOMI")
    ranked = sorted(CLASSES, key=lambda letter: -shares[letter])
    lead = shares[ranked[0]] - shares[ranked[1]]
    felt = a + o + m + i
    close = lead < LEAST_LEAD
    return {
        "category": CLASSES[ranked[0]],
        "note": f"close to {CLASSES[ranked[1]]}" if close else "",
        "better": (a + o) / felt if felt else np.nan,
        "worse": -(o + m) / felt if felt else np.nan,
        "total_strength": a + o + m,
        "category_strength": lead,
    }


def _problems(
    frame: pd.DataFrame, pairs: object, codes: Sequence[Hashable]
) -> list[str]:
    problems: list[str] = []
    if not isinstance(pairs, Mapping) or not pairs:
        problems.append(
            "pairs must name two columns per feature, as {'delivery': ('d1', 'd2')}, "
            f"not {pairs!r}"
        )
    else:
        wrong = [
            name
            for name, pair in pairs.items()
            if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2
        ]
        problems += [
            f"feature {name!r} needs two columns, its functional and its dysfunctional "
            f"question, not {pairs[name]!r}"
            for name in wrong
        ]
        used = [c for k, v in pairs.items() if k not in wrong for c in v]
        problems += unknown("column", used, [str(c) for c in frame], "in pairs")
    listed = isinstance(codes, Iterable) and not isinstance(codes, str | type)
    if not listed or len([*codes]) != 5 or len({*codes}) != 5:
        problems.append(
            "codes must be five different ones, from 'I like it' to 'I dislike it', "
            f"not {codes!r}"
        )
    return problems
