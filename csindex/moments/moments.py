"""Moments: the means and covariances that every estimate is made from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray, IntArray, Scalar
from csindex.kernels.linalg import are_definite, correlation
from csindex.moments.checks import (
    UNEQUAL,
    name_problems,
    scale_problems,
    shape_problems,
    square_problems,
    weight_problems,
)
from csindex.moments.sums import Pooled, Sums, pooled

# negative eigenvalues up to this are taken for rounding of printed correlations
_ROUNDING = 1e-3
# what is left of a variance when all of it is taken away, as a share
_ROUNDED = 1e-9
# stands for weights that are all the same
_SAME = np.empty(0)
# the halves of a covariance matrix may differ by this, and by this share
_SYMMETRIC = 1e-10
_ALIKE = 1e-8


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Moments:
    """Means and covariances of items, or a stack of them.

    Parameters
    ----------
    names : sequence of str
        Names of the p items.
    mean : array_like of shape (..., p)
        Means.
    cov : array_like of shape (..., p, p)
        Covariances with divisor n - 1.
    n : int or array_like of shape (...)
        Numbers of respondents.
    low, high : float or array_like of shape (p,), optional
        Ends of the answer scales. None or NaN: unknown, no 0-100 scores.
    labels : sequence, optional
        What the members of a stack are: one label per entry of its first axis.
    flow : sequence of (str, int)
        How many respondents were read, left out and used.
    weight : array_like of shape (...), optional
        Sums of the respondents' weights, by which moments are added and taken
        away; n if None.
    buckets : Sums of shape (..., g), optional
        Sums of g random parts of the sample, from which it is bootstrapped; made by
        `moments`.
    squares : array_like of shape (...), optional
        Sums of the squares of the respondents' weights; if None, as if all had the
        same weight.

    Raises
    ------
    DataError
        With everything that isn't a number, every shape that doesn't fit the
        names, and every scale whose ends don't rise.

    Examples
    --------
    >>> made = Moments(["a", "b"], [8, 7], [[4, 2], [2, 4]], 250, low=1, high=10)
    >>> made.corr
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    names: tuple[str, ...]
    mean: FloatArray
    cov: FloatArray
    n: IntArray
    low: FloatArray
    high: FloatArray
    labels: tuple[Hashable, ...]
    flow: tuple[tuple[str, int], ...]
    weight: FloatArray
    buckets: Sums | None
    squares: FloatArray

    def __init__(
        self,
        names: Sequence[str],
        mean: ArrayLike,
        cov: ArrayLike,
        n: ArrayLike,
        low: ArrayLike | None = None,
        high: ArrayLike | None = None,
        labels: Sequence[Hashable] = (),
        flow: Sequence[tuple[str, int]] = (),
        weight: ArrayLike | None = None,
        buckets: Sums | None = None,
        squares: ArrayLike | None = None,
    ) -> None:
        problems = name_problems(names)
        means, covs = _array("mean", mean, problems), _array("cov", cov, problems)
        sizes = _array("n", n, problems)
        lows = _array("low", np.nan if low is None else low, problems)
        highs = _array("high", np.nan if high is None else high, problems)
        total = sizes if weight is None else _array("weight", weight, problems)
        spread = _SAME if squares is None else _array("squares", squares, problems)
        if not problems:
            problems += shape_problems(len(names), means, covs, sizes, labels)
            if weight is not None:
                problems += weight_problems(total, means.shape[:-1])
            if squares is not None and not problems:
                problems += square_problems(spread, total, sizes, means.shape[:-1])
            problems += scale_problems(names, lows, highs)
        if problems:
            raise DataError([f"moments: {problem}" for problem in problems])
        if squares is None:
            spread = np.asarray(total**2 / sizes)
        self._set(
            names=tuple(names),
            mean=means,
            cov=covs,
            n=_spread(sizes.astype(np.int64), means.shape[:-1]),
            low=_spread(lows, (len(names),)),
            high=_spread(highs, (len(names),)),
            labels=tuple(labels),
            flow=tuple(flow),
            weight=_spread(total, means.shape[:-1]),
            buckets=buckets,
            squares=_spread(spread, means.shape[:-1]),
        )

    @property
    def effective_n(self) -> FloatArray:
        r"""Respondents of equal weight that would tell as much, shape (...).

        :math:`(\sum w)^2 / \sum w^2`, after Kish (1965).
        """
        return np.asarray(self.weight**2 / self.squares)

    @property
    def batch(self) -> tuple[int, ...]:
        """Shape of the stack; empty for one set of moments."""
        return self.n.shape

    @cached_property
    def _correlation(self) -> tuple[FloatArray, FloatArray]:
        return correlation(self.cov)

    @property
    def corr(self) -> FloatArray:
        """Correlations, shape (..., p, p); NaN for a constant item."""
        return self._correlation[0]

    @property
    def sd(self) -> FloatArray:
        """Standard deviations, shape (..., p)."""
        return self._correlation[1]

    def __getitem__(self, position: int) -> Moments:
        """Return one member of a stack."""
        if not self.batch:
            raise SpecificationError(
                "these moments are one set, not a stack; use them as they are"
            )
        if isinstance(position, str):
            raise SpecificationError(
                f"moments[{position!r}]: a stack is divided by position, from 0; its "
                f"labels are {quoted(self.labels)}, in this order"
            )
        return self._with(
            mean=self.mean[position],
            cov=self.cov[position],
            n=np.asarray(self.n[position]),
            labels=(),
            flow=(),
            weight=np.asarray(self.weight[position]),
            squares=np.asarray(self.squares[position]),
            buckets=None if self.buckets is None else self.buckets[position],
        )

    @classmethod
    def _unchecked(
        cls,
        names: tuple[str, ...],
        mean: FloatArray,
        cov: FloatArray,
        n: int,
        ends: tuple[FloatArray, FloatArray],
        flow: tuple[tuple[str, int], ...],
        weights: FloatArray | None,
    ) -> Moments:
        """Return the moments of one sample of answers that have been checked.

        ``ends`` are those of the items' scales, each (p,); ``weights`` (n,) those of
        the respondents.
        """
        made = object.__new__(cls)
        made._set(
            names=names,
            mean=mean,
            cov=cov,
            n=np.array(n),
            low=ends[0],
            high=ends[1],
            labels=(),
            flow=flow,
            weight=np.array(float(n) if weights is None else weights.sum()),
            buckets=None,
            squares=np.array(float(n) if weights is None else (weights**2).sum()),
        )
        return made

    def _with(self, **changed: object) -> Moments:
        """Return these moments with some fields changed, which need no check."""
        made = object.__new__(Moments)
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        made._set(**(kept | changed))
        return made

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __add__(self, other: Moments) -> Moments:
        r"""Return the moments of two samples together.

        Exact: as if all respondents had been in one sample. The covariances keep
        their divisor n - 1, with n the respondents of both, and weights count as
        they are, so that they must be on one scale in both samples. Flows are added,
        and buckets one by one.

        Parameters
        ----------
        other : Moments
            Moments of the same items, scales and labels.

        Returns
        -------
        Moments
            Their moments.

        Raises
        ------
        DataError
            With everything in which the two differ.

        Examples
        --------
        >>> a = Moments(["q"], [2.0], [[1.0]], 3)
        >>> b = Moments(["q"], [6.0], [[4.0]], 2)
        >>> (a + b).mean, (a + b).cov  # of 1, 2, 3 and 6 - sqrt(2), 6 + sqrt(2)
        (array([3.6]), array([[6.3]]))
        """
        return self._pooled(other, 1) if isinstance(other, Moments) else NotImplemented

    def __sub__(self, other: Moments) -> Moments:
        """Return the moments of a sample without some of its respondents.

        The inverse of adding, up to rounding.

        Parameters
        ----------
        other : Moments
            Moments of respondents in this sample; same items, scales and labels.

        Returns
        -------
        Moments
            The moments of the others.

        Raises
        ------
        DataError
            If the two differ, or the second sample can't be part of the first.
        """
        return self._pooled(other, -1) if isinstance(other, Moments) else NotImplemented

    def _pooled(self, other: Moments, sign: int) -> Moments:
        if problems := _differences(self, other):
            raise DataError([f"moments: {problem}" for problem in problems])
        whole = pooled(_parts(self), _parts(other), sign)
        if sign < 0 and _impossible(self, whole):
            raise DataError(
                "moments: the respondents taken away are not among those they are "
                "taken from, or fewer than two are left"
            )
        mine, theirs = dict(self.flow), dict(other.flow)
        return Moments(
            self.names,
            whole.mean,
            whole.cov,
            whole.n,
            self.low,
            self.high,
            self.labels,
            [
                (step, mine[step] + sign * theirs[step])
                for step in mine
                if step in theirs
            ],
            whole.weight,
            None
            if self.buckets is None or other.buckets is None
            else self.buckets.combined(other.buckets, sign),
            np.maximum(whole.squares, whole.weight**2 / whole.n),
        )

    def __repr__(self) -> str:
        stack = f", a stack of {self.batch[0]}" if self.batch else ""
        return f"Moments({len(self.names)} items, n={self.n}{stack})"

    def select(self, items: Sequence[str]) -> Moments:
        """Return the moments of some items, in their order.

        Parameters
        ----------
        items : sequence of str
            The items.

        Returns
        -------
        Moments
            Their moments.

        Raises
        ------
        DataError
            For an item that the moments don't have.
        """
        if tuple(items) == self.names:
            return self
        if problems := unknown("item", items, self.names, "in the moments"):
            raise DataError(problems)
        chosen = np.array([self.names.index(item) for item in items])
        return Moments(
            items,
            self.mean[..., chosen],
            self.cov[..., chosen, :][..., chosen],
            self.n,
            self.low[chosen],
            self.high[chosen],
            self.labels,
            self.flow,
            self.weight,
            None if self.buckets is None else self.buckets.select(chosen),
            self.squares,
        )


