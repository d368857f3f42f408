"""Sample size planning: power, precision and failures, from drawn moments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import pandas as pd

from csindex.diagnostics.options import share_problems, whole_problems
from csindex.errors import DataError, SpecificationError, quoted
from csindex.estimation import PLS, Estimator, row_estimator
from csindex.estimation.naming import called
from csindex.inference.planning.populations import (
    Effects,
    population,
    product_names,
)
from csindex.inference.planning.sample_sizes import USUAL_POWER, sample_size_rules
from csindex.inference.planning.studies import Sampled, Study, sampled
from csindex.kernels.arrays import BoolArray, FloatArray
from csindex.model import Model
from csindex.results import Results, statistics
from csindex.results.printing import Page, Printed, named

_FEWEST = 100
_FEWEST_INNER = 20
# a method aims at something else where the limit is off by this share of the effect, or
# of an effect this small; as many paths are named
_APART, _SMALL, _TOLD = 0.1, 0.05, 4


@dataclass(frozen=True, eq=False, repr=False)
class SamplePlan(Printed):
    """What samples of several sizes can show; made by `plan`.

    Attributes
    ----------
    model : Model
        The model.
    power : DataFrame
        n, source, target, effect (the truth), limit (what the estimator finds in the
        whole population), power, se (standard deviation over the samples) and bias
        (mean estimate minus effect). For an effect of zero, power is the share of
        false alarms.
    index : DataFrame
        n, mean and sd of the index over the samples, and width of its interval, in
        points; no rows without an index.
    improper : DataFrame
        n, the shares of samples that have not_converged, that are inadmissible (not
        everything can be computed) and improper (loadings or correlations that no
        population has), and of all of them together (share). Improper estimates count
        in the power.
    settings : Series
        Every option that shaped the numbers.
    level : float
        Confidence level.
    """

    model: Model
    power: pd.DataFrame
    index: pd.DataFrame
    improper: pd.DataFrame
    settings: pd.Series
    level: float

    def _page(self) -> Page:
        tables = {"Power of each path, by sample size": _wide(self.power)}
        if len(self.index):
            tables["Index: interval of a sample"] = self.index
        return Page(
            f"{self._answer}\nSample plan for {self.model.name}: "
            f"{self.settings['samples']}",
            {
                **tables,
                "Samples without a proper estimate": self.improper,
                "Rules of thumb": self.rules.drop(columns="note"),
            },
            [
                *self._aims,
                *(f"{r.rule}: {r.note}" for r in self.rules.itertuples() if r.note),
            ],
        )

    @property
    def _aims(self) -> list[str]:
        """Say which effects the method doesn't aim at."""
        paths = self.power.drop_duplicates(["source", "target"])
        apart = (paths["limit"] - paths["effect"]).abs()
        off = paths[apart > _APART * paths["effect"].abs().clip(lower=_SMALL)]
        if not len(off):
            return []
        told = ", ".join(
            f"{r.source} -> {r.target} {r.limit:.3f} for {r.effect:.3f}"
            for r in off.head(_TOLD).itertuples()
        )
        more = f" and {len(off) - _TOLD} more" if len(off) > _TOLD else ""
        method = self.settings["estimator"]
        return [
            f"In this population {method} aims at other values than the effects: "
            f"{told}{more}. Power is that of these values; csi.PLSc() and csi.CBSEM() "
            "aim at the effects of common factors"
        ]

    @property
    def _answer(self) -> str:
        needed, largest = self.required_n(), int(self.power["n"].max())
        needed = needed[needed["effect"] != 0]
        if not len(needed):
            return "No path has an effect to be found"
        names = needed["source"] + " -> " + needed["target"]
        lacking = names[needed["note"].str.startswith("above")]
        if len(lacking):
            return (
                f"Power {USUAL_POWER:.2f} isn't reached with {largest} respondents for "
                f"{len(lacking)} of {len(names)} paths: {named(list(lacking))}"
            )
        if needed["n"].notna().any():
            most = needed["n"].idxmax()
            return (
                f"Power {USUAL_POWER:.2f} of every path needs "
                f"{needed.loc[most, 'n']:.0f} respondents; {names[most]} needs most"
            )
        return (
            f"Power {USUAL_POWER:.2f} of every path is reached with "
            f"{int(self.power['n'].min())} respondents or fewer"
        )

    @cached_property
    def rules(self) -> pd.DataFrame:
        """Sizes by published rules of thumb: rule, n, basis and note."""
        return sample_size_rules(self._smallest, self.model, self.level)

    @property
    def _smallest(self) -> float:
        sizes = self.power["effect"].abs()
        return float(sizes[sizes > 0].min()) if (sizes > 0).any() else math.nan

    def required_n(self, power: float = USUAL_POWER) -> pd.DataFrame:
        """Return the sample size at which each path is found often enough.

        Parameters
        ----------
        power : float
            The wanted share of samples in which the path is significant.

        Returns
        -------
        DataFrame
            source, target, effect, n and note. n is interpolated between the
            simulated sizes, where the probit of power is nearly linear in the root
            of n; NaN with a note where the wanted power lies outside them.

        Raises
        ------
        SpecificationError
            If the power is none.

        Examples
        --------
        >>> import csindex as csi
        >>> model = csi.Model(
        ...     "two",
        ...     (csi.reflective("a", "a1", "a2"), csi.reflective("b", "b1", "b2")),
        ...     [("a", "b")],
        ... )
        >>> found = plan(model, {("a", "b"): 0.3}, n=[50, 100, 200], seed=1)
        >>> int(found.required_n(0.9)["n"].iloc[0]) in range(100, 201)
        True
        """
        if problems := list(share_problems(power=power)):
            raise SpecificationError([f"required_n: {p}" for p in problems])
        labels = ["source", "target", "effect"]
        rows = [
            {**dict(zip(labels, key, strict=True)), **_crossing(part, power)}
            for key, part in self.power.groupby(labels, sort=False)
        ]
        return pd.DataFrame(rows, columns=[*labels, "n", "note"])


