"""Instrument validation: planted faults are found, tables equal plain arithmetic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.instrument import InstrumentValidation, validate_instrument

N = 1200
STRAIGHT = range(20)
MODEL = csi.Model(
    "planted",
    [
        csi.reflective("quality", "q1", "q2", "q3", "q4", "stray"),
        csi.reflective("value", "v1", "v2", "v3", "turned"),
        csi.reflective("satisfaction", "s1", "s2", "s3", "noise"),
        csi.composite("price", "p1", "p2"),
        csi.reflective("complaints", "c1"),
    ],
    [
        ("quality", "satisfaction"),
        ("value", "satisfaction"),
        ("price", "satisfaction"),
        ("satisfaction", "complaints"),
    ],
    index="satisfaction",
)


def planted() -> pd.DataFrame:
    """Return answers to MODEL's items of which four are faulty.

    ``stray`` belongs to value, ``turned`` runs backwards, ``noise`` is noise, and the
    first respondents give the same answer everywhere.
    """
    rng = np.random.default_rng(4)
    latent = rng.multivariate_normal(np.zeros(3), 0.35 + 0.65 * np.eye(3), N)
    owner = {"q": 0, "v": 1, "s": 2, "t": 1}
    names = ["q1", "q2", "stray", "v1", "v2", "s1", "q3", "q4", "v3", "s2", "s3"]
    columns = {}
    for name in [*names, "turned"]:
        factor = latent[:, 1 if name == "stray" else owner[name[0]]]
        columns[name] = 0.8 * factor + 0.6 * rng.standard_normal(N)
    columns["turned"] = -columns["turned"]
    columns["noise"] = 0.1 * latent[:, 2] + rng.standard_normal(N)
    columns["p1"], columns["p2"] = rng.standard_normal((2, N))
    frame = pd.DataFrame(
        {k: np.clip(np.round(5.5 + 1.5 * x), 1, 10) for k, x in columns.items()}
    )
    frame["c1"] = (latent[:, 2] < -1).astype(float)
    frame.loc[list(STRAIGHT), [c for c in frame if c != "c1"]] = 9.0
    frame.loc[[40, 41, 42], "q1"] = 99
    frame["person"] = np.arange(N) + 1000
    frame["sex"] = np.where(rng.random(N) < 0.3, "f", "m")
    frame["old"] = (rng.random(N) < 0.5).astype(int)
    frame["day"] = pd.date_range("2025-03-01", periods=N, freq="h").astype(str)
    frame["never"] = np.nan
    frame["seconds"] = rng.uniform(200, 300, N)
    frame.loc[list(STRAIGHT), "seconds"] = 30.0
    frame["w"] = rng.integers(1, 4, N)
    return frame


FRAME = planted()
SCALE = {"*": (1, 10), "c1": (0, 1)}


def survey(frame: pd.DataFrame = FRAME, **options: Any) -> csi.Survey:
    return csi.read_survey(frame, scale=SCALE, missing=(99,), **options)


@pytest.fixture(scope="module")
def found() -> InstrumentValidation:
    return validate_instrument(survey(), MODEL, duration="seconds", draws=200)


@pytest.fixture(scope="module")
def items(found: InstrumentValidation) -> pd.DataFrame:
    return found.items.set_index("item")


def test_planted_faults_are_found(items: pd.DataFrame) -> None:
    faulty = ["stray", "turned", "noise"]
    assert set(items.loc[items["verdict"] != "keep"].index) == set(faulty)
    assert items.loc["noise", "verdict"] == "drop"
    assert "alpha rises" in items.loc["noise", "reason"]
    assert "Churchill (1979)" in items.loc["noise", "reason"]
    assert items.loc["stray", "verdict"] in ("revise", "drop")
    assert items.loc["stray", "nearest"] == "value"
    assert "reverse=('turned',)" in items.loc["turned", "reason"]
    assert items.loc["q1", "found"] == "quality"


def test_turning_an_item_mends_it() -> None:
    mended = validate_instrument(survey(reverse=("turned",)), MODEL, draws=100)
    row = mended.items.set_index("item").loc["turned"]
    assert (row["verdict"], row["found"]) == ("keep", "value")
    assert row["item_total"] > 0.5


def test_verdicts_and_flags_are_of_the_items(found: InstrumentValidation) -> None:
    assert found.verdicts["item"].tolist() == list(MODEL.items)
    flags = found.flags.set_index(["item", "criterion"])
    assert flags.loc[("noise", "item_total"), "verdict"] == "flagged"
    # composites need not agree, and single items have nothing to agree with
    assert "item_total" not in flags.loc["p1"].index
    assert flags.loc["c1"].index.tolist() == ["missing"]


def test_item_columns_are_plain_arithmetic(items: pd.DataFrame) -> None:
    q1 = FRAME["q1"].replace(99, np.nan)
    row = items.loc["q1"]
    assert row["n"] == N - 3
    assert_allclose(row["missing"], 3 / N)
    assert_allclose(row["mean"], q1.mean())
    assert_allclose(row["sd"], q1.std())
    apart = q1.dropna() - q1.mean()
    assert_allclose(row["skew"], (apart**3).mean() / (apart**2).mean() ** 1.5)
    assert_allclose(row["kurtosis"], (apart**4).mean() / (apart**2).mean() ** 2 - 3)
    assert_allclose(row["floor"], (q1 == 1).sum() / (N - 3))
    assert_allclose(row["ceiling"], (q1 == 10).sum() / (N - 3))
    assert np.isnan(items.loc["c1", "floor"])


def test_scale_columns_are_brute_force(items: pd.DataFrame) -> None:
    block = FRAME[["v1", "v2", "v3", "turned"]]
    others = block.drop(columns="v2")
    rest = others.sum(axis=1)
    row = items.loc["v2"]
    assert_allclose(row["item_total"], FRAME["v2"].corr(rest))
    without = 3 / 2 * (1 - others.var().sum() / rest.var())
    assert_allclose(row["alpha_if_deleted"], without)
    total = block.sum(axis=1)
    ranked = np.sort(total)
    low, high = ranked[int(np.ceil(0.27 * N)) - 1], ranked[int(np.ceil(0.73 * N)) - 1]
    upper, lower = FRAME["v2"][total >= high], FRAME["v2"][total <= low]
    assert_allclose(row["discrimination"], (upper.mean() - lower.mean()) / 9)
    both = pd.concat([upper, lower])
    group = np.repeat([1.0, 0.0], [len(upper), len(lower)])
    assert_allclose(row["discrimination_r"], np.corrcoef(both, group)[0, 1])


def test_whole_weights_are_repetitions() -> None:
    weighted = validate_instrument(survey(weights="w"), MODEL, draws=100)
    again = FRAME.loc[np.repeat(FRAME.index, FRAME["w"])].reset_index(drop=True)
    repeated = validate_instrument(survey(again), MODEL, draws=100)
    columns = ["mean", "skew", "kurtosis", "floor", "ceiling", "item_total"]
    columns += ["alpha_if_deleted", "discrimination", "loading", "communality"]
    for column in columns:
        one, other = weighted.items[column], repeated.items[column]
        assert_allclose(one, other, rtol=1e-6, atol=2e-4, err_msg=column)
    w = FRAME["w"]
    assert_allclose(w.sum() ** 2 / (w**2).sum(), _size(weighted), rtol=1e-9)


def _size(found: InstrumentValidation) -> float:
    """Return the number of respondents behind Bartlett's statistic."""
    table = found.sampling.set_index("measure")["value"]
    p = len(found.structure)
    return float(
        table["bartlett"] / -np.log(table["determinant"]) + 1 + (2 * p + 5) / 6
    )


