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
    """

    name: str
    good: float
    acceptable: float
    rising: bool
    source: str

    @property
    def rule(self) -> str:
        """The bounds in words."""
        sign = ">=" if self.rising else "<"
        if self.good == self.acceptable:
            return f"{sign} {self.good:g}"
        return f"{sign} {self.good:g} good, {sign} {self.acceptable:g} acceptable"

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
    "loading", 0.708, 0.40, True, "Hair, Risher, Sarstedt & Ringle (2019)"
)
# of standardised items: raw alpha means nothing where items have different scales
ALPHA = Criterion("alpha_standardized", 0.70, 0.60, True, "Nunnally (1978)")
RHO_A = Criterion("rho_a", 0.70, 0.60, True, "Dijkstra & Henseler (2015)")
RHO_C = Criterion("rho_c", 0.70, 0.60, True, "Hair, Risher, Sarstedt & Ringle (2019)")
AVE = Criterion("ave", 0.50, 0.50, True, "Fornell & Larcker (1981)")
HTMT = Criterion("htmt", 0.85, 0.90, False, "Henseler, Ringle & Sarstedt (2015)")
VIF = Criterion("vif", 3.0, 5.0, False, "Hair, Risher, Sarstedt & Ringle (2019)")