def plan(
    model: Model,
    effects: Effects | Results,
    n: int | Iterable[int] = (100, 250),
    replications: int = 1000,
    seed: int = 1,
    loadings: float | Mapping[str, float] | None = None,
    estimator: Estimator | None = None,
    level: float = 0.95,
    correlations: Effects | None = None,
    inner: int = 50,
) -> SamplePlan:
    r"""Plan a survey: which effects samples of a size find, how sure the index is.

    No respondents are simulated. Samples enter an estimate by their means and
    covariances alone, so that these are drawn, from their exact distributions, and
    estimated as one stack.

    Parameters
    ----------
    model : Model
        The model.
    effects : mapping of (source, target) to float, or Results
        The true standardised effect of every path; or an earlier fit of the model,
        whose estimates are taken for the truth.
    n : int or iterable of int
        Sample sizes, each above the number of items.
    replications : int
        Samples per size.
    seed : int
        Seed of the random draws; each size has its own stream.
    loadings : float or mapping of str to float, optional
        True standardised loadings: one number, or by construct or item. None: .8, or
        those of the fit. A construct with one item is measured without error unless
        it is named.
    estimator : Estimator, optional
        The method to be used, `PLS` if None.
    level : float
        Confidence level; a path is significant at one minus it, two-sided.
    correlations : mapping of (construct, construct) to float, optional
        True correlations of the constructs that no path leads to; zero if not said.
    inner : int
        Samples drawn from each sample, for its own standard errors. Zero takes one
        standard error for all samples of a size: many times faster, and too hopeful
        for weak effects in small samples, by a tenth and more.

    Returns
    -------
    SamplePlan
        Power, index, improper solutions, and rules of thumb beside them.

    Raises
    ------
    SpecificationError
        With every problem of the call: an effect without a path or a path without an
        effect, effects that explain all of a construct, a sample as small as the
        number of items, an estimator that needs the answers themselves, a product of
        constructs, which no normal population has.
    DataError
        If too few samples of a size can be estimated.

    Notes
    -----
    The population is multivariate normal. From effects it has common factors of
    variance one, composites among them, and items of mean 70 and standard deviation 20
    points; from a fit by `PLSc` or `CBSEM` what its model implies. From a fit of
    composites, as `PLS`, it has the moments of the sample, in which the method finds
    just these estimates.

    In any population ``limit`` is what the method finds when the sample is as large as
    one likes. PLS of common factors aims at other values than their effects, and power
    is that of what it aims at.

    A path is significant in a sample if it is more than a critical number of standard
    errors from zero, with the sign of the truth. The standard error is a bootstrap's,
    made from moments, too: samples are drawn from the normal population that has the
    sample's moments. With B of them the critical number is the quantile of t with B - 1
    degrees of freedom; 50 of them cost about .01 of a high power. The width of the
    index's interval is :math:`2 z` standard deviations of the index over the samples.

    References
    ----------
    Muthen & Muthen (2002), Structural Equation Modeling 9(4); Bartlett (1933),
    Proceedings of the Royal Society of Edinburgh 53.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = plan(csi.acsi(), results, n=[100, 400], replications=200, seed=1)
    >>> found.index["width"].is_monotonic_decreasing
    True
    >>> found.power.columns.tolist()
    ['n', 'source', 'target', 'effect', 'limit', 'power', 'se', 'bias']
    """
    estimator = PLS() if estimator is None else estimator
    sizes = _sizes(n)
    _check_call(model, sizes, replications, seed, level, estimator, inner)
    truth = population(model, effects, loadings, correlations)
    limit = estimator.estimate(model, truth.moments)
    study = Study(truth, limit, estimator, seed, inner)
    power, index, improper = [], [], []
    for size in sizes:
        found = sampled(study, size, replications)
        usable = found.converged & found.admissible
        _check_usable(usable, size)
        power.append(_power(study, found, usable, size, level))
        if found.index is not None:
            index.append(_index(found.index[usable], size, level))
        improper.append(_improper(found, size))
    settings = {
        "population": truth.origin,
        "samples": f"{replications} of each size, moments drawn by Bartlett's method",
        "standard errors": f"{inner} samples drawn from each sample"
        if inner
        else "standard deviation over the samples",
        "seed": str(seed),
        "level": f"{level:g}, two-sided",
        **dict(estimator.settings()),
    }
    return SamplePlan(
        model,
        pd.concat(power, ignore_index=True),
        pd.DataFrame(index, columns=["n", "mean", "sd", "width"]),
        pd.DataFrame(improper),
        pd.Series(settings, name="setting"),
        level,
    )


