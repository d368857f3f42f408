"""Codebooks and the language of their rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.codebook import Indicator, draft, guess_columns, rules

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

NAMES = ("A", "B", "满意度")
COLUMNS = {name: st.integers(-9, 99) for name in NAMES}


def arithmetic(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return larger formulas made of smaller ones."""
    pairs = st.tuples(parts, parts)
    signs = st.sampled_from(["+", "-", "*", "/"])
    functions = st.sampled_from(["min", "max"])
    return st.one_of(
        st.builds("({0[0]} {1} {0[1]})".format, pairs, signs),
        st.builds("{1}({0[0]}, {0[1]})".format, pairs, functions),
        st.builds("-{0}".format, parts),
    )


def logic(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return larger conditions made of smaller ones."""
    pairs = st.tuples(parts, parts)
    return st.one_of(
        st.builds("({0[0]} {1} {0[1]})".format, pairs, st.sampled_from(["and", "or"])),
        st.builds("(not {0})".format, parts),
    )


ATOMS = st.sampled_from([*NAMES, "0", "1", "2.5", "25", "10"])
FORMULAS = st.recursive(ATOMS, arithmetic, max_leaves=8)
COMPARISONS = st.builds(
    "({0} {1} {2})".format,
    FORMULAS,
    st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]),
    FORMULAS,
)
CONDITIONS = st.recursive(COMPARISONS, logic, max_leaves=4)


@STEADY
@given(rule=FORMULAS | CONDITIONS, row=st.fixed_dictionaries(COLUMNS))
def test_rules_mean_what_they_mean_in_python(rule: str, row: dict[str, int]) -> None:
    assume(len(rule) <= rules.MAX_LENGTH)
    scope = {"__builtins__": {}, "min": min, "max": max, **row}
    try:
        expected = float(eval(rule, scope))  # noqa: S307 - made above
    except ZeroDivisionError:
        assume(False)
    columns = {name: np.array([float(value)]) for name, value in row.items()}
    assert_allclose(rules.evaluate(rule, columns), expected, rtol=1e-12)
    assert set(rules.names(rule)) == {name for name in NAMES if name in rule}


# pandas' nullable booleans follow Kleene's logic of unknown values
@pytest.mark.parametrize("word", ["and", "or"])
def test_and_and_or_of_a_missing_answer(word: str) -> None:
    left, right = np.array([[0, 1, np.nan], [0, 1, np.nan]])
    a, b = (grid.ravel() for grid in np.meshgrid(left, right))
    known_a, known_b = (pd.array(x, dtype="Float64").astype("boolean") for x in (a, b))
    expected = known_a & known_b if word == "and" else known_a | known_b
    found = rules.evaluate(f"A == 1 {word} B == 1", {"A": a, "B": b})
    assert_array_equal(
        found, pd.Series(expected).astype("Float64").to_numpy(na_value=np.nan)
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("not A", [0, 1, np.nan]),
        ("A and 7", [1, 0, np.nan]),
        ("A or 0", [1, 0, np.nan]),
        ("A > 1", [1, 0, np.nan]),
        ("A / 0", [np.inf, np.nan, np.nan]),
        ("min(A, 1)", [1, 0, np.nan]),
        ("1", 1),
    ],
)
def test_truth_is_one_and_zero(rule: str, expected: Any) -> None:
    assert_array_equal(
        rules.evaluate(rule, {"A": np.array([5.0, 0, np.nan])}), expected
    )


def test_names_come_in_order_without_functions() -> None:
    assert rules.names("C - 1 + min(A, max(B, C)) >= A") == ("C", "A", "B")
    assert rules.names("min + 1") == ("min",)


REFUSED = {
    "": "cannot be read",
    "A >": "cannot be read",
    "A = 1": "cannot be read",
    "import os": "cannot be read",
    "__import__('os').system('true')": "not part of the language",
    "A.real": "'A.real' is not part of the language",
    "A[0]": "'A[0]' is not part of the language",
    "A ** 9": "'A ** 9' is not part of the language",
    "A if B else C": "not part of the language",
    "1 < A < 3": "not part of the language",
    "'A' == 1": "not part of the language",
    "lambda: 1": "not part of the language",
    "min(A)": "'min(A)' is not part of the language",
    "sum(A, B)": "'sum(A, B)' is not part of the language",
    "A == True": "write 1 and 0 for true and false",
    "A > 1e300": "a number is beyond",
    "9" * 400: "a number is beyond",
    "A + " * 200 + "A": "has 801 characters",
    "(" * 240 + "A" + ")" * 240: "cannot be read",
}


@pytest.mark.parametrize("rule", REFUSED)
def test_nothing_else_is_understood(rule: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        rules.names(rule)
    assert REFUSED[rule] in str(caught.value)


def test_a_rule_on_a_column_that_is_not_there() -> None:
    with pytest.raises(csi.SpecificationError, match="there is no column 'B'"):
        rules.evaluate("A + B", {"A": np.ones(1)})


@STEADY
@given(st.text("AB1. +-*/<=>!()andor,ntmi", max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        named = rules.names(text)
    except csi.SpecificationError:
        return
    rules.evaluate(text, {name: np.array([1.0, np.nan]) for name in named})


def write(folder: Path, text: str | bytes) -> Path:
    """Return a codebook file."""
    path = folder / "codebook.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


GOOD = """\
title = "Shops"
scale = [1, 10]
missing = [98, 99]
weights = "w"
strata = "region"
clusters = "store"
groups = ["company"]
[items.q1]
scale = [0, 1]
reversed = true
missing = [9]
asked_if = "q2 >= 6"
construct = "quality"
en = "How?"
zh = "怎么样"
[items.d]
derive = [["q1 == 1", "q2"], ["q1 == 0", "-q2"]]
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_codebook_file(tmp_path: Path, encoding: str) -> None:
    book = csi.read_codebook(write(tmp_path, GOOD.encode(encoding)))
    q1 = csi.Item("q1", (0, 1), True, (9,), "q2 >= 6", (), "quality", "How?", "怎么样")
    derived = csi.Item("d", derive=(("q1 == 1", "q2"), ("q1 == 0", "-q2")))
    design: dict[str, Any] = {"weights": "w", "strata": "region", "clusters": "store"}
    assert book == csi.Codebook(
        (q1, derived), (1, 10), (98, 99), **design, groups=("company",), title="Shops"
    )


BROKEN: dict[str, list[str]] = {
    "scale = [1,": ["not a TOML file"],
    "scale = 5": ["scale is 5", "as [1, 10]"],
    'scale = "19"': ["scale is '19'"],
    "scale = [1, 'x']": ["scale is (1, 'x')"],
    "scale = [1, 5, 10]": ["scale is (1, 5, 10)"],
    "scale = [10, 1]": ["scale is (10, 1)"],
    "scale = [1, inf]": ["scale is (1, inf)"],
    "scale = [false, true]": ["scale is (False, True)"],
    "missing = 99": ["missing is 99", "as [98, 99]"],
    "missing = ['DK']": ["missing is ('DK',)"],
    "groups = 'company'": ["groups is 'company'", "['company', 'wave']"],
    "weights = ['w']": ["weights is ('w',)", "name of a column"],
    "title = 5": ["title is 5"],
    "items = [1]": ["[items.NAME]"],
    "items.q1 = 5": ["[items.NAME]"],
    "sclae = [1, 10]": ["unknown key 'sclae' in codebook.toml", "'scale'?"],
    "[items.q1]\nrevers = true": [
        "unknown key 'revers' in [items.q1] of codebook.toml",
        "did you mean 'reversed'?",
    ],
    "[items.q1]\nreversed = 'no'": ["item 'q1': reversed is 'no'", "true or false"],
    "[items.q1]\nasked_if = 5": ["item 'q1': asked_if is 5", "as 'COMP == 1'"],
    "[items.q1]\nasked_if = 'q2 >'": ["item 'q1'", "'q2 >'", "cannot be read"],
    "[items.q1]\nasked_if = 'open(1, 2)'": ["item 'q1'", "not part of the language"],
    "[items.q1]\nderive = 'q2'": ["item 'q1': derive is 'q2'", "pairs of a condition"],
    "[items.q1]\nderive = [['q2']]": ["item 'q1': derive is (('q2',),)"],
    "[items.q1]\nderive = [[1, 2]]": ["item 'q1': derive is ((1, 2),)"],
    "[items.q1]\nen = ['x']": ["item 'q1': en is ('x',)"],
    "missing = 9\n[items.q1]\nscale = 1\n[items.q2]\nasked_if = '?'": [
        "3 problems",
        "missing is 9",
        "'q1'",
        "'q2'",
    ],
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_codebook(tmp_path: Path, text: str) -> None:
    with pytest.raises(csi.CsindexError) as caught:
        csi.read_codebook(write(tmp_path, text))
    assert [f for f in BROKEN[text] if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("absent.toml", "No such file"),
        (".", "Is a directory"),
        ("a\0b", "not the name of a file"),
        (5, "not int"),
        ({"scale": [1, 10]}, "not dict"),
    ],
)
def test_no_codebook_there(source: Any, fragment: str) -> None:
    with pytest.raises(csi.CsindexError) as caught:
        csi.read_codebook(source)
    assert fragment in str(caught.value)


def test_a_codebook_of_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(csi.DataError, match="not UTF-8 text; save it as UTF-8"):
        csi.read_codebook(write(tmp_path, 'title = "商店"'.encode("gb18030")))


@pytest.mark.parametrize(
    ("items", "fragment"),
    [
        ((csi.Item("q"), csi.Item("q")), "item 'q' is given twice"),
        (("q",), "'q' is not an item"),
    ],
)
def test_a_codebook_of_what_are_not_items(items: Any, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        csi.Codebook(items)


@pytest.mark.parametrize(
    ("own", "published", "general", "expected"),
    [
        ((1, 5), (0, 1), (1, 10), (1, 5)),
        (None, (0, 1), (1, 10), (0, 1)),
        (None, None, (1, 10), (1, 10)),
        (None, None, None, None),
    ],
)
def test_the_surveys_own_scale_comes_first(
    own: Any, published: Any, general: Any, expected: Any
) -> None:
    book = csi.Codebook((csi.Item("q", scale=own),), scale=general)
    assert book.item("q", csi.Item("q", scale=published)).scale == expected


def test_missing_codes_add_up() -> None:
    book = csi.Codebook((csi.Item("q", missing=(9, 99)),), missing=(98, 99))
    item = book.item("q", csi.Item("q", missing=(101,)))
    assert sorted(item.missing) == [9, 98, 99, 101]


def test_updated_keeps_the_rest() -> None:
    book = csi.Codebook((csi.Item("q", en="How?"),), scale=(1, 10))
    changed = book.updated({"q": {"scale": (1, 5)}, "r": {"reversed": True}})
    assert changed.items == (
        csi.Item("q", (1, 5), en="How?"),
        csi.Item("r", reversed=True),
    )
    with pytest.raises(csi.SpecificationError, match="unknown field 'scla' of item"):
        book.updated({"q": {"scla": (1, 5)}})


WITH_INDICATORS = """\
[indicators.staff]
construct = "quality"
en = "Staff"
zh = "人员"
controllable = true
[items.q1]
construct = "quality"
parent = "staff"
controllable = false
[items.q2]
parent = "staff"
score_map = [100, 80, 60, 30, 0]
"""


def test_specific_indicators(tmp_path: Path) -> None:
    book = csi.read_codebook(write(tmp_path, WITH_INDICATORS))
    assert book.indicators == (Indicator("staff", "quality", "Staff", "人员", True),)
    assert book.indicator_items == {"staff": ("q1", "q2")}
    assert book.controllable == {"q1": False, "staff": True}
    assert book.item("q2").score_map == (100, 80, 60, 30, 0)


BROKEN_INDICATORS: dict[str, list[str]] = {
    "[items.q1]\nparent = 'staff'": ["unknown indicator 'staff'", "[indicators.staff]"],
    "[indicators.staff]\n[items.q]\nparent = 'stuff'": ["did you mean 'staff'?"],
    "[indicators.staff]\nen = 'Staff'": ["indicators 'staff' have no items"],
    "[indicators.staff]\nconstruct = 'value'\n[items.q]\nconstruct = 'quality'\n"
    "parent = 'staff'": ["item 'q' has two parents", "'quality'", "'value'"],
    "[indicators.staff]\nconstruc = 'value'": [
        "in [indicators.staff] of codebook.toml"
    ],
    "indicators = ['staff']": ["[indicators.NAME]"],
    "[indicators.staff]\ncontrollable = 'yes'": ["controllable is 'yes'"],
    "[items.q]\nparent = 5": ["parent is 5"],
    "[items.q]\ncontrollable = 1": ["controllable is 1", "true or false"],
}


@pytest.mark.parametrize("text", BROKEN_INDICATORS)
def test_broken_indicators(tmp_path: Path, text: str) -> None:
    with pytest.raises(csi.SpecificationError) as caught:
        csi.read_codebook(write(tmp_path, text))
    assert [f for f in BROKEN_INDICATORS[text] if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("indicators", "fragment"),
    [
        (("staff",), "'staff' is not an indicator"),
        ((Indicator("staff"), Indicator("staff")), "'staff' is given twice"),
    ],
)
def test_what_are_no_indicators(indicators: Any, fragment: str) -> None:
    with pytest.raises(csi.SpecificationError, match=fragment):
        csi.Codebook((csi.Item("q", parent="staff"),), indicators=indicators)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers(-99, 999) | st.floats(-1e6, 1e6, width=32)
WRITTEN_ITEMS = st.builds(
    csi.Item,
    name=TEXTS,
    scale=st.none() | st.sampled_from([(1, 10), (0.5, 5), (1, 5)]),
    reversed=st.booleans(),
    missing=st.lists(NUMBERS, max_size=3).map(tuple),
    asked_if=st.none() | st.just("REPUR >= 6"),
    derive=st.sampled_from([(), (("A >= 6", "25 + min(B, 25)"), ("A < 6", "B"))]),
    construct=TEXTS,
    en=TEXTS,
    zh=TEXTS,
    parent=st.sampled_from(["", "staff"]),
    controllable=st.none() | st.booleans(),
    labels=st.lists(st.tuples(NUMBERS, TEXTS), max_size=2).map(tuple),
)
WRITTEN = st.builds(
    csi.Codebook,
    items=st.lists(WRITTEN_ITEMS, max_size=4, unique_by=lambda item: item.name).map(
        lambda items: (
            *(i for i in items if i.name != "last"),
            csi.Item("last", score_map="five_uneven", parent="staff"),
        )
    ),
    scale=st.none() | st.just((1, 10)),
    missing=st.lists(NUMBERS, max_size=3).map(tuple),
    weights=st.none() | TEXTS,
    groups=st.lists(TEXTS, max_size=2).map(tuple),
    title=TEXTS,
    indicators=st.builds(Indicator, name=st.just("staff"), en=TEXTS, zh=TEXTS).map(
        lambda indicator: (indicator,)
    ),
)


@STEADY
@given(book=WRITTEN)
def test_reading_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, book: csi.Codebook
) -> None:
    path = tmp_path_factory.mktemp("written") / "codebook.toml"
    path.write_bytes(book.to_toml().encode())
    assert csi.read_codebook(path) == book


@pytest.mark.parametrize("name", csi.datasets()["name"])
def test_shipped_codebooks_survive_writing(tmp_path: Path, name: str) -> None:
    book = csi.load_dataset(name).codebook
    assert csi.read_codebook(write(tmp_path, book.to_toml())) == book


def test_a_draft_of_a_shipped_survey() -> None:
    survey = csi.load_dataset("retail")
    book = draft(survey.frame)
    known = {i.name for i in survey.codebook.items} & set(survey.frame.columns)
    # price tolerance ends at 26 percent, which is no usual scale
    assert known - {item.name for item in book.items} == {"HIGHPTOL", "LOWPTOL"}
    assert (book.scale, book.missing, book.weights) == ((1, 10), (98, 99), "weight")
    assert book.groups == survey.codebook.groups
    assert book.item("COMP").scale == (0, 1)
    drafted = csi.fit(csi.acsi(), csi.read_survey(survey.frame, codebook=book))
    assert drafted.index == csi.fit(csi.acsi(), survey).index


COLUMN_KINDS: dict[str, tuple[list[Any], str, Any, tuple[float, ...]]] = {
    "ten": ([1, 5, 10, 99], "item", (1, 10), (99,)),
    "used by few": ([6, 7, 8, 99], "item", (1, 10), (99,)),
    "negative codes": ([0, 10, 7, -9], "item", (0, 10), (-9,)),
    "hundred": ([0, 55, 98, 99], "item", (0, 100), ()),
    "yes or no": ([0, 1, 1, 88], "item", (0, 1), (88,)),
    "flags": ([True, False, True, None], "item", (0, 1), ()),
    "numbers as text": (["1", " 4 ", "10", "NA"], "item", (1, 10), ()),
    "age": ([18, 35, 70, 55], "number", None, ()),
    "money": ([1.5, 2.25, 3.75, 4.0], "number", None, ()),
    "remarks": (["a", "b", "c", "d"], "text", None, ()),
    "mixed": (["1", "4", "good", "4"], "text", None, ()),
    "shop": (["A", "B", "A", "B"], "group", None, ()),
    "constant": ([3, 3, 3, 99], "constant", None, (99,)),
    "one word": (["x", "x", "x", None], "constant", None, ()),
    "empty": ([None, None, None, None], "empty", None, ()),
    "only codes": ([99, 99, 99, 99], "constant", None, ()),
    "weight": ([0.5, 1.5, 1.0, 1.2], "weights", None, ()),
}


@pytest.mark.parametrize("name", COLUMN_KINDS)
def test_guesses_by_column(name: str) -> None:
    values, kind, scale, missing = COLUMN_KINDS[name]
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype=object), "tens": [1, 10, 4, 5]},
    )
    guess = guess_columns(frame)[0]
    assert (guess.kind, guess.scale, guess.missing) == (kind, scale, missing)
    assert guess.reason


def test_a_column_of_two_codes_divides_the_sample() -> None:
    frame = pd.DataFrame(
        {"sex": [1, 2] * 20, "q": [1, 10] * 20, "r": [1, 10, 4, 5] * 10}
    )
    assert [guess.kind for guess in guess_columns(frame)] == ["group", "group", "item"]


def test_nothing_to_draft() -> None:
    with pytest.raises(csi.DataError, match="no column seems to hold answers"):
        draft(pd.DataFrame({"name": ["a", "b"], "remark": ["x", "x"]}))
    with pytest.raises(csi.DataError, match="there are none"):
        draft(pd.DataFrame())


def test_what_is_known_depends_on_the_publication() -> None:
    book = csi.Codebook([csi.Item("q1", missing=(98,))], scale=(1, 10))
    for scale in [(1.0, 5.0), (1.0, 7.0)]:
        for published in (csi.Item("q1", scale=scale), None):
            known = book.item("q1", published)
            assert known.scale == (scale if published else (1, 10))
            assert known.missing == (98,)
            assert book.item("q1", published) is known
