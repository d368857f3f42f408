"""Four hundred companies in one call: fits, and the bootstrap of every company.

Companies are drawn from the shipped retail survey with replacement, 250 customers
each. The batched fits are compared with a loop of single fits in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import csindex as csi


def _companies(count: int, size: int) -> csi.Survey:
    survey = csi.load_dataset("retail")
    answers = survey.answers(csi.acsi().items, csi.acsi().instrument)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(answers.values), size=count * size)
    frame = pd.DataFrame(answers.values[rows], columns=list(answers.names))
    frame["company"] = np.repeat(np.arange(count), size)
    return csi.read_survey(frame, scale={"*": (1, 10), "COMP": (0, 1), "PTOL": (0, 50)})


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=400)
    parser.add_argument("--size", type=int, default=250)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    survey = _companies(options.companies, options.size)
    model = csi.acsi()
    fitted = csi.fit(model, survey, by="company")
    moments = csi.moments(survey, model.items, by="company")
    estimator = csi.PLS()
    times: dict[str, list[float]] = {}
    for _ in range(options.runs):
        for name, work in {
            "estimates": lambda: estimator.estimate(model, moments),
            "loop": lambda: [estimator.estimate(model, moments[k]) for k in range(20)],
            "fit": lambda: csi.fit(model, survey, by="company"),
            "bootstrap": lambda: csi.bootstrap(fitted, n=options.resamples).index,
        }.items():
            times.setdefault(name, []).append(_seconds(work))
    medians = {name: statistics.median(values) for name, values in times.items()}
    loop = medians["loop"] / 20 * options.companies
    print(
        f"{options.companies} companies x {options.size}, {options.runs} runs, medians"
    )
    print(
        f"estimates of all companies: {medians['estimates'] * 1e3:.0f} ms in one "
        f"batch, {loop * 1e3:.0f} ms one by one ({loop / medians['estimates']:.0f} "
        "times as long)"
    )
    print(f"fit(by=) from answers to results: {medians['fit']:.2f} s")
    each = medians["bootstrap"] / options.companies / options.resamples
    print(
        f"{options.resamples} resamples of every company: "
        f"{medians['bootstrap']:.1f} s, {each * 1e6:.0f} us per resample"
    )


if __name__ == "__main__":
    main()
