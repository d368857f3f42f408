"""Models: what they refuse, and how one is made from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import csindex as csi

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

A, B, C = (csi.reflective(name, f"{name}1", f"{name}2") for name in "abc")
ARROWS = (csi.Path("a", "b"), csi.Path("b", "c"), csi.Path("a", "c", "-"))


@pytest.fixture
def model() -> csi.Model:
    """Return a model of three constructs."""
    return csi.Model("small", (A, B, C), ARROWS, index="c")


def listed(*constructs: Any, paths: Any = (), index: Any = None) -> csi.Model:
    """Return a model of anything at all."""
    return csi.Model("m", constructs, paths, index)


BROKEN: dict[str, tuple[Callable[[], object], list[str]]] = {
    "no constructs": (lambda: listed(), ["there are no constructs"]),
    "no items": (
        lambda: listed(A, csi.reflective("b")),
        ["construct 'b' has no items", "csi.reflective('b', 'q1', 'q2')"],
    ),
    "items in a list": (
        lambda: csi.Model("m", (csi.reflective("a", ["a1", "a2"]),)),  # type: ignore[arg-type]
        ["construct 'a'", "names of columns", "['a1', 'a2']"],
    ),
    "items in one text": (
        lambda: listed(csi.Construct("a", "a1")),  # type: ignore[arg-type]
        ["construct 'a'", "names of columns", "'a1'"],
    ),
    "item in two": (
        lambda: listed(A, csi.reflective("b", "a1")),
        ["item 'a1' is in two constructs, 'a', 'b'", "keep it in one"],
    ),
    "item twice": (
        lambda: listed(csi.reflective("a", "x", "x")),
        ["item 'x' is twice in construct 'a'"],
    ),
    "construct twice": (lambda: listed(A, A), ["construct 'a' is given twice"]),
    "unnamed construct": (
        lambda: listed(csi.reflective("", "x")),
        ["construct '' needs a name"],
    ),
    "not a construct": (lambda: listed("a"), ["'a' is not a construct"]),
    "one construct, not a list": (
        lambda: csi.Model("m", "quality"),  # type: ignore[arg-type]
        ["'quality' is not a construct", "csi.reflective("],
    ),
    "measurement": (
        lambda: listed(csi.Construct("a", ("x",), "formative")),  # type: ignore[arg-type]
        ["'formative'", "'reflective', 'composite'"],
    ),
    "unknown in paths": (
        lambda: listed(A, B, paths=[("a", "bb")]),
        ["unknown construct 'bb' in paths", "did you mean 'b'?"],
    ),
    "unknown index": (
        lambda: listed(A, B, index="satisfaction"),
        ["unknown construct 'satisfaction' as index", "there are 'a', 'b'"],
    ),
    "path as text": (
        lambda: listed(A, B, paths=["a -> b"]),
        ["path 'a -> b' must be (source, target)"],
    ),
    "one path, not a list": (
        lambda: listed(A, B, paths=("a", "b")),
        ["path 'a' must be", "path 'b' must be"],
    ),
    "path of five": (
        lambda: listed(A, B, paths=[("a", "b", "+", "", "c")]),
        ["path ('a', 'b', '+', '', 'c') must be"],
    ),
    "path twice": (
        lambda: listed(A, B, paths=[("a", "b"), ("a", "b", "-")]),
        ["path a -> b is given twice"],
    ),
    "sign": (
        lambda: listed(A, B, paths=[("a", "b", "positive")]),
        ["path a -> b has sign 'positive'; use '+', '-' or '?'"],
    ),
    "status": (
        lambda: listed(A, B, paths=[("a", "b", "+", "read")]),
        ["path a -> b has status 'read'; there are '', 'verified', 'inferred'"],
    ),
    "path to itself": (
        lambda: listed(A, B, paths=[("a", "a")]),
        ["the paths form a cycle: a -> a"],
    ),
    "instrument": (
        lambda: csi.Model("m", (A,), instrument=("a1",)),  # type: ignore[arg-type]
        ["instrument: 'a1' is not an item", "csi.Item("],
    ),
    "item described twice": (
        lambda: csi.Model("m", (A,), instrument=(csi.Item("a1"), csi.Item("a1"))),
        ["instrument: item 'a1' is given twice"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_refuses(case: str) -> None:
    make, fragments = BROKEN[case]
    with pytest.raises(csi.SpecificationError, match="model 'm': ") as caught:
        make()
    assert [f for f in fragments if f not in str(caught.value)] == []


def test_all_problems_come_in_one_message() -> None:
    with pytest.raises(csi.SpecificationError, match=r"^6 problems:") as caught:
        listed(
            A,
            csi.reflective("b", "a1"),
            csi.reflective("c"),
            paths=[("a", "b"), ("b", "a"), ("a", "d"), ("a",)],
            index="e",
        )
    told = "\n".join(caught.value.problems)
    for word in ("'c' has no items", "'a1'", "'d'", "'e'", "('a',)", "cycle"):
        assert word in told


@STEADY
@given(
    order=st.permutations(range(6)),
    used=st.lists(st.booleans(), min_size=15, max_size=15),
    back=st.data(),
)
def test_only_cycles_are_cycles(
    order: list[int], used: list[bool], back: st.DataObject
) -> None:
    names = [f"c{k}" for k in order]
    forward = [(names[i], names[k]) for i in range(6) for k in range(i + 1, 6)]
    paths = [pair for pair, use in zip(forward, used, strict=True) if use]
    constructs = [csi.reflective(f"c{k}", f"i{k}") for k in range(6)]
    assert csi.Model("m", constructs, paths).paths == tuple(csi.Path(*p) for p in paths)

    arrow = back.draw(st.sampled_from(forward))
    both = [*dict.fromkeys([*paths, arrow]), arrow[::-1]]
    with pytest.raises(
        csi.SpecificationError, match="the paths form a cycle: "
    ) as told:
        csi.Model("m", constructs, both)
    shown = told.value.problems[0].split("cycle: ")[1].split(";")[0].split(" -> ")
    assert shown[0] == shown[-1]
    assert set(pairwise(shown)) <= set(both)


def test_arrays_say_which_item_and_which_path(model: csi.Model) -> None:
    assert model.items == ("a1", "a2", "b1", "b2", "c1", "c2")
    assert_array_equal(model.blocks, np.kron(np.eye(3), [[1.0], [1.0]]))
    assert_array_equal(model.structure, [[0, 0, 0], [1, 0, 0], [1, 1, 0]])
    assert model.endogenous == ("b", "c")
    assert [path.sign for path in model.paths] == ["+", "+", "-"]


def test_a_model_is_a_value(model: csi.Model) -> None:
    same = csi.Model("small", [A, B, C], list(ARROWS), index="c")
    assert same == model
    assert hash(same) == hash(model)
    assert replace(model, index="a") != model
    with pytest.raises(FrozenInstanceError):
        model.index = "a"  # type: ignore[misc]


def test_with_items_changes_only_what_is_named(model: csi.Model) -> None:
    changed = model.with_items(b=["x", "y", "z"])
    assert changed.items == ("a1", "a2", "x", "y", "z", "c1", "c2")
    assert changed.blocks.shape == (7, 3)
    assert changed.with_items(b=iter(["b1", "b2"])) == model
    assert model.items[2:4] == ("b1", "b2")


@pytest.mark.parametrize(
    ("items", "fragments"),
    [
        ({"bb": ["x"]}, ["unknown construct 'bb' in with_items", "did you mean 'b'?"]),
        ({"b": "x"}, ["b='x' is not a list of columns", "write b=['x']"]),
        ({"b": 5}, ["b=5 is not a list of columns"]),
        ({"b": []}, ["construct 'b' has no items"]),
        ({"b": ["a1"]}, ["item 'a1' is in two constructs"]),
        ({"b": [1]}, ["construct 'b'", "names of columns"]),
        ({"d": ["x"], "b": "x"}, ["2 problems", "'d'", "b='x'"]),
    ],
)
def test_with_items_refuses(
    model: csi.Model, items: dict[str, Any], fragments: list[str]
) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        model.with_items(**items)
    assert [f for f in fragments if f not in str(caught.value)] == []


def test_without_takes_the_paths_along(model: csi.Model) -> None:
    assert model.without("b") == csi.Model("small", (A, C), (ARROWS[2],), index="c")
    assert model.without("c").index is None
    assert model.without() == model


@pytest.mark.parametrize(
    ("names", "fragment"),
    [
        (["d"], "unknown construct 'd' in 'small'"),
        ([["a"]], "unknown construct ['a'] in 'small'"),
        (["a", "b", "c"], "there are no constructs"),
    ],
)
def test_without_refuses(model: csi.Model, names: list[Any], fragment: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        model.without(*names)
    assert fragment in str(caught.value)


def test_a_model_prints_in_one_line(model: csi.Model) -> None:
    assert repr(model) == "Model('small', 3 constructs, 6 items, 3 paths, index 'c')"
    single = csi.Model("m", (csi.reflective("a", "a1"),))
    assert repr(single) == "Model('m', 1 construct, 1 item, 0 paths, no index)"


@pytest.mark.parametrize(
    ("name", "survey"), [("tcsi", "telecom"), ("acsi", "retail"), ("acsi", "national")]
)
def test_items_of_a_survey_by_construct(name: str, survey: str) -> None:
    model = getattr(csi, name)()
    items = csi.load_dataset(survey).codebook.items
    found = model.with_items_of(items)
    by_hand = {
        construct: [item.name for item in items if item.construct == construct]
        for construct in model.construct_names
    }
    assert found == model.with_items(**by_hand)
    assert (found.paths, found.index) == (model.paths, model.index)
    if survey == "retail":
        assert found == model
    # no question is there twice, under two names
    assert csi.fit(found, csi.load_dataset(survey)).converged


def test_constructs_without_items_are_named(model: csi.Model) -> None:
    items = [csi.Item("x", construct="a"), csi.Item("y", construct="d")]
    with pytest.raises(csi.SpecificationError) as caught:
        model.with_items_of(items)
    told = str(caught.value)
    assert "with_items_of 'small': no item belongs to 'b', 'c'" in told
    assert "the items' constructs are 'a', 'd'" in told


@pytest.mark.parametrize("items", [["x"], 7, "x", {"x": 1}.items()])
def test_items_of_something_else(model: csi.Model, items: Any) -> None:
    with pytest.raises(csi.SpecificationError, match=r"survey\.codebook\.items"):
        model.with_items_of(items)


def test_items_of_a_survey_a_codebook_or_items() -> None:
    survey = csi.load_dataset("telecom")
    expected = csi.tcsi().with_items_of(survey.codebook.items)
    assert csi.tcsi().with_items_of(survey) == expected
    assert csi.tcsi().with_items_of(survey.codebook) == expected


def test_a_codebook_of_dimensions_wants_them_in_the_model_first() -> None:
    items = csi.load_dataset("bank").codebook.items
    with pytest.raises(
        csi.SpecificationError, match="no item belongs to 'quality'"
    ) as c:
        csi.improved().with_items_of(items)
    assert "csi.with_rater(model).with_items_of(...)" in str(c.value)
    found = csi.with_rater(csi.improved()).with_items_of(items)
    asked = {item.name for item in items if item.construct in found.construct_names}
    assert set(found.items) == asked
    others = [item for item in items if item.construct != "satisfaction"]
    with pytest.raises(csi.SpecificationError) as c:
        csi.with_rater(csi.improved()).with_items_of(others)
    assert "with_rater(model)" not in str(c.value)
