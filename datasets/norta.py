"""Simulated surveys whose population is known exactly.

Latent answers are normal in each cell of the population (company x segment), with one
correlation matrix and means that depend on the cell; each is cut into 1, 2, 3, ...
(NORTA).  Means and covariances of the answers need no simulation: with the normalised
Hermite coefficients ``b`` of two cut variables and their correlation ``rho``,

    cov(x, y) = sum over k >= 1 of  rho^k b_k(x) b_k(y)          (Mehler)

so that latent correlations can be solved for which the correlations of the whole
population, after cutting and over all cells, are exactly those of a structural model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import root
from scipy.special import ndtr, ndtri

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

TERMS = 80  # of Mehler's series; correlations of .9 leave less than 1e-6
BEYOND = 40.0  # a threshold that no answer passes
CHUNK = 64  # components whose coefficients are computed at once
DONT_KNOW, REFUSED = 98, 99


class Item(NamedTuple):
    """One question: construct, loading, margin at shift zero, missing rates.

    ``loading`` is the correlation of the answer with its construct, and how far the
    latent answer moves when its construct moves by 1.
    """

    construct: str
    loading: float
    mean: float
    sd: float
    skew: float
    dont_know: float = 0.003
    refused: float = 0.001


class Moments(NamedTuple):
    """Means (p,) and covariances (p, p) of a population."""

    mean: Floats
    cov: Floats

    @property
    def corr(self) -> Floats:
        """Correlations (p, p)."""
        sd = np.sqrt(np.diag(self.cov))
        return np.asarray(self.cov / np.outer(sd, sd))


def tilted_margin(mean: float, sd: float, skew: float) -> Floats:
    """Return the maximum-entropy shares of 1..10 with the given three moments."""
    x = np.arange(1, 11, dtype=np.float64)
    u = (x - 5.5) / 4.5
    powers = np.vstack([u, u**2, u**3])

    def shares(tilt: Floats) -> Floats:
        log = tilt @ powers
        weight: Floats = np.exp(log - log.max())
        weight /= weight.sum()
        return weight

    def gap(tilt: Floats) -> Floats:
        p = shares(tilt)
        m = p @ x
        s = np.sqrt(p @ (x - m) ** 2)
        return np.array([m - mean, s - sd, p @ ((x - m) / s) ** 3 - skew])

    found = root(gap, np.array([1.0, 0.5, 0.0]), tol=1e-12)
    if not found.success:
        raise ArithmeticError(f"no margin has {mean}, {sd}, {skew}: {found.message}")
    return shares(found.x)


def likert_cuts(items: Mapping[str, Item]) -> Floats:
    """Return the nine normal thresholds (p, 9) of every item at shift zero."""
    margins = [tilted_margin(i.mean, i.sd, i.skew) for i in items.values()]
    return np.asarray(np.round(ndtri(np.cumsum(margins, axis=1)[:, :-1]), 6))


def binary_cuts(share: float) -> Floats:
    """Return the thresholds (1, 9) of a 0/1 item of which a share is 1."""
    cuts = np.full((1, 9), BEYOND)
    cuts[0, 0] = round(float(-ndtri(share)), 6)
    return cuts


def share_cuts(shares: Sequence[float]) -> Floats:
    """Return the thresholds (9,) of an item whose answers 1, 2, ... have shares."""
    cuts = np.full(9, BEYOND)
    cuts[: len(shares) - 1] = np.round(ndtri(np.cumsum(shares)[:-1]), 6)
    return cuts


def answers(latent: Floats, cuts: Floats) -> Ints:
    """Return how many thresholds (p, m) each latent answer (n, p) passes."""
    return np.asarray((latent[:, :, None] > cuts).sum(axis=2), dtype=np.int64)


def coefficients(cuts: Floats) -> Floats:
    """Return Hermite coefficients (terms, ...) of variables cut at cuts (..., m)."""
    density = np.exp(-(cuts**2) / 2) / np.sqrt(2 * np.pi)
    out = np.empty((TERMS, *cuts.shape[:-1]))
    before, now = np.zeros_like(cuts), density
    for k in range(TERMS):
        out[k] = now.sum(axis=-1) / np.sqrt(k + 1)
        before, now = now, (cuts * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    return out


class Series(NamedTuple):
    """A mixture of cut normals: all that doesn't depend on their correlations.

    ``powers`` (terms, p, p) are the factors of rho^k; ``within`` (p,) the variances
    within components; ``between`` (p, p) the covariances of the components' means.
    """

    mean: Floats
    powers: Floats
    within: Floats
    between: Floats

    def moments(self, corr: Floats) -> Moments:
        """Return the moments of the answers for latent correlations (p, p)."""
        cov = self.covariances(corr)
        np.fill_diagonal(cov, self.within)
        return Moments(self.mean, cov + self.between)

    def covariances(self, corr: Floats) -> Floats:
        """Return the covariances within components, by Horner's rule."""
        total = np.zeros_like(corr)
        for power in self.powers[::-1]:
            total = corr * (power + total)
        return total


