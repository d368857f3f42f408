"""Make ``data.csv``, a simulated retail satisfaction survey, beside this file.

Eight invented companies, two waves, 250 customers each.  No respondent is real:
answers are drawn from a Gaussian copula (NORTA) whose discretised correlations
match published ones; ``README.md`` lists the true parameters.  The draw depends
on ``SEED`` alone, so running the script again writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import layout
import norta
from norta import Floats, Ints, Item

SEED = 140  # see README.md, "Choice of the seed"
TUNING_SEED = 1  # for the simulation inside tolerance_correlations
PER_CELL = 250
WAVES = (2025, 2026)

# Mean, sd and skewness: public ACSI 2015 file (four industries), rounded.
# Loadings: PLS loadings of the 774-case ACSI replica, rounded.
ITEMS = {
    "OVERALLX": Item("expectation", 0.87, 8.26, 1.66, -1.21, 0.016, 0.002),
    "CUSTOMX": Item("expectation", 0.87, 8.26, 1.74, -1.34, 0.009, 0.002),
    "WRONGX": Item("expectation", 0.72, 7.70, 2.39, -1.10, 0.015, 0.002),
    "OVERALLQ": Item("quality", 0.93, 8.09, 1.87, -1.35, 0.005, 0.001),
    "CUSTOMQ": Item("quality", 0.93, 8.05, 2.00, -1.34, 0.005, 0.001),
    "WRONGQ": Item("quality", 0.80, 7.75, 2.51, -1.13, 0.008, 0.002),
    "PQ": Item("value", 0.80, 7.40, 2.22, -0.92, 0.010, 0.002),
    "QP": Item("value", 0.93, 7.62, 2.15, -1.09, 0.010, 0.001),
    "SATIS": Item("satisfaction", 0.94, 7.81, 2.10, -1.17, 0.005, 0.002),
    "CONFIRM": Item("satisfaction", 0.92, 7.05, 2.26, -0.71, 0.004, 0.001),
    "IDEAL": Item("satisfaction", 0.91, 7.14, 2.34, -0.87, 0.008, 0.001),
    "REPUR": Item("loyalty", 0.95, 7.79, 2.43, -1.24, 0.015, 0.001),
    "HANDLE": Item("complaint_handling", 1.00, 6.32, 2.94, -0.44, 0.006, 0.003),
}
LIKERT = list(ITEMS)[:12]
SATISFACTION = ("SATIS", "CONFIRM", "IDEAL")
COMPLAINT_RATE = 0.175  # of the average company (ACSI 2015)
TOLERANCE_LOADING = 0.93
TOLERANCE_DONT_KNOW, TOLERANCE_REFUSED = 0.09, 0.012

# Correlations to reproduce: 774-case ACSI replica (public test data of the ACSI
# model, moments of the original survey), lower triangle, rounded to 3 decimals.
# TOL is price tolerance on 0-50; order of the columns = order of the rows.
TARGET = """
OVERALLX
CUSTOMX   .646
WRONGX    .427  .473
OVERALLQ  .526  .502  .335
CUSTOMQ   .489  .510  .332  .838
WRONGQ    .331  .387  .370  .619  .612
PQ        .315  .246  .219  .423  .389  .362
QP        .466  .456  .334  .725  .712  .558  .534
SATIS     .502  .483  .331  .850  .850  .603  .474  .766
CONFIRM   .452  .396  .298  .753  .776  .557  .445  .710  .813
IDEAL     .509  .432  .348  .728  .771  .542  .409  .719  .777  .752
REPUR     .367  .298  .223  .576  .585  .408  .316  .488  .616  .535  .608
COMP     -.175 -.167 -.135 -.398 -.422 -.255 -.162 -.343 -.409 -.337 -.359 -.328
TOL       .315  .212  .191  .471  .448  .332  .282  .430  .506  .430  .509  .765 -.289
"""

# Answers to the tolerance questions (percent: share), heaped as people round.
HIGHER_PRICE = {
    0: 50, 1: 30, 2: 20, 3: 10, 5: 130, 7: 5, 8: 5, 10: 210, 12: 5, 15: 90,
    18: 3, 20: 80, 22: 3, 23: 4, 24: 5, 25: 80, 26: 270,
}  # fmt: skip
LOWER_PRICE = {
    0: 30, 1: 15, 2: 5, 3: 5, 5: 25, 8: 5, 10: 65, 12: 3, 15: 60, 18: 3, 20: 100,
    22: 3, 25: 170, 26: 510,
}  # fmt: skip

# Paths carrying a shift of one construct to the next, in latent sd units.
CONSTRUCTS = (
    "expectation",
    "quality",
    "value",
    "satisfaction",
    "complaints",
    "loyalty",
)
PATHS = {
    ("expectation", "quality"): 0.58,
    ("expectation", "value"): 0.12,
    ("expectation", "satisfaction"): 0.04,
    ("quality", "value"): 0.65,
    ("quality", "satisfaction"): 0.67,
    ("value", "satisfaction"): 0.27,
    ("satisfaction", "complaints"): -0.60,
    ("satisfaction", "loyalty"): 0.58,
    ("complaints", "loyalty"): -0.10,
}


class Company(NamedTuple):
    """Own shifts of a company against the average, before the paths act.

    ``trend`` is added to quality in the second wave.
    """

    expectation: float = 0.0
    quality: float = 0.0
    trend: float = 0.0
    value: float = 0.0
    complaints: float = 0.0
    handling: float = 0.0


COMPANIES = {
    "Alder": Company(0.20, 0.54, 0.00, 0.10, -0.12, 0.60),
    "Bracken": Company(0.10, 0.28, 0.00, 0.05, 0.00, 0.25),
    "Hazel": Company(0.05, 0.02, 0.29, 0.05, 0.00, 0.10),
    "Larch": Company(0.10, 0.25, -0.29, 0.00, 0.00, -0.10),
    "Medlar": Company(0.20, 0.38, 0.00, -0.85, 0.00, 0.00),
    "Sorrel": Company(0.00, 0.05, 0.00, 0.00, 0.00, 0.00),
    "Teasel": Company(-0.15, -0.20, 0.00, 0.45, 0.00, -0.25),
    "Yarrow": Company(-0.10, -0.15, 0.00, -0.05, 0.05, -0.60),
}

# Population shares, response propensities, and own shifts of quality.
REGIONS = {
    "North": (0.27, 1.05, 0.00),
    "East": (0.22, 0.75, 0.04),
    "South": (0.33, 1.20, 0.02),
    "West": (0.18, 0.90, -0.08),
}
AGE_GROUPS = {
    "18-29": (0.20, 0.62, -0.12),
    "30-44": (0.27, 0.88, -0.05),
    "45-59": (0.26, 1.12, 0.02),
    "60-74": (0.19, 1.35, 0.10),
    "75+": (0.08, 1.05, 0.14),
}

# Complaint handling: its correlation with the complainer's latent satisfaction,
# and how far the rest of it (company and case) moves the residual loyalty.
HANDLING_ON_SATISFACTION = 0.70
RECOVERY = 0.70
COMPLAINER_SATISFACTION = (-0.85, 0.90)  # mean and sd of the latent answer


def cut_points(shares: Floats) -> Floats:
    """Return the normal thresholds that give the categories these shares."""
    cuts: Floats = norm.ppf(np.cumsum(shares)[:-1])
    return cuts


def margin_cuts() -> dict[str, Floats]:
    """Return the thresholds of every item of the average company."""
    cuts = {
        k: cut_points(norta.tilted_margin(i.mean, i.sd, i.skew))
        for k, i in ITEMS.items()
    }
    cuts["COMP"] = cut_points(np.array([1 - COMPLAINT_RATE, COMPLAINT_RATE]))
    return cuts


def category_sd(cuts: Floats) -> float:
    """Return the standard deviation of a normal variable cut into 0, 1, 2, ..."""
    shares = np.diff(np.concatenate([[0.0], norm.cdf(cuts), [1.0]]))
    x = np.arange(len(shares))
    return float(np.sqrt(shares @ x**2 - (shares @ x) ** 2))


def discrete_correlation(rho: float, a: Floats, b: Floats) -> float:
    """Return the correlation left when two normals with corr. rho are cut at a, b.

    The covariance is the integral over 0..rho of the summed bivariate densities.
    """
    nodes, weights = np.polynomial.legendre.leggauss(32)
    r = (rho * (nodes + 1) / 2)[:, None, None]
    s = 1 - r**2
    x, y = a[None, :, None], b[None, None, :]
    density = np.exp(-(x**2 - 2 * r * x * y + y**2) / (2 * s)) / np.sqrt(s)
    total = float(weights @ density.sum(axis=(1, 2))) * rho / (4 * np.pi)
    return total / (category_sd(a) * category_sd(b))


def latent_correlation(target: float, a: Floats, b: Floats) -> float:
    """Return the normal correlation whose discretised value is the target."""

    def gap(rho: float) -> float:
        return discrete_correlation(rho, a, b) - target

    return round(float(brentq(gap, -0.99, 0.99)), 5)


def target_matrix() -> tuple[list[str], Floats]:
    """Return the names and the full matrix written in ``TARGET``."""
    rows = [line.split() for line in TARGET.strip().splitlines()]
    matrix = np.eye(len(rows))
    for i, row in enumerate(rows):
        matrix[i, :i] = matrix[:i, i] = [float(v) for v in row[1:]]
    return [row[0] for row in rows], matrix


def latent_matrix(cuts: dict[str, Floats]) -> tuple[list[str], Floats]:
    """Return the latent correlations of the twelve Likert items and COMP."""
    names, target = target_matrix()
    names = names[:-1]
    latent = np.eye(len(names))
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            rho = latent_correlation(float(target[i, j]), cuts[a], cuts[b])
            latent[i, j] = latent[j, i] = rho
    return names, latent


def quantile(shares: dict[int, int], p: Floats) -> Ints:
    """Return the answers at probabilities p of a table of shares."""
    answers = np.array(list(shares), dtype=np.int64)
    edges = np.cumsum(list(shares.values())) / sum(shares.values())
    return answers[np.searchsorted(edges[:-1], p)]


def tolerance(latent: Floats, loyal: npt.NDArray[np.bool_]) -> Ints:
    """Return the percent answered to the price question the customer is asked."""
    p: Floats = norm.cdf(latent)
    return np.where(loyal, quantile(HIGHER_PRICE, p), quantile(LOWER_PRICE, 1 - p))


def tolerance_score(answer: Ints, loyal: npt.NDArray[np.bool_]) -> Ints:
    """Return price tolerance on 0-50 from the percent answered."""
    capped = np.minimum(answer, 25)
    return np.where(loyal, 25 + capped, 25 - capped)


def cut(latent: Floats, cuts: Floats, lowest: int = 1) -> Ints:
    """Return the category of each latent value."""
    return np.searchsorted(cuts, latent).astype(np.int64) + lowest


def tolerance_correlations(
    names: list[str], latent: Floats, cuts: dict[str, Floats], draws: int = 100_000
) -> Floats:
    """Return the latent correlations of price tolerance, found by simulation.

    Routing makes tolerance depend on REPUR, so there is no closed form: the same
    draws are used at each step and the correlations moved by what is missing.
    """
    rng = np.random.default_rng(TUNING_SEED)
    half = rng.standard_normal((draws // 2, len(names) + 1))
    noise = np.vstack([half, -half])
    z = noise[:, :-1] @ np.linalg.cholesky(latent).T
    x = np.column_stack([cut(z[:, i], cuts[k]) for i, k in enumerate(names)])
    loyal = x[:, names.index("REPUR")] >= 6
    target = target_matrix()[1][-1, :-1]
    rho = target * 0.5
    for _ in range(30):
        beta = np.linalg.solve(latent, rho)
        rest = np.sqrt(max(1 - float(beta @ rho), 0.05))
        t = z @ beta + rest * noise[:, -1]
        score = tolerance_score(tolerance(t, loyal), loyal)
        found = np.corrcoef(np.column_stack([x, score]), rowvar=False)[-1, :-1]
        rho = rho + target - found
    return np.round(rho, 4)


def full_latent(cuts: dict[str, Floats]) -> tuple[list[str], Floats]:
    """Return names and latent correlations of all answers, REPUR placed last."""
    names, latent = latent_matrix(cuts)
    rho = tolerance_correlations(names, latent, cuts)
    full = np.block([[latent, rho[:, None]], [rho[None, :], np.ones((1, 1))]])
    names = [*names, "TOL"]
    order = [i for i, k in enumerate(names) if k != "REPUR"] + [names.index("REPUR")]
    return [names[i] for i in order], full[np.ix_(order, order)]


def construct_shifts(own: dict[str, float]) -> dict[str, float]:
    """Return the total shift of every construct once the paths have acted."""
    total: dict[str, float] = {}
    for name in CONSTRUCTS:
        moved = (b * total[a] for (a, to), b in PATHS.items() if to == name)
        total[name] = own.get(name, 0.0) + sum(moved)
    return total


def item_shifts(company: str, wave: int, segment: float) -> dict[str, float]:
    """Return the latent shift of every answer of a company's customers."""
    c = COMPANIES[company]
    own = {
        "expectation": c.expectation,
        "quality": c.quality + c.trend * (wave == WAVES[1]) + segment,
        "value": c.value,
        "complaints": c.complaints,
    }
    total = construct_shifts(own)
    shifts = {k: ITEMS[k].loading * total[ITEMS[k].construct] for k in LIKERT}
    shifts["COMP"] = total["complaints"]
    shifts["TOL"] = TOLERANCE_LOADING * total["loyalty"]
    return shifts