def test_careless_answers_are_found(found: InstrumentValidation) -> None:
    table = found.careless
    assert table["flag_long_string"][list(STRAIGHT)].all()
    assert (table["longest_run"][list(STRAIGHT)] == 15).all()
    assert (table["spread"][list(STRAIGHT)] == 0).all()
    assert table["flag_speed"].sum() == len(STRAIGHT)
    assert_allclose(
        table["speed"][0], np.median(FRAME["seconds"]) / FRAME["seconds"][0]
    )
    assert (table["flags"][list(STRAIGHT)] >= 2).all()
    assert table["flags"].iloc[len(STRAIGHT) :].mean() < 0.02
    # one of a thousand honest respondents is that far away
    assert table["flag_distance_p"].iloc[len(STRAIGHT) :].mean() < 0.01


def test_effect_of_careless_answers(found: InstrumentValidation) -> None:
    effect = found.careless_effect.set_index("trace")
    flagged = found.careless["flag_speed"].to_numpy()
    whole = csi.fit(MODEL, survey()).index
    rest = csi.fit(MODEL, survey(FRAME[~flagged])).index
    assert_allclose(effect.loc["speed", ["index", "index_without"]], [whole, rest])
    assert_allclose(effect.loc["speed", "change"], rest - whole)
    assert_allclose(effect.loc["speed", "share"], len(STRAIGHT) / N)
    assert rest < whole