def series(shares: Floats, cuts: Floats) -> Series:
    """Return the series of a mixture with shares (c,) and thresholds (c, p, m)."""
    size, p, m = cuts.shape
    tails = ndtr(-cuts)
    means = tails.sum(axis=2)
    squares = (tails * (2 * np.arange(1, m + 1) - 1)).sum(axis=2)
    powers = np.zeros((TERMS, p, p))
    for start in range(0, size, CHUNK):
        part = slice(start, start + CHUNK)
        b = coefficients(cuts[part])
        powers += (b * shares[part, None]).transpose(0, 2, 1) @ b
    mean = shares @ means
    apart = means - mean
    return Series(
        mean, powers, shares @ (squares - means**2), (apart.T * shares) @ apart
    )


def latent_correlations(mixture: Series, target: Floats) -> Floats:
    """Return the latent correlations that give the whole population the target's."""
    sd = np.sqrt(mixture.within + np.diag(mixture.between))
    wanted = target * np.outer(sd, sd) - mixture.between
    low, high = np.full_like(target, -0.98), np.full_like(target, 0.98)
    for _ in range(50):
        middle = (low + high) / 2
        above = mixture.covariances(middle) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found = np.round((low + high) / 2, 6)
    np.fill_diagonal(found, 1.0)
    off = mixture.moments(found).corr - target
    np.fill_diagonal(off, 0.0)
    if np.abs(off).max() > 1e-5 or np.linalg.eigvalsh(found)[0] < 1e-3:
        raise ArithmeticError("no latent normal answers have such correlations")
    return found


def given(cuts: Floats, corr: Floats, item: int, nodes: Floats) -> Floats:
    """Return the thresholds (v, p, m), given that an item's latent answer is v."""
    slope = corr[:, item]
    rest = np.sqrt(1 - np.delete(slope, item) ** 2)
    out = np.empty((len(nodes), *cuts.shape))
    others = np.arange(len(slope)) != item
    moved = slope[others][None, :, None] * nodes[:, None, None]
    out[:, others] = (cuts[others][None] - moved) / rest[None, :, None]
    out[:, item] = np.where(cuts[item] < nodes[:, None], -BEYOND, BEYOND)
    return out


def partial(corr: Floats, item: int) -> Floats:
    """Return the correlations of all other answers, given one; zero with that one."""
    slope = corr[:, item]
    sd = np.sqrt(np.maximum(1 - slope**2, 0.0))
    sd[item] = 1.0
    out = np.asarray((corr - np.outer(slope, slope)) / np.outer(sd, sd))
    out[item], out[:, item] = 0.0, 0.0
    return out


def selected(
    shares: Floats, cuts: Floats, corr: Floats, item: int, chances: Floats
) -> tuple[float, Moments]:
    """Return share and moments of those selected by their answer to one item.

    ``chances`` (m + 1,) are the probabilities by answer.  The item's latent answer is
    integrated out by Gauss-Legendre rules between its thresholds.
    """
    points, rule = np.polynomial.legendre.leggauss(10)
    weights: list[Floats] = []
    pieces: list[Floats] = []
    for share, own in zip(shares, cuts, strict=True):
        edges = np.concatenate([[-7.5], np.clip(own[item], -7.5, 7.5), [7.5]])
        half = np.diff(edges)[:, None] / 2
        nodes = edges[:-1, None] + half * (points + 1)
        density = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi)
        weights.append((share * half * rule * density * chances[:, None]).ravel())
        pieces.append(given(own, corr, item, nodes.ravel()))
    weight = np.concatenate(weights)
    total = float(weight.sum())
    mixture = series(weight / total, np.concatenate(pieces))
    return total, mixture.moments(partial(corr, item))


def construct_correlations(
    names: Sequence[str],
    exogenous: Mapping[tuple[str, str], float],
    paths: Mapping[tuple[str, str], float],
) -> Floats:
    """Return the correlations of constructs, named in causal order."""
    place = {name: k for k, name in enumerate(names)}
    corr = np.eye(len(names))
    for (a, b), value in exogenous.items():
        corr[place[a], place[b]] = corr[place[b], place[a]] = value
    for k, name in enumerate(names):
        causes = {a: value for (a, to), value in paths.items() if to == name}
        if not causes:
            continue
        slopes = np.array(list(causes.values()))
        rows = [place[a] for a in causes]
        corr[k, :k] = corr[:k, k] = slopes @ corr[rows, :k]
        if slopes @ corr[rows, k] >= 1:
            raise ArithmeticError(f"{name} is explained by more than all of it")
    return corr


