"""Compare models on one survey: fit, explanation, prediction, and the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations

import numpy as np
import pandas as pd

from csindex.diagnostics.options import whole_problems
from csindex.errors import DataError, SpecificationError, quoted, unknown
from csindex.estimation import Estimates
from csindex.inference import intervals
from csindex.inference.bootstrap import bootstrap
from csindex.inference.distributions import Bootstrap
from csindex.inference.prediction.models import shared_items
from csindex.inference.preferences import Comparison
from csindex.kernels import implied
from csindex.kernels.arrays import BoolArray, FloatArray, IntArray
from csindex.results import Results, fit
from csindex.survey import Answers, Survey


def compare(
    models: Mapping[str, Results],
    n: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    targets: Iterable[str] | None = None,
    folds: int = 10,
    repeats: int = 10,
) -> Comparison:
    r"""Say which of several models serves one survey better.

    Parameters
    ----------
    models : mapping of str to Results
        Two or more fits to the same survey, each with a name.
    n : int
        Number of resamples, the same ones for every model.
    seed : int
        Seed of the random draws.
    level : float
        Confidence level of the percentile intervals.
    targets : iterable of str, optional
        The constructs whose explanation is compared; all that some path leads to in
        every model if None, as satisfaction and loyalty.
    folds, repeats : int
        Into how many parts the respondents are divided to be predicted by the other
        parts, and how often; the same ones for every model.

    Returns
    -------
    Comparison
        The tables.

    Raises
    ------
    SpecificationError
        If there are fewer than two fits, something else than fits, no target in
        common, or an unknown one; if folds or repeats can't be used.
    DataError
        If the fits are of different surveys or groups, were made from moments, or
        treat missing answers differently.

    Notes
    -----
    Models with other items may have other complete respondents. All models are then
    fitted again to the respondents in common, and the notes say so.

    With the k causes of a target, :math:`SSE = (n - 1)(1 - R^2)` for its standardised
    score,

    .. math:: R^2_{adj} = 1 - (1 - R^2) \frac{n - 1}{n - k - 1}, \qquad
        BIC = n \ln(SSE / n) + (k + 1) \ln n

    and the lower BIC is the better. These compare explanations of one score: a model
    that weights the target's items differently explains a slightly different score.

    SRMR is that of `csindex.kernels.implied.srmr`. Where loadings are correlations
    with scores, as in PLS, constructs are composites, which leave the correlations
    among their own items free. The saturated value takes the constructs' correlations
    as they are, the estimated one as the paths imply them.

    Predictions are those of `csindex.inference.prediction.plspredict.predict`, from the
    scores of direct causes; `csindex.inference.prediction.cvpat.loss_test` tests their
    losses. As in the authors' own code, errors are in standard deviations of the item,
    so that no item counts more because its scale is wider; the tests of `predict`
    against its benchmarks are in units of the items, as in seminr.

    References
    ----------
    Sharma, Sarstedt, Shmueli, Kim & Thiele (2019), Journal of the Association for
    Information Systems 20(4) (BIC); Henseler, Dijkstra, Sarstedt et al. (2014),
    Organizational Research Methods 17(2) (SRMR); Liengaard, Sharma, Hult, Jensen,
    Sarstedt, Hair & Ringle (2021), Decision Sciences 52(2) (prediction).

    Examples
    --------
    >>> import csindex as csi
    >>> survey = csi.load_dataset("retail")
    >>> model = csi.acsi()
    >>> short = model.without("complaints")
    >>> found = compare(
    ...     {"ACSI": csi.fit(model, survey), "short": csi.fit(short, survey)}, n=100
    ... )
    >>> found.preferred.loc[0, "criterion"]
    'srmr'
    """
    _check_fits(models)
    _check_folds(folds, repeats)
    fits, notes = _on_common_rows(models)
    chosen = _targets(fits, targets)
    notes += _item_notes(fits, chosen)
    boots = {name: bootstrap(r, n, seed, level=level) for name, r in fits.items()}
    usable = reduce(np.logical_and, (boot.usable for boot in boots.values()))
    predicted = shared_items(fits, folds, repeats, seed, level)
    notes += predicted.notes
    notes += [
        f"{name} has no index: {reason}"
        for name, result in fits.items()
        if (reason := _no_index(result))
    ]
    return Comparison(
        pd.DataFrame([_criteria(name, boot) for name, boot in boots.items()]),
        pd.DataFrame(
            _explanation(name, result, target)
            for target in chosen
            for name, result in fits.items()
        ),
        _differences(boots, usable, level),
        predicted.table,
        tuple(notes),
        level,
        int(usable.sum()),
    )


def _check_fits(models: object) -> None:
    """Refuse what isn't several fits of one survey, with every reason."""
    if not isinstance(models, Mapping) or len(models) < 2:
        raise SpecificationError(
            "compare needs two fits or more, each with a name, as "
            "csi.compare({'ACSI': a, 'improved': b})"
        )
    strange = [name for name, r in models.items() if not isinstance(r, Results)]
    if strange:
        raise SpecificationError(
            f"compare needs results of csi.fit; {quoted(strange)} are not, or are "
            "those of several groups (take one, as results['A'])"
        )
    made = [name for name, r in models.items() if r.survey is None or r.answers is None]
    if made:
        raise DataError(
            f"compare draws respondents, and {quoted(made)} were fitted to moments; "
            "fit all models to the survey"
        )
    (name, first), *others = models.items()
    problems: list[str] = []
    for other, result in others:
        if not _same_survey(first.survey, result.survey):
            problems.append(f"{name!r} and {other!r} are fits of different surveys")
        elif first.group != result.group:
            problems.append(
                f"{name!r} is a fit to {first.group or 'everyone'}, {other!r} to "
                f"{result.group or 'everyone'}"
            )
        elif _answers(first).incomplete != _answers(result).incomplete:
            problems.append(f"{name!r} and {other!r} treat missing answers differently")
    if problems:
        raise DataError(
            [f"compare: {p}; fit all models to one survey alike" for p in problems]
        )


