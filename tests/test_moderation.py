"""Interactions and quadratic effects: estimates, bootstrap, simple slopes, plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.diagnostics.slopes import (
    Moderation,
    predictions,
    simple_slopes,
)
from csindex.errors import DataError, SpecificationError
from csindex.estimation import PLS, Estimates, PLSc, UnitWeights
from csindex.estimation.cbsem import CBSEM
from csindex.estimation.moderated import Moderated, ModeratedEstimates
from csindex.estimation.terms import Method, Term, interaction, quadratic
from csindex.model import Model
from csindex.moments import Moments
from csindex.plotting.slopes import plot_slopes
from csindex.scoring import SecondOrder

mpl.use("agg")

METHODS: tuple[Method, ...] = ("two_stage", "product", "orthogonal")
ITEMS = ["i1", "i2", "i3", "v1", "v2", "s1", "s2", "l1"]
MODEL = csi.Model(
    "small",
    (
        csi.reflective("image", "i1", "i2", "i3"),
        csi.reflective("value", "v1", "v2"),
        csi.reflective("satisfaction", "s1", "s2"),
        csi.reflective("loyalty", "l1"),
    ),
    (
        ("image", "value"),
        ("image", "satisfaction"),
        ("value", "satisfaction"),
        ("satisfaction", "loyalty"),
    ),
    index="satisfaction",
)
BOTH = interaction("image", "value", on="satisfaction")
SQUARE = quadratic("image", on="satisfaction")


def answers(n: int = 240, seed: int = 5) -> pd.DataFrame:
    """Return whole answers of 1 to 10 with an interaction and a quadratic effect."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=n)
    value = 0.5 * image + 0.8 * rng.normal(size=n)
    satisfaction = (
        0.4 * image
        + 0.3 * value
        - 0.2 * image * value
        + 0.1 * image**2
        + 0.6 * rng.normal(size=n)
    )
    loyalty = 0.6 * satisfaction + 0.8 * rng.normal(size=n)
    made = {}
    for name in ITEMS:
        latent = {"i": image, "v": value, "s": satisfaction, "l": loyalty}[name[0]]
        raw = 6 + 1.8 * (latent + 0.5 * rng.normal(size=n))
        made[name] = np.clip(np.rint(raw), 1, 10)
    return pd.DataFrame(made)


@pytest.fixture(scope="module")
def survey() -> csi.Survey:
    return csi.read_survey(answers(), scale=(1, 10))


@pytest.fixture(scope="module")
def moderated(survey: csi.Survey) -> csi.Results:
    return csi.fit(MODEL, survey, Moderated((BOTH, SQUARE)))


# --- estimates ----------------------------------------------------------------------


def test_extended_model(moderated: csi.Results) -> None:
    model = moderated.model
    assert model.construct_names[-2:] == ("image*value", "image*image")
    assert model.index == "satisfaction"
    assert [(p.source, p.target, p.sign) for p in model.paths[-2:]] == [
        ("image*value", "satisfaction", "?"),
        ("image*image", "satisfaction", "?"),
    ]
    items = csi.fit(MODEL, answers(), Moderated((BOTH, SQUARE), "product")).model.items
    assert items[8:14] == ("i1*v1", "i1*v2", "i2*v1", "i2*v2", "i3*v1", "i3*v2")
    assert items[14:] == ("i1*i1", "i1*i2", "i1*i3", "i2*i2", "i2*i3", "i3*i3")