def implied_correlations(
    items: Mapping[str, Item], names: Sequence[str], corr: Floats
) -> Floats:
    """Return the correlations of the items of a factor model."""
    rows = [list(names).index(item.construct) for item in items.values()]
    loadings = np.array([item.loading for item in items.values()])
    implied = np.outer(loadings, loadings) * corr[np.ix_(rows, rows)]
    np.fill_diagonal(implied, 1.0)
    return implied


class Population(NamedTuple):
    """All that fixes the answers of everyone.

    ``cells`` has the groups, and the columns ``population`` and ``sample`` (shares);
    ``shifts`` (cells, p) are latent, ``latent`` (p, p) the correlations in cells.
    """

    cells: pd.DataFrame
    shifts: Floats
    cuts: Floats
    lowest: Floats
    latent: Floats

    def where(self, **groups: object) -> Ints:
        """Return the cells of some groups, all of them without arguments."""
        chosen = np.ones(len(self.cells), dtype=bool)
        for column, label in groups.items():
            chosen &= (self.cells[column] == label).to_numpy()
        return np.flatnonzero(chosen)

    def mixture(self, chosen: Ints) -> tuple[Floats, Floats]:
        """Return the shares of some cells, and thresholds seen from their means."""
        share: Floats = self.cells["population"].to_numpy()[chosen]
        return share / share.sum(), self.cuts[None] - self.shifts[chosen, :, None]

    def moments(self, **groups: object) -> Moments:
        """Return the moments of all answers, of everyone or in some groups."""
        found = series(*self.mixture(self.where(**groups))).moments(self.latent)
        return found._replace(mean=found.mean + self.lowest)

    def selected(
        self, item: int, chances: Floats, **groups: object
    ) -> tuple[float, Moments]:
        """Return share and moments of those selected by their answer to one item."""
        mixture = self.mixture(self.where(**groups))
        share, found = selected(*mixture, self.latent, item, chances)
        return share, found._replace(mean=found.mean + self.lowest)

    def draw(self, rng: np.random.Generator, cell: Ints) -> Ints:
        """Return complete answers (n, p) of respondents in the given cells."""
        noise = rng.standard_normal((len(cell), len(self.cuts)))
        latent = noise @ np.linalg.cholesky(self.latent).T + self.shifts[cell]
        return answers(latent, self.cuts) + self.lowest.astype(np.int64)


def population(
    cells: pd.DataFrame, shifts: Floats, cuts: Floats, lowest: Floats, target: Floats
) -> Population:
    """Return the population whose answers have the target's correlations (p, p)."""
    found = Population(cells, shifts, cuts, lowest, np.eye(len(cuts)))
    mixture = series(*found.mixture(found.where()))
    return found._replace(latent=latent_correlations(mixture, target))


def segments(
    regions: Mapping[str, tuple[float, float, float]],
    ages: Mapping[str, tuple[float, float, float]],
) -> pd.DataFrame:
    """Return region x age cells: shares in population and sample, shift.

    Regions and ages have a population share, a response propensity and a shift.
    """
    rows = [
        (region, age, rs * as_, rs * as_ * rp * ap, rd + ad)
        for region, (rs, rp, rd) in regions.items()
        for age, (as_, ap, ad) in ages.items()
    ]
    names = ["region", "age_group", "population", "sample", "shift"]
    cells = pd.DataFrame(rows, columns=names)
    cells["sample"] /= cells["sample"].sum()
    return cells


def post_stratified(cells: pd.DataFrame, picked: Ints) -> Floats:
    """Return a weight per respondent from the segments' shares of the population."""
    count = np.bincount(picked, minlength=len(cells))
    share = cells["population"].to_numpy()
    weight = share * len(picked) / np.maximum(count, 1)
    return np.asarray(np.round(weight[picked], 4))


def with_missing(
    rng: np.random.Generator, complete: Ints, items: Mapping[str, Item]
) -> Ints:
    """Return answers (n, p) with missing codes; some respondents skip more often."""
    reluctance = np.minimum(rng.gamma(0.6, 1 / 0.6, (len(complete), 1)), 6.0)
    dont_know = reluctance * np.array([i.dont_know for i in items.values()])
    refused = reluctance * np.array([i.refused for i in items.values()])
    u = rng.random(complete.shape)
    coded = np.where(u < dont_know + refused, REFUSED, complete)
    return np.where(u < dont_know, DONT_KNOW, coded)


def routed(given: Ints, asked: npt.NDArray[np.bool_]) -> pd.Series:
    """Return an integer column that is empty where the question was not asked."""
    return pd.Series(given).astype("Int64").where(pd.Series(asked))
