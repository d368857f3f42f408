"""Paths by instruments, and whether they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.diagnostics.endogeneity.equations import Equation, equation_of
from csindex.errors import SpecificationError, quoted, unknown
from csindex.kernels.arrays import FloatArray, IntArray
from csindex.kernels.instruments import instrument_tests, ordinary, two_stage
from csindex.kernels.paths import reachable
from csindex.model import Model
from csindex.results import Results, one_fit
from csindex.results.printing import Page, Printed

# instruments with a smaller F are weak (Staiger & Stock 1997)
_WEAK = 10.0
_LEVEL = 0.05
_WEAK_WORDS = "weak instruments"


@dataclass(frozen=True, eq=False, repr=False)
class Instrumented(Printed):
    """Paths by two-stage least squares; made by `two_stage_least_squares`.

    Attributes
    ----------
    coefficients : DataFrame
        One row per path of the equations asked for: target, source, endogenous,
        ols, estimate (two-stage), se, t, p.
    tests : DataFrame
        One row per test: target, test, source, statistic, df1, df2, p, meaning.
    """

    coefficients: pd.DataFrame
    tests: pd.DataFrame

    def _page(self) -> Page:
        tests = self.tests.assign(
            order=2
            - 2 * self.tests["meaning"].str.startswith(_WEAK_WORDS)
            - (self.tests["test"] == "Wu-Hausman")
        ).sort_values("order", kind="stable")
        lines = [
            f"{target}: " + "; ".join(dict.fromkeys(m for m in rows["meaning"] if m))
            for target, rows in tests.groupby("target", sort=False)
        ]
        weak = self.tests["meaning"].str.startswith(_WEAK_WORDS)
        caution = (
            "With weak instruments neither estimates nor other tests can be trusted "
            "(Staiger & Stock 1997)."
        )
        return Page(
            "\n".join(lines),
            {"Paths": self.coefficients, "Tests": self.tests.drop(columns="meaning")},
            [caution] if weak.any() else [],
        )


def two_stage_least_squares(
    results: Results, instruments: Mapping[str, Sequence[str]]
) -> Instrumented:
    r"""Estimate the paths to some constructs with instruments, and test the need.

    Parameters
    ----------
    results : Results
        A fit.
    instruments : mapping of str to sequence of str
        For each target, the constructs that drive its sources but have nothing to do
        with its own error. Sources among them count as exogenous, the others as
        endogenous.

    Returns
    -------
    Instrumented
        Paths with standard errors, and the tests: first-stage F of the excluded
        instruments (below 10 they are weak) and, with several endogenous sources, the
        same for what each has apart from the others, Wu-Hausman (small p: ordinary
        regression is biased), and, with more instruments than sources, Sargan
        (small p: an instrument is none).

    Raises
    ------
    SpecificationError
        For a target that nothing drives, unknown constructs, the target or what it
        drives among its instruments, no endogenous source, or fewer instruments than
        sources.

    Notes
    -----
    Everything is computed from the constructs' correlations, with standard errors for
    residuals of one variance and divisor :math:`n - k - 1`. Respondents with unequal
    sampling weights count with their effective number.

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, chapters
    5 and 6; Staiger & Stock (1997), Econometrica 65(3); Sanderson & Windmeijer (2016),
    Journal of Econometrics 190(2) (several endogenous sources).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = two_stage_least_squares(
    ...     results, {"loyalty": ["quality", "value", "complaints"]}
    ... )
    >>> found.coefficients[["source", "endogenous"]].values.tolist()
    [['satisfaction', True], ['complaints', False]]
    """
    fitted = one_fit(results, "two_stage_least_squares")
    model = fitted.model
    if problems := list(_instrument_problems(model, instruments)):
        raise SpecificationError([f"two_stage_least_squares: {p}" for p in problems])
    n = round(fitted.effective_n)
    rows: list[dict[str, object]] = []
    tests: list[dict[str, object]] = []
    for target, given in instruments.items():
        equation = equation_of(model, target)
        chosen = np.array([model.construct_names.index(name) for name in given])
        rows += _path_rows(fitted, n, equation, chosen)
        tests += _test_rows(fitted, n, equation, chosen)
    return Instrumented(pd.DataFrame(rows), pd.DataFrame(tests))


def _instrument_problems(
    model: Model, instruments: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    if not isinstance(instruments, Mapping):
        yield (
            "name instruments by the construct they are for, as {'satisfaction': "
            f"['image', 'expectation']}}, not {instruments!r}"
        )
        return
    if not instruments:
        yield "name instruments, as {'satisfaction': ['image', 'expectation']}"
    yield from unknown(
        "endogenous construct", instruments, model.endogenous, "in instruments"
    )
    for target, given in instruments.items():
        if target not in model.endogenous:
            continue
        where = f"as instruments of {target!r}"
        if isinstance(given, str):
            yield f"{where}: {given!r} is not a list; write [{given!r}]"
            continue
        if not isinstance(given, Sequence):
            yield f"{where}: {given!r} is not a list of constructs"
            continue
        yield from unknown("construct", given, model.construct_names, where)
        sources = [p.source for p in model.paths if p.target == target]
        if target in given:
            yield f"{target!r} can't be its own instrument; leave it out"
        driven = _driven(model, target)
        if downstream := [name for name in given if name in driven]:
            yield (
                f"{target!r} drives {quoted(downstream)}, which can't be its "
                "instruments; leave them out"
            )
        if repeated := [name for name in dict.fromkeys(given) if given.count(name) > 1]:
            yield f"{quoted(repeated)} given twice {where}; name them once"
        if set(sources) <= set(given):
            yield (
                f"all sources of {target!r} ({quoted(sources)}) are among its "
                "instruments, so that none is endogenous; leave those out that may go "
                "together with its error"
            )
        elif len(given) < len(sources):
            yield (
                f"{target!r} has {len(sources)} sources ({quoted(sources)}) and "
                f"{len(given)} instruments; name as many instruments as sources or "
                "more, exogenous sources among them"
            )


def _driven(model: Model, source: str) -> set[str]:
    """Return the constructs that a construct drives, however far away."""
    position = model.construct_names.index(source)
    names = np.array(model.construct_names)
    return set(names[reachable(model.structure)[:, position] > 0].tolist())


def _path_rows(
    fitted: Results, n: int, equation: Equation, chosen: IntArray
) -> Iterator[dict[str, object]]:
    from scipy.special import stdtr

    corr, names = fitted.estimates.construct_corr, fitted.model.construct_names
    plain = ordinary(corr, n, equation.target, equation.sources)
    found = two_stage(corr, n, equation.target, equation.sources, chosen)
    for k, source in enumerate(equation.sources):
        t = found.coefficients[k] / found.errors[k]
        yield {
            "target": names[equation.target],
            "source": names[source],
            "endogenous": source not in chosen,
            "ols": float(plain.coefficients[k]),
            "estimate": float(found.coefficients[k]),
            "se": float(found.errors[k]),
            "t": float(t),
            "p": float(2 * stdtr(n - len(equation.sources) - 1, -abs(t))),
        }


def _test_rows(
    fitted: Results, n: int, equation: Equation, chosen: IntArray
) -> Iterator[dict[str, object]]:
    from scipy.special import chdtrc, fdtrc

    names, target = fitted.model.construct_names, equation.target
    corr, sources = fitted.estimates.construct_corr, equation.sources
    found = instrument_tests(corr, n, target, sources, chosen)
    endogenous = [k for k in sources if k not in chosen]
    m, k, e = len(chosen), len(sources), len(endogenous)
    own = k - e

    def row(
        test: str, source: str, value: float, df: tuple[float, float], meaning: str
    ) -> dict[str, object]:
        first, second = df
        p = fdtrc(first, second, value) if second == second else chdtrc(first, value)
        return {
            "target": names[target],
            "test": test,
            "source": source,
            "statistic": value,
            "df1": first,
            "df2": second,
            "p": float(p),
            "meaning": meaning,
        }

    for position, source in enumerate(endogenous):
        value = float(found.first_stage[position])
        yield row(
            "first stage",
            names[source],
            value,
            (m - own, n - m - 1),
            _strength(value, names[source]) if e == 1 else "",
        )
    if e > 1:
        # one set of instruments must tell several sources apart
        for source in endogenous:
            value = _conditional(corr, n, source, sources, chosen)
            yield row(
                "first stage given the others",
                names[source],
                value,
                (m - own - e + 1, n - m - 1),
                _strength(value, names[source]),
            )
    value = float(found.hausman)
    tested = row("Wu-Hausman", "", value, (e, n - k - e - 1), "")
    small = float(str(tested["p"])) < _LEVEL
    yield {
        **tested,
        "meaning": "endogenous, so that ordinary regression is biased"
        if small
        else "no sign of endogeneity",
    }
    if m > k:
        tested = row("Sargan", "", float(found.sargan), (m - k, np.nan), "")
        small = float(str(tested["p"])) < _LEVEL
        yield {
            **tested,
            "meaning": "an instrument is none: it goes with the error"
            if small
            else "instruments agree",
        }


def _strength(f: float, source: str) -> str:
    if f < _WEAK:
        return f"{_WEAK_WORDS} for {source} (F < {_WEAK:g})"
    return "instruments are strong"


def _conditional(
    corr: FloatArray, n: int, source: int, sources: IntArray, chosen: IntArray
) -> float:
    """Return F of the instruments for what a source has apart from the others.

    That is its residual from a two-stage regression on the other sources.
    """
    others = np.array([k for k in sources if k != source])
    own = np.array([k for k in sources if k in chosen], dtype=np.int64)
    slopes = two_stage(corr, n, source, others, chosen).coefficients
    j = len(corr)
    left = np.eye(j, j + 1)
    left[source, j], left[others, j] = 1.0, -slopes
    left[:, j] /= np.sqrt(left[:, j] @ corr @ left[:, j])
    wide = left.T @ corr @ left
    full = float(ordinary(wide, n, j, chosen).unexplained)
    short = float(ordinary(wide, n, j, own).unexplained) if own.size else 1.0
    m, spare = len(chosen), len(chosen) - len(sources) + 1
    return (short - full) / spare / (full / (n - m - 1))
