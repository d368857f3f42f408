"""Estimators by name: what is minimised, and how errors and tests are corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Discrepancies = Literal["ML", "GLS", "ULS", "WLS", "DWLS"]
Errors = Literal["standard", "robust.sem", "huber.white"]
Test = Literal[
    "standard",
    "satorra.bentler",
    "yuan.bentler.mplus",
    "mean.var.adjusted",
    "scaled.shifted",
]
Information = Literal["expected", "observed"]
Missing = Literal["listwise", "fiml", "two_stage"]
EstimatorName = Literal[
    "ML",
    "MLR",
    "MLM",
    "MLMV",
    "MLMVS",
    "GLS",
    "ULS",
    "ULSM",
    "ULSMV",
    "WLS",
    "DWLS",
    "WLSM",
    "WLSMV",
    "WLSMVS",
]


@dataclass(frozen=True)
class Method:
    """What an estimator's name stands for.

    Attributes
    ----------
    discrepancy : str
        What is minimised.
    errors : str
        How standard errors are computed.
    test : str
        How chi-square is corrected.
    words : str
        Its name in words.
    information : str
        Which information standard errors are made of.
    missing : str
        What is done about missing answers: respondents without gaps only, the
        likelihood of what each respondent answered, or unrestricted moments by EM
        first.
    """

    discrepancy: Discrepancies
    errors: Errors
    test: Test
    words: str
    information: Information = "expected"
    missing: Missing = "listwise"

    @property
    def robust(self) -> bool:
        """Whether errors or the test need fourth moments, and so the answers."""
        return self.errors != "standard" or self.test != "standard"

    @property
    def weighted(self) -> bool:
        """Whether the estimates themselves need fourth moments."""
        return self.discrepancy in ("WLS", "DWLS")

    @property
    def least_squares(self) -> bool:
        """Whether it is least squares that ordinal items can have."""
        return self.discrepancy in ("ULS", "WLS", "DWLS")

    @property
    def likelihood(self) -> bool:
        """Whether it is maximum likelihood."""
        return self.discrepancy == "ML"


MISSING_WORDS: Mapping[Missing, str] = {
    "listwise": "respondents with all items (listwise)",
    "fiml": "likelihood of what each respondent answered (FIML)",
    "two_stage": "means and covariances by EM first (two stages)",
}
METHODS: Mapping[str, Method] = {
    "ML": Method("ML", "standard", "standard", "maximum likelihood"),
    "MLR": Method(
        "ML",
        "huber.white",
        "yuan.bentler.mplus",
        "maximum likelihood, Huber-White errors, Yuan-Bentler test",
        "observed",
    ),
    "MLM": Method(
        "ML",
        "robust.sem",
        "satorra.bentler",
        "maximum likelihood, robust errors, Satorra-Bentler test",
    ),
    "MLMV": Method(
        "ML",
        "robust.sem",
        "scaled.shifted",
        "maximum likelihood, robust errors, scaled and shifted test",
    ),
    "MLMVS": Method(
        "ML",
        "robust.sem",
        "mean.var.adjusted",
        "maximum likelihood, robust errors, Satterthwaite test",
    ),
    "GLS": Method("GLS", "standard", "standard", "generalised least squares"),
    "ULS": Method("ULS", "standard", "standard", "unweighted least squares"),
    "ULSM": Method(
        "ULS",
        "robust.sem",
        "satorra.bentler",
        "unweighted least squares, robust errors, Satorra-Bentler test",
    ),
    "ULSMV": Method(
        "ULS",
        "robust.sem",
        "scaled.shifted",
        "unweighted least squares, robust errors, scaled and shifted test",
    ),
    "WLS": Method("WLS", "standard", "standard", "weighted least squares (ADF)"),
    "DWLS": Method(
        "DWLS",
        "robust.sem",
        "standard",
        "diagonally weighted least squares, robust errors",
    ),
    "WLSM": Method(
        "DWLS",
        "robust.sem",
        "satorra.bentler",
        "diagonally weighted least squares, robust errors, Satorra-Bentler test",
    ),
    "WLSMV": Method(
        "DWLS",
        "robust.sem",
        "scaled.shifted",
        "diagonally weighted least squares, robust errors, scaled and shifted test",
    ),
    "WLSMVS": Method(
        "DWLS",
        "robust.sem",
        "mean.var.adjusted",
        "diagonally weighted least squares, robust errors, Satterthwaite test",
    ),
}
