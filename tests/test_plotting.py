"""Tests of the plots: what they say, where things stand, what they refuse."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import csindex as csi
from csindex.errors import CsindexError, SpecificationError
from csindex.language import Language, words
from csindex.model import Model, reflective
from csindex.plotting import (
    plot_groups,
    plot_hierarchy,
    plot_importance_performance,
    plot_model,
    plot_scores,
    style,
)
from csindex.plotting.diagram import Diagram, diagram
from csindex.plotting.layout import Box, arrange
from csindex.plotting.routing import label_places, overlap
from csindex.plotting.style import FontWarning
from csindex.plotting.texts import text_size

mpl.use("agg")

MODELS = [
    csi.acsi(),
    csi.ecsi(),
    csi.ecsi_mobi(),
    csi.acsi().without("complaints", "value"),
    Model(
        "service",
        constructs=[
            reflective(name, f"{name}1")
            for name in (
                *("tangibles", "reliability", "responsiveness", "assurance", "empathy"),
                *("image", "expectation", "quality", "price", "value", "satisfaction"),
                *("affective_commitment", "calculative_commitment", "loyalty"),
            )
        ],
        paths=[
            *((d, "quality") for d in ("tangibles", "reliability", "responsiveness")),
            *((d, "quality") for d in ("assurance", "empathy", "expectation")),
            *(("image", t) for t in ("expectation", "satisfaction", "loyalty")),
            *(("quality", t) for t in ("value", "satisfaction")),
            *(("price", "value"), ("value", "satisfaction", "?")),
            *(
                ("satisfaction", f"{k}_commitment")
                for k in ("affective", "calculative")
            ),
            ("calculative_commitment", "loyalty", "-"),
            ("affective_commitment", "loyalty"),
            ("satisfaction", "loyalty"),
        ],
        index="satisfaction",
    ),
]


@pytest.fixture(scope="module")
def results() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module")
def boot(results: csi.Results) -> csi.Bootstrap:
    return csi.bootstrap(results, n=100)


@pytest.fixture(scope="module")
def groups() -> csi.GroupResults:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), by="company")


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def texts(ax: object) -> list[str]:
    return [text.get_text() for text in ax.texts]  # type: ignore[attr-defined]


@pytest.fixture(
    scope="module",
    params=[(model, items) for model in MODELS for items in (False, True)],
    ids=lambda param: f"{param[0].name}-{'items' if param[1] else 'plain'}",
)
def plan(request: pytest.FixtureRequest) -> Diagram:
    model, items = request.param
    return diagram(model, items=items)


def test_arrows_lead_right_and_run_through_no_other_box(plan: Diagram) -> None:
    for arrow, curve in zip(plan.arrows, plan.curves, strict=True):
        source, target = (plan.boxes[node] for node in arrow.edge)
        assert source.x <= target.x
        for node, box in enumerate(plan.boxes):
            away = np.abs(curve - np.array(box[:2]))
            inside = (away < np.array(box[2:]) / 2).all(axis=1)
            assert not inside.any(), (arrow.edge, node)


def test_boxes_and_labels_are_apart(plan: Diagram) -> None:
    labels = label_boxes(plan)
    for k, first in enumerate(plan.boxes):
        assert all(overlap(first, second) == 0 for second in plan.boxes[k + 1 :])
        assert all(overlap(first, label) == 0 for label in labels)
    for k, first in enumerate(labels):
        assert all(overlap(first, second) == 0 for second in labels[k + 1 :])


def label_boxes(plan: Diagram) -> list[Box]:
    sizes = [text_size(arrow.label, arrow.size, plan.families) for arrow in plan.arrows]
    places = label_places(plan.curves, sizes, plan.boxes)
    return [Box(*place, *size) for place, size in zip(places, sizes, strict=True)]


def test_a_chain_stands_in_a_row() -> None:
    boxes = arrange([(100, 40)] * 3, [(0, 1), (1, 2)])
    assert boxes[0].x < boxes[1].x < boxes[2].x
    assert len({box.y for box in boxes}) == 1


def test_nodes_without_edges_are_drawn() -> None:
    boxes = arrange([(100, 40)] * 3, [])
    assert len(set(boxes)) == 3


def test_many_layers_and_wide_layers_are_arranged() -> None:
    chain = [(k, k + 1) for k in range(13)]
    assert len(arrange([(100, 40)] * 14, chain)) == 14
    star = [(k, 9) for k in range(9)]
    assert len(set(arrange([(100, 40)] * 10, star))) == 10


def test_model_shows_scores_effects_and_loadings(
    results: csi.Results, boot: csi.Bootstrap
) -> None:
    shown = texts(plot_model(results, boot, items=True))
    assert "Satisfaction" in shown
    assert style.number(results.index, 1) in shown
    for estimate in (*results.paths["estimate"], *results.loadings["estimate"]):
        assert style.number(estimate) in shown
    assert set(results.model.items) <= set(shown)


def test_arrows_are_dashed_where_the_interval_contains_zero(
    results: csi.Results, boot: csi.Bootstrap
) -> None:
    plan = diagram(results, boot)
    contains = (boot.paths["low"] <= 0) & (boot.paths["high"] >= 0)
    assert [arrow.uncertain for arrow in plan.arrows] == contains.tolist()
    assert not any(arrow.uncertain for arrow in diagram(results).arrows)


def test_a_model_without_estimates_shows_signs() -> None:
    shown = texts(plot_model(csi.acsi()))
    assert {"+", style.MINUS, "?"} <= set(shown)


def test_drawing_scales_with_the_axes(results: csi.Results) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def size_of_name(width: float) -> float:
        figure = Figure(figsize=(width, width))
        FigureCanvasAgg(figure)
        ax = plot_model(results, ax=figure.add_subplot())
        sizes = {text.get_text(): float(text.get_fontsize()) for text in ax.texts}
        return sizes["Loyalty"]

    assert size_of_name(10) == pytest.approx(2 * size_of_name(5))


def test_importance_performance_names_regions_and_drivers(
    results: csi.Results, boot: csi.Bootstrap
) -> None:
    shown = set(texts(plot_importance_performance(results, boot)))
    assert {"Urgent improvement", "Advantage", "Opportunity", "Maintain"} <= shown
    assert {"Expectations", "Perceived quality", "Perceived value"} <= shown


def test_importance_performance_of_another_target(boot: csi.Bootstrap) -> None:
    ax = plot_importance_performance(boot, target="loyalty")
    assert "Satisfaction" in texts(ax)
    assert "Loyalty" in ax.get_ylabel()


def test_driver_labels_are_apart(results: csi.Results, boot: csi.Bootstrap) -> None:
    ax = plot_importance_performance(results, boot)
    ax.figure.canvas.draw()
    places = [text.get_window_extent() for text in ax.texts]
    assert not any(
        first.overlaps(second)
        for k, first in enumerate(places)
        for second in places[k + 1 :]
    )


def test_scores_show_values_and_intervals(boot: csi.Bootstrap) -> None:
    ax = plot_scores(boot)
    low, high = boot.index["low"], boot.index["high"]
    value = (
        f"{boot.results.index:.1f}  "
        f"({style.number(low, 1)}{style.DASH}{style.number(high, 1)})"
    )
    assert value in texts(ax)
    assert ax.get_xlim() == (0, 100)


def test_groups_are_a_league(groups: csi.GroupResults) -> None:
    ax = plot_groups(groups)
    order = [label.get_text() for label in ax.get_yticklabels()]
    expected = groups.index.sort_values(ascending=False).index.tolist()
    assert order == expected
    assert f"Overall {groups.overall.index:.1f}" in texts(ax)


def test_groups_without_a_result_come_last() -> None:
    survey = csi.load_dataset("retail")
    frame = survey.frame.copy()
    frame["company"] = frame["company"].astype(object)
    frame.loc[frame.index[:3], "company"] = "Tiny"
    survey = csi.Survey(frame, survey.codebook, "retail")
    with pytest.warns(csi.AnswersWarning, match="Tiny"):
        groups = csi.fit(csi.acsi(), survey, by="company")
    ax = plot_groups(csi.bootstrap(groups, n=40, level=0.9))
    assert ax.get_yticklabels()[-1].get_text() == "Tiny"
    assert "no result" in texts(ax)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_labels_are_drawn_as_they_are(language: Language) -> None:
    names = ["cost $x_$", "</svg><script>", "\\frac{", "a\x00b\u202e", "很长" * 40]
    rng = np.random.default_rng(1)
    common = rng.normal(size=80)
    frame = pd.DataFrame(
        {name: (common + rng.normal(size=80)).clip(-3, 3) for name in names}
    )
    model = Model(
        "hostile",
        constructs=[reflective(name, name) for name in names],
        paths=[(name, names[-1]) for name in names[:-1]],
        index=names[-1],
    )
    results = csi.fit(model, csi.read_survey(frame, scale=(-3, 3)))
    with warnings.catch_warnings():
        # machines without a Chinese font say so, once per plot
        warnings.simplefilter("ignore", FontWarning)
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        for ax in (
            plot_model(results, items=True, language=language),
            plot_importance_performance(results, language=language),
            plot_scores(results, language=language),
        ):
            ax.figure.canvas.draw()
            assert "cost $x_$".replace("_", " ")[1:] in " ".join(
                [*texts(ax), *(t.get_text() for t in ax.get_yticklabels())]
            )


def test_without_a_chinese_font_the_words_are_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(style, "_FONTS_WITH_CHINESE", ())
    with pytest.warns(FontWarning, match="fonts-noto-cjk") as caught:
        text, families = style.drawable(words("zh"))
    assert len(caught) == 1
    assert text.language == "en"
    assert families == ["DejaVu Sans"]


def test_english_needs_no_chinese_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "_FONTS_WITH_CHINESE", ())
    text, _ = style.drawable(words("en"), ["Ångström", "β"])
    assert text.language == "en"


def test_plots_refuse_what_they_cannot_draw(
    results: csi.Results, boot: csi.Bootstrap, groups: csi.GroupResults
) -> None:
    with pytest.raises(SpecificationError, match="choose a group"):
        plot_model(groups)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="needs results"):
        plot_scores("acsi")  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="belongs to another fit"):
        plot_model(groups.overall, boot)
    with pytest.raises(SpecificationError, match=r"made by csi\.bootstrap"):
        plot_model(results, 0.95)  # type: ignore[arg-type]
    with pytest.raises(SpecificationError, match="no estimates"):
        plot_model(csi.acsi(), boot)
    with pytest.raises(SpecificationError, match="several groups"):
        plot_groups(results)  # type: ignore[arg-type]
    with pytest.raises(CsindexError, match="nothing drives"):
        plot_importance_performance(results, target="expectation")
    with pytest.raises(SpecificationError, match="unknown language"):
        plot_scores(results, language="fr")  # type: ignore[arg-type]


def test_results_without_scores_still_have_a_diagram() -> None:
    survey = csi.load_dataset("retail")
    model = csi.acsi().without("complaints", "loyalty")
    results = csi.fit(model, csi.read_survey(survey.frame, missing=(98, 99)))
    assert "no result" in texts(plot_scores(results))
    assert style.number(results.paths["estimate"][0]) in texts(plot_model(results))


def test_given_axes_leave_no_figure_open(results: csi.Results) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert plot_scores(results, ax=ax) is ax
    assert plt.get_fignums() == []


@pytest.fixture(scope="module")
def telecom() -> csi.Results:
    survey = csi.load_dataset("telecom")
    blocks: dict[str, list[str]] = {}
    for item in survey.codebook.items:
        blocks.setdefault(item.construct, []).append(item.name)
    model = csi.tcsi()
    chosen = {k: v for k, v in blocks.items() if k in model.construct_names}
    return csi.fit(model.with_items(**chosen), survey)


def written(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def apart(ax: Axes) -> bool:
    """Return whether no two texts of a drawing overlap."""
    figure = ax.figure
    assert figure is not None
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    return not any(
        one.x0 < two.x1 - 1
        and two.x0 < one.x1 - 1
        and one.y0 < two.y1 - 2
        and two.y0 < one.y1 - 2
        for k, one in enumerate(boxes)
        for two in boxes[:k]
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("with_boot", [False, True])
def test_trees_are_readable(
    language: Language, with_boot: bool, telecom: csi.Results
) -> None:
    boot = csi.bootstrap(telecom, n=40, seed=1) if with_boot else None
    ax = plot_hierarchy(telecom, boot, language=language)
    assert apart(ax)
    shown = written(ax)
    assert set(telecom.model.items) <= set(shown)
    names = {words(language).construct(name) for name in telecom.model.construct_names}
    assert names <= set(shown)
    for entry in csi.load_dataset("telecom").codebook.indicators:
        begin = (entry.zh if language == "zh" else entry.en)[:12]
        assert any(text.startswith(begin) for text in shown)


def test_trees_show_the_hierarchy(results: csi.Results) -> None:
    shown = written(plot_hierarchy(results))
    table = results.hierarchy()
    assert style.number(results.index, 1) in shown
    for row in table[table["level"] == 4].itertuples():
        assert row.node in shown
        assert style.number(row.score, 1) in shown
    quality = table.set_index("node").loc["quality"]
    assert f"impact {quality['impact']:.2f}" in shown
    # each item's share is that in its construct; without indicators level 3 is left out
    shares = results.weights["share"].map(lambda share: f"{100 * share:.0f}%")
    assert set(shares) <= set(shown)
    assert words("en")("tree.indicators") not in shown


def test_trees_take_indicators_of_ones_own(results: csi.Results) -> None:
    goods = {"goods": ["OVERALLQ", "CUSTOMQ"]}
    shown = written(plot_hierarchy(results, indicators=goods))
    assert "Goods" in shown
    assert words("en")("tree.indicators") in shown
    node = results.hierarchy(goods).set_index("node")
    share, impact = node.loc["goods", ["share", "impact"]]
    assert f"share {100 * share:.0f}% · impact {impact:.2f}" in shown


def test_tree_intervals_are_those_of_the_bootstrap(boot: csi.Bootstrap) -> None:
    shown = written(plot_hierarchy(boot))
    assert f"({boot.index['low']:.1f}–{boot.index['high']:.1f})" in shown  # noqa: RUF001
    row = boot.scores.set_index("construct").loc["quality"]
    ends = f"({row['low']:.1f}–{row['high']:.1f})"  # noqa: RUF001
    assert f"{row['score']:.1f} {ends}" in shown


def test_large_trees_stay_apart() -> None:
    results = csi.fit(csi.ncsb(), csi.load_dataset("national"))
    assert apart(plot_hierarchy(results, language="zh"))


def test_trees_refuse_what_has_no_index(groups: csi.GroupResults) -> None:
    with pytest.raises(SpecificationError, match="plot_hierarchy"):
        plot_hierarchy(groups)  # type: ignore[arg-type]
    model = csi.acsi().without("satisfaction", "complaints", "loyalty")
    with pytest.raises(SpecificationError, match="index"):
        plot_hierarchy(csi.fit(model, csi.load_dataset("retail")))