def draw_frame(rng: np.random.Generator) -> pd.DataFrame:
    """Return respondents with company, wave, segment and post-stratified weight."""
    cells = norta.segments(REGIONS, AGE_GROUPS)
    size = PER_CELL * len(COMPANIES)
    waves = []
    for wave in WAVES:
        pick = layout.picked(rng, cells, size)
        company = np.repeat(list(COMPANIES), PER_CELL)
        frame = layout.respondents(cells, pick, company=company, wave=wave)
        waves.append(frame.assign(shift=cells["shift"].to_numpy()[pick]))
    return pd.concat(waves, ignore_index=True)


def shift_matrix(frame: pd.DataFrame, names: list[str]) -> Floats:
    """Return the latent shift of every respondent (rows) and answer (columns)."""
    keys = zip(frame["company"], frame["wave"], frame["shift"], strict=True)
    known: dict[Any, list[float]] = {}
    rows = []
    for key in keys:
        if key not in known:
            shifts = item_shifts(*key)
            known[key] = [shifts[k] for k in names]
        rows.append(known[key])
    return np.array(rows)


def draw_answers(
    rng: np.random.Generator, frame: pd.DataFrame, cuts: dict[str, Floats]
) -> dict[str, Ints]:
    """Return complete answers, before routing and missing codes.

    REPUR comes last in the triangular factor, so a complainer's residual loyalty
    can follow the handling of the complaint and leave the correlations as they are.
    """
    names, latent = full_latent(cuts)
    factor = np.linalg.cholesky(latent)
    shift = shift_matrix(frame, names)
    noise = rng.standard_normal((len(frame), len(names)))
    own = np.array([COMPANIES[c].handling for c in frame["company"]])
    care = own + rng.standard_normal(len(frame))
    z = noise @ factor.T
    complained = z[:, names.index("COMP")] + shift[:, names.index("COMP")]
    comp = cut(complained, cuts["COMP"], lowest=0)
    followed = RECOVERY * care + np.sqrt(1 - RECOVERY**2) * noise[:, -1]
    noise[:, -1] = np.where(comp == 1, followed, noise[:, -1])
    z = noise @ factor.T
    answers = {
        k: cut(z[:, names.index(k)] + shift[:, names.index(k)], cuts[k]) for k in LIKERT
    }
    answers["COMP"] = comp
    tol = names.index("TOL")
    answers["TOL"] = tolerance(z[:, tol] + shift[:, tol], answers["REPUR"] >= 6)
    mean, sd = COMPLAINER_SATISFACTION
    felt = (z[:, names.index("SATIS")] - mean) / sd
    a = HANDLING_ON_SATISFACTION
    handled = a * felt + np.sqrt(1 - a**2) * care
    answers["HANDLE"] = cut(handled, cuts["HANDLE"])
    return answers


