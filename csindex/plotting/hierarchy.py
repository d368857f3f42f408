"""The four-level tree: from the index to the question that moves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from csindex.inference import Bootstrap
from csindex.language import Language, Words, words
from csindex.plotting import style
from csindex.plotting.frames import records
from csindex.plotting.stand import Strip, TreePen
from csindex.plotting.subjects import product_names, results_and_boot
from csindex.plotting.texts import fitted, text_size, wrapped
from csindex.plotting.tree import Branch, branches, room, rows
from csindex.results import Results
from csindex.results.hierarchy import Indicators, hierarchy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# font sizes and distances, in points
_NAME, _LINE, _LEAF, _HEAD, _BIG = 9.5, 8.5, 8.5, 8.5, 17.0
_ROW, _LEADING, _PAD, _MARGIN, _TOP = 14.5, 11.5, 8.0, 10.0, 30.0
_ROOT, _LONGEST, _LONGEST_ITEM = 86.0, 145.0, 150.0
_NAME_LINE = 12.0
_GAP, _STRIP, _NUMBER = 26.0, 104.0, 36.0


@dataclass(frozen=True)
class _Box:
    """What stands in a node's box: its name and lines of numbers."""

    name: str
    level: int
    lines: tuple[str, ...]
    strong: bool
    impact: float


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A tree that is laid out and not drawn yet; made by `tree_plan`.

    Attributes
    ----------
    table : DataFrame
        The nodes that are drawn, as `csindex.results.hierarchy.hierarchy` has them.
    boxes : mapping of str to _Box
        What stands in the boxes of the levels 1 to 3.
    labels : mapping of str to str
        How the items are called.
    places : mapping of str to float
        The centre of each node, in points downwards from the heads.
    columns : mapping of str to float
        Where columns begin, in points from the left.
    widths : mapping of int to float
        How wide the boxes of a level are.
    height, width : float
        The drawing's size, in points.
    text : Words
        The words.
    families : list of str
        Font families.
    """

    table: pd.DataFrame
    boxes: Mapping[str, _Box]
    labels: Mapping[str, str]
    places: Mapping[str, float]
    columns: Mapping[str, float]
    widths: Mapping[int, float]
    height: float
    width: float
    text: Words
    families: list[str]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches at which its fonts have their own size."""
        return self.width / 72, self.height / 72

    def draw(self, ax: Axes) -> Axes:
        """Draw the tree, as large as the axes allow."""
        across, down = style.size_in_points(ax)
        ax.set(xlim=(0, self.width), ylim=(self.height, 0), aspect="equal")
        ax.set_axis_off()
        scale = min(across / self.width, down / self.height)
        pen = TreePen(ax, scale, self.families)
        self._draw_heads(pen)
        strip = Strip(self.columns["strip"], _STRIP, _TOP, self.height - _MARGIN)
        pen.scale_of(strip)
        for row in records(self.table.iloc[1:]):
            self._draw_edge(pen, row)
        for name, box in self.boxes.items():
            self._draw_box(pen, name, box)
        for row in records(self.table[self.table["level"] == 4]):
            self._draw_item(pen, row, strip)
        return ax

    def _draw_heads(self, pen: TreePen) -> None:
        keys = {1: "index_level", 2: "constructs", 3: "indicators", 4: "questions"}
        for level, key in keys.items():
            if level in self.widths:
                middle = self.columns[str(level)] + self.widths[level] / 2
                pen.write(middle, 11, self.text(f"tree.{key}"), _HEAD, head=True)
        middle = self.columns["strip"] + _STRIP / 2
        pen.write(middle, 11, self.text("tree.score"), _HEAD, head=True)
        for key in ("share", "impact"):
            right = self.columns[key] + _NUMBER
            pen.write(
                right, 11, self.text(f"tree.{key}"), _HEAD, head=True, align="right"
            )

    def _draw_edge(self, pen: TreePen, row: Any) -> None:
        node, parent = str(row.node), str(row.parent)
        level = int(row.level)
        start = self.columns[str(self._level(parent))]
        start += self.widths[self._level(parent)]
        end = self.columns[str(level)] - (5 if level == 4 else 0)
        impact = self.boxes[node].impact if level == 2 else None
        pen.edge((start, self._y(parent)), (end, self._y(node)), impact)

    def _draw_box(self, pen: TreePen, name: str, box: _Box) -> None:
        x, width = self.columns[str(box.level)], self.widths[box.level]
        height = _height(box)
        pen.box(x, self._y(name) - height / 2, width, height, box.strong)
        ink = "white" if box.strong else style.INK
        soft = "#C5D5E8" if box.strong else style.GREY
        y = self._y(name) - height / 2 + 12
        middle = x + width / 2
        big = box.level == 1
        for line in box.name.split("\n"):
            pen.write(middle, y, line, _NAME, bold=True, colour=ink)
            y += _NAME_LINE
        y -= _NAME_LINE
        for k, line in enumerate(box.lines):
            first = big and k == 0
            y += _LEADING + (7 if first else 0)
            size = _BIG if first else _LINE
            pen.write(middle, y, line, size, colour=ink if k == 0 else soft)
            y += 4 if first else 0

    def _draw_item(self, pen: TreePen, row: Any, strip: Strip) -> None:
        name = str(row.node)
        y = self._y(name)
        label = self.labels[name]
        pen.write(self.columns["4"], y, label, _LEAF, align="left")
        values = {
            key: float(getattr(row, key, float("nan")))
            for key in ("score", "score_low", "score_high", "share", "impact")
        }
        pen.dot(strip, y, values["score"], (values["score_low"], values["score_high"]))
        ends = {
            "value": style.number(values["score"], 1),
            "share": _percent(values["share"]),
            "impact": style.number(values["impact"])
            if values["impact"]
            else style.DASH,
        }
        for key, shown in ends.items():
            right = self.columns[key] + _NUMBER
            pen.write(right, y, shown, _LEAF, align="right")

    def _level(self, name: str) -> int:
        return 4 if name not in self.boxes else self.boxes[name].level

    def _y(self, name: str) -> float:
        return _TOP + self.places[name]


