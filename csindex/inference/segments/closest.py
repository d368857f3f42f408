"""REBUS-PLS: segments as classes of respondents that are close to a local model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import Estimates, PLSc, row_estimator
from csindex.inference.segments.sample import (
    Division,
    Sample,
    equal_parts,
    ranks_by_size,
    starts_table,
)
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.kernels.closeness import LocalModels, closeness, residuals
from csindex.kernels.partitions import adjusted_rand
from csindex.kernels.threads import one_thread
from csindex.results import Results

# share of the respondents that may still move when the classes count as stable
STOP = 0.005
MOST_ITERATIONS = 100
# a tree of respondents needs memory by the square of their number
MOST_RESPONDENTS = 10_000


def local_models(made: Estimates) -> LocalModels:
    """Return what residuals are computed from.

    Parameters
    ----------
    made : Estimates
        A stack of estimates.

    Returns
    -------
    LocalModels
        Its models.
    """
    return LocalModels(
        made.moments.mean,
        made.moments.sd,
        made.weights,
        made.loadings,
        made.paths,
        made.r_squared,
        made.model.structure,
    )


def refusals(results: Results, n: int) -> list[str]:
    """Return why a fit's respondents can't be divided by their residuals.

    Parameters
    ----------
    results : Results
        The fit.
    n : int
        Number of respondents.

    Returns
    -------
    list of str
        The reasons; empty when there is none.
    """
    problems: list[str] = []
    if row_estimator(results.estimator) is not None:
        problems.append(
            f"estimates by {type(results.estimator).__name__} are not made of the "
            "answers' own moments, so that there are no residuals; take "
            "method='fimix', or fit with csi.PLS()"
        )
    if isinstance(results.estimator, PLSc):
        problems.append(
            "PLSc's loadings and paths are those of constructs without error, which "
            "scores don't follow; fit with csi.PLS()"
        )
    model = results.model
    formative = [
        construct.name
        for construct, regressed in zip(
            model.constructs, results.estimates.formative, strict=True
        )
        if len(construct.items) > 1
        and (regressed or construct.measurement == "composite")
    ]
    if formative:
        problems.append(
            f"rebus compares items with the scores they reflect, and "
            f"{quoted(formative)} is composed of its items; take method='fimix'"
        )
    elif all(len(construct.items) == 1 for construct in model.constructs):
        problems.append(
            "rebus needs constructs with several items; take method='fimix'"
        )
    if n > MOST_RESPONDENTS:
        problems.append(
            f"rebus starts from a tree of all respondents, which {n} are too many for; "
            f"draw {MOST_RESPONDENTS} of them, or take method='fimix'"
        )
    return problems


def closest(
    sample: Sample, ks: Sequence[int], seed: int, starts: int
) -> list[Division]:
    """Divide respondents by their closeness to local models.

    Parameters
    ----------
    sample : Sample
        The respondents.
    ks : sequence of int
        Numbers of segments.
    seed : int
        Seed of the starts beside the tree's.
    starts : int
        Starts: the tree's classes first, as published; then random ones. That with
        the largest group quality index is kept.

    Returns
    -------
    list of Division
        One for each number, with these measures: gqi; height (what Ward's tree pays
        for one class less) and fall (by how much that is more than what it paid to
        come from one class more).

    Raises
    ------
    DataError
        If in every start a class shrinks until its model can't be estimated.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    own = sample.local(sample.weights[None])
    apart = residuals(sample.values, local_models(own), 0)
    tree = linkage(np.hstack([apart.items, apart.constructs]), method="ward")
    found: list[Division] = []
    with one_thread():
        for k in ks:
            classes = fcluster(tree, k, criterion="maxclust").astype(np.int64) - 1
            first = np.vstack([classes, equal_parts(sample, k, seed, starts - 1)])
            height = float(tree[1 - k, 2]) if k > 1 else np.nan
            measures = pd.Series({"height": height, "fall": height - tree[-k, 2]})
            found.append(_division(sample, k, first if k > 1 else first[:1], measures))
    return found


def memberships(sample: Sample, codes: IntArray, k: int) -> FloatArray:
    """Return weights (s * k, n) of the respondents in each class of each division."""
    inside = codes[:, None, :] == np.arange(k)[:, None]
    return np.where(inside, sample.weights, 0.0).reshape(-1, codes.shape[1])