def with_missing(
    rng: np.random.Generator, answers: Ints, dont_know: Floats, refused: Floats
) -> Ints:
    """Return the answers with some replaced by the two missing codes."""
    u = rng.random(len(answers))
    coded = np.where(u < dont_know + refused, norta.REFUSED, answers)
    return np.where(u < dont_know, norta.DONT_KNOW, coded)


def add_missing(rng: np.random.Generator, answers: dict[str, Ints]) -> dict[str, Ints]:
    """Return the answers with missing codes; some respondents skip more often."""
    size = len(answers["COMP"])
    reluctance = np.minimum(rng.gamma(0.6, 1 / 0.6, size), 6.0)
    out = dict(answers)
    for k, item in ITEMS.items():
        rates = item.dont_know * reluctance, item.refused * reluctance
        out[k] = with_missing(rng, answers[k], *rates)
    spread = 0.5 + 0.5 * reluctance
    rates = TOLERANCE_DONT_KNOW * spread, TOLERANCE_REFUSED * spread
    out["TOL"] = with_missing(rng, answers["TOL"], *rates)
    return out


def make_survey(seed: int = SEED) -> pd.DataFrame:
    """Return the survey as written to ``data.csv``."""
    rng = np.random.default_rng(seed)
    cuts = margin_cuts()
    frame = draw_frame(rng)
    answers = add_missing(rng, draw_answers(rng, frame, cuts))
    repur = answers["REPUR"]
    columns = [k for k in LIKERT if k != "REPUR"]
    data = frame.drop(columns="shift")
    data.insert(0, "respondent", np.arange(1, len(data) + 1))
    for k in [*columns, "COMP"]:
        data[k] = answers[k]
    data["HANDLE"] = norta.routed(answers["HANDLE"], answers["COMP"] == 1)
    data["REPUR"] = repur
    data["HIGHPTOL"] = norta.routed(answers["TOL"], (repur >= 6) & (repur <= 10))
    data["LOWPTOL"] = norta.routed(answers["TOL"], repur <= 5)
    return data