def value_problems(made: Moments) -> list[str]:
    """Return what is wrong with the values of moments.

    Parameters
    ----------
    made : Moments
        One set of moments or a stack.

    Returns
    -------
    list of str
        Values that aren't finite, asymmetry, constant items, correlations that no
        answers can have.
    """
    cov = made.cov
    if not (np.isfinite(cov).all() and np.isfinite(made.mean).all()):
        return ["the moments have values that are not finite; mend mean and cov"]
    problems = _scale_breaches(made)
    mirrored = np.swapaxes(cov, -1, -2)
    if (np.abs(cov - mirrored) > _SYMMETRIC + _ALIKE * np.abs(mirrored)).any():
        problems.append(
            "the covariance matrix is not symmetric; give both of its halves"
        )
    variances = np.diagonal(cov, axis1=-2, axis2=-1)
    dull = (variances <= 0).reshape(-1, len(made.names)).any(axis=0)
    constant = [made.names[k] for k in np.flatnonzero(dull)]
    if constant:
        problems.append(
            f"item {quoted(constant)} has no variance; leave it out of the model"
        )
    if not problems and not are_definite(made.corr).all():
        smallest = float(np.linalg.eigvalsh(made.corr).min())
        if smallest < -_ROUNDING:
            problems.append(
                "no answers have such correlations: their smallest eigenvalue is "
                f"{smallest:.3g}, and must not be negative; check cov, or drop items"
            )
    return problems