def _sizes(n: int | Iterable[int]) -> list[int]:
    given = list(n) if isinstance(n, Iterable) else [n]
    if not given or not all(
        isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        for size in given
    ):
        raise SpecificationError(
            f"plan: n must be one or more whole numbers, as [100, 250], not {n!r}"
        )
    return sorted({int(size) for size in given})


def _check_call(
    model: object,
    sizes: list[int],
    replications: int,
    seed: int,
    level: float,
    estimator: Estimator,
    inner: int,
) -> None:
    problems: list[str] = []
    if not isinstance(model, Model):
        problems.append(
            f"the model must be one, as csi.acsi(), not {type(model).__name__}"
        )
    elif products := product_names(model):
        problems.append(
            f"{quoted(products)} are products of constructs, which have no normal "
            "distribution, and only normal samples are drawn; plan the model without "
            "them, and take csi.sample_size_rules(effect) for their own effects"
        )
    elif small := [size for size in sizes if size <= len(model.items)]:
        problems.append(
            f"n must be above the number of items, {len(model.items)}, not {small}"
        )
    if list(whole_problems(_FEWEST, replications=replications)):
        problems.append(
            f"replications must be {_FEWEST} or more, better 1000, not {replications!r}"
        )
    problems += whole_problems(0, seed=seed)
    if list(whole_problems(0, inner=inner)) or 0 < inner < _FEWEST_INNER:
        problems.append(f"inner must be 0, or {_FEWEST_INNER} or more, not {inner!r}")
    problems += share_problems(level=level)
    if isinstance(estimator, type) or not hasattr(estimator, "estimate"):
        problems.append(f"the estimator must be one, as csi.PLS(), not {estimator!r}")
    elif row_estimator(estimator) is not None:
        problems.append(
            f"{called(estimator)} needs the answers themselves, and only moments are "
            "drawn"
        )
    if problems:
        raise SpecificationError([f"plan: {p}" for p in problems])


