"""Plots of sample plans, of an instrument's factors and of changes between waves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.testing import assert_allclose

import csindex as csi
from csindex.errors import SpecificationError
from csindex.inference.waves import index_change
from csindex.language import Language, words
from csindex.plotting import plot_changes, plot_power, plot_scree, style
from csindex.plotting.layout import arrange
from csindex.plotting.routing import routes
from csindex.plotting.style import FontWarning
from csindex.plotting.texts import apart, text_size, wrapped

SANS = ["DejaVu Sans"]
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{FontWarning.__module__}.FontWarning"),
    pytest.mark.filterwarnings("ignore:Glyph .* missing"),
]


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def survey() -> csi.Survey:
    return csi.load_dataset("retail")


@pytest.fixture(scope="module")
def plan() -> csi.SamplePlan:
    model = csi.Model(
        "three",
        [csi.reflective(name, f"{name}1", f"{name}2") for name in ("a", "b", "c")],
        [("a", "c"), ("b", "c"), ("a", "b")],
    )
    effects = {("a", "c"): 0.3, ("b", "c"): 0.0, ("a", "b"): 0.6}
    return csi.plan(model, effects, n=[40, 90, 160], replications=100, inner=0)


@pytest.fixture(scope="module")
def validation(survey: csi.Survey) -> csi.InstrumentValidation:
    return csi.validate_instrument(survey, csi.acsi(), draws=100)


@pytest.fixture(scope="module")
def waves(survey: csi.Survey) -> csi.GroupResults:
    return csi.fit(csi.acsi(), survey, by="wave")


def written(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_power_curves_are_the_plans(plan: csi.SamplePlan) -> None:
    ax = plot_power(plan, power=0.7)
    assert ax.get_ylabel() == words("en")("plot.power")
    lines = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 3]
    drawn = {tuple(np.asarray(line.get_ydata()).tolist()) for line in lines}
    wide = plan.power.pivot_table(index=["source", "target"], columns="n")["power"]
    assert drawn == {tuple(row) for row in wide.to_numpy().tolist()}
    levels = [np.asarray(line.get_ydata()).tolist() for line in ax.lines]
    assert [0.7, 0.7] in levels


def test_power_names_what_each_path_needs(plan: csi.SamplePlan) -> None:
    shown = written(plot_power(plan, power=0.8))
    needed = plan.required_n(0.8).set_index(["source", "target"])
    assert {"A \N{RIGHTWARDS ARROW} B", "A \N{RIGHTWARDS ARROW} C"} <= set(shown)
    size = needed.loc[("a", "c"), "n"]
    first = plan.power.query("source == 'a' and target == 'c'")["power"].iloc[0]
    # between the sizes, below them, or above
    told = f"{size:.0f}" if size == size else "≤ 40" if first >= 0.8 else "> 160"
    assert told in shown
    assert style.DASH in shown  # no size finds an effect of zero


@pytest.mark.parametrize("language", ["en", "zh"])
def test_names_of_power_curves_are_apart(
    survey: csi.Survey, language: Language
) -> None:
    results = csi.fit(csi.acsi(), survey)
    made = csi.plan(csi.acsi(), results, n=[50, 100], replications=100, inner=0)
    ax = plot_power(made, language=language)
    figure = ax.figure
    assert figure is not None
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert len(boxes) == 2 * len(csi.acsi().paths) + 1
    assert not any(
        one.overlaps(two) for k, one in enumerate(boxes) for two in boxes[:k]
    )
    edges = figure.get_window_extent()
    assert all(box.x1 <= edges.x1 and box.y1 <= edges.y1 + 1 for box in boxes)


def test_scree_has_the_eigenvalues(validation: csi.InstrumentValidation) -> None:
    ax = plot_scree(validation)
    table = validation.dimensionality
    curves = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
    for column in ("eigenvalue", "random_mean", "random_95"):
        assert any(
            len(curve) == len(table) and np.array_equal(curve, table[column])
            for curve in curves
        )
    # Horn's rule: factors up to the first that isn't above chance
    above = (table["eigenvalue"] > table["random_95"]).to_numpy()
    kept = int(np.argmin(above))
    filled = next(
        line
        for line in ax.lines
        if line.get_label() == words("en")("plot.factors_kept")
    )
    assert len(np.asarray(filled.get_xdata())) == kept
    legend = ax.get_legend()
    assert legend is not None
    assert f"Parallel analysis: {kept}" in legend.get_title().get_text()


def test_changes_show_index_and_parts(waves: csi.GroupResults) -> None:
    boot = csi.bootstrap(waves, n=60, seed=1)
    ax = plot_changes(boot)
    shown = written(ax)
    before, after = boot.members.values()
    change = index_change(before, after)
    for value in (change.before, change.after):
        assert style.number(value, 1) in shown
    sign = {True: "+", False: ""}
    ends = [
        f"{sign[end > 0 and round(end, 1) != 0]}{style.number(end, 1)}"
        for end in (change.low, change.high)
    ]
    assert f"[{', '.join(ends)}]" in shown
    parts = [text for text in shown if text.startswith("from ")]
    assert len(parts) == 2
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["2025", "2026"]


def test_changes_are_coloured_where_apart_from_zero(survey: csi.Survey) -> None:
    companies = csi.fit(csi.acsi(), survey, by="company")
    chosen = {name: companies[name] for name in ("Teasel", "Alder", "Bracken", "Hazel")}
    ax = plot_changes(chosen)
    pairs = [("Teasel", "Alder"), ("Alder", "Bracken"), ("Bracken", "Hazel")]
    expected = []
    for one, two in pairs:
        found = index_change(companies[one], companies[two])
        rise = style.GREEN if found.estimate > 0 else style.VERMILION
        expected.append(rise if found.p < 0.05 else style.GREY)
    lines = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 2]
    assert [line.get_color() for line in lines] == expected
    assert style.GREEN in expected


@pytest.mark.parametrize("language", ["en", "zh"])
def test_long_wave_names_are_drawn(waves: csi.GroupResults, language: Language) -> None:
    names = ["很长的名称" * 9, "cost $x_$ " * 9]
    fits = dict(zip(names, waves.members.values(), strict=True))
    ax = plot_changes(fits, language=language)
    figure = ax.figure
    assert figure is not None
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert not boxes[0].overlaps(boxes[1])


def test_new_plots_refuse_what_they_cannot_draw(
    waves: csi.GroupResults, survey: csi.Survey
) -> None:
    results = waves[2025]
    with pytest.raises(SpecificationError, match=r"csi\.plan"):
        plot_power(results)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match=r"csi\.validate_instrument"):
        plot_scree(survey)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="by='wave'"):
        plot_changes(results)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="two waves or more, not 1"):
        plot_changes({"2025": results})
    boot = csi.bootstrap(waves, n=40, seed=1)
    with pytest.raises(SpecificationError, match="other fits"):
        plot_changes({"1": results, "2": waves[2026]}, boot)
    with pytest.raises(SpecificationError, match="unknown language"):
        plot_changes(waves, language="fr")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "label",
    ["overall satisfaction with the service", "q_" * 30, "顾客满意程度" * 5, "x" * 90],
)
def test_wrapped_labels_fit(label: str) -> None:
    lines = wrapped(label, 110, 10, SANS).split("\n")
    assert len(lines) == 2
    assert all(text_size(line, 10, SANS, bold=True)[0] <= 110 for line in lines)
    joined = "".join(lines).removesuffix("…").replace(" ", "")
    assert label.replace(" ", "").startswith(joined)
    assert wrapped("short", 110, 10, SANS) == "short"


@pytest.mark.parametrize("levels", [[5.0, 5.0, 5.0], [99.0, 98.0, 3.0], [0.0, 50.0]])
def test_levels_are_put_apart(levels: Sequence[float]) -> None:
    found = apart(levels, 12, 0, 100)
    assert min(np.diff(np.sort(found))) >= 12 - 1e-9
    assert max(found) <= 100
    ranks = [np.argsort(np.argsort(v, kind="stable")) for v in (levels, found)]
    if len(set(levels)) == len(levels):
        assert_allclose(ranks[0], ranks[1])


def test_products_of_constructs_are_no_part_of_the_tree(survey: csi.Survey) -> None:
    term = csi.interaction("expectation", "quality", on="satisfaction")
    results = csi.fit(csi.acsi(), survey, csi.Moderated((term,)))
    for ax in (csi.plot_hierarchy(results), csi.plot_scores(results)):
        names = [*written(ax), *(t.get_text() for t in ax.get_yticklabels())]
        assert "Satisfaction" in names
        assert not any("\N{MULTIPLICATION SIGN}" in n or "*" in n for n in names)


def test_arrows_past_many_columns_choose_among_few_ways() -> None:
    chain = [(k, k + 1) for k in range(10)]
    twins = [(k, k + 11) for k in range(10)] + [(k + 11, k + 1) for k in range(10)]
    edges = [*chain, *twins, (0, 10)]
    boxes = arrange([(100.0, 40.0)] * 21, edges)
    curve = routes(boxes, edges)[-1]
    inside = [
        (np.abs(curve - np.array(box[:2])) < np.array(box[2:]) / 2).all(axis=1).any()
        for node, box in enumerate(boxes)
        if node not in (0, 10)
    ]
    assert not any(inside)
