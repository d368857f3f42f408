"""Every table that cSEM 0.6.1.9000 made of ECSI on mobi, fit by fit.

cSEM stops when no weight changes by more than 1e-5, which leaves its fits as far from
the solution as `TOLERANCES` says. Its conventions: HTMT keeps correlations' signs;
composites, whose correlations it doesn't correct, have a reliability rho_A of one.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation import GSCA, PLS, Estimator, PLSc, UnitWeights
from csindex.estimation.gcca import GCCA
from csindex.model import Model

Reader = Callable[[str], pd.DataFrame]
Fitted = Callable[[str], csi.Results]

ECSI = csi.ecsi_mobi()
COMPOSITES = replace(
    ECSI,
    constructs=tuple(replace(c, measurement="composite") for c in ECSI.constructs),
)
# cSEM's name of a fit, the model and the estimator
FITS: dict[str, tuple[Model, Estimator]] = {
    "modeA_path": (COMPOSITES, PLS()),
    "modeA_centroid": (COMPOSITES, PLS(scheme="centroid")),
    "modeB_path": (COMPOSITES, PLS(mode="B")),
    "PLSc_path": (ECSI, PLSc()),
    "PLSc_centroid": (ECSI, PLSc(scheme="centroid")),
    "OrdPLSc": (ECSI, PLSc()),
    "unit": (COMPOSITES, UnitWeights()),
    "GSCA": (COMPOSITES, GSCA()),
    "MAXVAR": (COMPOSITES, GCCA("maxvar", tolerance=1e-12)),
    "SUMCORR": (COMPOSITES, GCCA("sumcorr", tolerance=1e-12)),
}
TOLERANCES = {
    "modeB_path": 5e-9,
    "GSCA": 5e-9,
    # polycor's correlations, to 1e-4, enlarged by collinear constructs
    "OrdPLSc": 1.5e-4,
    # a general optimiser that stops 2e-8 short of the largest sum of correlations: see
    # test_sumcorr_is_no_less
    "SUMCORR": 5e-5,
}
FOLDER = Path(__file__).parent / "csem"
# what is compared elsewhere: fit and verify in test_consistent
KINDS = (
    "AVE", "HTMT", "HTMT2", "R2", "constructVCV", "f2", "loadings", "paths", "rhoA",
    "weights",
)  # fmt: skip
TABLES = [
    (fit, path.stem.removeprefix(f"mobi_{fit}_"))
    for fit in FITS
    for path in sorted(FOLDER.glob(f"mobi_{fit}_*.csv"))
    if path.stem.removeprefix(f"mobi_{fit}_") in KINDS
]
ASSESSED = ["modeA_path", "modeA_centroid", "modeB_path", "PLSc_path", "PLSc_centroid"]


@pytest.fixture(scope="module")
def fitted(mobi: csi.Survey) -> Fitted:
    kept: dict[str, csi.Results] = {}

    def fit(name: str) -> csi.Results:
        if name not in kept:
            model, estimator = FITS[name]
            data: csi.Survey | csi.Moments = mobi
            if name == "OrdPLSc":
                data = csi.fit(model, mobi, PLS(correlations="polychoric")).moments
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", csi.InadmissibleWarning)
                kept[name] = csi.fit(model, data, estimator)
        return kept[name]

    return fit


def test_no_table_is_missing() -> None:
    counts = {fit: sum(name == fit for name, _ in TABLES) for fit in FITS}
    assert counts == {
        "modeA_path": 9,
        "modeA_centroid": 9,
        "modeB_path": 9,
        "PLSc_path": 10,
        "PLSc_centroid": 10,
        "OrdPLSc": 4,
        "unit": 3,
        "GSCA": 3,
        "MAXVAR": 3,
        "SUMCORR": 3,
    }


@pytest.mark.parametrize(("fit", "kind"), TABLES)
def test_tables(fitted: Fitted, csem: Reader, fit: str, kind: str) -> None:
    expected = csem(f"mobi_{fit}_{kind}")
    results = fitted(fit)
    found = made(results, kind)
    if kind == "rhoA":
        # the reliabilities that turn the scores' correlations into the constructs'
        expected = np.sqrt(expected @ expected.T)
    found = found.loc[expected.index, expected.columns]
    if kind.startswith("HTMT"):  # cSEM fills the upper triangle with zeros
        found = found.where(np.tri(len(found), dtype=bool), 0.0)
    signs = turned(fit, expected) if kind == "weights" else 1.0
    tolerance = TOLERANCES.get(fit, 1e-9)
    relative = 1e-7 if kind == "f2" else 0.0
    assert_allclose(found, expected * signs, atol=tolerance, rtol=relative)


def made(results: csi.Results, kind: str) -> pd.DataFrame:
    """Return a table as cSEM lays it out; rows of path matrices are targets."""
    estimates = results.estimates
    names = list(results.model.construct_names)
    if kind in ("weights", "loadings"):
        table = getattr(results, kind)
        wide = table.pivot(index="item", columns="construct", values="estimate")
        return wide.fillna(0.0)
    if kind == "paths":
        return matrix(results.paths, "estimate", names)
    if kind == "constructVCV":
        return results.construct_correlations
    if kind == "R2":
        return results.r_squared.to_frame("x")
    if kind == "rhoA":
        weights = estimates.weights
        scores = weights.T @ results.moments.corr @ weights
        ratio = scores / estimates.construct_corr
        # a construct's own reliability is what PLSc says it is
        own = csi.assess(results).reliability["rho_a"].to_numpy()
        corrected = ~estimates.composites
        np.fill_diagonal(ratio, np.where(corrected, own, np.diag(ratio)))
        return pd.DataFrame(ratio, index=names, columns=names)
    assessment = csi.assess(results, htmt_absolute=False)
    if kind == "AVE":
        return assessment.reliability[["ave"]].rename(columns={"ave": "AVE"})
    if kind == "f2":
        return matrix(assessment.f_squared, "f_squared", names)
    return getattr(assessment, kind.lower())


def matrix(table: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    """Return numbers of paths as a matrix with zeros where there is no path."""
    wide = table.pivot(index="target", columns="source", values=column)
    return wide.reindex(index=names, columns=names).fillna(0.0)


def turned(fit: str, expected: pd.DataFrame) -> np.ndarray | float:
    """Return signs for cSEM's weights: its eigenvectors may all be turned round."""
    if fit != "MAXVAR":
        return 1.0
    assert (expected <= 0).to_numpy().all()
    return -1.0