def test_two_stages_multiply_the_scores_of_the_first(
    survey: csi.Survey, moderated: csi.Results
) -> None:
    plain = csi.fit(MODEL, survey)
    values = answers()[ITEMS].to_numpy()
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    scores = z @ plain.estimates.weights
    made = np.column_stack([scores[:, 0] * scores[:, 1], scores[:, 0] ** 2])
    assert_allclose(moderated.moments.sd[8:], made.std(axis=0, ddof=1), atol=1e-10)
    expected = np.cov(np.hstack([values, made]).T)
    assert_allclose(moderated.moments.cov, expected, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_stack_is_each_of_its_members(
    survey: csi.Survey, method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = csi.fit(MODEL, survey, Moderated((BOTH, SQUARE), method))
    assert fit.answers is not None
    counts = np.random.default_rng(1).multinomial(240, np.full(240, 1 / 240), size=5)
    estimator = Moderated((BOTH, SQUARE), method)
    # so few numbers that every member is computed apart
    monkeypatch.setattr("csindex.estimation.term_moments._HELD", 1)
    found = estimator.estimate_answers(fit.model, fit.answers, counts.astype(float))
    monkeypatch.undo()
    whole = estimator.estimate_answers(MODEL, fit.answers, counts.astype(float))
    assert_allclose(found.paths, whole.paths, atol=1e-12)
    for k, own in enumerate(counts):
        frame = answers().loc[np.repeat(np.arange(240), own)]
        alone = csi.fit(MODEL, frame, estimator).estimates
        assert_allclose(found.paths[k], alone.paths, atol=1e-9)
        assert_allclose(found.loadings[k], alone.loadings, atol=1e-9)
        assert_allclose(found.moments.sd[k], alone.moments.sd, atol=1e-9)


def test_weights_count_as_repeated_rows() -> None:
    frame = answers()
    times = np.random.default_rng(3).integers(1, 4, size=len(frame))
    weighted = csi.read_survey(frame.assign(w=times), scale=(1, 10), weights="w")
    repeated = frame.loc[np.repeat(frame.index, times)]
    estimator = Moderated((BOTH, SQUARE))
    a, b = csi.fit(MODEL, weighted, estimator), csi.fit(MODEL, repeated, estimator)
    assert_allclose(a.paths["estimate"], b.paths["estimate"], atol=1e-10)


def test_groups_are_fitted_each(survey: csi.Survey) -> None:
    frame = answers().assign(firm=np.arange(240) % 2)
    by_firm = csi.fit(MODEL, frame, Moderated((BOTH,)), by="firm")
    alone = csi.fit(MODEL, frame[frame["firm"] == 1], Moderated((BOTH,)))
    assert_allclose(by_firm[1].paths["estimate"], alone.paths["estimate"], atol=1e-12)


def test_index_remains_a_mean_of_answers(moderated: csi.Results) -> None:
    own = moderated.weights[moderated.weights["construct"] == "satisfaction"]
    frame = answers()[own["item"]]
    raw = own["estimate"].to_numpy() / frame.std().to_numpy()
    position = 100 * (frame.mean().to_numpy() - 1) / 9
    assert_allclose(moderated.index, position @ raw / raw.sum(), atol=1e-9)
    scores = moderated.scores.set_index("construct")
    terms = scores.loc[["image*value", "image*image"]]
    assert terms["score"].isna().all()
    assert (terms["note"] != "").all()


def test_settings_name_the_conventions(moderated: csi.Results) -> None:
    told = moderated.settings
    assert told["terms"] == "image*value on satisfaction; image*image on satisfaction"
    assert "two-stage" in told["measurement of terms"]
    assert "standardised" in told["metric of terms"]


def test_terms_of_a_higher_order_construct(survey: csi.Survey) -> None:
    parts = {"near": ["i1", "i2"], "far": ["i3"]}
    estimator = SecondOrder(parts)
    plain = csi.fit(MODEL, survey, estimator)
    fit = csi.fit(MODEL, survey, Moderated((BOTH,), estimator=estimator))
    values = answers()[ITEMS].to_numpy()
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    scores = z @ plain.estimates.weights
    product = (scores[:, 0] * scores[:, 1]).std(ddof=1)
    assert_allclose(fit.moments.sd[-1], product, atol=1e-10)
    assert "near" in set(fit.hierarchy()["node"])


@dataclass(frozen=True)
class Turning:
    """PLS that sees the image from the other side once a term is in the model."""

    always: bool

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        found = PLS().estimate(model, moments)
        signs = np.ones((*moments.batch, len(model.constructs)))
        signs[..., 0] = -1.0 if self.always or len(model.constructs) > 4 else 1.0
        return found.turned(signs)

    def settings(self) -> dict[str, str]:
        return {"estimator": "turning"}


@pytest.mark.parametrize("always", [True, False])
def test_products_turn_with_their_factors(survey: csi.Survey, always: bool) -> None:
    fit = csi.fit(MODEL, survey, Moderated((BOTH, SQUARE)))
    other = csi.fit(MODEL, survey, Moderated((BOTH, SQUARE), estimator=Turning(always)))
    sign = np.array([-1.0, -1, 1, 1, -1, 1])  # of the paths, in the model's order
    assert_allclose(other.paths["estimate"], sign * fit.paths["estimate"], atol=1e-9)
    # the slope of a turned construct; its own levels are turned, too
    for term, level in (("image*value", 2.0), ("image*image", -2.0)):
        here = simple_slopes(fit, term, at=[2.0]).slopes["estimate"]
        there = simple_slopes(other, term, at=[level]).slopes["estimate"]
        assert_allclose(-there, here, atol=1e-9)
    aligned = other.estimates.aligned(fit.estimates)
    assert_allclose(aligned.paths, fit.estimates.paths, atol=1e-9)


@pytest.mark.parametrize("always", [True, False])
def test_predictions_turn_with_their_factors(survey: csi.Survey, always: bool) -> None:
    x, m = np.array([-1.0, 0.5, 2.0]), np.array([1.0, -2.0, 0.3])
    fit = csi.fit(MODEL, survey, Moderated((BOTH,)))
    other = csi.fit(MODEL, survey, Moderated((BOTH,), estimator=Turning(always)))
    about = Moderation(BOTH, "image", "value")
    here = predictions(about, "satisfaction", x, m).compute(fit.estimates)
    there = predictions(about, "satisfaction", -x, m).compute(other.estimates)
    assert_allclose(there, here, atol=1e-9)


@dataclass(frozen=True)
class Stopped(Turning):
    """PLS whose estimate without terms is said not to have converged."""

    def estimate(self, model: Model, moments: Moments) -> Estimates:
        found = PLS().estimate(model, moments)
        wide = len(model.constructs) > 4
        return replace(found, converged=np.full(moments.batch, wide))


def test_both_stages_must_converge(survey: csi.Survey) -> None:
    with pytest.warns(csi.ConvergenceWarning):
        fit = csi.fit(MODEL, survey, Moderated((BOTH,), estimator=Stopped(True)))
    assert not fit.converged


def test_a_product_is_not_turned_alone(moderated: csi.Results) -> None:
    made = moderated.estimates
    assert isinstance(made, ModeratedEstimates)
    signs = np.array([1.0, 1, 1, 1, -1, -1])
    assert_allclose(made.turned(signs).paths, made.paths, atol=0)


# --- simple slopes ------------------------------------------------------------------


def test_slopes_in_points(moderated: csi.Results) -> None:
    scores = moderated.scores.set_index("construct")
    found = simple_slopes(moderated, "image*value").slopes
    expected = [
        scores.loc["value", "score"] + k * scores.loc["value", "sd"] for k in (-1, 0, 1)
    ]
    assert_allclose(found["moderator_score"], expected)
    ratio = scores.loc["satisfaction", "sd"] / scores.loc["image", "sd"]
    assert_allclose(found["points"], found["estimate"] * ratio)


# --- errors -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ([interaction("imag", "value", on="satisfaction")], ["did you mean 'image'"]),
        ([interaction("image", "value", on="satisfacton")], ["'satisfaction'"]),
        ([BOTH, interaction("value", "image", on="loyalty")], ["given 2 times"]),
        ([SQUARE, quadratic("image", on="value")], ["given 2 times", "on="]),
        ([quadratic("value", on="image")], ["no path leads to 'image'"]),
        ([interaction("image", "loyalty", on="value")], ["('loyalty', 'value')"]),
        ([interaction("image", "value", on="value")], ["can't explain 'value'"]),
        (
            [interaction("imag", "value", on="image"), quadratic("loyal", on="value")],
            ["3 problems", "'imag'", "no path leads", "'loyal'"],
        ),
    ],
)
def test_terms_that_do_not_fit_the_model(
    survey: csi.Survey, terms: Sequence[Term], words: Sequence[str]
) -> None:
    with pytest.raises(SpecificationError) as caught:
        csi.fit(MODEL, survey, Moderated(tuple(terms)))
    for word in words:
        assert word in str(caught.value)


