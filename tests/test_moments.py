"""Moments: made from answers, given by hand, and what they refuse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.moments.cautions import copy_cautions

# the same examples every time, however long a busy machine takes
STEADY = settings(deadline=None, derandomize=True)

NAMES = ["a", "b", "c"]
VALUES = np.random.default_rng(5).integers(1, 11, size=(80, 3)).astype(float)
WEIGHTS = np.random.default_rng(6).uniform(0.2, 3, size=80)
FRAME = pd.DataFrame(VALUES, columns=NAMES)
PAIR = csi.Model(
    "pair", (csi.reflective("x", "a"), csi.reflective("y", "b")), [("x", "y")]
)


def weighted(weights: Any, frame: pd.DataFrame = FRAME) -> csi.Moments:
    """Return the moments of weighted answers."""
    return csi.moments(frame.assign(w=weights), NAMES, weights="w")


def test_moments_of_answers() -> None:
    made = csi.moments(FRAME, NAMES)
    assert_allclose(made.mean, VALUES.mean(axis=0), rtol=1e-13)
    assert_allclose(made.cov, np.cov(VALUES, rowvar=False), rtol=1e-12)
    assert_allclose(made.corr, np.corrcoef(VALUES, rowvar=False), rtol=1e-12)
    assert_allclose(made.sd, VALUES.std(axis=0, ddof=1), rtol=1e-13)
    assert made.n == 80
    assert made.batch == ()


def test_moments_of_weighted_answers() -> None:
    made = weighted(WEIGHTS)
    cov = np.cov(VALUES, rowvar=False, aweights=WEIGHTS, ddof=0) * 80 / 79
    assert_allclose(made.mean, np.average(VALUES, axis=0, weights=WEIGHTS), rtol=1e-12)
    assert_allclose(made.cov, cov, rtol=1e-12)


def test_respondents_with_gaps_are_left_out() -> None:
    holed = FRAME.mask(np.random.default_rng(7).random(FRAME.shape) < 0.1)
    expected = np.cov(holed.dropna(), rowvar=False)
    assert_allclose(csi.moments(holed, NAMES).cov, expected, rtol=1e-12)


@STEADY
@given(hnp.arrays(np.int64, 80, elements=st.integers(1, 4)))
def test_whole_weights_are_repeated_rows(counts: np.ndarray) -> None:
    repeated = np.repeat(VALUES, counts, axis=0)
    made = weighted(counts)
    assert_allclose(made.mean, repeated.mean(axis=0), rtol=1e-12)
    assert_allclose(made.corr, np.corrcoef(repeated, rowvar=False), atol=1e-12)


@STEADY
@given(st.floats(1e-6, 1e6))
def test_only_proportions_of_weights_matter(factor: float) -> None:
    plain, scaled = weighted(WEIGHTS), weighted(WEIGHTS * factor)
    assert_allclose(scaled.mean, plain.mean, rtol=1e-12)
    assert_allclose(scaled.cov, plain.cov, rtol=1e-10)


@STEADY
@given(hnp.arrays(np.bool_, 80).filter(lambda kept: kept.sum() > 10))
def test_weight_zero_leaves_a_row_out(kept: np.ndarray) -> None:
    zero = weighted(np.where(kept, WEIGHTS, 0))
    dropped = weighted(WEIGHTS[kept], FRAME[kept])
    assert zero.n == dropped.n == kept.sum()
    assert_allclose(zero.cov, dropped.cov, rtol=1e-12)


def test_large_offsets_lose_no_digits() -> None:
    made = csi.moments(FRAME + 1e9, NAMES)
    assert_allclose(made.cov, np.cov(VALUES, rowvar=False), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32"])
def test_small_numbers_do_not_overflow(dtype: Any) -> None:
    made = csi.moments(FRAME.astype(dtype), NAMES)
    assert_allclose(made.cov, np.cov(VALUES, rowvar=False), rtol=1e-12)


def test_groups_are_a_stack() -> None:
    labels = np.where(np.arange(80) % 3, "x", "y")
    made = csi.moments(FRAME.assign(g=labels, w=WEIGHTS), NAMES, by="g", weights="w")
    assert made.labels == ("x", "y")
    assert made.batch == (2,)
    for k, label in enumerate(made.labels):
        own = weighted(WEIGHTS[labels == label], FRAME[labels == label])
        assert_allclose(made[k].cov, own.cov, rtol=1e-12)
        assert_allclose(made[k].mean, own.mean, rtol=1e-12)
        assert made[k].n == own.n


def test_one_of_a_stack_is_fitted() -> None:
    frame = FRAME.assign(g=np.arange(80) % 2)
    stack = csi.moments(frame, NAMES, by="g")
    expected = [np.corrcoef(VALUES[k::2], rowvar=False)[0, 1] for k in range(2)]
    found = [csi.fit(PAIR, stack[k]).paths["estimate"].item() for k in range(2)]
    assert_allclose(found, expected, rtol=1e-10)


def test_select_takes_items_in_their_order() -> None:
    made = csi.moments(FRAME, NAMES)
    chosen = made.select(["c", "a"])
    assert chosen.names == ("c", "a")
    assert_array_equal(chosen.cov, made.cov[[2, 0]][:, [2, 0]])
    assert_array_equal(chosen.mean, made.mean[[2, 0]])
    with pytest.raises(csi.DataError, match="unknown item 'd' in the moments"):
        made.select(["a", "d"])


def given_moments(**changed: Any) -> csi.Moments:
    """Return good moments of two items, except for what is changed."""
    good = {"names": ["a", "b"], "mean": [8, 7], "cov": [[4, 2], [2, 4]], "n": 250}
    return csi.Moments(**{**good, **changed})


@pytest.mark.parametrize("low", [1, [1, 1], None])
def test_moments_given_by_hand(low: Any) -> None:
    made = given_moments(low=low, high=10)
    assert_array_equal(made.corr, [[1, 0.5], [0.5, 1]])
    assert_array_equal(made.low, [np.nan] * 2 if low is None else [1, 1])
    assert_array_equal(made.high, [10, 10])
    assert repr(made) == "Moments(2 items, n=250)"


def test_a_frame_of_covariances_is_taken() -> None:
    cov = pd.DataFrame([[4, 2], [2, 4]], index=["a", "b"], columns=["a", "b"])
    assert_array_equal(given_moments(cov=cov).cov, cov)


STACK = {"mean": np.zeros((3, 2)), "cov": np.broadcast_to(np.eye(2), (3, 2, 2))}

REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"names": "ab"}, ["names must be a list of texts, as ['q1', 'q2'], not 'ab'"]),
    ({"names": [1, 2]}, ["names must be a list of texts"]),
    ({"names": ["a", "a"]}, ["several items have the name 'a'"]),
    ({"names": []}, ["there are no items"]),
    ({"mean": [8]}, ["mean has shape (1,); 2 names need (..., 2)"]),
    ({"mean": ["x", "y"]}, ["mean must be numbers"]),
    ({"mean": [[1, 2], [3]]}, ["mean must be numbers, in rows of one length"]),
    ({"cov": [[1, 2]]}, ["cov has shape (1, 2); 2 names and such a mean need (2, 2)"]),
    ({"cov": None}, ["cov has shape ()"]),
    ({"cov": "x"}, ["cov must be numbers"]),
    ({**STACK, "mean": [8, 7]}, ["cov has shape (3, 2, 2)"]),
    ({"n": 1}, ["n is the number of respondents: a whole number of 2 or more"]),
    ({"n": -5}, ["n is the number of respondents"]),
    ({"n": 20.5}, ["n is the number of respondents"]),
    ({"n": np.nan}, ["n is the number of respondents"]),
    ({"n": "many"}, ["n must be numbers"]),
    ({"n": [250, 250]}, ["n has shape (2,); give one number, or one per set"]),
    ({**STACK, "n": [250, 250]}, ["n has shape (2,)"]),
    ({**STACK, "labels": ["x", "y"]}, ["there are 2 labels; give one per set"]),
    ({"labels": ["x"]}, ["there are 1 labels"]),
    ({"weight": 0}, ["weight is a sum of weights: a number above zero"]),
    ({"weight": [1, 2]}, ["weight has shape (2,)"]),
    ({"low": [1, 2, 3]}, ["low and high must be one number or 2, one per name"]),
    ({"low": "one"}, ["low must be numbers"]),
    ({"low": 10, "high": [10, 11]}, ["the scale of 'a' must rise", "10 to 10"]),
    ({"low": 1, "high": np.inf}, ["the scale of 'a' must rise", "1 to inf"]),
    (
        {"mean": [1], "n": 0, "low": [1, 2, 3]},
        ["3 problems", "mean has", "n is", "low and high"],
    ),
]


@pytest.mark.parametrize(("changed", "fragments"), REFUSED)
def test_moments_that_do_not_fit(changed: dict[str, Any], fragments: list[str]) -> None:
    with pytest.raises(csi.DataError, match="moments: ") as caught:
        given_moments(**changed)
    assert [f for f in fragments if f not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("cov", "fragment"),
    [
        ([[4, 2], [1, 4]], "the covariance matrix is not symmetric"),
        ([[0, 0], [0, 4]], "item 'a' has no variance; leave it out"),
        ([[4, 0], [0, -1]], "item 'b' has no variance"),
        ([[4, np.nan], [np.nan, 4]], "values that are not finite"),
        ([[4, np.inf], [np.inf, 4]], "values that are not finite"),
        ([[1, 2], [2, 1]], "no answers have such correlations"),
        ([[1, -1.5], [-1.5, 1]], "smallest eigenvalue is -0.5"),
    ],
)
def test_moments_that_no_answers_have(cov: Any, fragment: str) -> None:
    with pytest.raises(csi.DataError) as caught:
        csi.fit(PAIR, given_moments(cov=cov))
    assert fragment in str(caught.value)


def test_a_mean_that_is_not_finite() -> None:
    with pytest.raises(csi.DataError, match="not finite; mend mean and cov"):
        csi.fit(PAIR, given_moments(mean=[np.nan, 7]))


def test_an_item_that_the_moments_do_not_have() -> None:
    with pytest.raises(csi.DataError, match="unknown item 'b' in the moments"):
        csi.fit(PAIR, given_moments(names=["a", "c"]))


def test_only_a_stack_is_divided() -> None:
    with pytest.raises(csi.SpecificationError, match="one set, not a stack"):
        given_moments()[0]
    stack = given_moments(**STACK, labels=["x", "y", "z"])
    with pytest.raises(csi.SpecificationError, match=r"by position.* 'x', 'y', 'z'"):
        stack["y"]  # type: ignore[index]
    assert repr(stack) == "Moments(2 items, n=[250 250 250], a stack of 3)"


def parts(cut: int, **options: Any) -> tuple[csi.Moments, csi.Moments, csi.Moments]:
    """Return the moments of some rows, of the others, and of all."""
    frame = FRAME.assign(w=WEIGHTS, g=np.arange(80) % 2)
    pieces = (frame[:cut], frame[cut:], frame)
    first, second, whole = (csi.moments(piece, NAMES, **options) for piece in pieces)
    return first, second, whole


OPTIONS: list[dict[str, Any]] = [
    {},
    {"weights": "w"},
    {"by": "g"},
    {"by": "g", "weights": "w", "scale": (1, 10)},
    {"buckets": 20},
    {"by": "g", "weights": "w", "buckets": 20},
]


def same(a: csi.Moments, b: csi.Moments) -> None:
    assert_array_equal(a.n, b.n)
    assert_allclose(a.mean, b.mean, rtol=1e-12)
    assert_allclose(a.cov, b.cov, rtol=1e-12, atol=1e-13)
    assert_allclose(a.weight, b.weight, rtol=1e-12)
    assert a.labels == b.labels
    assert a.flow == b.flow


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("cut", [20, 41])
def test_moments_of_parts_add_up(cut: int, options: dict[str, Any]) -> None:
    first, second, whole = parts(cut, **options)
    same(first + second, whole)
    if whole.buckets is None:
        same(whole - second, first)
        return
    # read at once, the second part's rows have other places
    with pytest.warns(csi.errors.SpecificationWarning, match="has no buckets"):
        apart = whole - second
    same(apart, first)
    assert apart.buckets is None
    together = (first + second).buckets
    assert together is not None
    assert_allclose(together.total().cov(), whole.cov, rtol=1e-12)
    left = (first + second - second).select(["c", "a"]).buckets
    assert left is not None
    assert_allclose(
        left.total().cov(), first.cov[..., [2, 0], :][..., [2, 0]], rtol=1e-12
    )


def kish(weights: np.ndarray) -> float:
    """Return the effective number of respondents."""
    return float(weights.sum() ** 2 / (weights**2).sum())


@pytest.mark.parametrize("buckets", [None, 20])
def test_effective_respondents(buckets: int | None, tmp_path: Path) -> None:
    frame = FRAME.assign(w=WEIGHTS, g=np.arange(80) % 2)
    frame.to_parquet(tmp_path / "all.parquet")
    expected = kish(WEIGHTS)
    survey = csi.read_survey(frame, weights="w")
    for made in (
        csi.moments(survey, NAMES, buckets=buckets),
        csi.moments(frame, NAMES, weights="w", buckets=buckets),
        csi.moments(tmp_path / "all.parquet", NAMES, weights="w", buckets=buckets),
    ):
        assert_allclose(made.effective_n, expected, rtol=1e-12)
        assert_allclose(made.select(["b", "a"]).effective_n, expected, rtol=1e-12)
        fit = csi.fit(PAIR, made)
        assert_allclose(fit.effective_n, expected, rtol=1e-12)
    assert_allclose(csi.fit(PAIR, survey).effective_n, expected, rtol=1e-12)
    for source, column in ((survey, None), (frame, "w")):
        groups = csi.moments(source, NAMES, by="g", weights=column, buckets=buckets)
        apart = [kish(WEIGHTS[0::2]), kish(WEIGHTS[1::2])]
        assert_allclose(groups.effective_n, apart, rtol=1e-12)
        assert_allclose(groups[1].effective_n, apart[1], rtol=1e-12)


@pytest.mark.parametrize("buckets", [None, 20])
@pytest.mark.parametrize("cut", [20, 41])
def test_effective_respondents_add(cut: int, buckets: int | None) -> None:
    frame = FRAME.assign(w=WEIGHTS)
    first, second = (
        csi.moments(part, NAMES, weights="w", buckets=buckets)
        for part in (frame[:cut], frame[cut:])
    )
    assert_allclose((first + second).effective_n, kish(WEIGHTS), rtol=1e-12)
    left = first + second - second
    assert_allclose(left.effective_n, kish(WEIGHTS[:cut]), rtol=1e-10)
    if left.buckets is not None:
        assert_allclose(left.buckets.squares.sum(), (WEIGHTS[:cut] ** 2).sum())


def test_equal_weights_weaken_nothing() -> None:
    assert given_moments().effective_n == 250
    assert given_moments(weight=1000).effective_n == 250
    assert given_moments(weight=250, squares=500).effective_n == 125


@pytest.mark.parametrize(
    ("squares", "fragment"),
    [
        (200, "weight**2 / n or more"),
        (np.nan, "weight**2 / n or more"),
        ([300, 300], "squares has shape (2,)"),
    ],
)
def test_squares_that_no_weights_have(squares: Any, fragment: str) -> None:
    with pytest.raises(csi.errors.DataError, match=re.escape(fragment)):
        given_moments(weight=250, squares=squares)


@STEADY
@given(
    hnp.arrays(np.float64, (30, 3), elements=st.floats(-10, 10)),
    st.integers(4, 26),
    st.sampled_from([0.0, 1e3, 1e6]),
)
def test_added_moments_are_those_of_all_rows(
    rows: np.ndarray, cut: int, offset: float
) -> None:
    noise = np.random.default_rng(1).normal(size=rows.shape)
    values = rows + noise + offset
    made = [
        csi.Moments(NAMES, own.mean(axis=0), np.cov(own, rowvar=False), len(own))
        for own in (values[:cut], values[cut:])
    ]
    together = made[0] + made[1]
    assert_allclose(together.mean, values.mean(axis=0), rtol=1e-12, atol=1e-12)
    expected = np.cov(values, rowvar=False)
    # an offset costs digits in the input already
    limit = 1e-12 * np.abs(expected).max() * max(1.0, offset / 1e3)
    assert_allclose(together.cov, expected, rtol=0, atol=limit)


def test_far_means_add_without_loss() -> None:
    near, far = given_moments(), given_moments(mean=[8e6, 7e6])
    d = np.array([8e6 - 8, 7e6 - 7])
    expected = (249 * near.cov * 2 + 125 * np.outer(d, d)) / 499
    assert_allclose((near + far).cov, expected, rtol=1e-12)
    assert_allclose((near + far - far).mean, near.mean, rtol=1e-7)


UNEQUAL: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"names": ["a", "c"]}, {}, ["items 'b', 'c' are in one of them only"]),
    ({"names": ["b", "a"]}, {}, ["another order; use b.select(a.names)"]),
    ({"low": 1, "high": 5}, {"low": 1, "high": 10}, ["the items have other scales"]),
    (
        {**STACK, "labels": "xyz"},
        {**STACK, "labels": "xyw"},
        ["the labels", "'x', 'y', 'z'", "'x', 'y', 'w'"],
    ),
    ({**STACK}, {}, ["one is a stack of", "(3,)", "()"]),
    ({"names": ["a", "c"], **STACK, "labels": "xyz"}, {}, ["2 problems"]),
]


@pytest.mark.parametrize(("mine", "other", "fragments"), UNEQUAL)
def test_what_differs_does_not_add(
    mine: dict[str, Any], other: dict[str, Any], fragments: list[str]
) -> None:
    for first, second in ((mine, other), (other, mine)):
        with pytest.raises(csi.DataError) as caught:
            given_moments(**first) + given_moments(**second)
        assert [f for f in fragments if f not in str(caught.value)] == []


def test_buckets_must_match() -> None:
    few, many = (csi.moments(FRAME, NAMES, buckets=g) for g in (20, 30))
    with pytest.raises(csi.DataError, match="one has 20 buckets, the other 30"):
        few + many
    with pytest.raises(csi.DataError, match="one has 20 buckets, the other none"):
        few - csi.moments(FRAME, NAMES)


@pytest.mark.parametrize("taken", [{"n": 250}, {"n": 249}, {"n": 100, "mean": [80, 7]}])
def test_only_what_is_there_can_be_taken_away(taken: dict[str, Any]) -> None:
    with pytest.raises(csi.DataError, match="not among those they are taken from"):
        given_moments() - given_moments(**taken)


def test_moments_add_to_moments_only() -> None:
    with pytest.raises(TypeError):
        given_moments() + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        given_moments() - "x"  # type: ignore[operator]


def copies(**columns: Any) -> list[str]:
    """Return what is told of answers with more columns."""
    frame = FRAME.assign(**columns)
    told = copy_cautions(list(frame.columns), np.corrcoef(frame, rowvar=False))
    assert {type(caution) for caution in told} <= {csi.AnswersWarning}
    return [str(caution) for caution in told]


@pytest.mark.parametrize(
    "copy", [VALUES[:, 1], 11 - VALUES[:, 1], 3 + VALUES[:, 1] / 9]
)
def test_items_that_say_the_same_are_told(copy: Any) -> None:
    (told,) = copies(d=copy, e=VALUES[:, 0])
    assert "'a and e', 'b and d' say the same" in told
    assert "leave one of each pair out" in told


def test_items_that_say_nearly_the_same_are_none() -> None:
    rng = np.random.default_rng(4)
    near = VALUES[:, 1] + 0.01 * rng.normal(size=80)
    assert np.corrcoef(near, VALUES[:, 1])[0, 1] > 0.9999
    assert copies() == copies(d=near) == []


TRIO = csi.Model(
    "trio",
    (csi.reflective("x", "a", "copy"), csi.reflective("y", "b", "c")),
    [("x", "y")],
)


def test_a_fit_tells_of_items_that_say_the_same() -> None:
    frame = FRAME.assign(copy=2 * FRAME["a"], g=np.arange(80) % 2)
    sources: list[tuple[Any, dict[str, Any]]] = [
        (frame, {}),
        (csi.moments(frame, TRIO.items), {}),
        (frame, {"by": "g"}),
        (frame.assign(b=frame["b"].mask(frame["b"] == 5)), {"incomplete": "mean"}),
    ]
    for data, options in sources:
        with pytest.warns(csi.AnswersWarning) as heard:
            csi.fit(TRIO, data, **options)
        (told,) = heard
        assert str(told.message).startswith("items 'a and copy' say the same")
        assert told.filename == __file__
    with pytest.raises(csi.DataError, match="'a and copy' say the same"):
        csi.fit(TRIO, frame, csi.PLS(mode="B"))  # no warning besides


def test_a_group_with_items_that_say_the_same() -> None:
    groups = np.arange(80) % 2
    copy = np.where(groups == 1, FRAME["a"], VALUES[::-1, 0])
    with pytest.warns(csi.AnswersWarning, match="g 1: items 'a and copy'") as heard:
        csi.fit(TRIO, FRAME.assign(copy=copy, g=groups), by="g")
    assert len(heard) == 1


def test_labelled_moments_are_put_in_order() -> None:
    frame = pd.DataFrame(
        np.random.default_rng(8).normal(size=(50, 3)), columns=list("abc")
    )
    names = ["c", "a"]
    made = csi.Moments(
        names,
        frame.mean(),
        frame.cov(),
        50,
        low={"a": 1, "c": 2},
        high=pd.Series([9, 8], ["c", "a"]),
    )
    assert_allclose(made.mean, frame[names].mean())
    assert_allclose(made.cov, frame[names].cov())
    assert made.low.tolist() == [2, 1]
    assert made.high.tolist() == [9, 8]
    plain = pd.DataFrame(frame[names].cov().to_numpy())
    same = csi.Moments(names, frame[names].mean().to_list(), plain, 50)
    assert_allclose(same.cov, made.cov)


def test_labels_that_lack_an_item_are_refused() -> None:
    cov = pd.DataFrame(np.eye(2), list("ab"), list("ab"))
    with pytest.raises(csi.DataError) as caught:
        csi.Moments(["a", "x"], pd.Series([1.0, 2, 3], list("aax")), cov, 9)
    assert "mean names 'a' more than once" in str(caught.value)
    assert "cov has nothing for the items 'x'; it has 'a', 'b'" in str(caught.value)
