"""Finite mixtures of structural models: segments of regressions, by EM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.kernels.arrays import BoolArray, FloatArray, IntArray, from_slab
from csindex.kernels.paths import regressions

# an equation that leaves less of a unit variance has run into a point, where the
# likelihood has no bound
LEAST_VARIANCE = 1e-6
# plain steps before the first leap, so that a start leaves where it was put by itself
PLAIN_STEPS = 10
# the longest leap, in steps, to begin with; it grows and shrinks by as much
_LEAP = 4.0


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Mixtures of k segments from s starts.

    Attributes
    ----------
    paths : ndarray of shape (s, k, j, j)
        Coefficients of each segment, row = target; NaN for a start that ran into a
        point, as are its other numbers.
    variances : ndarray of shape (s, k, e)
        Error variances of the e equations.
    shares : ndarray of shape (s, k)
        Shares of the segments.
    posterior : ndarray of shape (s, k, n)
        Probability of each row to belong to each segment.
    loglik : ndarray of shape (s,)
        Log likelihood.
    history : ndarray of shape (t, s)
        Log likelihood before each iteration; NaN after a start has settled.
    iterations : ndarray of int of shape (s,)
        Iterations.
    converged : ndarray of bool of shape (s,)
        Whether the log likelihood settled.
    """

    paths: FloatArray
    variances: FloatArray
    shares: FloatArray
    posterior: FloatArray
    loglik: FloatArray
    history: FloatArray
    iterations: IntArray
    converged: BoolArray


@dataclass(frozen=True, eq=False)
class _Parameters:
    """Parameters of b segments, and their log densities as functions of products.

    ``paths`` (b, j, j), ``variances`` (b, e), ``shares`` (b,), ``slope`` (b, m) on the
    products, ``level`` (b,).
    """

    paths: FloatArray
    variances: FloatArray
    shares: FloatArray
    slope: FloatArray
    level: FloatArray

    def of(self, places: IntArray) -> _Parameters:
        """Return the parameters of some segments."""
        return _Parameters(
            self.paths[places],
            self.variances[places],
            self.shares[places],
            self.slope[places],
            self.level[places],
        )

    def put(self, places: IntArray, other: _Parameters) -> None:
        """Take over the parameters of some segments."""
        self.paths[places] = other.paths
        self.variances[places] = other.variances
        self.shares[places] = other.shares
        self.slope[places] = other.slope
        self.level[places] = other.level


