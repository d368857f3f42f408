"""A wide model, 200 items of 30 constructs: csindex beside seminr.

Both bootstrap paths, loadings, weights, total effects and HTMT of the same answers, in
one process and one run; medians. The answers are drawn here.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import seminr

import csindex as csi

CONSTRUCTS, ITEMS, PATHS = 30, 200, 43


def _model() -> csi.Model:
    ends = np.linspace(0, ITEMS, CONSTRUCTS + 1).astype(int)
    constructs = [
        csi.reflective(f"c{k:02d}", *(f"i{h:03d}" for h in range(ends[k], ends[k + 1])))
        for k in range(CONSTRUCTS)
    ]
    # a chain, and shortcuts over two
    pairs = [(k, k + 1) for k in range(CONSTRUCTS - 1)]
    pairs += [(k, k + 3) for k in range(PATHS - len(pairs))]
    paths = [(f"c{a:02d}", f"c{b:02d}") for a, b in sorted(pairs)]
    return csi.Model("wide", tuple(constructs), tuple(paths), index=f"c{ends.size - 2}")


def _answers(model: csi.Model, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    own = rng.normal(size=(rows, CONSTRUCTS))
    for path in model.paths:
        source, target = int(path.source[1:]), int(path.target[1:])
        own[:, target] += 0.5 * own[:, source]
    own /= own.std(axis=0)
    position = np.argmax(model.blocks, axis=1)
    values = 6 + 1.5 * own[:, position] + 1.2 * rng.normal(size=(rows, ITEMS))
    return pd.DataFrame(np.clip(np.rint(values), 1, 10), columns=list(model.items))


def _peer(model: csi.Model, frame: pd.DataFrame) -> seminr.PlsModel:
    constructs = [seminr.composite(c.name, list(c.items)) for c in model.constructs]
    paths = [seminr.paths([p.source], [p.target]) for p in model.paths]
    return seminr.estimate_pls(
        frame, seminr.constructs(*constructs), seminr.relationships(*paths)
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ours(results: csi.Results, n: int) -> None:
    boot = csi.bootstrap(results, n=n, seed=1)
    for table in ("paths", "loadings", "weights", "total_effects", "htmt"):
        getattr(boot, table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--peer-resamples", type=int, default=10)
    options = parser.parse_args()
    model = _model()
    frame = _answers(model, options.rows)
    results = csi.fit(model, csi.read_survey(frame, scale=(1, 10)))
    peer = _peer(model, frame)
    found = [
        peer.outer_weights.get(item, construct.name)
        for construct in model.constructs
        for item in construct.items
    ]
    apart = float(np.abs(found - results.weights["estimate"].to_numpy()).max())
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(options.runs):
        times["peer"].append(
            _seconds(
                lambda: seminr.bootstrap_model(
                    peer, nboot=options.peer_resamples, seed=1
                )
            )
        )
        times["ours"].append(_seconds(lambda: _ours(results, options.resamples)))
    ours = statistics.median(times["ours"]) / options.resamples
    theirs = statistics.median(times["peer"]) / options.peer_resamples
    print(
        f"{ITEMS} items, {CONSTRUCTS} constructs, {len(model.paths)} paths, n = "
        f"{options.rows}, {options.runs} runs, medians; weights agree to "
        f"{apart:.0e}"
    )
    print(f"csindex: {ours * 1e3:.2f} ms per resample, labelled")
    print(
        f"seminr {seminr.__version__}: {theirs * 1e3:.0f} ms, "
        f"{theirs / ours:.0f} times as long"
    )


if __name__ == "__main__":
    main()
