"""Models as text: TOML and lavaan's syntax, out and in again."""

from __future__ import annotations

import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csindex as csi
from csindex.catalog import CATALOG
from csindex.errors import SpecificationWarning
from csindex.model import read_model
from csindex.model.reading import MAX_CHARACTERS

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True, max_examples=40)

# any text that a file can hold, and names of lavaan's syntax
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.from_regex(r"[A-Za-z_.][A-Za-z_.]{0,2}[A-Za-z_]\w{0,5}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False) | st.integers(-(10**6), 10**6)


@st.composite
def models(draw: st.DrawFn, names: st.SearchStrategy[str]) -> csi.Model:
    """Return a random model: constructs, paths forward, any signs and texts."""
    words = draw(st.lists(names, min_size=4, max_size=14, unique=True))
    size = draw(st.integers(1, len(words) // 2))
    own, items = words[:size], words[size:]
    cuts = sorted(draw(st.sets(st.integers(1, len(items) - 1), max_size=size - 1)))
    blocks = [items[a:b] for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
    constructs = [
        csi.Construct(n, tuple(b), draw(st.sampled_from(["reflective", "composite"])))
        for n, b in zip(own, blocks, strict=False)
    ]
    used = [construct.name for construct in constructs]
    forward = [(a, b) for i, a in enumerate(used) for b in used[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(forward), unique=True)) if forward else []
    paths = [
        csi.Path(
            *pair,
            draw(st.sampled_from(["+", "-", "?"])),
            draw(st.sampled_from(["", "verified", "inferred", "recalled", "assumed"])),
        )
        for pair in chosen
    ]
    instrument = [
        csi.Item(
            name,
            scale=draw(st.none() | st.tuples(NUMBERS, NUMBERS)),
            reversed=draw(st.booleans()),
            missing=tuple(draw(st.lists(NUMBERS, max_size=2))),
            asked_if=draw(st.none() | TEXTS),
            derive=tuple(draw(st.lists(st.tuples(TEXTS, TEXTS), max_size=2))),
            en=draw(TEXTS),
            zh=draw(TEXTS),
            score_map=draw(TEXTS | st.tuples(NUMBERS, NUMBERS)),
            controllable=draw(st.none() | st.booleans()),
            labels=tuple(draw(st.lists(st.tuples(NUMBERS, TEXTS), max_size=2))),
        )
        for name in draw(st.lists(TEXTS, max_size=3, unique=True))
    ]
    return csi.Model(
        draw(TEXTS),
        constructs,
        paths,
        draw(st.none() | st.sampled_from(used)),
        instrument,
        title=draw(TEXTS),
        origin=draw(TEXTS),
        year=draw(st.none() | st.integers(-(10**4), 10**4)),
        reference=draw(TEXTS),
    )


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalogue_survives_both_languages(name: str) -> None:
    model = CATALOG[name]
    assert read_model(model.to_toml()) == model
    assert read_model(model.to_lavaan()) == model
    assert read_model(model.to_lavaan().replace("\n", "\r\n")) == model


@STEADY
@given(models(TEXTS.filter(bool)))
def test_toml_keeps_everything(model: csi.Model) -> None:
    assert read_model(model.to_toml()) == model


@STEADY
@given(models(NAMES))
def test_lavaan_keeps_everything(model: csi.Model) -> None:
    assert read_model(model.to_lavaan()) == model


def test_toml_is_what_a_person_would_write() -> None:
    model = csi.Model(
        "small",
        (csi.reflective("quality", "q1", "q2"), csi.composite("顾客 价值", 'a "b"')),
        [csi.Path("quality", "顾客 价值", "-")],
        index="quality",
        instrument=[csi.Item("q1", scale=(0, 1), asked_if="q2 == 1")],
        year=2001,
    )
    assert model.to_toml() == (
        'name = "small"\nindex = "quality"\nyear = 2001\n'
        'paths = [\n  ["quality", "顾客 价值", "-"],\n]\n'
        '\n[constructs.quality]\nreflective = ["q1", "q2"]\n'
        '\n[constructs."顾客 价值"]\ncomposite = ["a \\"b\\""]\n'
        '\n[instrument.q1]\nscale = [0, 1]\nasked_if = "q2 == 1"\n'
    )
    # another reader of TOML finds the same
    assert tomllib.loads(model.to_toml())["paths"] == [["quality", "顾客 价值", "-"]]


# the example of lavaan's tutorial (Rosseel 2012, section 3): Holzinger & Swineford
TUTORIAL = """
  # three-factor model
  visual  =~ x1 + x2 +
             x3
  textual =~ x4 + x5
             + x6 ! the sixth
  speed   =~ x7 + x8 + x9
"""


def test_a_text_without_paths_is_a_measurement_model() -> None:
    model = read_model(TUTORIAL)
    assert model.name == "model"
    assert model.paths == ()
    assert model.index is None
    assert [(c.name, c.items) for c in model.constructs] == [
        ("visual", ("x1", "x2", "x3")),
        ("textual", ("x4", "x5", "x6")),
        ("speed", ("x7", "x8", "x9")),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b ~ a; a =~ x; b <~ y", {("a", "b")}),
        ("a=~x\nb=~y\r\nc=~z\nb + c ~ a", {("a", "b"), ("a", "c")}),
        ("a =~ x\nb\n =~ y\nb\n~ a", {("a", "b")}),
        ("a =~ x\na =~ y;; b =~ z\n\n\nb ~\n# why\na", {("a", "b")}),
        ("质量 =~ 问1 + 问2; b.1 <~ z_1; b.1 ~ 质量", {("质量", "b.1")}),
    ],
)
def test_ways_to_write_statements(text: str, expected: set[tuple[str, str]]) -> None:
    model = read_model(text)
    assert {(path.source, path.target) for path in model.paths} == expected


REFUSED = {
    'a =~ label("x")*y': "line 1, column 11: '+' or the end of the line is expected, "
    "not '('; modifiers are",
    "a =~ x\nx ~ y": "line 2, column 1: 'x' is not a construct",
    "a <~ x + 2*y": "line 1, column 3: composites take no modifiers",
    "a =~ x\ngroup: 1": "line 2, column 6: '=~', '<~' or '~' is expected, not ':'",
    "a =~ x | t1": "not '|'; thresholds",
    "a =~ x y": "line 1, column 8: '+' or the end of the line is expected, not 'y'",
    "a =~ x +": "line 1, column 9: a name is expected, not the end",
    "a =~": "a name is expected, not the end",
    "=~ x": "line 1, column 1: a name is expected, not '=~'",
    "a =~ x; b ~ a": "line 1, column 9: 'b' is not a construct (there are 'a'); define",
    "a =~ x; b =~ a": "line 1, column 14: 'a' is a construct and can't be an item",
    "a =~ x; a <~ y": "line 1, column 9: 'a' is reflective in one line",
    "a =~ x; b =~ y; a ~ b; b ~ a": "the paths form a cycle",
    "a =~ x; b =~ x": "item 'x' is in two constructs",
    "a =~ 2x": "line 1, column 6: a name is expected, not '2x'",
    "a =~ 'x'": "line 1, column 6: a name is expected",
    "a =~ __import__('os')": "line 1, column 16",
    "# nothing\n  ! at all\n": "the text is empty",
    "": "the text is empty",
    'name = "m"\npath = []': "unknown key 'path' in the text; did you mean 'paths'?",
    "name = 3\ntitle = []": "name is 3 in the text; it must be text",
    'title = "m"': "the text has no name",
    'name = "m"\nname = "n"': "the text is not TOML: Cannot overwrite a value",
    'name = "m"\nyear = "x"': "year is 'x' in the text; it must be a whole number or "
    "left out",
    'name = "m"\npaths = "a"': "write paths = [['quality', 'satisfaction'], ...]",
    'name = "m"\nconstructs = 1': "write constructs as tables, [constructs.NAME]",
    'name = "m"\n[constructs.a]': "write one line of items under [constructs.a]",
    'name = "m"\n[constructs.a]\nreflexive = ["x"]': "did you mean 'reflective'?",
    'name = "m"\n[constructs.a]\nreflective = "x"': "reflective = ['q1', 'q2']",
    'name = "m"\n[constructs.a]\nreflective = ["x"]\n[instrument.x]\nscale = [1]': (
        "scale is (1,) in [instrument.x] of the text; it must be a list"
    ),
    'name = "m"\n[constructs.a]\nreflective = ["x"]\n[instrument.x]\nreversed = 1': (
        "it must be true or false"
    ),
    'name = "m"\n[constructs.a]\nreflective = ["x"]\n[instrument.x]\nscales = [1, 2]': (
        "unknown key 'scales' in [instrument.x] of the text; did you mean 'scale'?"
    ),
    'name = "m"\npaths = [["a"]]\n[constructs.a]\nreflective = ["x"]': (
        "path ('a',) must be (source, target)"
    ),
    'name = "m"\npaths = ' + "[" * 5000: "the text is not TOML",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_refuses(text: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        read_model(text)
    assert REFUSED[text] in str(caught.value)


@STEADY
@given(
    st.text("ab1.=~<>+*:;#!\"'[]{}(), \t\r\n", max_size=40)
    | st.text(max_size=20).map("a =~ x\n".__add__)
    | st.text(max_size=20).map('name = "m"\n'.__add__)
)
def test_any_text_is_a_model_or_refused(text: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SpecificationWarning)
            model = read_model(text)
    except csi.CsindexError as error:
        assert error.problems  # noqa: PT017
    else:
        assert model.constructs


def _calls(items: int) -> int:
    """Return how many functions are called to read a model of so many items."""
    text = "a =~ " + " +\n\n".join(f"x{k}" for k in range(items))
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        model = read_model(text)
    finally:
        sys.setprofile(before)
    assert len(model.items) == items
    return count


def test_steps_grow_with_the_length_of_a_text_not_with_its_square() -> None:
    few, many = _calls(1000), _calls(4000)
    # 4 where they grow with the length, 16 with its square
    assert many / few < 5
    assert many < 100 * 4000


def test_all_problems_come_in_one_message() -> None:
    text = "title = 1\nyear = 1.5\n[constructs.a]\n[instrument]\nq = 1"
    with pytest.raises(csi.SpecificationError, match=r"^5 problems:"):
        read_model(text)


@pytest.mark.parametrize("ending", [".toml", ".lav", ""])
def test_a_file_is_known_by_what_it_says(tmp_path: Path, ending: str) -> None:
    model = csi.acsi()
    path = tmp_path / f"my model{ending}"
    path.write_text("\ufeff" + model.to_toml(), encoding="utf-8")
    assert read_model(path) == model
    path.write_text(model.to_lavaan(), encoding="utf-8")
    assert read_model(str(path)) == model
    path.write_text("a =~ x", encoding="utf-8")
    assert read_model(str(path)).name == "my model"


@pytest.mark.parametrize(
    ("source", "error", "told"),
    [
        ("models/none.toml", csi.DataError, "cannot read the model 'models/none.toml'"),
        ("a\0b", csi.DataError, "it can't be the name of a file"),
        (7, csi.SpecificationError, "not int"),
        ("a =~ x\n" + "#" * MAX_CHARACTERS, csi.DataError, "at most 200000"),
    ],
)
def test_no_model_there(source: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        read_model(source)
    assert told in str(caught.value)


def test_a_large_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"1,2\n" * 500_000)
    with pytest.raises(csi.DataError, match="a model has at most 200000"):
        read_model(path)
    path.write_bytes(b"a =~ \xff")
    with pytest.raises(csi.DataError, match=r"'answers.csv' is not UTF-8 text"):
        read_model(path)


def test_what_lavaan_cannot_say_is_refused() -> None:
    model = csi.Model(
        "m", (csi.reflective("a b", "q 1", "x"), csi.reflective("x", "z"))
    )
    with pytest.raises(csi.SpecificationError) as caught:
        model.to_lavaan()
    assert len(caught.value.problems) == 3
    told = str(caught.value)
    assert "'a b' is no name in lavaan's syntax" in told
    assert "'x' is a construct and an item" in told


def test_signs_and_index_are_told_in_comments() -> None:
    lines = csi.acsi().to_lavaan().splitlines()
    assert '#: index = "satisfaction"' in lines
    assert "complaints ~ satisfaction  # expected: satisfaction - verified" in lines


def test_comments_belong_to_the_paths_of_their_line() -> None:
    model = read_model(
        "a =~ x; b =~ y; c =~ z\n"
        "b ~ a  # expected: a -\n"
        "c ~ a +  # expected: a + recalled\n"
        "  b  # expected: b ? inferred\n"
    )
    assert [tuple(path) for path in model.paths] == [
        ("a", "b", "-", ""),
        ("a", "c", "+", "recalled"),
        ("b", "c", "?", "inferred"),
    ]


@pytest.mark.parametrize(
    "comment",
    ["# expected: nothing much", "# expected a -", "# expected: a - for sure", "# a -"],
)
def test_comments_for_people_are_left_to_them(comment: str) -> None:
    model = read_model(f"a =~ x; b =~ y\nb ~ a {comment}")
    assert [path.sign for path in model.paths] == ["?"]


def test_comments_that_contradict_the_text_are_refused() -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        read_model("a =~ x; b =~ y\nb ~ a  # expected: q -\n# expected: a +")
    assert "line 2: the comment tells what is expected of 'q'" in str(caught.value)
    assert "line 3: the comment tells what is expected of 'a'" in str(caught.value)
    for line, told in (
        ("#: index = 3", "index is 3"),
        ("#: indx = 'a'", "unknown key 'indx' in what lines with '#:' say"),
        ("#: index =", "is not TOML"),
        ("#: index = 'z'", "unknown construct 'z' as index"),
    ):
        with pytest.raises(csi.SpecificationError) as caught:
            read_model(f"{line}\na =~ x")
        assert told in str(caught.value)


def test_half_characters_cannot_be_written() -> None:
    model = csi.Model("\ud800", (csi.reflective("a", "x"),))
    with pytest.raises(csi.SpecificationError, match="half of a pair"):
        model.to_toml()


def test_the_index_can_be_given() -> None:
    assert read_model("a =~ x; b =~ y; b ~ a", index="b").index == "b"
    for text in (csi.acsi().to_toml(), csi.acsi().to_lavaan()):
        assert read_model(text, index="loyalty").index == "loyalty"
    with pytest.raises(csi.SpecificationError, match="unknown construct 'c' as index"):
        read_model("a =~ x", index="c")
