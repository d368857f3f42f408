"""The fast double bootstrap: by hand, by theory, and its draws by their moments."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose

from csindex.inference.double_bootstrap import (
    bootstrap_test,
    can_redraw,
    redrawn_weights,
)
from csindex.inference.resampling import Plan, drawn_weights
from csindex.survey import Answers

# nine resampled statistics
NINE = np.arange(1.0, 10.0)


@pytest.mark.parametrize(
    ("observed", "factor", "p"),
    [
        # 8 and 9 are larger; the value that two of 2, 4 ... 18 exceed is 14; none of
        # 1 ... 9 is as large
        (7.5, 2.0, 0.1),
        # five are larger; five of 2, 4 ... 18 exceed 8; 8 and 9 are as large
        (4.5, 2.0, 0.3),
        # one is larger; one of .5, 1 ... 4.5 exceeds 4; six are as large
        (8.5, 0.5, 0.7),
        # none is larger, whatever T** are
        (10.0, 0.5, 0.1),
        # all are larger
        (0.5, 2.0, 1.0),
        # two are as large; T** as T*: the value that two of 1 ... 9 exceed is 7; three
        # are as large
        (8.0, 1.0, 0.4),
    ],
)
def test_p_is_that_of_a_hand(observed: float, factor: float, p: float) -> None:
    found = bootstrap_test(np.array([observed]), NINE[:, None], factor * NINE[:, None])
    assert_allclose(found.p, [p], rtol=1e-14)


def test_p_without_a_second_level() -> None:
    found = bootstrap_test(
        np.array([7.5, 9.0, np.nan]), np.repeat(NINE, 3).reshape(-1, 3)
    )
    assert_allclose(found.p, [0.3, 0.2, np.nan], rtol=1e-14)


def test_lost_resamples_of_resamples_thin_their_order_out() -> None:
    # every other one of 1 ... 9 is lost: the places of 5 in the order of 9 are 0, 2, ..
    first, second = NINE[:, None], 2 * NINE[::2, None]
    whole = bootstrap_test(np.array([4.5]), first, 2 * first).p
    # two of 1 ... 9 are larger than 7.5: second place from above, which is 14
    assert_allclose(bootstrap_test(np.array([7.5]), first, second).p, [0.1])
    # five: between the places 2 (10) and 3 (6), in the middle: 8; two are as large
    assert_allclose(bootstrap_test(np.array([4.5]), first, second).p, whole)


def test_what_exceeds_the_critical_value_is_rejected_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(59, 40)), 1.2 * rng.normal(size=(57, 40))
    for again in (None, second):
        critical = bootstrap_test(np.zeros(40), first, again, 0.9).critical
        for moved in (-1e-9, 1e-9):
            p = bootstrap_test(critical + moved, first, again, 0.9).p
            assert ((p <= 0.1 + 1e-12) == (moved > 0)).all()
        # larger statistics never have larger p
        grid = [
            bootstrap_test(np.full(40, t), first, again).p for t in np.linspace(-4, 4)
        ]
        assert (np.diff(grid, axis=0) <= 0).all()


@pytest.mark.parametrize(("b", "rank"), [(39, 2), (39, 4)])
def test_size_is_that_of_theory_where_all_levels_have_one_law(
    b: int, rank: int
) -> None:
    # with a = rank / (b + 1) the expected share is (rank b / (b + 1) + q) / (b + 1),
    # where q is the chance that the largest ``rank`` of all 2 b are T*
    samples, level = 12_000, 1 - rank / (b + 1)
    draws = np.random.default_rng(2).random((2 * b + 1, samples))
    p = bootstrap_test(draws[0], draws[1 : b + 1], draws[b + 1 :], level).p
    chance = comb(2 * b - rank, b) / comb(2 * b, b)
    expected = (rank * b / (b + 1) + chance) / (b + 1)
    share = (p <= 1 - level + 1e-9).mean()
    assert abs(share - expected) < 3.3 * np.sqrt(expected / samples)


def test_statistics_that_vary_more_in_resamples_are_corrected() -> None:
    # T, T* and T** are normal with standard deviations 1, 1.2 and 1.2**2: the test of
    # T against T* rejects too seldom, P(Z > 1.2 * 1.645) = .024; the corrected one
    # asks how often 1.2 Z exceeds 1.2**2 * 1.645, which is when Z exceeds 1.2 * 1.645
    # and T is compared with the 1.645 quantile: 5 %
    rng = np.random.default_rng(3)
    samples, b = 3000, 399
    t, first = rng.normal(size=samples), 1.2 * rng.normal(size=(b, samples))
    second = 1.44 * rng.normal(size=(b, samples))
    plain = (bootstrap_test(t, first).p <= 0.05).mean()
    corrected = (bootstrap_test(t, first, second).p <= 0.05).mean()
    assert abs(plain - 0.0242) < 3.3 * np.sqrt(0.0242 / samples)
    assert abs(corrected - 0.05) < 3.3 * np.sqrt(0.05 / samples)


def _answers(n: int, **design: np.ndarray) -> Answers:
    return Answers(
        names=("a",),
        values=np.zeros((n, 1)),
        rows=np.arange(n),
        low=np.array([np.nan]),
        high=np.array([np.nan]),
        flow=(),
        **design,  # type: ignore[arg-type]
    )


def _redrawn(answers: Answers, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of one resample, and of many resamples of it."""
    (weights,) = drawn_weights(answers, Plan(1, 7))
    generator = np.random.default_rng(8)
    again = redrawn_weights(answers, np.repeat(weights, times, axis=0), generator)
    return weights[0], again