def _check_folds(folds: object, repeats: object) -> None:
    problems = [*whole_problems(2, folds=folds), *whole_problems(1, repeats=repeats)]
    if problems:
        raise SpecificationError([f"compare: {p}" for p in problems])


def _same_survey(first: Survey | None, second: Survey | None) -> bool:
    if first is second:
        return True
    if first is None or second is None:
        return False
    return first.codebook == second.codebook and first.frame.equals(second.frame)


def _answers(result: Results) -> Answers:
    if result.answers is None:
        raise DataError("this fit was made from moments, which have no respondents")
    return result.answers


def _on_common_rows(
    models: Mapping[str, Results],
) -> tuple[dict[str, Results], list[str]]:
    """Return fits to the respondents that all models have, and what was done."""
    rows = {name: _answers(result).rows for name, result in models.items()}
    common: IntArray = reduce(np.intersect1d, rows.values())
    if all(len(own) == len(common) for own in rows.values()):
        return dict(models), []
    if not len(common):
        raise DataError(
            "compare: no respondent answered the items of all models; compare models "
            "with items in common"
        )
    sizes = ", ".join(f"{name} {len(own)}" for name, own in rows.items())
    note = (
        f"the models were fitted again to the {len(common)} respondents that they "
        f"have in common (before: {sizes})"
    )
    return {name: _refitted(r, common) for name, r in models.items()}, [note]


def _refitted(result: Results, rows: IntArray) -> Results:
    survey = result.survey
    if survey is None:
        raise DataError("this fit was made from moments, which have no respondents")
    part = replace(survey, frame=survey.frame.iloc[rows])
    treatment = _answers(result).incomplete
    fitted = fit(result.model, part, result.estimator, incomplete=treatment)
    return replace(fitted, group=result.group)