def test_reversed_items_keep_straight_lines_straight() -> None:
    turned = validate_instrument(survey(reverse=("turned",)), MODEL, draws=100)
    assert (turned.careless["longest_run"][list(STRAIGHT)] == 15).all()


def test_early_against_late_answers() -> None:
    from scipy import stats

    frame = FRAME.assign(v1=np.clip(FRAME["v1"] - (np.arange(N) > 0.7 * N), 1, 10))
    table = validate_instrument(survey(frame), MODEL, order="day", draws=100)
    assert table.nonresponse is not None
    rows = table.nonresponse.early_late.set_index("name")
    early, late = frame["v1"].iloc[: N // 4], frame["v1"].iloc[-N // 4 :]
    welch = stats.ttest_ind(late, early, equal_var=False)
    assert_allclose(rows.loc["v1", "t"], welch.statistic)
    assert_allclose(rows.loc["v1", "p"], welch.pvalue)
    assert_allclose(rows.loc["v1", "df"], welch.df)
    assert_allclose(rows.loc["v1", "difference"], late.mean() - early.mean())
    assert rows.loc["v1", "p_holm"] == pytest.approx(
        min(1.0, welch.pvalue * len(MODEL.items))
    )
    assert rows.loc["s2", "p_holm"] > 0.05
    scores = (frame[["v1", "v2", "v3", "turned"]] - 1) / 9 * 100
    points = scores.mean(axis=1)
    assert_allclose(rows.loc["value", "early"], points.iloc[: N // 4].mean())


def test_known_margins() -> None:
    margins: dict[str, dict[Any, float]] = {
        "sex": {"f": 0.52, "m": 0.48},
        "old": {0: 40, 1: 60},
    }
    table = validate_instrument(survey(), MODEL, margins=margins, draws=100)
    found = table.nonresponse
    assert found is not None
    assert_allclose(found.margins["raked"], [0.52, 0.48, 0.4, 0.6], atol=1e-9)
    assert_allclose(found.margins["sample"].iloc[0], (FRAME["sex"] == "f").mean())
    weights = found.weights
    assert_allclose(weights[FRAME["sex"] == "f"].sum() / weights.sum(), 0.52)
    # Kish: one plus the squared coefficient of variation
    effect = 1 + (weights.std(ddof=0) / weights.mean()) ** 2
    assert_allclose(found.summary["design_effect"], effect)
    assert_allclose(found.summary["effective_n"], N / effect)
    again = csi.fit(MODEL, survey(FRAME.assign(raked=weights), weights="raked"))
    assert_allclose(found.summary["index_raked"], again.index)


def test_retest() -> None:
    rng = np.random.default_rng(8)
    again = FRAME.iloc[rng.permutation(N)[:300]].copy()
    again["s1"] = np.clip(again["s1"] + 1, 1, 10)
    again["noise"] = rng.integers(1, 11, 300)
    table = validate_instrument(
        survey(), MODEL, retest=survey(again), id="person", draws=100
    ).retest
    assert table is not None
    rows = table[table["kind"] == "item"].set_index("name")
    assert (rows["n"].drop("q1") == 300).all()
    assert_allclose(rows.loc["v2", ["r", "icc_2_1", "icc_3_1", "change"]], [1, 1, 1, 0])
    before = FRAME.loc[again.index, "s1"]
    assert_allclose(rows.loc["s1", "change"], (again["s1"] - before).mean())
    assert_allclose(rows.loc["s1", "r"], np.corrcoef(again["s1"], before)[0, 1])
    assert rows.loc["s1", "icc_2_1"] < rows.loc["s1", "icc_3_1"]
    assert rows.loc["noise", "verdict"] == "flagged"
    assert table.set_index("name").loc["value", "icc_2_1"] == pytest.approx(1.0)


def test_experts() -> None:
    ratings = pd.DataFrame(
        {
            "q1": [4, 4, 3, 4, 3, 4],
            "q2": [4, 3, 3, 4, 4, 1],
            "v1": [1, 2, 2, 4, 3, 1],
        }
    )
    found = validate_instrument(survey(), MODEL, experts=ratings, draws=100)
    assert found.experts is not None
    assert found.content_validity is not None
    rows = found.experts.set_index("item")
    assert_allclose(rows["i_cvi"], [1, 5 / 6, 2 / 6])
    assert_allclose(found.content_validity["s_cvi_ave"], (1 + 5 / 6 + 2 / 6) / 3)
    assert_allclose(found.content_validity["s_cvi_ua"], 1 / 3)
    items = found.items.set_index("item")
    assert items.loc["v1", "verdict"] == "drop"
    assert "experts: kappa" in items.loc["v1", "reason"]
    assert items.loc["q1", "verdict"] == "keep"
    assert np.isnan(items.loc["s1", "kappa"])


def test_reference_numbers_arrive_in_the_tables(
    root: Path, holzinger: pd.DataFrame
) -> None:
    folder = root / "tests" / "reference" / "lavaan"
    model = csi.Model(
        "tests",
        [
            csi.reflective("visual", "x1", "x2", "x3"),
            csi.reflective("textual", "x4", "x5", "x6"),
            csi.reflective("speed", "x7", "x8", "x9"),
        ],
    )
    found = validate_instrument(csi.read_survey(holzinger), model)
    sampling = found.sampling.set_index("measure")
    kmo = pd.read_csv(folder / "cbsem_hs_kmo.csv").set_index("var")["msa"]
    bartlett = pd.read_csv(folder / "cbsem_hs_bartlett.csv").iloc[0]
    mardia = pd.read_csv(folder / "cbsem_hs_mardia.csv").iloc[0]
    assert_allclose(sampling.loc["kmo", "value"], kmo["overall"])
    assert_allclose(found.items["msa"], kmo.drop("overall"))
    assert_allclose(
        sampling.loc["bartlett", ["value", "df", "p"]].astype(float),
        bartlett[["chisq", "df", "p"]],
    )
    assert_allclose(sampling.loc["mardia skewness", "value"], mardia["skew"])
    assert_allclose(sampling.loc["mardia kurtosis", "value"], mardia["kurtosis"])
    eigen = pd.read_csv(folder / "cbsem_hs_eigen.csv")["ev"]
    assert_allclose(found.dimensionality["eigenvalue"], eigen)
    assert found.suggested.set_index("rule").loc["parallel analysis", "factors"] == 3
    factanal = pd.read_csv(folder / "cbsem_hs_factanal3.csv").iloc[0]
    assert_allclose(
        found.structure_fit[["chisq", "df"]],
        factanal[["stat", "dof"]].astype(float),
        rtol=1e-7,
    )
    assert (found.structure["expected"] == found.structure["found"]).all()
    assert (found.factors["congruence"] > 0.85).all()
    # without scales and an index there is neither a floor nor an effect
    assert found.items["floor"].isna().all()
    assert found.careless_effect["index"].isna().all()
    assert "names no index construct" in found.careless_effect["note"].iloc[0]


def test_specific_indicators_are_expected_factors() -> None:
    telecom = csi.load_dataset("telecom")
    columns = {
        name: [item.name for item in telecom.codebook.items if item.construct == name]
        for name in csi.tcsi().construct_names
    }
    model = csi.tcsi().with_items(**columns)
    found = validate_instrument(telecom, model, draws=100)
    assert (found.structure["expected"] == found.structure["nearest"]).all()
    assert found.structure["expected"].nunique() == 13
    assert set(found.verdicts["verdict"]) == {"keep"}


def test_items_that_few_are_asked_stay_out_of_the_factors() -> None:
    bank = csi.load_dataset("bank")
    names = {"complaint_handling": ["HANDLE1", "HANDLE2"]}
    names["satisfaction"] = ["SATIS", "CONFIRM", "IDEAL"]
    names["image"] = ["IMAGE1", "IMAGE2", "IMAGE3", "IMAGE4"]
    model = csi.Model(
        "bank",
        [csi.reflective(name, *items) for name, items in names.items()],
        [("image", "satisfaction"), ("complaint_handling", "satisfaction")],
        index="satisfaction",
    )
    found = validate_instrument(bank, model, draws=100)
    items = found.items.set_index("item")
    assert not {"HANDLE1", "HANDLE2"} & set(found.structure["item"])
    assert any("HANDLE1" in note for note in found.notes)
    # the index is that of complainers, and a fit says so
    assert any(note.startswith("index: ") for note in found.notes)
    # most of the sample didn't complain, but that is no missing answer
    assert items.loc["HANDLE1", "n"] < 0.5 * len(bank)
    assert items.loc["HANDLE1", "missing"] < 0.05
    assert items.loc["HANDLE1", "item_total"] > 0.5


def test_constructs_that_merge_are_told_not_revised() -> None:
    found = validate_instrument(csi.load_dataset("retail"), csi.acsi(), draws=100)
    items = found.items.set_index("item")
    assert set(found.verdicts["verdict"]) <= {"keep", "revise"}
    # congruences of .62 and .70 give neither factor a name
    own = {"quality": "factor 2", "satisfaction": "factor 4"}
    factors = found.factors.set_index("factor")
    assert factors["found"].to_dict() == {name: name for name in factors.index} | own
    assert (
        (factors["congruence"] >= 0.85) == (factors["found"] == factors.index)
    ).all()
    assert items.loc["OVERALLQ", ["found", "nearest"]].tolist() == [
        "factor 4",
        "satisfaction",
    ]
    assert {"on factor 2", "on factor 4"} < set(found.structure.columns)
    assert "factor 4, nearest to satisfaction" in items.loc["OVERALLQ", "reason"]
    assert items.loc["OVERALLQ", "verdict"] == "keep"
    assert "question about the structure" in items.loc["OVERALLQ", "reason"]
    assert any("parallel analysis finds 2" in note for note in found.notes)


def test_reasons_show_that_a_bound_is_missed() -> None:
    reasons = validate_instrument(
        csi.load_dataset("retail"), csi.acsi(), draws=100
    ).items.set_index("item")["reason"]
    told = [
        (float(value), sign, float(bound))
        for reason in reasons
        for value, sign, bound in re.findall(
            r" ([\d.]+) \(not (<|>=) ([\d.]+);", reason
        )
    ]
    assert len(told) > 5
    for value, sign, bound in told:
        assert value < bound if sign == ">=" else value > bound


def test_number_of_factors_and_rotation_are_options() -> None:
    two = validate_instrument(survey(), MODEL, factors=2, rotation="promax", draws=100)
    assert two.factor_correlations.shape == (2, 2)
    assert two.structure_fit["factors"] == 2
    four = validate_instrument(survey(), MODEL, factors=4, draws=100)
    assert "factor 4" in four.factor_correlations.index


def test_too_few_items_are_a_note() -> None:
    model = csi.Model("two", [csi.reflective("quality", "q1", "q2")])
    found = validate_instrument(survey(), model)
    assert found.structure.empty
    assert found.sampling.empty
    assert any("at least three items" in note for note in found.notes)
    assert found.items["verdict"].tolist() == ["keep", "keep"]
    assert "no factor analysis" in repr(found)


def test_prints(found: InstrumentValidation) -> None:
    text = repr(found)
    assert "15 items" not in text
    assert "16 items" in text
    assert "drop noise" in text
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0].startswith("16 items: 13 to keep, ")
    assert found._repr_html_().startswith("<div>")


def test_html_is_escaped() -> None:
    model = csi.Model("<b>", [csi.reflective("<i>", "q1", "q2", "q3")], title="<b>&")
    html = validate_instrument(survey(), model, draws=100)._repr_html_()
    assert "<b>&" not in html
    assert "<i>" not in html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"duration": "secnds"}, "did you mean 'seconds'"),
        ({"duration": "sex"}, "times above zero"),
        ({"order": "dy"}, "did you mean 'day'"),
        ({"order": "sex"}, "numbers or dates"),
        ({"order": "c1"}, "can't tell early from late"),
        ({"order": "never"}, "'never' is empty"),
        ({"margins": {"sx": {"f": 1.0}}}, "did you mean 'sex'"),
        ({"margins": {"sex": {"f": 0.5, "m": 0.4}}}, "sum to 0.9"),
        ({"margins": {"sex": {"f": 1.0}}}, "respondents have 'm'"),
        ({"margins": {"sex": {"f": 0.5, "m": 0.4, "x": 0.1}}}, "no respondent is in"),
        ({"margins": {"sex": {"f": 1.5, "m": -0.5}}}, "above zero"),
        ({"margins": {"sex": {"f": "half", "m": 0.5}}}, "above zero"),
        ({"margins": {"sex": [0.5, 0.5]}}, "a mapping of categories to shares"),
        ({"retest": survey()}, "go together"),
        ({"id": "person"}, "go together"),
        ({"retest": FRAME, "id": "person"}, "second survey"),
        ({"retest": survey(), "id": "persn"}, "did you mean 'person'"),
        ({"retest": survey(), "id": "sex"}, "more than once"),
        ({"experts": [[1]]}, "one row per expert"),
        ({"experts": pd.DataFrame({"q9": [4, 4, 4]})}, "unknown item 'q9'"),
        ({"experts": pd.DataFrame({"q1": [4, 5, 4]})}, "ratings 5"),
        ({"experts": pd.DataFrame({"q1": [4, 4]})}, "fewer than three"),
        ({"factors": 12}, "allow 1 to 8"),
        ({"factors": 2.5}, "factors=2.5"),
        ({"rotation": "geomin"}, "oblimin"),
        ({"draws": 3}, "at least 100"),
    ],
)
def test_errors_name_what_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(csi.CsindexError, match=message):
        validate_instrument(survey(), MODEL, **options)


def test_errors_of_answers_are_those_of_a_fit() -> None:
    with pytest.raises(csi.CsindexError, match="unknown column 'q1'"):
        validate_instrument(survey(FRAME.drop(columns="q1")), MODEL)
    with pytest.raises(csi.CsindexError, match="needs a survey first"):
        validate_instrument(FRAME, MODEL)


def test_margins_that_contradict_each_other() -> None:
    frame = FRAME.assign(twin=FRAME["sex"])
    margins = {"sex": {"f": 0.5, "m": 0.5}, "twin": {"f": 0.1, "m": 0.9}}
    with pytest.raises(csi.DataError, match="contradict each other"):
        validate_instrument(survey(frame), MODEL, margins=margins, draws=100)


def test_same_seed_same_tables(found: InstrumentValidation) -> None:
    again = validate_instrument(survey(), MODEL, duration="seconds", draws=200)
    pd.testing.assert_frame_equal(found.dimensionality, again.dimensionality)
    assert repr(found) == repr(again)