TIMES = 4000


def test_a_resample_is_drawn_from_as_a_sample_is() -> None:
    weights, again = _redrawn(_answers(30), TIMES)
    assert_allclose(again.sum(axis=1), 30)
    # multinomial: 30 draws with probabilities weights / 30
    share = weights / 30
    assert (again[:, weights == 0] == 0).all()
    variance = 30 * share * (1 - share)
    error = np.sqrt(variance / TIMES)
    assert (np.abs(again.mean(axis=0) - weights) <= 4 * error).all()
    assert_allclose(again.var(axis=0), variance, rtol=0.15)


def test_sampling_weights_go_with_the_respondents() -> None:
    own = np.linspace(0.5, 2.0, 30)
    plain = _redrawn(_answers(30), 20)[1]
    assert_allclose(_redrawn(_answers(30, weights=own), 20)[1], plain * own)


def test_strata_and_clusters_are_kept() -> None:
    # 5 and 4 clusters of two
    strata = np.repeat([0, 1], [10, 8])
    clusters = np.arange(18) // 2
    answers = _answers(18, strata=strata, clusters=clusters)
    weights, again = _redrawn(answers, TIMES)
    assert_allclose(again[:, ::2], again[:, 1::2])
    for code, size in ((0, 5), (1, 4)):
        own = strata == code
        chosen, kept = weights[own][::2], again[:, own][:, ::2]
        assert_allclose(kept.sum(axis=1), size)
        # of the size - 1 units drawn, size - 2 are drawn anew, each with weight
        # size / (size - 2)
        share = chosen / size
        factor = size / (size - 2)
        variance = factor**2 * (size - 2) * share * (1 - share)
        error = np.sqrt(variance / TIMES)
        assert (np.abs(kept.mean(axis=0) - chosen) <= 4 * error + 1e-12).all()
        assert_allclose(kept.var(axis=0), variance, rtol=0.15, atol=1e-12)


def test_strata_of_two_units_are_drawn_from_once_only() -> None:
    assert can_redraw(_answers(5))
    assert can_redraw(_answers(6, strata=np.repeat([0, 1], 3)))
    assert not can_redraw(_answers(5, strata=np.repeat([0, 1], [3, 2])))
    clusters = np.array([0, 0, 1, 1, 2, 3])
    assert not can_redraw(
        _answers(6, strata=np.repeat([0, 1], [4, 2]), clusters=clusters)
    )
    assert can_redraw(_answers(6, clusters=clusters))
