"""Kano's questionnaire: pairs of questions, and the class of each feature."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.survey import Survey

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


def kano(
    answers: pd.DataFrame | Survey,
    pairs: Mapping[str, tuple[str, str]],
    codes: Sequence[Hashable] = (1, 2, 3, 4, 5),
) -> pd.DataFrame:
    r"""Classify features by Kano's pairs of questions.

    Parameters
    ----------
    answers : DataFrame or Survey
        One row per respondent.
    pairs : mapping of str to (str, str)
        For each feature the columns of its functional question ("how do you feel if
        it is there") and its dysfunctional one ("if it is not").
    codes : sequence of five
        The codes of: I like it, it must be so, I am neutral, I can live with it, I
        dislike it. Other values are no answer.

    Returns
    -------
    DataFrame
        feature; category, the most frequent class; note, where it leads the next one by
        less than 6 points; better and worse, the satisfaction coefficients;
        total_strength, the share that cares (A, O or M); category_strength, the lead
        over the next class; A, O, M, I, R, Q, the shares of attractive,
        one-dimensional, must-be, indifferent, reverse and questionable answers; n, the
        respondents who answered both questions.

    Raises
    ------
    SpecificationError
        If pairs are none, a column is unknown, or codes aren't five different ones.
    DataError
        If nobody answered both questions of a feature.

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
    frame = answers.frame if isinstance(answers, Survey) else answers
    problems = _problems(frame, pairs, codes)
    if problems:
        raise SpecificationError([f"kano: {p}" for p in problems])
    code_of = {code: k for k, code in enumerate(codes)}
    table = np.array(EVALUATION)
    rows: list[dict[str, object]] = []
    empty: list[str] = []
    for feature, (functional, dysfunctional) in pairs.items():
        both = frame[[functional, dysfunctional]].apply(lambda c: c.map(code_of))
        known = both.dropna().to_numpy(dtype=np.int64)
        if not len(known):
            empty.append(
                f"nobody gave answers among {quoted(codes)} to both questions of "
                f"{feature!r}; say codes=..."
            )
            continue
        found = table[known[:, 0], known[:, 1]]
        shares = {letter: float((found == letter).mean()) for letter in "AOMIRQ"}
        rows.append({"feature": feature, **_judged(shares), **shares, "n": len(known)})
    if empty:
        raise DataError([f"kano: {p}" for p in empty])
    return pd.DataFrame(rows)


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


def _problems(frame: object, pairs: object, codes: Sequence[Hashable]) -> list[str]:
    if not isinstance(frame, pd.DataFrame):
        return [f"answers must be a survey or a frame, not {type(frame).__name__}"]
    problems: list[str] = []
    if not isinstance(pairs, Mapping) or not pairs:
        problems.append(
            "pairs must name two columns per feature, as {'delivery': ('d1', 'd2')}, "
            f"not {pairs!r}"
        )
    else:
        wrong = [k for k, v in pairs.items() if isinstance(v, str) or len(v) != 2]
        problems += [
            f"feature {name!r} needs two columns, its functional and its dysfunctional "
            f"question, not {pairs[name]!r}"
            for name in wrong
        ]
        used = [c for k, v in pairs.items() if k not in wrong for c in v]
        problems += unknown("column", used, [str(c) for c in frame], "in pairs")
    if len(codes) != 5 or len({*codes}) != 5:
        problems.append(
            "codes must be five different ones, from 'I like it' to 'I dislike it', "
            f"not {codes!r}"
        )
    return problems
