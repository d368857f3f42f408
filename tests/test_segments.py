"""Unobserved segments: simulated populations, brute force, refits by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import csindex as csi
from csindex.inference.segments import Segmentation, segments
from csindex.inference.segments.refits import refits
from csindex.inference.segments.sample import Division, sample_of
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.partitions import adjusted_rand

DRIVEN = ("c", "d", "e", "f")
MODEL = csi.Model(
    "simulated",
    tuple(
        csi.reflective(x, *(f"{x}{k}" for k in (1, 2, 3))) for x in ("a", "b", *DRIVEN)
    ),
    [(source, target) for target in DRIVEN for source in ("a", "b")],
    index="c",
)
# paths from a and b to each driven construct, in two segments
FIRST = [[0.9, 0.1], [0.1, 0.9], [0.6, 0.6], [0.7, -0.5]]
SECOND = [[-0.1, -0.9], [0.9, -0.1], [0.6, -0.6], [-0.5, -0.7]]

TELECOM = csi.Model(
    "telecom part",
    (
        csi.reflective("image", "IMAGE1", "IMAGE2", "IMAGE3"),
        csi.reflective("value", "VALUE1", "VALUE2"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
        csi.reflective("loyalty", "STAY", "RECOMMEND", "RESIST"),
    ),
    [
        ("image", "value"),
        ("image", "satisfaction"),
        ("value", "satisfaction"),
        ("image", "loyalty"),
        ("satisfaction", "loyalty"),
    ],
    index="satisfaction",
)
BANK = csi.Model(
    "bank part",
    (
        csi.reflective("reliability", "RELI1", "RELI2", "RELI3", "RELI4"),
        csi.reflective("price", "PRICE1", "PRICE2", "PRICE3"),
        csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
        csi.reflective("loyalty", "STAY", "RECOMMEND", "EXTEND"),
    ),
    [
        ("reliability", "satisfaction"),
        ("price", "satisfaction"),
        ("satisfaction", "loyalty"),
    ],
    index="satisfaction",
)


def simulated(n: int, paths: list[list[float]], rng: np.random.Generator) -> FloatArray:
    causes = rng.normal(size=(n, 2))
    driven = causes @ np.array(paths).T + 0.2 * rng.normal(size=(n, len(paths)))
    constructs = np.column_stack([causes, driven]).T
    answers = [x[:, None] + 0.15 * rng.normal(size=(n, 3)) for x in constructs]
    return np.hstack(answers)


@cache
def population() -> tuple[pd.DataFrame, IntArray]:
    """Return answers of 240 and 160 respondents, mixed, and their true segments."""
    rng = np.random.default_rng(3)
    values = np.vstack([simulated(240, FIRST, rng), simulated(160, SECOND, rng)])
    order = rng.permutation(400)
    frame = pd.DataFrame(values[order], columns=list(MODEL.items))
    segment = np.repeat([0, 1], [240, 160])[order]
    return frame.assign(
        kind=np.array(["old", "new"])[segment],
        noise=rng.choice(["x", "y", "z"], 400),
        age=40.0 + 10 * segment + rng.normal(0, 5, 400),
    ), segment


def fitted(frame: pd.DataFrame, **options: object) -> csi.Results:
    survey = csi.read_survey(frame, scale=(-9, 9), groups=("kind", "noise"))
    return csi.fit(MODEL, survey, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def mixed() -> csi.Results:
    return fitted(population()[0])


@pytest.fixture(scope="module")
def found(mixed: csi.Results) -> Segmentation:
    return segments(mixed, range(1, 4), starts=6)


def codes(found: Segmentation) -> IntArray:
    return np.asarray(found.memberships["segment"].to_numpy(dtype=np.int64)) - 1


def test_mixture_finds_the_segments(found: Segmentation) -> None:
    assert found.k == 2
    assert found.recommendation["k"].iloc[-1] == 2
    assert adjusted_rand(codes(found), population()[1]) > 0.9
    assert_allclose(found.segments["n"], [240, 160], atol=10)
    assert found.criteria.set_index("k").loc[2, "en"] > 0.9


def test_mixture_finds_the_paths(found: Segmentation) -> None:
    for segment, truth in ((1, FIRST), (2, SECOND)):
        own = found.paths[found.paths["segment"] == segment]
        spread = np.sqrt((np.array(truth) ** 2).sum(axis=1) + 0.04)
        expected = (np.array(truth) / spread[:, None]).ravel()
        assert own["target"].tolist() == [x for x in DRIVEN for _ in range(2)]
        # two hundred respondents, and scores with a little error
        assert_allclose(own["estimate"], expected, atol=0.12)


@pytest.mark.parametrize(("most", "told"), [(2, True), (3, False)])
def test_the_largest_number_tried_is_told(
    most: int, told: bool, mixed: csi.Results
) -> None:
    found = segments(mixed, range(1, most + 1), starts=3)
    assert found.k == 2
    assert any("no more were tried" in note for note in found.notes) is told


@pytest.mark.parametrize("seed", [1, 2])
def test_one_population_is_one_segment(seed: int) -> None:
    values = simulated(400, FIRST, np.random.default_rng(seed + 10))
    frame = pd.DataFrame(values, columns=list(MODEL.items)).assign(kind="", noise="")
    found = segments(fitted(frame), range(1, 4), starts=4)
    assert found.k == 1
    lowest = found.criteria.set_index("k")[["aic3", "aic4", "bic", "caic"]].idxmin()
    assert (lowest == 1).all()
    assert "1 is the recommended number" in " ".join(found.notes)


def test_rebus_finds_the_segments(mixed: csi.Results) -> None:
    found = segments(mixed, 2, method="rebus", starts=6)
    assert adjusted_rand(codes(found), population()[1]) > 0.75
    assert found.starts["objective"].max() == found.criteria["gqi"].iloc[1]


def test_rebus_leaves_everyone_with_the_closest_model(mixed: csi.Results) -> None:
    """Local models by separate fits, and the closeness measure by hand."""
    frame, _ = population()
    found = segments(mixed, 2, method="rebus", starts=3)
    own = codes(found)
    values = frame[list(MODEL.items)].to_numpy()
    apart = np.empty((2, len(own)))
    communality, explained = np.empty(2), np.empty(2)
    for g in range(2):
        local = fitted(frame[own == g])
        inside = values[own == g]
        z = (values - inside.mean(axis=0)) / inside.std(axis=0, ddof=1)
        scores = z @ local.estimates.weights
        error = z - scores @ local.estimates.loadings.T
        lost = scores - scores @ local.estimates.paths.T
        driven = [MODEL.construct_names.index(x) for x in DRIVEN]
        squares = local.loadings["estimate"].to_numpy() ** 2
        outer = (error**2 / squares).sum(axis=1)
        inner = (lost[:, driven] ** 2 / local.r_squared.to_numpy()).sum(axis=1)
        left = (own == g).sum() - 2
        scale = outer[own == g].sum() / left * inner[own == g].sum() / left
        apart[g] = np.sqrt(outer * inner / scale)
        communality[g], explained[g] = squares.mean(), local.r_squared.mean()
    assert (apart.argmin(axis=0) != own).mean() < 0.005
    share = np.bincount(own) / len(own)
    index = found.criteria.set_index("k").loc[2, "gqi"]
    assert_allclose(
        index, np.sqrt(share @ communality * (share @ explained)), rtol=1e-5
    )


def test_rebus_of_everyone_is_the_goodness_of_fit(mixed: csi.Results) -> None:
    found = segments(mixed, 2, method="rebus", starts=1)
    squares = (mixed.loadings["estimate"] ** 2).mean() * mixed.r_squared.mean()
    assert_allclose(found.criteria["gqi"].iloc[0], np.sqrt(squares), rtol=1e-6)


def test_rebus_takes_the_tree_s_advice(mixed: csi.Results) -> None:
    found = segments(mixed, range(1, 5), method="rebus", starts=1)
    table = found.criteria.set_index("k")
    # Ward's heights fall as the classes grow more
    assert (table.loc[2:, "height"].diff().dropna() < 0).all()
    assert_allclose(
        table.loc[2, "fall"], table.loc[2, "height"] - table.loc[3, "height"]
    )
    assert found.k == table.loc[2:, "fall"].idxmax()


def test_segments_are_fitted_as_alone(found: Segmentation) -> None:
    frame, _ = population()
    for segment in (1, 2):
        alone = fitted(frame[codes(found) == segment - 1])
        own = found.paths[found.paths["segment"] == segment]
        assert_allclose(own["estimate"], alone.paths["estimate"], atol=1e-6)
        row = found.segments.set_index("segment").loc[segment]
        assert_allclose(row["index"], alone.index, atol=1e-6)
        assert row["n"] == alone.n
        scores = found.scores[found.scores["segment"] == segment]
        assert_allclose(scores["score"], alone.scores["score"], atol=1e-6)
        assert_allclose(
            found.r_squared.loc[found.r_squared["segment"] == segment, "r2"],
            alone.r_squared,
            atol=1e-6,
        )
        again = found[segment].respondent_scores()
        assert (
            again.index.tolist() == np.flatnonzero(codes(found) == segment - 1).tolist()
        )


def test_differences_are_those_of_the_tables(found: Segmentation) -> None:
    table = found.differences
    paths = found.paths.pivot(index=["source", "target"], columns="segment")["estimate"]
    for row in table[table["kind"] == "path"].itertuples():
        one, other = paths.loc[(row.source, row.target)]
        assert_allclose([row.estimate_1, row.estimate_2], [one, other])
        assert_allclose(row.difference, one - other)
    assert set(table.loc[table["kind"] == "score", "target"]) == {"a", "b", *DRIVEN}
    assert any("not valid" in note for note in found.notes)


def test_memberships_are_those_of_the_survey_s_rows() -> None:
    frame, truth = population()
    frame = frame.copy()
    frame.loc[[5, 17], "a1"] = np.nan
    frame.index = pd.Index([f"r{k}" for k in range(400)])
    found = segments(fitted(frame), 2, starts=3)
    table = found.memberships
    assert table.index.equals(frame.index)
    assert table["segment"].isna().to_numpy().nonzero()[0].tolist() == [5, 17]
    known = table["segment"].notna().to_numpy()
    own = table.loc[known, "segment"].to_numpy(dtype=np.int64) - 1
    assert adjusted_rand(own, truth[known]) > 0.9
    chances = table.loc[known, ["probability_1", "probability_2"]]
    assert_allclose(chances.sum(axis=1), 1.0)
    assert (chances.to_numpy().argmax(axis=1) == own).all()


@pytest.mark.parametrize("method", ["fimix", "rebus", "pos"])
def test_order_of_rows_and_seed_s_repetition(method: str, mixed: csi.Results) -> None:
    frame, _ = population()
    order = np.random.default_rng(1).permutation(len(frame))
    options = {"k": 2, "method": method, "starts": 3, "seed": 7}
    one = segments(mixed, **options)  # type: ignore[arg-type]
    again = segments(mixed, **options)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(one.memberships, again.memberships)
    other = segments(fitted(frame.iloc[order]), **options)  # type: ignore[arg-type]
    assert (codes(other) == codes(one)[order]).all()
    assert_allclose(other.starts["objective"], one.starts["objective"], rtol=1e-7)
    # the same draws lead the same way
    assert (other.starts["iterations"] == one.starts["iterations"]).all()


@pytest.mark.parametrize("method", ["fimix", "rebus", "pos"])
def test_equal_weights_change_nothing(method: str, mixed: csi.Results) -> None:
    frame, _ = population()
    survey = csi.read_survey(frame.assign(w=2.5), scale=(-9, 9), weights="w")
    weighted = segments(csi.fit(MODEL, survey), 2, method, starts=2)  # type: ignore[arg-type]
    plain = segments(mixed, 2, method, starts=2)  # type: ignore[arg-type]
    assert (codes(weighted) == codes(plain)).all()
    assert_allclose(
        weighted.criteria.to_numpy(float), plain.criteria.to_numpy(float), rtol=1e-6
    )


def test_weights_count_in_shares_and_paths() -> None:
    frame, truth = population()
    frame = frame.assign(w=np.where(truth == 1, 3.0, 1.0))
    survey = csi.read_survey(frame, scale=(-9, 9), weights="w")
    found = segments(csi.fit(MODEL, survey), 2, starts=4)
    # the smaller segment of respondents is the larger one of customers
    assert found.segments["share"].iloc[0] == pytest.approx(480 / 720, abs=0.02)
    assert found.segments["n"].iloc[0] == pytest.approx(160, abs=10)
    assert adjusted_rand(codes(found), truth) > 0.9


def test_weights_count_in_rebus() -> None:
    frame, _ = population()
    frame = frame.assign(w=np.random.default_rng(4).uniform(0.2, 3.0, 400))

    def weighted(rows: pd.DataFrame) -> csi.Results:
        survey = csi.read_survey(rows, scale=(-9, 9), weights="w")
        return csi.fit(MODEL, survey)

    found = segments(weighted(frame), 2, method="rebus", starts=3)
    own = codes(found)
    local = [weighted(frame[own == g]) for g in range(2)]
    share = np.array([frame.loc[own == g, "w"].sum() for g in range(2)])
    share /= share.sum()
    outer = share @ [(fit.loadings["estimate"] ** 2).mean() for fit in local]
    inner = share @ [fit.r_squared.mean() for fit in local]
    assert_allclose(found.criteria["gqi"].iloc[1], np.sqrt(outer * inner), rtol=1e-6)


@pytest.mark.parametrize("treatment", ["em", "mean"])
def test_gaps_are_filled(treatment: str) -> None:
    frame, truth = population()
    frame = frame.copy()
    holes = np.random.default_rng(2).random((400, len(MODEL.items))) < 0.02
    frame[list(MODEL.items)] = frame[list(MODEL.items)].mask(holes)
    found = segments(fitted(frame, incomplete=treatment), 2, starts=3)
    assert found.memberships["segment"].notna().all()
    # mean replacement blurs some respondents
    assert adjusted_rand(codes(found), truth) > (0.9 if treatment == "em" else 0.6)


def test_profile_by_hand(found: Segmentation) -> None:
    frame, _ = population()
    made = found.profile(by=["kind", "noise", "age"])
    own = codes(found)
    tests = made.tests.set_index("column")
    assert tests.index[0] == "kind"
    for name in ("kind", "noise"):
        table = pd.crosstab(frame[name], own)
        expected = stats.chi2_contingency(table, correction=False)
        assert_allclose(
            tests.loc[name, ["statistic", "p"]].astype(float),
            [expected.statistic, expected.pvalue],
            rtol=1e-8,
        )
        assert_allclose(tests.loc[name, "effect"], np.sqrt(expected.statistic / 400))
        shares = made.shares[made.shares["column"] == name]
        assert_allclose(shares["segment_1"], (table / table.sum())[0])
    expected = stats.f_oneway(frame["age"][own == 0], frame["age"][own == 1])
    assert_allclose(
        tests.loc["age", ["statistic", "p"]].astype(float),
        [expected.statistic, expected.pvalue],
        rtol=1e-8,
    )
    assert_allclose(made.means["segment_2"].item(), frame["age"][own == 1].mean())
    assert "kind categories" in repr(made)
    assert "<table" in made._repr_html_()


def test_profile_takes_the_codebook_s_groups(found: Segmentation) -> None:
    assert set(found.profile().tests["column"]) == {"kind", "noise"}


def test_a_complaint_does_not_divide() -> None:
    """A 0/1 outcome has no normal errors: a mixture would only find its values."""
    frame, truth = population()
    rng = np.random.default_rng(9)
    frame = frame.assign(comp=(frame["c1"] + rng.normal(size=400) > 0).astype(float))
    model = csi.Model(
        "complaints",
        (*MODEL.constructs, csi.reflective("complaints", "comp")),
        [*((p.source, p.target) for p in MODEL.paths), ("c", "complaints")],
        index="c",
    )
    found = segments(csi.fit(model, csi.read_survey(frame)), 2, starts=3)
    assert adjusted_rand(codes(found), truth) > 0.9
    assert any("'complaints' has no part" in note for note in found.notes)
    left = found.paths["target"] == "complaints"
    assert found.paths.loc[left, "mixture"].isna().all()
    assert found.paths.loc[left, "estimate"].notna().all()


@pytest.mark.parametrize(
    ("name", "model"), [("telecom", TELECOM), ("bank", BANK)], ids=["telecom", "bank"]
)
def test_shipped_surveys_run(name: str, model: csi.Model) -> None:
    survey = csi.load_dataset(name)
    results = csi.fit(model, survey)
    found = segments(results, [1, 2], starts=3)
    assert found.segments["n"].sum() == results.n
    assert_allclose(found.segments["share"].sum(), 1.0)
    assert (found.segments["share"].diff().dropna() <= 0).all()
    assert len(found.memberships) == len(survey)
    assert found.criteria["loglik"].is_monotonic_increasing
    text = repr(found)
    assert "FIMIX-PLS" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "<table" in found._repr_html_()
    assert found.settings["starts"] == "3"
    made = found.profile(by=survey.codebook.groups)
    assert set(made.tests["column"]) == set(survey.codebook.groups)


def test_rebus_says_why_it_finds_nothing() -> None:
    survey = csi.load_dataset("retail")
    results = csi.fit(csi.acsi(), survey)
    with pytest.raises(csi.DataError, match="rebus finds no 2 segments"):
        segments(results, 2, method="rebus", starts=1)


def test_a_segment_without_variance_has_a_reason() -> None:
    frame, truth = population()
    frame = frame.assign(flag=truth.astype(float))
    model = csi.Model(
        "flagged",
        (*MODEL.constructs, csi.reflective("flag", "flag")),
        [*((p.source, p.target) for p in MODEL.paths), ("flag", "c")],
        index="c",
    )
    sample = sample_of(
        csi.fit(model, csi.read_survey(frame, scale={"*": (-9, 9), "flag": (0, 1)}))
    )
    own = truth[sample.answers.rows]
    # segment 1 holds both flags, segment 2 one of them, segment 3 nobody
    divided = np.where((own == 0) & (sample.values[:, 0] > 0), 1, 0)
    found = refits(
        sample, Division(3, divided, None, None, pd.Series(), pd.DataFrame())
    )
    assert list(found.members) == [1]
    assert found.failures == {
        2: "item 'flag' is constant",
        3: "no respondent belongs to it more than to the others",
    }


def refused(name: str) -> Callable[[csi.Results], object]:
    """Return a call that is refused."""
    frame, _ = population()
    gap = frame.copy()
    gap.loc[3, "a1"] = np.nan
    formative = csi.Model(
        "formative",
        (
            csi.composite("a", "a1", "a2", "a3"),
            csi.reflective("c", "c1", "c2", "c3"),
        ),
        [("a", "c")],
    )
    return {
        "zero": lambda r: segments(r, 0),
        "word": lambda r: segments(r, "two"),  # type: ignore[arg-type]
        "truth": lambda r: segments(r, True),
        "none": lambda r: segments(r, []),
        "many": lambda r: segments(r, 30),
        "small": lambda r: segments(r, 3, smallest=200),
        "method": lambda r: segments(r, 2, method="fimx"),  # type: ignore[arg-type]
        "starts": lambda r: segments(r, 2, starts=0, seed=-1),
        "moments": lambda r: segments(csi.fit(MODEL, r.moments)),
        "groups": lambda r: segments(
            csi.fit(MODEL, r.survey, by="kind")  # type: ignore[arg-type]
        ),
        "column": lambda r: segments(r, 1).profile(by=["kint"]),
        "respondents": lambda r: segments(r, 1).profile(
            csi.read_survey(frame.iloc[:10])
        ),
        "segment": lambda r: segments(r, 1)[4],
        "one": lambda r: segments(r, 1, method="rebus"),
        "formative": lambda r: segments(
            csi.fit(formative, csi.read_survey(frame)), 2, method="rebus"
        ),
        "consistent": lambda r: segments(
            replace(r, estimator=csi.PLSc()), 2, method="rebus"
        ),
        "silent": lambda r: segments(
            csi.fit(replace(MODEL, paths=()), r.survey, estimator=csi.UnitWeights())
        ),
        "pairwise": lambda r: segments(fitted(gap, incomplete="pairwise")),
        "cbsem": lambda r: segments(
            csi.fit(MODEL, csi.read_survey(frame), estimator=csi.CBSEM())
        ),
    }[name]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("zero", "k must be a number of segments of 1 or more"),
        ("word", "not 'two'"),
        ("truth", "not True"),
        ("none", r"not \[\]"),
        ("many", "30 segments need 600 respondents, 20 each.*are 400, enough for 20"),
        ("small", "3 segments need 600 respondents, 200 each .as you said"),
        ("method", "unknown method 'fimx'; there are 'fimix', 'rebus', 'pos'"),
        ("starts", "(?s)2 problems.*seed must be.*starts must be"),
        ("moments", "made from moments; fit the model to the survey"),
        ("groups", "takes one fit"),
        ("column", "unknown column 'kint' in by; did you mean 'kind'"),
        ("respondents", "survey of the 400 respondents"),
        ("segment", "there are segments 1 to 1, not 4"),
        ("one", "k=1 asks for none"),
        ("formative", "'a' is composed of its items"),
        ("consistent", "PLSc's loadings and paths are those of constructs"),
        ("silent", "nothing is driven in model 'simulated'"),
        ("pairwise", "1 of 400 respondents have gaps"),
        ("cbsem", "no weights that scores are made with"),
    ],
)
def test_refusals(mixed: csi.Results, name: str, told: str) -> None:
    with pytest.raises(csi.CsindexError, match=told):
        refused(name)(mixed)