def _targets(
    fits: Mapping[str, Results], targets: Iterable[str] | None
) -> Sequence[str]:
    explained = [result.model.endogenous for result in fits.values()]
    common = [name for name in explained[0] if all(name in e for e in explained)]
    if targets is None:
        if not common:
            raise SpecificationError(
                "compare: no construct is driven in all models; without a target in "
                "common they can't be compared"
            )
        return common
    chosen = [targets] if isinstance(targets, str) else list(targets)
    if problems := unknown("target", chosen, common, "in all models"):
        raise SpecificationError(problems)
    return chosen


def _item_notes(fits: Mapping[str, Results], targets: Sequence[str]) -> list[str]:
    """Return what items that differ between the models mean for the criteria."""
    models = [result.model for result in fits.values()]
    blocks = [{c.name: set(c.items) for c in model.constructs} for model in models]
    other = [
        name for name in targets if any(b[name] != blocks[0][name] for b in blocks)
    ]
    notes = [
        f"{name} has other items in some models, so that R squared and BIC are of "
        "different scores"
        for name in other
    ]
    if any(set(model.items) != set(models[0].items) for model in models):
        notes.append(
            "the models have different items, so that SRMR is of different correlations"
        )
    named = [
        b[model.index]
        for b, model in zip(blocks, models, strict=True)
        if model.index is not None
    ]
    if any(items != named[0] for items in named):
        notes.append("the index has other items in some models")
    return notes


def _no_index(result: Results) -> str:
    if result.model.index is None:
        return "the model names no index construct"
    row = result.scores.set_index("construct").loc[result.model.index]
    return str(row["note"])


def _criteria(name: str, boot: Bootstrap) -> dict[str, object]:
    result = boot.results
    estimates, structure = result.estimates, result.model.structure
    saturated = estimates.construct_corr
    estimated = implied.construct_correlations(estimates.paths, saturated, structure)
    index = (
        pd.Series(np.nan, ["estimate", "se", "low", "high"])
        if _no_index(result)
        else boot.index
    )
    return {
        "model": name,
        "n": result.n,
        "srmr": _srmr(estimates, estimated),
        "srmr_saturated": _srmr(estimates, saturated),
        "index": index["estimate"],
        **{column: index[column] for column in ("se", "low", "high")},
    }


def _srmr(estimates: Estimates, constructs: FloatArray) -> float:
    corr, blocks = estimates.moments.corr, estimates.model.blocks
    return float(
        implied.srmr(corr, estimates.loadings, constructs, blocks, estimates.composites)
    )


def _explanation(name: str, result: Results, target: str) -> dict[str, object]:
    n, r2 = result.n, float(result.r_squared[target])
    k = sum(path.target == target for path in result.model.paths)
    error = (n - 1) * (1 - r2)
    return {
        "target": target,
        "model": name,
        "sources": k,
        "r_squared": r2,
        "r_squared_adjusted": 1 - (1 - r2) * (n - 1) / (n - k - 1),
        "bic": n * np.log(error / n) + (k + 1) * np.log(n),
    }


def _differences(
    boots: Mapping[str, Bootstrap], usable: BoolArray, level: float
) -> pd.DataFrame:
    """Return the index differences of all pairs, on resamples that all can use."""
    rows: list[dict[str, object]] = []
    drawn = {
        name: _index_values(boot)[usable[boot.usable]]
        for name, boot in boots.items()
        if not _no_index(boot.results)
    }
    for first, second in combinations(drawn, 2):
        values = (drawn[first] - drawn[second])[:, None]
        limits = intervals.percentile(values, level)
        rows.append(
            {
                "first": first,
                "second": second,
                "estimate": boots[first].results.index - boots[second].results.index,
                "se": intervals.errors(values).item(),
                "low": limits.low.item(),
                "high": limits.high.item(),
                "p": intervals.p_values(values).item(),
            }
        )
    columns = ["first", "second", "estimate", "se", "low", "high", "p"]
    return pd.DataFrame(rows, columns=columns)


def _index_values(boot: Bootstrap) -> FloatArray:
    """Return the index in every resample that the bootstrap used, shape (used,)."""
    model = boot.results.model
    position = model.construct_names.index(model.required_index())
    return boot.replicates("scores")[:, position]