def plot_hierarchy(
    subject: Results | Bootstrap,
    boot: Bootstrap | None = None,
    indicators: Indicators | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the tree from the index over constructs and indicators to the questions.

    Parameters
    ----------
    subject : Results or Bootstrap
        What to draw; its model names an index.
    boot : Bootstrap, optional
        Adds the intervals.
    indicators : mapping of str to sequence of str, optional
        The specific indicators (level 3), each with its items; None: those of the
        survey's codebook or of the estimator. Without any the level is left out.
    language : {"en", "zh"}
        Language of the texts.
    ax : Axes, optional
        Where to draw; a new pyplot figure if None.

    Returns
    -------
    Axes
        The tree: score and impact (points of the index per point) in the boxes of
        constructs, score, share and impact in those of specific indicators; each
        question with its score as a dot on 0-100, its share in what stands left of
        it, and its impact.

    Raises
    ------
    SpecificationError
        If the subject isn't one fit or has no index; or as `Results.hierarchy`.

    Examples
    --------
    >>> import csindex as csi
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> ax = plot_hierarchy(csi.fit(csi.acsi(), csi.load_dataset("retail")))
    """
    plan = tree_plan(subject, boot, indicators, language)
    return plan.draw(ax or style.new_axes(*plan.size, margins=False))


def tree_plan(
    subject: Results | Bootstrap,
    boot: Bootstrap | None = None,
    indicators: Indicators | None = None,
    language: Language = "en",
) -> Hierarchy:
    """Lay out the four-level tree.

    Parameters
    ----------
    subject, boot, indicators, language
        As in `plot_hierarchy`.

    Returns
    -------
    Hierarchy
        The tree; it knows its size and can be drawn.
    """
    results, boot = results_and_boot(subject, boot, "plot_hierarchy")
    table = _without_products(hierarchy(results, indicators, boot), results)
    table = _without_stand_ins(table)
    names = _indicator_names(results, language)
    text, families = style.drawable(words(language), [*table["node"], *names.values()])
    titles = {
        name: names.get(name) or text.construct(name)
        for name in table.loc[table["level"] < 4, "node"]
    }
    boxes = {
        row.node: _box(row, titles[row.node], results, text, families)
        for row in records(table[table["level"] < 4])
    }
    labels = {
        name: fitted(name, _LONGEST_ITEM, _LEAF, families)
        for name in table.loc[table["level"] == 4, "node"]
    }
    branch = _branch(table, boxes)
    widths = _widths(boxes, labels, families)
    columns = _columns(widths)
    return Hierarchy(
        table,
        boxes,
        labels,
        rows(branch),
        columns,
        widths,
        _TOP + room(branch) + _MARGIN + 12,
        columns["impact"] + _NUMBER + _MARGIN,
        text,
        families,
    )


def _without_products(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the nodes without products of constructs, which no question asks about."""
    hidden = set(product_names(results))
    while below := set(table.loc[table["parent"].isin(hidden), "node"]) - hidden:
        hidden |= below
    return table[~table["node"].isin(hidden)].reset_index(drop=True)


def _without_stand_ins(table: pd.DataFrame) -> pd.DataFrame:
    """Return the nodes without the indicators of one question that has none."""
    third = table[table["level"] == 3].set_index("node")["parent"]
    children = table[table["level"] == 4].groupby("parent")["node"].agg(list)
    stand_ins = {
        node: parent
        for node, parent in third.items()
        if children[node] == [str(node).removeprefix(f"{parent}.")]
    }
    kept = table[~table["node"].isin(list(stand_ins))].reset_index(drop=True)
    below = kept["parent"].isin(list(stand_ins))
    # the item's share in its stand-in is 1; in the construct it is the stand-in's
    shares = table.set_index("node")["share"]
    kept.loc[below, "share"] = kept.loc[below, "parent"].map(shares)
    kept["parent"] = kept["parent"].replace(stand_ins)
    return kept


def _indicator_names(results: Results, language: Language) -> dict[str, str]:
    """Return what the codebook calls its specific indicators."""
    if results.survey is None:
        return {}
    return {
        entry.name: (entry.zh or entry.en)
        if language == "zh"
        else (entry.en or entry.zh)
        for entry in results.survey.codebook.indicators
    }


def _box(
    row: Any, title: str, results: Results, text: Words, families: Sequence[str]
) -> _Box:
    value = pd.Series(row._asdict())
    level = int(value["level"])
    score = style.number(value["score"], 1) + _ends(value, "score", 1)
    if level == 1:
        parts = (style.number(value["score"], 1), _ends(value, "score", 1).strip())
        root = tuple(part for part in parts if part)
        return _Box(text("tree.index_level"), 1, root, True, 1.0)
    impact = float(value["impact"])
    told = text(
        "tree.impact_is", value=style.number(impact) + _ends(value, "impact", 2)
    )
    strong = level == 2 and value["node"] == results.model.index
    lines: tuple[str, ...] = (score, text("tree.no_driver") if not impact else told)
    if level == 3:
        share = text("tree.share_is", value=_percent(float(value["share"])))
        long = "impact_low" in value
        lines = (score, share, told) if long else (score, f"{share} · {told}")
    lines = (score,) if strong else lines
    shown = wrapped(title, _LONGEST, _NAME, families)
    return _Box(shown, level, lines, strong, impact)


def _ends(value: pd.Series, key: str, digits: int) -> str:
    """Return the interval in brackets; empty where there is none."""
    low, high = value.get(f"{key}_low"), value.get(f"{key}_high")
    if low is None or high is None or low != low:
        return ""
    ends = style.number(low, digits), style.number(high, digits)
    return f" ({ends[0]}{style.DASH}{ends[1]})"


def _percent(share: float) -> str:
    return style.DASH if share != share else f"{style.number(100 * share, 0)}%"


def _height(box: _Box) -> float:
    extra = 15.0 if box.level == 1 else 0.0
    names = _NAME_LINE * box.name.count("\n")
    return 20.0 + _LEADING * len(box.lines) + names + extra


def _branch(table: pd.DataFrame, boxes: Mapping[str, _Box]) -> Branch:
    heights = {
        name: _height(boxes[name]) if name in boxes else _ROW for name in table["node"]
    }
    nodes = table[["node", "parent", "level"]].itertuples(index=False, name=None)
    return branches(list(nodes), heights)


def _widths(
    boxes: Mapping[str, _Box], labels: Mapping[str, str], families: Sequence[str]
) -> dict[int, float]:
    """Return the width of each level that is drawn."""
    widths = {1: _ROOT}
    for box in boxes.values():
        if box.level > 1:
            parts = [
                text_size(line, _NAME, families, bold=True)[0]
                for line in box.name.split("\n")
            ]
            parts += [text_size(line, _LINE, families)[0] for line in box.lines]
            needed = max(parts) + 2 * _PAD
            widths[box.level] = max(widths.get(box.level, 92.0), needed)
    longest = max(text_size(label, _LEAF, families)[0] for label in labels.values())
    return {**widths, 4: longest + 6}


def _columns(widths: Mapping[int, float]) -> dict[str, float]:
    """Return where each column begins."""
    at, columns = _MARGIN, {}
    for level, width in sorted(widths.items()):
        columns[str(level)] = at
        at += width + _GAP
    at += 10 - _GAP
    for name, width in (
        ("strip", _STRIP),
        ("value", _NUMBER),
        ("share", _NUMBER),
        ("impact", _NUMBER),
    ):
        columns[name] = at
        at += width + (6 if name != "strip" else 0)
    return columns
