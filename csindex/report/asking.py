"""Questions for some respondents only, as those on how a complaint was handled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from csindex.results import Results


@dataclass(frozen=True)
class Asked:
    """Items of one construct that share a skip rule.

    Attributes
    ----------
    construct : str
        The construct.
    items : tuple of str
        Its items with that rule.
    rule : str
        Who is asked, as ``"COMP == 1"``.
    asked : float
        How many respondents the rule selects; NaN within a group.
    answered : int
        How many of them answered all these items.
    """

    construct: str
    items: tuple[str, ...]
    rule: str
    asked: float
    answered: int


def asked_parts(results: Results) -> tuple[Asked, ...]:
    """Return the parts of a model that were not asked of everyone.

    Parameters
    ----------
    results : Results
        A fit.

    Returns
    -------
    tuple of Asked
        One per construct and skip rule; empty where all was asked of everyone, and
        for a fit from moments, which know no rules.
    """
    survey, answers, model = results.survey, results.answers, results.model
    if survey is None or answers is None:
        return ()
    rules = survey.skip_violations(model.instrument).set_index("item")
    if results.group:
        values = answers.values
    else:
        everyone = survey.answers(
            answers.names, model.instrument, incomplete="pairwise"
        )
        values = everyone.values
    known = ~np.isnan(values)
    parts: list[Asked] = []
    for construct in model.constructs:
        own = [item for item in construct.items if item in rules.index]
        for rule in dict.fromkeys(rules.loc[own, "asked_if"]):
            items = tuple(item for item in own if rules.loc[item, "asked_if"] == rule)
            columns = [answers.names.index(item) for item in items]
            asked = np.nan if results.group else float(rules.loc[items[0], "asked"])
            answered = int(known[:, columns].all(axis=1).sum())
            parts.append(Asked(construct.name, items, str(rule), asked, answered))
    return tuple(parts)


def hypothetical(results: Results) -> str:
    """Return the construct of complaints that everyone was asked about.

    Parameters
    ----------
    results : Results
        A fit.

    Returns
    -------
    str
        Its name; empty if there is none. Such questions ask those who had no reason
        to complain how a complaint would be handled, as the European index does:
        handling without a skip rule, or complaints that satisfaction raises.
    """
    if results.survey is None:
        return ""
    ruled = {part.construct for part in asked_parts(results)}
    model = results.model
    if "complaint_handling" in set(model.construct_names) - ruled:
        return "complaint_handling"
    raised = any(
        (path.source, path.target, path.sign) == ("satisfaction", "complaints", "+")
        for path in model.paths
    )
    return "complaints" if raised else ""