def _check_usable(usable: BoolArray, size: int) -> None:
    if usable.sum() < _FEWEST / 2:
        raise DataError(
            f"plan: only {int(usable.sum())} of {len(usable)} samples of {size} could "
            "be estimated; take larger samples, or a simpler model"
        )


def _critical(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _power(
    study: Study, found: Sampled, usable: BoolArray, size: int, level: float
) -> pd.DataFrame:
    model, values = study.truth.model, found.paths[usable]
    targets, sources = statistics.path_positions(model)
    effect = study.truth.paths[targets, sources]
    se = values.std(axis=0, ddof=1)
    # a significant estimate of the wrong sign finds nothing; without effect it counts
    towards = np.where(effect == 0, np.abs(values), np.sign(effect) * values)
    if found.errors is None:
        significant = towards > _critical(level) * se
    else:
        # too few inner samples make t of z, which a t quantile takes back
        limit = _student((1 + level) / 2, study.inner - 1)
        significant = towards > limit * found.errors[usable]
    return pd.DataFrame(
        {
            "n": size,
            **statistics.pair_labels(model, (targets, sources)),
            "effect": effect,
            "limit": study.limit.paths[targets, sources],
            "power": significant.mean(axis=0),
            "se": se,
            "bias": values.mean(axis=0) - effect,
        }
    )


def _student(probability: float, freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def _index(values: FloatArray, size: int, level: float) -> dict[str, float]:
    sd = float(values.std(ddof=1))
    return {
        "n": size,
        "mean": float(values.mean()),
        "sd": sd,
        "width": 2 * _critical(level) * sd,
    }


def _improper(found: Sampled, size: int) -> dict[str, float]:
    lost = ~(found.converged & found.admissible) | found.improper
    return {
        "n": size,
        "not_converged": float((~found.converged).mean()),
        "inadmissible": float((~found.admissible).mean()),
        "improper": float(found.improper.mean()),
        "share": float(lost.mean()),
    }


def _crossing(part: pd.DataFrame, power: float) -> dict[str, object]:
    """Return the interpolated size of one path, or why there is none."""
    if float(part["effect"].iloc[0]) == 0:
        return {"n": math.nan, "note": "there is no effect to find"}
    sizes, found = part["n"].to_numpy(), part["power"].to_numpy()
    above = np.flatnonzero(found >= power)
    if not above.size:
        return {"n": math.nan, "note": f"above {sizes[-1]}"}
    first = int(above[0])
    if first == 0:
        note = "" if found[0] == power else f"{sizes[0]} or fewer"
        return {"n": math.nan if note else float(sizes[0]), "note": note}
    normal = NormalDist()
    clipped = np.clip(found[first - 1 : first + 1], 1e-4, 1 - 1e-4)
    low, high = (normal.inv_cdf(float(value)) for value in clipped)
    share = (normal.inv_cdf(power) - low) / (high - low)
    roots = np.sqrt(sizes[first - 1 : first + 1])
    root = roots[0] + min(max(share, 0.0), 1.0) * (roots[1] - roots[0])
    return {"n": float(math.ceil(root**2)), "note": ""}


def _wide(power: pd.DataFrame) -> pd.DataFrame:
    labelled = power.assign(path=power["source"] + " -> " + power["target"])
    wide = labelled.pivot_table(
        index=["path", "effect"], columns="n", values="power", sort=False
    )
    wide.columns = pd.Index([f"n={size}" for size in wide.columns])
    return wide.reset_index()