def expected_index(company: str, wave: int, cuts: dict[str, Floats]) -> float:
    """Return the true 0-100 satisfaction index (equal weights) in the population."""
    cells = norta.segments(REGIONS, AGE_GROUPS)
    total = 0.0
    for share, segment in zip(cells["population"], cells["shift"], strict=True):
        shifts = item_shifts(company, wave, segment)
        above = [norm.sf(cuts[k] - shifts[k]).sum() / 9 for k in SATISFACTION]
        total += share * 100 * float(np.mean(above))
    return total


def expected_complaints(company: str, wave: int, cuts: dict[str, Floats]) -> float:
    """Return the true share of complaining customers, in percent."""
    cells = norta.segments(REGIONS, AGE_GROUPS)
    total = 0.0
    for share, segment in zip(cells["population"], cells["shift"], strict=True):
        shift = item_shifts(company, wave, segment)["COMP"]
        total += share * 100 * float(norm.sf(cuts["COMP"][0] - shift))
    return total


def truth_table() -> pd.DataFrame:
    """Return true index and complaint share by company and wave."""
    cuts = margin_cuts()
    rows = [
        (
            company,
            wave,
            round(expected_index(company, wave, cuts), 2),
            round(expected_complaints(company, wave, cuts), 2),
        )
        for company in COMPANIES
        for wave in WAVES
    ]
    return pd.DataFrame(rows, columns=["company", "wave", "index", "complaining"])


def main() -> None:
    """Write ``data.csv`` beside this file and print the true values."""
    layout.write(Path(__file__).parent, make_survey())
    print(truth_table().to_string(index=False))


if __name__ == "__main__":
    main()