def regression_mixtures(
    scores: FloatArray,
    structure: FloatArray,
    weights: FloatArray,
    starts: FloatArray,
    tolerance: float = 1e-9,
    limit: int = 5000,
) -> Mixtures:
    r"""Return mixtures of recursive structural models, all starts at once.

    Parameters
    ----------
    scores : ndarray of shape (n, j)
        Scores of the constructs, with means of zero.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    weights : ndarray of shape (n,)
        Positive weights of the rows; their sum counts as the number of rows.
    starts : ndarray of shape (s, k, n)
        Share of each row in each segment's first regressions.
    tolerance : float
        Gain of log likelihood per row and iteration that ends a start.
    limit : int
        Most iterations.

    Returns
    -------
    Mixtures
        The mixtures.

    Notes
    -----
    With the coefficients :math:`\beta_{kj}` and error variances :math:`\omega_{kj}` of
    the equations j of segment k, of which each has the share :math:`\rho_k`:

    .. math:: \ln L = \sum_i w_i \ln \sum_k \rho_k \prod_j
        N(\eta_{ij} \mid \xi_{ij}' \beta_{kj}, \omega_{kj})

    A log density is linear in the products of a row's scores, and a regression a
    function of their sums: each step of EM is one matrix product for all starts.
    After the first ten, every second step goes on in the direction of the last two
    (SQUAREM, third step length), as far as that raises the likelihood.

    References
    ----------
    Hahn, Johnson, Herrmann & Huber (2002), Schmalenbach Business Review 54(3);
    Varadhan & Roland (2008), Scandinavian Journal of Statistics 35(2).
    """
    s, k, n = starts.shape
    first, second = np.triu_indices(scores.shape[1])
    products = scores[:, first] * scores[:, second]
    rows = np.ascontiguousarray(products.T)
    state = _maximised(starts.reshape(s * k, n), products, weights, structure, k)
    leaps = _Leaps(state, k)
    least = tolerance * float(weights.sum())
    settled = np.zeros(s, dtype=np.bool_)
    iterations = np.zeros(s, dtype=np.int64)
    before = np.full(s, -np.inf)
    history: list[FloatArray] = []
    active = np.arange(s)
    for _ in range(limit):
        places = _places(active, k)
        posterior, loglik = _expected(state, places, rows, weights, k)
        # a leap that gains nothing is taken back
        astray = leaps.made[active] & ~(loglik - before[active] > least)
        if astray.any():
            back = active[astray]
            leaps.take_back(state, back)
            posterior[astray], loglik[astray] = _expected(
                state, _places(back, k), rows, weights, k
            )
        line = np.full(s, np.nan)
        line[active] = loglik
        history.append(line)
        # a start without a likelihood is over, too
        done = ~(loglik - before[active] > least)
        settled[active[done & np.isfinite(loglik)]] = True
        before[active] = loglik
        active = active[~done]
        if not active.size:
            break
        iterations[active] += 1
        kept = posterior[~done].reshape(-1, n)
        after = _maximised(kept, products, weights, structure, k)
        leaps.advance(state, active, after, len(history), structure)
    posterior, loglik = _expected(state, np.arange(s * k), rows, weights, k)
    j = scores.shape[1]
    return Mixtures(
        state.paths.reshape(s, k, j, j),
        state.variances.reshape(s, k, -1),
        state.shares.reshape(s, k),
        posterior,
        loglik,
        np.array(history),
        iterations,
        settled,
    )


def _places(starts: IntArray, k: int) -> IntArray:
    """Return the places of the segments of some starts."""
    return np.asarray((starts[:, None] * k + np.arange(k)).ravel())


class _Leaps:
    """Every second step leaps to where the last two steps point.

    Attributes
    ----------
    made : ndarray of bool of shape (s,)
        Whether a start stands where a leap led it.
    """

    def __init__(self, state: _Parameters, k: int) -> None:
        """Begin with the parameters of s starts of k segments."""
        s = len(state.shares) // k
        self.made: BoolArray = np.zeros(s, dtype=np.bool_)
        self._k = k
        self._longest = np.full(s, _LEAP)
        everything = np.arange(len(state.shares))
        # before the first of the two steps, after it, and after both
        self._zero, self._one = state.of(everything), state.of(everything)
        self._two = state.of(everything)

    def take_back(self, state: _Parameters, starts: IntArray) -> None:
        """Put some starts where they were without the leap."""
        places = _places(starts, self._k)
        state.put(places, self._two.of(places))
        self._longest[starts] = np.maximum(self._longest[starts] / _LEAP, _LEAP)

    def advance(
        self,
        state: _Parameters,
        starts: IntArray,
        after: _Parameters,
        step: int,
        structure: FloatArray,
    ) -> None:
        """Take a step, and after every second one leap."""
        places = _places(starts, self._k)
        self.made[starts] = False
        if step % 2:
            self._zero.put(places, state.of(places))
            self._one.put(places, after)
        elif step > PLAIN_STEPS:
            self._two.put(places, after)
            after = self._leapt(starts, places, after, structure)
        state.put(places, after)

    def _leapt(
        self,
        starts: IntArray,
        places: IntArray,
        after: _Parameters,
        structure: FloatArray,
    ) -> _Parameters:
        """Return where the last two steps point; or one step, if that is no farther."""
        k, b = self._k, len(starts)
        zero = _coordinates(self._zero.of(places), b)
        first = _coordinates(self._one.of(places), b) - zero
        bend = _coordinates(after, b) - zero - 2 * first
        with np.errstate(invalid="ignore", divide="ignore"):
            length = np.sqrt((first**2).sum(axis=1) / (bend**2).sum(axis=1))
        # a NaN makes no leap
        far = length > 1
        length = np.where(far, np.minimum(length, self._longest[starts]), 1.0)
        self._longest[starts[length == self._longest[starts]]] *= _LEAP
        self.made[starts] = far
        where = zero + 2 * length[:, None] * first + length[:, None] ** 2 * bend
        leapt = _from_coordinates(where.reshape(b * k, -1), k, after, structure)
        stay = np.flatnonzero(~np.repeat(far, k))
        leapt.put(stay, after.of(stay))
        return leapt