def test_sumcorr_is_no_less(fitted: Fitted, csem: Reader) -> None:
    theirs = csem("mobi_SUMCORR_weights").to_numpy()
    results = fitted("SUMCORR")
    scores = theirs.T @ results.moments.corr @ theirs
    assert_allclose(np.diag(scores), 1, atol=1e-12)
    ours = results.construct_correlations.to_numpy().sum()
    assert 0 < ours - scores.sum() < 5e-8


Assessed = tuple[csi.Assessment, str]


@pytest.fixture(scope="module", params=ASSESSED)
def assessed(request: pytest.FixtureRequest, fitted: Fitted, folder: Path) -> Assessed:
    path = folder / "csem" / f"mobi_{request.param}_assess.txt"
    return csi.assess(fitted(request.param)), path.read_text(encoding="utf-8")


def printed(text: str, heading: str) -> pd.DataFrame:
    """Return the table of printed numbers below a row of column names."""
    _, _, rest = text.partition(heading)
    lines = re.split(r"\n\s*\n|\n-{5,}|\n_{5,}", rest)[0].strip("\n").split("\n")
    rows = [line.split() for line in lines[1:]]
    table = pd.DataFrame([row[1:] for row in rows], index=[row[0] for row in rows])
    numbers = table.replace({"NA": np.nan, "NaN": np.nan}).astype(float)
    return numbers.rename(index=str.lower)


def close(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare with numbers of four printed decimals."""
    assert_allclose(found.loc[expected.index], expected, atol=5.1e-5)


def test_printed_explanation(assessed: Assessed) -> None:
    assessment, text = assessed
    expected = printed(text, "____\n").set_axis(["ave", "r2", "r2_adjusted"], axis=1)
    share = expected[["r2", "r2_adjusted"]].dropna()
    assert len(share) == 6
    close(assessment.r_squared.set_index("construct")[share.columns.tolist()], share)
    ave = expected[["ave"]].dropna()
    # cSEM has it for common factors only
    assert len(ave) == (0 if assessment.results.estimates.composites.all() else 7)
    close(assessment.reliability[["ave"]], ave)


def test_printed_reliability(assessed: Assessed) -> None:
    assessment, text = assessed
    heading = "internal consistency) reliability estimates -----------\n\n"
    if assessment.results.estimates.composites.all():
        assert heading not in text
        return
    expected = printed(text, heading).drop(columns=1)
    expected = expected.set_axis(["rho_c", "alpha_standardized"], axis=1)
    # a single item, of which cSEM knows no alpha
    assert expected["alpha_standardized"].isna().tolist() == [False] * 5 + [True, False]
    expected.loc["complaints", "alpha_standardized"] = 1.0
    close(assessment.reliability[expected.columns.tolist()], expected)


PARTS = {"vif": "Variance inflation factors (VIFs)", "f_squared": "(Cohen's f^2)"}


# cSEM leaves out the inflation of a single cause, which is one
@pytest.mark.parametrize(("measure", "count"), [("vif", 9), ("f_squared", 12)])
def test_printed_by_antecedent(assessed: Assessed, measure: str, count: int) -> None:
    assessment, text = assessed
    if measure == "vif":
        table = assessment.vif[assessment.vif["kind"] == "inner"]
        found = table.set_index(["construct", "name"])["vif"]
    else:
        found = assessment.f_squared.set_index(["target", "source"])["f_squared"]
    body = re.split(r"\n-{5,}|\n_{5,}", text.partition(PARTS[measure])[2])[0]
    compared = 0
    for passage in body.split("Dependent construct: ")[1:]:
        target = passage.split("'")[1].lower()
        for source, value in re.findall(r"^\t(\w+) +(\d+\.\d{4})", passage, re.M):
            assert_allclose(found[target, source.lower()], float(value), atol=5.1e-5)
            compared += 1
    assert compared == count


def test_printed_discriminant_validity(assessed: Assessed) -> None:
    assessment, text = assessed
    heading = "Fornell-Larcker matrix\n"
    if assessment.results.estimates.composites.all():
        assert heading not in text
        return
    # R prints the last column below the others; cSEM squares, and has the AVE on the
    # diagonal
    body = text.partition(heading)[2].split("____")[0].strip("\n")
    first, last = re.split(r"\n(?= +Loyalty\n)", body)
    rows = [
        [float(v) for part in (first, last) for v in lines(part)[name]]
        for name in lines(first)
    ]
    names = [name.lower() for name in lines(first)]
    found = assessment.fornell_larcker.loc[names, names] ** 2
    assert_allclose(found, rows, atol=5.1e-8)


def lines(part: str) -> dict[str, list[str]]:
    """Return the numbers of each row of a matrix as R prints it."""
    rows = [line.split() for line in part.split("\n")[1:]]
    return {row[0]: row[1:] for row in rows}
