"""Moments: the means and covariances that every estimate is made from."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from csindex.errors import (
    DataError,
    SpecificationError,
    SpecificationWarning,
    quoted,
    unknown,
)
from csindex.kernels.arrays import FloatArray, IntArray, Scalar
from csindex.kernels.linalg import correlation
from csindex.moments.buckets import joined, left_over
from csindex.moments.checks import (
    name_problems,
    scale_problems,
    shape_problems,
    square_problems,
    weight_problems,
)
from csindex.moments.division import Division, Flow, added_flow
from csindex.moments.labelled import in_order
from csindex.moments.pooling import differences, impossible
from csindex.moments.sums import Pooled, Sums, pooled

# stands for weights that are all the same
_SAME = np.empty(0)
# numbers of respondents that are printed one by one
_SHOWN = 8
_OTHER_BUCKETS = (
    "the difference has no buckets, and can't be bootstrapped: respondents of the "
    "second sample lie in other buckets of the first. Add the moments of the parts "
    "that remain; or read the first from files of which the second is one, or with "
    "clusters="
)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Moments:
    """Means and covariances of items, or a stack of them.

    Parameters
    ----------
    names : sequence of str
        Names of the p items.
    mean : array_like of shape (..., p)
        Means. What has the items' names, as a Series, a frame or a mapping, may have
        them in any order, here and below.
    cov : array_like of shape (..., p, p)
        Covariances with divisor n - 1.
    n : int or array_like of shape (...)
        Numbers of respondents.
    low, high : float, mapping or array_like of shape (p,), optional
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
    origins : sequence of str
        Which sources the buckets were made from; made by `moments`.
    division : Division, optional
        How the members of a stack came about; made by `moments`.

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
    flow: Flow
    weight: FloatArray
    buckets: Sums | None
    squares: FloatArray
    origins: tuple[str, ...]
    division: Division | None

    def __init__(
        self,
        names: Sequence[str],
        mean: ArrayLike | Mapping[str, float],
        cov: ArrayLike,
        n: ArrayLike,
        low: ArrayLike | Mapping[str, float] | None = None,
        high: ArrayLike | Mapping[str, float] | None = None,
        labels: Sequence[Hashable] = (),
        flow: Sequence[tuple[str, int]] = (),
        weight: ArrayLike | None = None,
        buckets: Sums | None = None,
        squares: ArrayLike | None = None,
        origins: Sequence[str] = (),
        division: Division | None = None,
    ) -> None:
        problems = name_problems(names)
        given: dict[str, Any] = {"mean": mean, "cov": cov, "low": low, "high": high}
        if not problems:
            given = {k: in_order(k, own, names, problems) for k, own in given.items()}
        means = _array("mean", given["mean"], problems)
        covs = _array("cov", given["cov"], problems)
        sizes = _array("n", n, problems)
        lows, highs = (
            _array(end, np.nan if given[end] is None else given[end], problems)
            for end in ("low", "high")
        )
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
            origins=tuple(origins),
            division=division,
        )

    @property
    def failures(self) -> Mapping[Hashable, str]:
        """The groups that are not in the stack, each with the reason."""
        return {} if self.division is None else self.division.failures

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

    def __getitem__(self, position: SupportsIndex) -> Moments:
        """Return one member of a stack."""
        if not self.batch:
            raise SpecificationError(
                "these moments are one set, not a stack; use them as they are"
            )
        labels = f"; its labels are {quoted(self.labels)}, in this order"
        if isinstance(position, str):
            raise SpecificationError(
                f"moments[{position!r}]: a stack is divided by position, from 0{labels}"
            )
        place = operator.index(position)
        if not -self.batch[0] <= place < self.batch[0]:
            raise SpecificationError(
                f"moments[{place}]: the stack has {self.batch[0]} members, 0 to "
                f"{self.batch[0] - 1}{labels if self.labels else ''}"
            )
        return self._with(
            mean=self.mean[place],
            cov=self.cov[place],
            n=np.asarray(self.n[place]),
            labels=(),
            flow=() if self.division is None else self.division.flows[place],
            weight=np.asarray(self.weight[place]),
            squares=np.asarray(self.squares[place]),
            buckets=None if self.buckets is None else self.buckets[place],
            division=None,
        )

    def __iter__(self) -> Iterator[Moments]:
        """Return the members of a stack, one by one."""
        size = self.batch[0] if self.batch else 1
        return (self[position] for position in range(size))

    @classmethod
    def _unchecked(
        cls,
        names: tuple[str, ...],
        mean: FloatArray,
        cov: FloatArray,
        n: int,
        ends: tuple[FloatArray, FloatArray],
        flow: Flow,
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
            origins=(),
            division=None,
        )
        return made

    def with_buckets(
        self,
        buckets: Sums | None,
        origins: tuple[str, ...],
        division: Division | None = None,
    ) -> Moments:
        """Return the same moments with other buckets, or none.

        Parameters
        ----------
        buckets : Sums of shape (..., g), optional
            Sums of random parts of the sample.
        origins : tuple of str
            Which sources they were made from.
        division : Division, optional
            How a stack came about; as before, if None.

        Returns
        -------
        Moments
            The moments.
        """
        divided = self.division if division is None else division
        return self._with(buckets=buckets, origins=origins, division=divided)

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

        The inverse of adding, up to rounding. Buckets are kept if each respondent is
        in the same one in both: moments that were added before, one of several files
        that were read together, or clusters' buckets. Otherwise they are left out, for
        nobody can be taken from a bucket of others.

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

        Warns
        -----
        SpecificationWarning
            If the buckets are left out.
        """
        return self._pooled(other, -1) if isinstance(other, Moments) else NotImplemented

    def _pooled(self, other: Moments, sign: int) -> Moments:
        if problems := differences(self, other):
            raise DataError([f"moments: {problem}" for problem in problems])
        whole = pooled(_parts(self), _parts(other), sign)
        if sign < 0 and impossible(self, whole):
            raise DataError(
                "moments: the respondents taken away are not among those they are "
                "taken from, or fewer than two are left"
            )
        origins = (joined if sign > 0 else left_over)(self.origins, other.origins)
        buckets = None
        if self.buckets is not None and other.buckets is not None:
            if sign > 0 or origins:
                buckets = self.buckets.combined(other.buckets, sign)
            else:
                warnings.warn(_OTHER_BUCKETS, SpecificationWarning, stacklevel=3)
        divided = None
        if self.division is not None and other.division is not None:
            kept = buckets is not None
            divided = self.division.pooled(other.division, sign, kept)
        return Moments(
            self.names,
            whole.mean,
            whole.cov,
            whole.n,
            self.low,
            self.high,
            self.labels,
            added_flow(self.flow, other.flow, sign),
            whole.weight,
            buckets,
            np.maximum(whole.squares, whole.weight**2 / whole.n),
            origins,
            divided,
        )

    def __repr__(self) -> str:
        if not self.batch:
            return f"Moments({len(self.names)} items, n={self.n})"
        shown = self.n if self.n.size <= _SHOWN else f"{self.n.min()} to {self.n.max()}"
        stack = f"a stack of {self.batch[0]}"
        return f"Moments({len(self.names)} items, n={shown}, {stack})"

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
            self.origins,
            None if self.division is None else self.division.select(items),
        )


def _array(what: str, values: Any, problems: list[str]) -> FloatArray:
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