def _coordinates(parameters: _Parameters, starts: int) -> FloatArray:
    """Return unbounded coordinates of the parameters of each start."""
    b = len(parameters.shares)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [
            parameters.paths.reshape(b, -1),
            np.log(parameters.variances),
            np.log(parameters.shares)[:, None],
        ]
    return np.concatenate(parts, axis=1).reshape(starts, -1)


def _from_coordinates(
    where: FloatArray, k: int, like: _Parameters, structure: FloatArray
) -> _Parameters:
    """Return parameters of segments from their coordinates (b, m)."""
    size = like.paths[0].size
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(where[:, -1]).reshape(-1, k)
        shares /= shares.sum(axis=1, keepdims=True)
        return _parameters(
            where[:, :size].reshape(like.paths.shape),
            np.exp(where[:, size:-1]),
            shares.ravel(),
            structure,
        )


def _expected(
    state: _Parameters,
    places: IntArray,
    rows: FloatArray,
    weights: FloatArray,
    k: int,
) -> tuple[FloatArray, FloatArray]:
    """Return posteriors (s, k, n) and log likelihoods (s,) of some segments."""
    log = state.slope[places] @ rows
    log += state.level[places, None]
    log = log.reshape(-1, k, rows.shape[1])
    peak = log.max(axis=1)
    log -= peak[:, None]
    posterior = np.exp(log, out=log)
    total = posterior.sum(axis=1)
    posterior /= total[:, None]
    return posterior, (np.log(total) + peak) @ weights


def _maximised(
    posterior: FloatArray,
    products: FloatArray,
    weights: FloatArray,
    structure: FloatArray,
    k: int,
) -> _Parameters:
    """Return the parameters given posteriors (b, n) of whole mixtures of k."""
    j = len(structure)
    first, second = np.triu_indices(j)
    own = posterior * weights
    size = own.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (own @ products) / size[:, None]
        slab = np.empty((j, j, len(own)))
        slab[first, second] = slab[second, first] = mean.T
        paths = regressions(from_slab(slab, (len(own),)), structure)
        errors = _errors(paths, structure)
        by = np.einsum("bej,jkb->bek", errors, slab)
        variances = np.einsum("bek,bek->be", by, errors)
        whole = size.reshape(-1, k)
        shares = (whole / whole.sum(axis=1)[:, None]).ravel()
    return _parameters(paths.copy(), variances, shares, structure)


def _errors(paths: FloatArray, structure: FloatArray) -> FloatArray:
    """Return errors (b, e, j) as combinations of scores: the target, less its paths."""
    driven = np.flatnonzero(structure.sum(axis=1))
    return np.asarray(np.eye(len(structure))[driven] - paths[:, driven])


def _parameters(
    paths: FloatArray, variances: FloatArray, shares: FloatArray, structure: FloatArray
) -> _Parameters:
    """Return parameters with the log densities that they make."""
    first, second = np.triu_indices(len(structure))
    errors = _errors(paths, structure)
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = np.where(variances > LEAST_VARIANCE, variances, np.nan)
        precision = np.einsum("bej,bek,be->bjk", errors, errors, 1 / variances)
        double = np.where(first == second, 1.0, 2.0)
        slope = -0.5 * precision[:, first, second] * double
        level = np.log(shares) - 0.5 * np.log(2 * np.pi * variances).sum(axis=1)
    return _Parameters(paths, variances, shares, slope, level)


