"""What estimates tend to in a known population.

PLS in thirty lines that share nothing with csindex, so that one can check the other,
and the lines of ``truth.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from norta import Floats, Item, Moments


class Fit(NamedTuple):
    """PLS: weights (p, j) of standardised items, loadings (p, j), paths (j, j)."""

    weights: Floats
    loadings: Floats
    paths: Floats


def regressions(corr: Floats, structure: Floats) -> Floats:
    """Return path coefficients (j, j), row = target, from construct correlations."""
    paths = np.zeros_like(corr)
    for k, row in enumerate(structure > 0):
        if row.any():
            paths[k, row] = np.linalg.solve(corr[np.ix_(row, row)], corr[row, k])
    return paths


def pls(corr: Floats, blocks: Floats, structure: Floats) -> Fit:
    """Return the PLS estimates, mode A and path scheme, of item correlations."""

    def scaled(weights: Floats) -> Floats:
        return weights / np.sqrt(np.diag(weights.T @ corr @ weights))

    weights = scaled(blocks)
    for _ in range(2000):
        scores = weights.T @ corr @ weights
        effects = scores * structure + regressions(scores, structure).T
        new = scaled((corr @ weights @ effects) * blocks)
        change = np.abs(new - weights).max()
        weights = new
        if change < 1e-13:
            break
    scores = weights.T @ corr @ weights
    return Fit(weights, corr @ weights * blocks, regressions(scores, structure))


class Limits(NamedTuple):
    """What PLS estimates tend to as the sample grows, with labels."""

    items: list[str]
    constructs: list[str]
    fit: Fit
    scores: Floats  # 0-100, of the constructs

    def path(self, source: str, target: str) -> float:
        """Return one path coefficient."""
        names = self.constructs
        return float(self.fit.paths[names.index(target), names.index(source)])


def structure(
    constructs: Sequence[str], paths: Mapping[tuple[str, str], float]
) -> Floats:
    """Return one where the column's construct drives the row's."""
    out = np.zeros((len(constructs), len(constructs)))
    for source, target in paths:
        if source in constructs and target in constructs:
            out[constructs.index(target), constructs.index(source)] = 1.0
    return out


def limits(
    items: Mapping[str, Item],
    constructs: Sequence[str],
    paths: Mapping[tuple[str, str], float],
    moments: Moments,
    scales: Mapping[str, tuple[float, float]] | None = None,
) -> Limits:
    """Return the PLS estimates of a population; scales are 1-10 unless given."""
    chosen = [
        k for k, item in enumerate(items.values()) if item.construct in constructs
    ]
    names = [list(items)[k] for k in chosen]
    blocks = np.zeros((len(names), len(constructs)))
    for row, name in enumerate(names):
        blocks[row, constructs.index(items[name].construct)] = 1.0
    part = Moments(moments.mean[chosen], moments.cov[np.ix_(chosen, chosen)])
    found = pls(part.corr, blocks, structure(constructs, paths))
    share = found.weights / np.sqrt(np.diag(part.cov))[:, None]
    ends = np.array([(scales or {}).get(name, (1.0, 10.0)) for name in names])
    position = 100 * (part.mean - ends[:, 0]) / (ends[:, 1] - ends[:, 0])
    scores = position @ share / share.sum(axis=0)
    return Limits(names, list(constructs), found, scores)


def path_rows(
    found: Limits, latent: Mapping[tuple[str, str], float]
) -> list[dict[str, object]]:
    """Return a row per path: the true value and the limit of PLS."""
    return [
        {"source": a, "target": b, "latent": value, "pls": found.path(a, b)}
        for (a, b), value in latent.items()
        if a in found.constructs and b in found.constructs
    ]


def item_rows(found: Limits, items: Mapping[str, Item]) -> list[dict[str, object]]:
    """Return a row per item: the true loading, and PLS loading and weight."""
    columns = found.fit.loadings.sum(axis=1), found.fit.weights.sum(axis=1)
    return [
        {
            "construct": items[name].construct,
            "item": name,
            "latent": items[name].loading,
            "loading": loading,
            "weight": weight,
        }
        for name, loading, weight in zip(found.items, *columns, strict=True)
    ]


def toml_value(value: object) -> str:
    """Return a number with at most six decimals, or a quoted text."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    return repr(round(float(str(value)), 6) + 0.0)


def toml_rows(key: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return an array of inline tables, one line each."""
    lines = [
        "  { " + ", ".join(f"{k} = {toml_value(v)}" for k, v in row.items()) + " },"
        for row in rows
    ]
    return "\n".join([f"{key} = [", *lines, "]"])