def quality(made: Estimates, membership: FloatArray, k: int) -> FloatArray:
    r"""Return the group quality index of divisions.

    Parameters
    ----------
    made : Estimates
        A stack of local models: k classes of each of s divisions.
    membership : ndarray of shape (s * k, n)
        Weights of the respondents in each class.
    k : int
        Number of classes.

    Returns
    -------
    ndarray of shape (s,)
        Indices; that of a single class is the goodness of fit of PLS.

    Notes
    -----
    .. math:: GQI = \sqrt{\sum_g \pi_g \overline{\lambda_g^2} \,
        \sum_g \pi_g \overline{R_g^2}}

    with the classes' shares, the mean communalities of the items of constructs with
    several, and the mean explained variances of the driven constructs.

    References
    ----------
    Trinchera & Esposito Vinzi (2008), First Joint Meeting of the SFC and CLADAG.
    """
    model = made.model
    several = model.blocks @ (model.blocks.sum(axis=0) > 1) > 0
    driven = model.structure.any(axis=1)
    communality = (made.loadings**2).sum(axis=-1)[:, several].mean(axis=-1)
    explained = made.r_squared[:, driven].mean(axis=-1)
    size = membership.sum(axis=1).reshape(-1, k)
    share = size / size.sum(axis=1, keepdims=True)
    outer = (share * communality.reshape(-1, k)).sum(axis=1)
    return np.asarray(np.sqrt(outer * (share * explained.reshape(-1, k)).sum(axis=1)))


def _division(sample: Sample, k: int, first: IntArray, measures: pd.Series) -> Division:
    codes = first.copy()
    iterations = np.zeros(len(codes), dtype=np.int64)
    converged: BoolArray = np.zeros(len(codes), dtype=np.bool_)
    index = np.full(len(codes), np.nan)
    active = np.arange(len(codes))
    while active.size:
        member = memberships(sample, codes[active], k)
        made = sample.local(member)
        index[active] = quality(made, member, k)
        apart = closeness(sample.values, local_models(made), member)
        apart = apart.reshape(len(active), k, -1)
        known = np.isfinite(apart).all(axis=(1, 2))
        index[active[~known]] = np.nan
        # who is as close to another class as to the own one stays
        own = np.take_along_axis(apart, codes[active][:, None], axis=1)[:, 0]
        nearest = np.where(apart.min(axis=1) < own, apart.argmin(axis=1), codes[active])
        settled = (nearest != codes[active]).mean(axis=1) < STOP
        converged[active[settled & known]] = True
        moving = known & ~settled & (iterations[active] < MOST_ITERATIONS)
        codes[active[moving]] = nearest[moving]
        active = active[moving]
        iterations[active] += 1
    if not np.isfinite(index).any():
        raise DataError(
            f"rebus finds no {k} segments: in every start one of them shrank, or lost "
            "the variance of an item, until its model could not be estimated; ask for "
            "fewer, or take method='fimix'"
        )
    best = int(np.nanargmax(index))
    ranks = ranks_by_size(codes[best], sample.weights, k)
    agreement = np.array([adjusted_rand(codes[best], other) for other in codes])
    return Division(
        k,
        ranks[codes[best]],
        None,
        None,
        pd.concat([pd.Series({"gqi": index[best]}), measures]),
        starts_table(
            index,
            iterations,
            converged,
            agreement,
            "a segment shrank until its model could not be estimated",
        ).assign(kept=np.arange(len(index)) == best),
    )


def tree_recommendations(criteria: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of segments that the tree and the quality index ask for.

    Parameters
    ----------
    criteria : DataFrame
        One row for each number: k, gqi, fall.

    Returns
    -------
    DataFrame
        rule, k, note, source; the last row is the recommendation. One segment never
        stands for election: a tree always has branches.

    Raises
    ------
    SpecificationError
        If no number is above one.
    """
    branching = criteria[(criteria["k"] > 1).to_numpy()]
    if branching.empty:
        raise SpecificationError("segments: rebus divides into two segments or more")
    by_tree = int(branching["k"].iloc[int(np.argmax(branching["fall"]))])
    by_index = int(branching["k"].iloc[int(np.argmax(branching["gqi"]))])
    told = "a tree can't tell whether there are segments at all: see method='fimix'"
    source = "Esposito Vinzi, Trinchera, Squillacciotti & Tenenhaus (2008)"
    rows = [
        ("largest fall of the tree's heights", by_tree, "", source),
        ("largest gqi", by_index, "gqi rises with k, even by chance", ""),
        ("recommended", by_tree, told, ""),
    ]
    table = pd.DataFrame(rows, columns=["rule", "k", "note", "source"])
    return table.assign(k=table["k"].astype("Int64"))