@dataclass(frozen=True)
class Criteria:
    """Criteria for a number of segments; the lower, the better, but for the last two.

    Attributes
    ----------
    loglik : float
        Log likelihood.
    parameters : int
        Free parameters.
    aic, aic3, aic4, bic, caic, hq, mdl5 : float
        Information criteria.
    nec : float
        Normed entropy criterion; one for a single segment.
    en : float
        Normed entropy: one if every row surely belongs to one segment; NaN for a
        single segment, as is the next.
    nfi : float
        Non-fuzzy index, likewise.
    """

    loglik: float
    parameters: int
    aic: float
    aic3: float
    aic4: float
    bic: float
    caic: float
    hq: float
    mdl5: float
    nec: float
    en: float
    nfi: float


def mixture_criteria(
    loglik: float,
    posterior: FloatArray,
    weights: FloatArray,
    structure: FloatArray,
    homogeneous: float,
) -> Criteria:
    r"""Return the criteria that judge the number of segments.

    Parameters
    ----------
    loglik : float
        Log likelihood of the mixture.
    posterior : ndarray of shape (k, n)
        Probability of each row to belong to each segment.
    weights : ndarray of shape (n,)
        Weights of the rows; their sum N counts as the number of rows.
    structure : ndarray of shape (j, j)
        One where the column's construct drives the row's.
    homogeneous : float
        Log likelihood of one segment.

    Returns
    -------
    Criteria
        The criteria.

    Notes
    -----
    With R paths and Q equations there are :math:`P = K - 1 + K (R + Q)` parameters:

    .. math:: -2 \ln L + c P, \quad c = 2, 3, 4, \ln N, \ln N + 1, 2 \ln \ln N,
        5 \ln N

    for AIC, AIC3, AIC4, BIC, CAIC, HQ and MDL5. With the probabilities p and the
    entropy :math:`E = -\sum_i w_i \sum_k p_{ik} \ln p_{ik}`:

    .. math:: EN = 1 - \frac{E}{N \ln K}, \quad
        NFI = \frac{K \sum_i w_i \sum_k p_{ik}^2 - N}{N (K - 1)}, \quad
        NEC = \frac{E}{\ln L - \ln L_1}

    References
    ----------
    Sarstedt, Becker, Ringle & Schwaiger (2011), Schmalenbach Business Review 63(1);
    Celeux & Soromenho (1996), Journal of Classification 13(2).
    """
    k = len(posterior)
    paths, equations = int(structure.sum()), int(structure.any(axis=1).sum())
    free = k - 1 + k * (paths + equations)
    n = float(weights.sum())
    log = float(np.log(n))
    nec, en, nfi = 1.0, np.nan, np.nan
    if k > 1:
        certain = np.where(posterior > 0, posterior, 1.0)
        entropy = float(-(posterior * np.log(certain)).sum(axis=0) @ weights)
        squares = float((posterior**2).sum(axis=0) @ weights)
        gain = loglik - homogeneous
        nec = entropy / gain if gain > 0 else np.nan
        en = 1 - entropy / (n * np.log(k))
        nfi = (k * squares - n) / (n * (k - 1))
    return Criteria(
        loglik=loglik,
        parameters=free,
        aic=-2 * loglik + 2 * free,
        aic3=-2 * loglik + 3 * free,
        aic4=-2 * loglik + 4 * free,
        bic=-2 * loglik + log * free,
        caic=-2 * loglik + (log + 1) * free,
        hq=-2 * loglik + 2 * np.log(log) * free,
        mdl5=-2 * loglik + 5 * log * free,
        nec=nec,
        en=en,
        nfi=nfi,
    )
