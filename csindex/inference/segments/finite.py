"""FIMIX-PLS: segments as a finite mixture of the inner model's regressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from csindex.errors import DataError, SpecificationError, quoted
from csindex.inference.segments.sample import (
    Division,
    Sample,
    ranks_by_size,
    starts_table,
)
from csindex.kernels.arrays import FloatArray
from csindex.kernels.mixture import (
    Mixtures,
    mixture_criteria,
    regression_mixtures,
)
from csindex.kernels.partitions import adjusted_rand
from csindex.kernels.threads import one_thread

# gain of log likelihood per respondent that ends a start, and the best of them
TOLERANCE, FINE = 1e-7, 1e-9
MOST_ITERATIONS = 5000
# rows that everyone together counts for in a segment's first regressions
_EVERYONE = 5.0
# share of the respondents that a segment's first regressions are made from
_DRAWN = 0.05
# a score with fewer values has no normal errors
_FEWEST_VALUES = 5
# the criteria that decide, pair by pair, and how the literature reads them
_PAIRS = (
    ("aic3", "caic", "Sarstedt, Becker, Ringle & Schwaiger (2011)"),
    ("aic4", "bic", "Hair, Sarstedt, Matthews & Ringle (2016)"),
    ("aic3", "bic", "Hair, Sarstedt, Matthews & Ringle (2016)"),
)
# normed entropy above which segments are apart
LEAST_ENTROPY = 0.5


@dataclass(frozen=True, eq=False)
class Equations:
    """The equations of the inner model that a mixture is made of.

    Attributes
    ----------
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's, in these equations.
    left_out : tuple of str
        Constructs whose equations have no normal errors: their scores take too few
        values, and segments would be nothing but these values.
    """

    structure: FloatArray
    left_out: tuple[str, ...]


def equations(sample: Sample) -> Equations:
    """Return the equations that a mixture of normal distributions can be made of.

    Parameters
    ----------
    sample : Sample
        The respondents.

    Returns
    -------
    Equations
        The equations.

    Raises
    ------
    SpecificationError
        If there are none.
    """
    model = sample.results.model
    structure = model.structure.copy()
    left_out: list[str] = []
    for name in model.endogenous:
        position = model.construct_names.index(name)
        values = np.unique(np.round(sample.scores[:, position], 9))
        if len(values) < _FEWEST_VALUES:
            structure[position] = 0.0
            left_out.append(name)
    if not structure.any():
        raise SpecificationError(
            f"segments: the scores of {quoted(left_out)} take fewer than "
            f"{_FEWEST_VALUES} values, and nothing else is driven; a mixture of normal "
            "distributions needs scores of more values"
        )
    return Equations(structure, tuple(left_out))


def mixtures(
    sample: Sample,
    chosen: Equations,
    ks: Sequence[int],
    seed: int,
    starts: int,
    least: int,
) -> list[Division]:
    """Divide respondents by mixtures of regressions.

    Parameters
    ----------
    sample : Sample
        The respondents.
    chosen : Equations
        What the mixtures are made of.
    ks : sequence of int
        Numbers of segments.
    seed : int
        Seed of the starts; those of one number don't depend on the others.
    starts : int
        Starts for each number.
    least : int
        Respondents that a segment needs: starts with a smaller one are kept only if
        there are no others, because a likelihood is often largest where a few
        respondents make a segment that fits them by chance.

    Returns
    -------
    list of Division
        One for each number. Its measures are the fields of `Criteria`.

    Raises
    ------
    DataError
        If every start runs into a point.
    """
    with one_thread(), np.errstate(invalid="ignore"):
        single = _run(sample, chosen, np.ones((1, 1, len(sample.scores))), FINE)
        found: list[Division] = []
        for k in ks:
            first = _first(sample, k, seed, 1 if k == 1 else starts)
            run = _run(sample, chosen, first, TOLERANCE)
            found.append(_division(sample, chosen, run, least, float(single.loglik[0])))
    return found


def _first(sample: Sample, k: int, seed: int, starts: int) -> FloatArray:
    """Return the shares (s, k, n) of respondents in the first regressions."""
    n, j = sample.scores.shape
    if k == 1:
        return np.ones((1, 1, n))
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
    size = min(max(3 * j, int(_DRAWN * n)), n // k)
    shares = np.full((starts, k, n), _EVERYONE / n)
    for start in shares:
        drawn = generator.permutation(n)[: k * size].reshape(k, size)
        np.put_along_axis(start, drawn, 1.0, axis=1)
    return shares


def _run(
    sample: Sample, chosen: Equations, first: FloatArray, tolerance: float
) -> Mixtures:
    return regression_mixtures(
        sample.scores,
        chosen.structure,
        sample.weights,
        first,
        tolerance,
        MOST_ITERATIONS,
    )


def _division(
    sample: Sample, chosen: Equations, run: Mixtures, least: int, homogeneous: float
) -> Division:
    """Return the best start as a division."""
    k = run.shares.shape[1]
    if not np.isfinite(run.loglik).any():
        raise DataError(
            f"no mixture of {k} segments can be estimated: in every start a segment "
            "ran into a few equal answers, where the likelihood has no bound; ask for "
            "fewer segments"
        )
    found = run.posterior.argmax(axis=1)
    sizes = np.array([np.bincount(own, minlength=k).min() for own in found])
    large = np.isfinite(run.loglik) & (sizes >= least)
    best = int(
        np.nanargmax(np.where(large, run.loglik, np.nan if large.any() else run.loglik))
    )
    fine = _run(sample, chosen, run.posterior[best : best + 1], FINE)
    posterior = fine.posterior[0]
    codes = posterior.argmax(axis=0)
    ranks = ranks_by_size(codes, sample.weights, k)
    order = np.argsort(ranks)
    agreement = np.array([adjusted_rand(codes, own) for own in found])
    criteria = mixture_criteria(
        float(fine.loglik[0]), posterior, sample.weights, chosen.structure, homogeneous
    )
    # an equation that was left out has no paths in the mixture
    paths = np.where(chosen.structure > 0, fine.paths[0][order], np.nan)
    converged = run.converged.copy()
    converged[best] = fine.converged[0]
    starts = starts_table(
        run.loglik,
        run.iterations,
        converged,
        agreement,
        "a segment ran into a few equal answers",
    )
    if large.any():
        small = np.isfinite(run.loglik) & ~large
        starts.loc[small, "note"] = f"a segment has fewer than {least} respondents"
    kept = np.arange(len(starts)) == best
    return Division(
        k,
        ranks[codes],
        posterior[order].T,
        paths,
        pd.Series(asdict(criteria)),
        starts.assign(kept=kept),
    )


def recommendations(criteria: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return the numbers of segments that the published rules ask for.

    Parameters
    ----------
    criteria : DataFrame
        One row for each number, one segment among them: k, n_smallest (respondents of
        the smallest segment) and the criteria.
    least : int
        Respondents that a segment needs.

    Returns
    -------
    DataFrame
        rule, k (missing where criteria disagree), note, source; the first number
        that some rule agrees on decides, and the last row repeats it. Segments that
        are too small to be estimated don't stand for election.
    """
    standing = criteria[
        ((criteria["n_smallest"] >= least) | (criteria["k"] == 1)).to_numpy()
    ]
    lowest = {
        name: int(standing["k"].iloc[int(np.argmin(standing[name]))])
        for name in ("aic", "aic3", "aic4", "bic", "caic", "hq", "mdl5")
    }
    rows: list[dict[str, object]] = []
    decided: int | None = None
    for one, other, source in _PAIRS:
        agreed = lowest[one] if lowest[one] == lowest[other] else None
        told = f"{one} says {lowest[one]}, {other} {lowest[other]}"
        rule = f"{one} and {other} agree"
        rows.append({"rule": rule, "k": agreed, "note": told, "source": source})
        decided = agreed if decided is None else decided
    bounds = (("most", "aic", "takes too many"), ("least", "mdl5", "takes too few"))
    for word, name, habit in bounds:
        rows.append(
            {
                "rule": f"at {word} as many as by {name}",
                "k": lowest[name],
                "note": f"{name} often {habit} segments",
                "source": _PAIRS[0][2],
            }
        )
    verdict = (
        "criteria agree" if decided is not None else "criteria disagree; as by bic"
    )
    chosen = lowest["bic"] if decided is None else decided
    rows.append(
        {
            "rule": "recommended",
            "k": chosen,
            "note": "; ".join([verdict, *_cautions(criteria, chosen, least)]),
            "source": "",
        }
    )
    table = pd.DataFrame(rows)
    return table.assign(k=table["k"].astype("Int64"))


def _cautions(criteria: pd.DataFrame, k: int, least: int) -> list[str]:
    row = criteria[(criteria["k"] == k).to_numpy()].iloc[0]
    told: list[str] = []
    if k > 1 and not row["en"] > LEAST_ENTROPY:
        told.append(
            f"en {row['en']:.2f} is not above {LEAST_ENTROPY:g}: many respondents "
            "belong to no segment clearly"
        )
    if k > 1 and k == criteria["k"].max():
        told.append("no more were tried: there may be more")
    small = criteria.loc[(criteria["n_smallest"] < least).to_numpy(), "k"]
    if len(small):
        listed = ", ".join(str(int(number)) for number in small)
        told.append(f"left out, because a segment is too small: k = {listed}")
    return told
