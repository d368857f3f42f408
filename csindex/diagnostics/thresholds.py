"""Thresholds of the literature, each said once with its source.

They flag, they never gate: published index models fail several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Verdict = Literal["good", "acceptable", "flagged", "not applicable"]


@dataclass(frozen=True)
class Criterion:
    """A rule of thumb with its source.

    Attributes
    ----------
    name : str
        What is judged.
    good, acceptable : float
        Bounds of the two better grades.
    rising : bool
        Whether larger is better.
    source : str
        Publication of the bounds.
    meaning : str
        What a flag says, and what can be done.
    """

    name: str
    good: float
    acceptable: float
    rising: bool
    source: str
    meaning: str = ""

    @property
    def rule(self) -> str:
        """The bounds in words."""
        sign = ">=" if self.rising else "<"
        if self.good == self.acceptable:
            return f"{sign} {self.good:g}"
        return f"{sign} {self.good:g} good, {sign} {self.acceptable:g} acceptable"

    def shown(self, value: float, digits: int = 2) -> str:
        """Return a value with as many decimals as its grade needs.

        Parameters
        ----------
        value : float
            The value; NaN gives an empty text.
        digits : int
            Decimals at least.

        Returns
        -------
        str
            The value; rounded it has the same grade, and equals a bound only if the
            value does.

        Examples
        --------
        >>> LOADING.shown(0.70796), LOADING.shown(0.7), HTMT.shown(0.84999)
        ('0.70796', '0.70', '0.84999')
        """
        if np.isnan(value):
            return ""
        bounds = np.array([self.good, self.acceptable])
        for places in range(digits, 17):
            text = f"{value:.{places}f}"
            rounded = float(text)
            # a value at a bound prints as the bound, and no other one does
            if (np.sign(rounded - bounds) == np.sign(value - bounds)).all():
                return text
        return repr(float(value))

    def shortfall(self, value: float) -> str:
        """Return a flagged value with the bound that it misses, in words.

        Parameters
        ----------
        value : float
            The value.

        Returns
        -------
        str
            The name, the value, the bound and its source.

        Examples
        --------
        >>> AVE.shortfall(0.4321)
        'ave 0.43 (not >= 0.5; Fornell & Larcker (1981))'
        """
        sign = ">=" if self.rising else "<"
        return (
            f"{self.name} {self.shown(value)} (not {sign} {self.acceptable:g}; "
            f"{self.source})"
        )

    def verdict(self, value: float) -> Verdict:
        """Grade a value.

        Parameters
        ----------
        value : float
            The value; NaN is not applicable.

        Returns
        -------
        {"good", "acceptable", "flagged", "not applicable"}
            The grade.
        """
        if np.isnan(value):
            return "not applicable"
        if self.rising:
            grades = (value >= self.good, value >= self.acceptable)
        else:
            grades = (value < self.good, value < self.acceptable)
        return "good" if grades[0] else "acceptable" if grades[1] else "flagged"


LOADING = Criterion(
    "loading",
    0.708,
    0.40,
    True,
    "Hair, Risher, Sarstedt & Ringle (2019)",
    "the construct explains little of the item; look at its wording, and leave it out "
    "if reliability rises without it and nothing of the content is lost",
)
# of standardised items: raw alpha means nothing where items have different scales
ALPHA = Criterion(
    "alpha_standardized",
    0.70,
    0.60,
    True,
    "Nunnally (1978)",
    "the items agree little; with two or three items that is common, and rho_a or "
    "omega, which let items weigh differently, tell more",
)
RHO_A = Criterion(
    "rho_a",
    0.70,
    0.60,
    True,
    "Dijkstra & Henseler (2015)",
    "the score carries much error, which weakens its paths; more or better items help",
)
RHO_C = Criterion(
    "rho_c",
    0.70,
    0.60,
    True,
    "Hair, Risher, Sarstedt & Ringle (2019)",
    "the items measure the construct with much error; more or better items help",
)
OMEGA = Criterion(
    "omega",
    0.70,
    0.60,
    True,
    "McDonald (1999)",
    "one common factor of the items leaves much error in their sum; more or better "
    "items help",
)
REDUNDANCY = Criterion(
    "redundancy",
    0.95,
    0.95,
    False,
    "Hair, Risher, Sarstedt & Ringle (2019)",
    "rho_c is so high that the items ask nearly the same; fewer would do",
)
AVE = Criterion(
    "ave",
    0.50,
    0.50,
    True,
    "Fornell & Larcker (1981)",
    "the items have more error than they share; look at those with low loadings",
)
HTMT = Criterion(
    "htmt",
    0.85,
    0.90,
    False,
    "Henseler, Ringle & Sarstedt (2015)",
    "respondents hardly tell the two constructs apart, as quality and satisfaction in "
    "the published ACSI data; read their paths with care and look at the interval of "
    "the ratio: only if it contains 1 are the two one",
)
FORNELL_LARCKER = Criterion(
    "fornell_larcker",
    0.0,
    0.0,
    True,
    "Fornell & Larcker (1981)",
    "the construct shares more with another one than with its own items; see its "
    "ratios of htmt, which tell more surely",
)
VIF = Criterion(
    "vif",
    3.0,
    5.0,
    False,
    "Hair, Risher, Sarstedt & Ringle (2019)",
    "the causes, or items, say nearly the same, so that single paths or weights are "
    "uncertain; their sum is not. Look at intervals, or put the causes together",
)
FULL_COLLINEARITY = Criterion(
    "full_vif",
    3.3,
    3.3,
    False,
    "Kock (2015)",
    "the construct is nearly a sum of the others; a common cause of all answers, as "
    "the method of asking, is one possible reason",
)
SRMR = Criterion(
    "srmr",
    0.08,
    0.08,
    False,
    "Hu & Bentler (1999)",
    "item correlations differ from those that the paths imply; if srmr_saturated is "
    "low, paths are missing, and the measurement holds",
)
SRMR_SATURATED = Criterion(
    "srmr_saturated",
    0.08,
    0.08,
    False,
    "Hu & Bentler (1999)",
    "item correlations differ from those that the measurement model implies; look for "
    "items that load on other constructs",
)
Q_SQUARED = Criterion(
    "q2",
    0.0,
    0.0,
    True,
    "Geisser (1975)",
    "respondents left out are predicted no better than by the mean",
)

BY_NAME = {
    criterion.name: criterion
    for criterion in (
        *(LOADING, ALPHA, RHO_A, RHO_C, OMEGA, REDUNDANCY, AVE, HTMT, FORNELL_LARCKER),
        *(VIF, FULL_COLLINEARITY, SRMR, SRMR_SATURATED, Q_SQUARED),
    )
}

# share of resamples with the same class from which on the class is told; no published
# bound is known, and .80 is the share that power analyses ask for (Cohen 1988)
CERTAINTY = 0.80

# bounds of sizes, each with what is at or above it
R_SQUARED_SIZES = ((0.75, "substantial"), (0.50, "moderate"), (0.25, "weak"))
F_SQUARED_SIZES = ((0.35, "large"), (0.15, "medium"), (0.02, "small"))


def told_apart(first: float, second: float, digits: int = 2) -> tuple[str, str]:
    """Return two numbers with as many decimals as it takes to tell them apart.

    Parameters
    ----------
    first, second : float
        The numbers.
    digits : int
        Decimals at least.

    Returns
    -------
    tuple of str
        The numbers, equal only if they are.

    Examples
    --------
    >>> told_apart(0.8012, 0.8049)
    ('0.801', '0.805')
    """
    for places in range(digits, 17):
        texts = f"{first:.{places}f}", f"{second:.{places}f}"
        if texts[0] != texts[1] or first == second:
            break
    return texts


def size(value: float, bounds: tuple[tuple[float, str], ...]) -> str:
    """Return the word for a size.

    Parameters
    ----------
    value : float
        A share or an effect size.
    bounds : tuple of (float, str)
        Falling bounds and words: `R_SQUARED_SIZES` of Hair, Risher, Sarstedt & Ringle
        (2019), `F_SQUARED_SIZES` of Cohen (1988).

    Returns
    -------
    str
        The word; ``"negligible"`` below all bounds, empty for NaN.

    Examples
    --------
    >>> size(0.2, F_SQUARED_SIZES)
    'medium'
    """
    if np.isnan(value):
        return ""
    return next((word for least, word in bounds if value >= least), "negligible")
