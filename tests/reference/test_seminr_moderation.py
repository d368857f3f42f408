"""Interactions equal R seminr 2.5.0: three ways, and beside a higher-order construct.

seminr multiplies the scores of a term by the mean standard deviation of its items,
weighted by their absolute loadings; its path is csindex's divided by that, and its
loadings are csindex's times that.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import csindex as csi
from csindex.estimation.moderated import Moderated
from csindex.estimation.terms import Method, interaction
from csindex.scoring import SecondOrder

Table = Callable[[str, str], pd.DataFrame]
TERM = interaction("image", "expectation", on="satisfaction")
FILES: dict[Method, str] = {
    "two_stage": "M4_interaction_two_stage",
    "product": "M4_interaction_product_indicator",
    "orthogonal": "M4_interaction_orthogonal",
}
BLOCKS = {
    "image": [f"IMAG{k}" for k in range(1, 6)],
    "expectation": [f"CUEX{k}" for k in range(1, 4)],
    "value": ["PERV1", "PERV2"],
    "nick": [*(f"PERQ{k}" for k in range(1, 6)), *(f"CUSL{k}" for k in range(1, 4))],
    "satisfaction": [f"CUSA{k}" for k in range(1, 4)],
}
PARTS = {"quality": BLOCKS["nick"][:5], "loyalty": BLOCKS["nick"][5:]}
NAMES = {
    "Image*Expectation": TERM.name,
    "Image*Expectation_intxn": TERM.item,
    "Nick": "nick",
}


def model_of(*drivers: str) -> csi.Model:
    return csi.Model(
        "mobi, one outcome",
        [csi.composite(name, *BLOCKS[name]) for name in (*drivers, "satisfaction")],
        [(name, "satisfaction") for name in drivers],
        index="satisfaction",
    )


@pytest.fixture(scope="module", params=FILES)
def fitted(request: pytest.FixtureRequest, mobi: csi.Survey) -> tuple[csi.Results, str]:
    model = model_of("image", "expectation", "value")
    fit = csi.fit(model, mobi, Moderated((TERM,), request.param))
    return fit, FILES[request.param]


def theirs(seminr: Table, name: str, part: str) -> pd.Series:
    table = seminr(name, part).replace({"row": NAMES, "col": NAMES})
    return table.set_index(["row", "col"])["value"]


def factor(fit: csi.Results) -> float:
    """Return what seminr multiplies the term's scores by."""
    own = fit.model.blocks[:, -1] > 0
    sizes = np.abs(fit.estimates.loadings[own, -1])
    return float((sizes * fit.moments.sd[own]).sum() / sizes.sum())


def test_paths(fitted: tuple[csi.Results, str], seminr: Table) -> None:
    fit, name = fitted
    found = fit.paths.set_index(["source", "target"])["estimate"]
    found[TERM.name] /= factor(fit)
    expected = theirs(seminr, name, "pathCoef")
    assert len(expected) == len(found) == 4
    assert_allclose(found, expected[found.index], atol=1e-9)


def test_weights(fitted: tuple[csi.Results, str], seminr: Table) -> None:
    fit, name = fitted
    found = fit.weights.set_index(["item", "construct"])["estimate"]
    expected = theirs(seminr, name, "outerWeights")
    assert len(expected) == len(found) == (14 if "two_stage" in name else 28)
    assert_allclose(found, expected[found.index], atol=1e-9)


def test_loadings(fitted: tuple[csi.Results, str], seminr: Table) -> None:
    fit, name = fitted
    found = fit.loadings.set_index(["item", "construct"])["estimate"]
    found[found.index.get_level_values("construct") == TERM.name] *= factor(fit)
    expected = theirs(seminr, name, "outerLoadings")
    assert_allclose(found, expected[found.index], atol=1e-9)


def test_explained(fitted: tuple[csi.Results, str], seminr: Table) -> None:
    fit, name = fitted
    expected = theirs(seminr, name, "rSquared")["Rsq"]
    assert_allclose(fit.r_squared, expected, atol=1e-9)


def test_beside_a_higher_order_construct(mobi: csi.Survey, seminr: Table) -> None:
    model = model_of("image", "expectation", "value", "nick")
    estimator = Moderated((TERM,), estimator=SecondOrder(PARTS))
    fit = csi.fit(model, mobi, estimator)
    found = fit.paths.set_index(["source", "target"])["estimate"]
    found[TERM.name] /= factor(fit)
    name = "M5b_hoc_two_stage_interaction"
    expected = theirs(seminr, name, "pathCoef")
    assert len(expected) == len(found) == 5
    # seminr estimates the indicators of nick without the term, csindex with it
    assert_allclose(found, expected[found.index], atol=1e-6)
    r_squared = theirs(seminr, name, "rSquared")["Rsq"]
    assert_allclose(fit.r_squared, r_squared, atol=1e-6)


def test_indicators_estimated_without_the_term(mobi: csi.Survey, seminr: Table) -> None:
    model = model_of("image", "expectation", "value", "nick")
    plain = csi.fit(model, mobi)
    assert plain.answers is not None
    first = SecondOrder(PARTS).stages(model, plain.moments).first
    values = pd.DataFrame(plain.answers.values, columns=model.items)[
        list(first.model.items)
    ]
    scores = (values - values.mean()) / values.std() @ first.weights
    frame = mobi.frame.assign(
        **{part: scores[first.model.construct_names.index(part)] for part in PARTS}
    )
    fit = csi.fit(model.with_items(nick=[*PARTS]), frame, Moderated((TERM,)))
    found = fit.paths.set_index(["source", "target"])["estimate"]
    found[TERM.name] /= factor(fit)
    expected = theirs(seminr, "M5b_hoc_two_stage_interaction", "pathCoef")
    assert_allclose(found, expected[found.index], atol=1e-9)