def _scale_breaches(made: Moments) -> list[str]:
    """Return which means lie outside their items' scales."""
    slack = 1e-6 * (np.abs(made.low) + np.abs(made.high))
    outside = (made.mean < made.low - slack) | (made.mean > made.high + slack)
    if not outside.any():
        return []
    flat, means = (a.reshape(-1, len(made.names)).T for a in (outside, made.mean))
    return [
        f"the mean of {name!r}, {own[lost][0]:g}, lies outside its scale {low:g} to "
        f"{high:g}; mend the mean or the scale"
        for name, own, low, high, lost in zip(
            made.names, means, made.low, made.high, flat, strict=True
        )
        if lost.any()
    ]


def _array(what: str, values: ArrayLike, problems: list[str]) -> FloatArray:
    """Return values as an array, or note that they aren't numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        problems.append(f"{what} must be numbers, in rows of one length")
        return np.empty(0)


def _spread(values: NDArray[Scalar], shape: tuple[int, ...]) -> NDArray[Scalar]:
    """Return values as an array of some shape."""
    return values if values.shape == shape else np.broadcast_to(values, shape)


def _parts(made: Moments) -> Pooled:
    return Pooled(made.mean, made.cov, made.n, made.weight, made.squares)


def _impossible(whole: Moments, rest: Pooled) -> bool:
    """Return whether no answers have what is left."""
    if (rest.n < 2).any() or (rest.weight <= 0).any() or (rest.squares <= 0).any():
        return True
    # no weights of so many respondents have so small squares
    if (rest.squares < (1 - UNEQUAL) * rest.weight**2 / rest.n).any():
        return True
    variances, before = (
        np.diagonal(cov, axis1=-2, axis2=-1) for cov in (rest.cov, whole.cov)
    )
    return bool((variances < -_ROUNDED * before).any())


def _differences(a: Moments, b: Moments) -> list[str]:
    """Return why two sets of moments can't be put together."""
    problems: list[str] = []
    if a.names != b.names:
        if sorted(a.names) == sorted(b.names):
            problems.append("the items stand in another order; use b.select(a.names)")
        else:
            apart = sorted({*a.names} ^ {*b.names})
            problems.append(f"items {quoted(apart)} are in one of them only")
    elif not all(
        np.array_equal(mine, other, equal_nan=True)
        for mine, other in ((a.low, b.low), (a.high, b.high))
    ):
        problems.append("the items have other scales; give both the same")
    if a.labels != b.labels:
        problems.append(
            f"one has the labels {quoted(a.labels) or 'none'}, the other "
            f"{quoted(b.labels) or 'none'}; they must be the same, in one order"
        )
    elif a.batch != b.batch:
        problems.append(f"one is a stack of {a.batch}, the other of {b.batch}")
    parts = [None if m.buckets is None else m.buckets.count.shape[-1] for m in (a, b)]
    if parts[0] != parts[1]:
        problems.append(
            f"one has {parts[0] or 'no'} buckets, the other {parts[1] or 'none'}; make "
            "both with the same buckets="
        )
    return problems