def test_taken_name(survey: csi.Survey) -> None:
    model = replace(
        MODEL, constructs=(*MODEL.constructs, csi.reflective("image*value", "z"))
    )
    frame = answers().assign(z=np.arange(240) % 7)
    with pytest.raises(SpecificationError, match="rename"):
        csi.fit(model, frame, Moderated((BOTH,)))


@pytest.mark.parametrize(
    ("terms", "options", "words"),
    [
        ((), {}, "no terms"),
        (("image*value",), {}, "csi.interaction"),
        ((BOTH,), {"method": "two-stage"}, "'two_stage'"),
        ((BOTH,), {"estimator": PLSc()}, "PLSc"),
        ((BOTH,), {"estimator": CBSEM()}, "CBSEM"),
        ((BOTH,), {"estimator": SecondOrder({"a": ["b"]}, estimator=PLSc())}, "PLSc"),
        ((BOTH,), {"estimator": PLS(correlations="polychoric")}, "categories"),
        ((BOTH,), {"estimator": Moderated((BOTH,))}, "put all terms into one"),
        ((BOTH,), {"estimator": PLS}, "csi.PLS()"),
    ],
)
def test_options_that_do_not_exist(
    terms: tuple[Term, ...], options: dict[str, object], words: str
) -> None:
    with pytest.raises(SpecificationError) as caught:
        Moderated(terms, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_one_term_needs_no_list() -> None:
    estimator = Moderated(BOTH)  # type: ignore[arg-type]
    assert estimator.terms == (BOTH,)


def test_wrong_terms() -> None:
    with pytest.raises(SpecificationError, match=r"csi\.quadratic"):
        interaction("image", "image", on="satisfaction")
    with pytest.raises(SpecificationError, match="once"):
        quadratic("image", on=[])
    with pytest.raises(SpecificationError, match="once"):
        quadratic("image", on=["value", "value"])
    with pytest.raises(SpecificationError, match="names of constructs"):
        interaction("image", 3, on="value")  # type: ignore[arg-type]


def test_moments_are_refused(survey: csi.Survey) -> None:
    moments = csi.fit(MODEL, survey).moments
    with pytest.raises(SpecificationError, match="needs the answers themselves"):
        csi.fit(MODEL, moments, Moderated((BOTH,)))
    with pytest.raises(SpecificationError, match="need the answers themselves"):
        Moderated((BOTH,)).estimate(MODEL, moments)


def test_gaps_are_left_out_or_refused(survey: csi.Survey) -> None:
    frame = answers()
    frame.loc[:9, "v2"] = np.nan
    fit = csi.fit(MODEL, frame, Moderated((BOTH,)))
    full = csi.fit(MODEL, frame.dropna(), Moderated((BOTH,)))
    assert_allclose(fit.paths["estimate"], full.paths["estimate"], atol=1e-12)
    with pytest.raises(SpecificationError, match="treats missing answers itself"):
        csi.fit(MODEL, frame, Moderated((BOTH,)), incomplete="em")
    given = csi.read_survey(frame).answers(MODEL.items, (), "em")
    with pytest.raises(DataError, match="complete answers"):
        Moderated((BOTH,)).estimate_answers(MODEL, given)


def test_other_estimators_of_composites(survey: csi.Survey) -> None:
    fit = csi.fit(MODEL, survey, Moderated((BOTH,), estimator=UnitWeights()))
    assert np.isfinite(fit.paths["estimate"]).all()
    assert fit.settings["estimator"] == "unit weights"


def test_slopes_are_refused(survey: csi.Survey, moderated: csi.Results) -> None:
    with pytest.raises(SpecificationError, match="no interactions"):
        simple_slopes(csi.fit(MODEL, survey), "image*value")
    with pytest.raises(SpecificationError, match="did you mean 'image\\*value'"):
        simple_slopes(moderated, "imag*value")
    with pytest.raises(SpecificationError, match="'two_stage'"):
        simple_slopes(csi.fit(MODEL, survey, Moderated((BOTH,), "product")), BOTH)
    with pytest.raises(SpecificationError, match="as \\(-1, 0, 1\\), not nan"):
        simple_slopes(moderated, BOTH, at=(0, np.nan))
    with pytest.raises(SpecificationError, match="nothing"):
        simple_slopes(moderated, BOTH, at=())


def test_bootstrap_of_another_fit(survey: csi.Survey, moderated: csi.Results) -> None:
    boot = csi.bootstrap(csi.fit(MODEL, survey, Moderated((BOTH,))), n=40)
    with pytest.raises(SpecificationError, match="another fit"):
        simple_slopes(moderated, BOTH, boot=boot)


# --- plots --------------------------------------------------------------------------


def test_lines_have_the_slopes() -> None:
    survey = csi.read_survey((answers() + 3).clip(upper=10), scale=(1, 10))
    moderated = csi.fit(MODEL, survey, Moderated((BOTH,)))
    image = moderated.scores.set_index("construct").loc["image"]
    assert image["score"] + 2 * image["sd"] > 100
    ax = plot_slopes(moderated, "image*value", at=(-1, 0, 1))
    expected = simple_slopes(moderated, "image*value").slopes["points"]
    found = []
    for line in ax.lines:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert_allclose(np.diff(y), (y[1] - y[0]), atol=1e-9)
        found.append((y[-1] - y[0]) / (x[-1] - x[0]))
        assert_allclose(x[[0, -1]], [image["score"] - 2 * image["sd"], 100])
    assert_allclose(found, expected, atol=1e-9)
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_texts()[2].get_text().endswith("(+1 SD)")
    # above the axes, where it hides no line
    ax.figure.canvas.draw()
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1
    assert ax.get_xlabel().startswith("Image")
    plt.close("all")


def test_curve_of_a_square(moderated: csi.Results) -> None:
    ax = plot_slopes(moderated, "image*image", at=(-1, 0, 1), language="zh")
    x = np.asarray(ax.lines[0].get_xdata())
    y = np.asarray(ax.lines[0].get_ydata())
    steps = np.diff(y, 2)
    coefficient = simple_slopes(moderated, SQUARE).effects["coefficient"].iloc[0]
    spread = moderated.scores.set_index("construct")["sd"]
    bend = 2 * coefficient * spread["satisfaction"] / spread["image"] ** 2
    assert_allclose(steps / (x[1] - x[0]) ** 2, bend, atol=1e-9)
    assert len(np.asarray(ax.lines[1].get_xdata())) == 3
    assert ax.get_legend() is None
    plt.close("all")


def test_target_of_a_plot(survey: csi.Survey) -> None:
    model = replace(MODEL, paths=(*MODEL.paths, csi.Path("image", "loyalty", "+")))
    term = quadratic("image", on=("satisfaction", "loyalty"))
    fit = csi.fit(model, survey, Moderated((term,)))
    with pytest.raises(SpecificationError, match="choose one"):
        plot_slopes(fit, term)
    with pytest.raises(SpecificationError, match="did you mean 'loyalty'"):
        plot_slopes(fit, term, target="loyalti")
    assert "Loyalty" in plot_slopes(fit, term, target="loyalty").get_ylabel()
    plt.close("all")
