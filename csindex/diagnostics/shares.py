"""Relative importance: what each of several correlated drivers explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from csindex.diagnostics.options import named_list
from csindex.errors import SpecificationError, quoted, unknown
from csindex.estimation import Estimates
from csindex.kernels import relative_importance as kernels
from csindex.kernels.arrays import FloatArray
from csindex.kernels.linalg import solve_positive
from csindex.model import Model
from csindex.results import Results, Statistic, one_fit

Method = Literal["lmg", "johnson"]
Methods = Literal["lmg", "johnson", "both"]
_KERNELS = {"lmg": kernels.lmg, "johnson": kernels.johnson}


def relative_importance(
    results: Results,
    target: str | None = None,
    method: Methods = "both",
    predictors: Sequence[str] | None = None,
) -> pd.DataFrame:
    r"""Divide the explained variance of a construct among its drivers.

    Path coefficients of correlated drivers shift importance from one to the other; a
    driver that tells the same as its neighbours gets next to nothing. These shares
    are never negative and add up to R squared.

    Parameters
    ----------
    results : Results
        A fit.
    target : str, optional
        The construct that is explained; the model's index if None.
    method : {"both", "lmg", "johnson"}
        Shapley values of R squared (Lindeman, Merenda & Gold), for at most twelve
        predictors; Johnson's relative weights, for any number; or both.
    predictors : sequence of str, optional
        Constructs, or items of other constructs than the target. None: the
        constructs with a path to the target, so that R squared is the model's.

    Returns
    -------
    DataFrame
        predictor, correlation with the target, beta (standardised regression), and
        per method the share in R squared (lmg, johnson) and in its sum (lmg_share,
        johnson_share). ``attrs`` holds the target and r_squared.

    Raises
    ------
    SpecificationError
        If the target has no predictors, a name is unknown, constructs and items are
        mixed, there are too many for LMG, or they depend on each other.

    See Also
    --------
    relative_weights : The same as a statistic, for intervals by ``boot.of``.

    References
    ----------
    Gromping (2007), The American Statistician 61(2); Johnson (2000), Multivariate
    Behavioral Research 35(1).

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = relative_importance(results)
    >>> bool(abs(found["lmg"].sum() - results.r_squared["satisfaction"]) < 1e-12)
    True
    """
    model = one_fit(results, "relative_importance").model
    if method not in get_args(Methods):
        raise SpecificationError(
            f"relative_importance: unknown method {method!r}; there are "
            f"{quoted(get_args(Methods))}"
        )
    chosen: tuple[Method, ...] = ("lmg", "johnson") if method == "both" else (method,)
    name, names = _checked(model, target, predictors, chosen)
    corr, with_target = _correlations(results.estimates, name, names)
    betas = solve_positive(corr[..., None], with_target[:, None])[:, 0]
    if not np.isfinite(betas).all():
        raise SpecificationError(
            f"relative_importance: the predictors {quoted(names)} depend on each "
            "other; leave one of them out"
        )
    table = pd.DataFrame(
        {"predictor": names, "correlation": with_target, "beta": betas}
    )
    for one in chosen:
        shares = _KERNELS[one](corr, with_target)
        table[one] = shares
        table[f"{one}_share"] = shares / shares.sum()
    table.attrs.update(target=name, r_squared=float(betas @ with_target))
    return table


def relative_weights(
    model: Model,
    target: str | None = None,
    method: Method = "lmg",
    predictors: Sequence[str] | None = None,
) -> Statistic:
    """Return the drivers' shares in R squared as a statistic.

    Parameters
    ----------
    model : Model
        The model.
    target : str, optional
        The construct that is explained; the model's index if None.
    method : {"lmg", "johnson"}
        How R squared is divided.
    predictors : sequence of str, optional
        Constructs or items; None: the constructs with a path to the target.

    Returns
    -------
    Statistic
        One value per predictor, for ``boot.of``.

    Raises
    ------
    SpecificationError
        As `relative_importance`.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> boot = csi.bootstrap(results, n=100)
    >>> found = boot.of(relative_weights(results.model))
    >>> found.columns.tolist()
    ['predictor', 'estimate', 'se', 'low', 'high']
    """
    if method not in get_args(Method):
        raise SpecificationError(
            f"relative_weights: unknown method {method!r}; there are "
            f"{quoted(get_args(Method))}"
        )
    name, names = _checked(model, target, predictors, (method,))
    kernel = _KERNELS[method]

    def compute(estimates: Estimates) -> FloatArray:
        return kernel(*_correlations(estimates, name, names))

    return Statistic(
        f"{method} weights of {', '.join(names)} for {name}",
        compute,
        lambda _: pd.DataFrame({"predictor": names}),
        tested=False,
    )


def direct_drivers(model: Model, target: str) -> list[str]:
    """Return the constructs with a path to the target.

    Parameters
    ----------
    model : Model
        The model.
    target : str
        A construct.

    Returns
    -------
    list of str
        Their names, in the model's order.
    """
    sources = {path.source for path in model.paths if path.target == target}
    return [name for name in model.construct_names if name in sources]


def _correlations(
    estimates: Estimates, target: str, predictors: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return correlations (..., k, k) of the predictors, and with the target."""
    model = estimates.model
    aim = model.construct_names.index(target)
    if predictors[0] in model.construct_names:
        own = [model.construct_names.index(name) for name in predictors]
        corr = estimates.construct_corr
        return corr[..., own, :][..., own], corr[..., own, aim]
    own = [model.items.index(name) for name in predictors]
    corr = estimates.moments.corr
    with_target = corr[..., own, :] @ estimates.weights[..., aim][..., None]
    return corr[..., own, :][..., own], with_target[..., 0]


def _checked(
    model: Model,
    target: str | None,
    predictors: Sequence[str] | None,
    methods: Sequence[Method],
) -> tuple[str, list[str]]:
    """Return the target and the predictors, or refuse them."""
    if not isinstance(model, Model):
        raise SpecificationError(
            "relative_weights takes a model, as csi.acsi() or results.model, not "
            f"{type(model).__name__}"
        )
    name = model.required_index() if target is None else target
    if problems := unknown("construct", [name], model.construct_names, "as target"):
        raise SpecificationError(problems)
    names = (
        direct_drivers(model, name)
        if predictors is None
        else named_list("predictors", predictors)
    )
    own = {*model.constructs[model.construct_names.index(name)].items, name}
    problems = unknown(
        "construct or item",
        names,
        [*model.construct_names, *model.items],
        "in predictors",
    )
    if predictors is not None and not names:
        problems.append(
            "predictors names none; name constructs or items, or take None for those "
            f"with a path to {name!r}"
        )
    elif not names:
        problems.append(
            f"no path leads to {name!r} in model {model.name!r}; choose another "
            "target, or name predictors"
        )
    if own & {*names}:
        problems.append(
            f"{quoted(sorted(own & {*names}))} can't explain {name!r}, being part of it"
        )
    if len({*names}) < len(names):
        problems.append("a predictor is named twice; name each once")
    kinds = {predictor in model.construct_names for predictor in names}
    if not problems and len(kinds) > 1:
        problems.append("predictors are constructs or items; don't mix them")
    if "lmg" in methods and len(names) > kernels.MOST_PREDICTORS:
        problems.append(
            f"LMG takes at most {kernels.MOST_PREDICTORS} predictors, not "
            f"{len(names)}; use method='johnson'"
        )
    if problems:
        raise SpecificationError(problems)
    return name, names
