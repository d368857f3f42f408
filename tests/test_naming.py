"""How messages call an estimator."""

from __future__ import annotations

import pytest

import csindex as csi
from csindex.estimation.naming import called

NAMED: list[tuple[object, str]] = [
    (csi.PLS(), "PLS()"),
    (csi.PLS(mode="B", max_iterations=7), "PLS(mode='B', max_iterations=7)"),
    (csi.CBSEM(), "CBSEM()"),
    (csi.CBSEM("MLR", missing="fiml"), "CBSEM(estimator='MLR', missing='fiml')"),
    ("pls", "'pls'"),
    (None, "None"),
]


@pytest.mark.parametrize(("estimator", "name"), NAMED, ids=[n for _, n in NAMED])
def test_only_what_was_set_is_told(estimator: object, name: str) -> None:
    assert called(estimator) == name


def test_the_message_of_a_fit_is_short() -> None:
    survey = csi.load_dataset("retail")
    with pytest.raises(csi.SpecificationError) as caught:
        csi.fit(csi.acsi(), survey, csi.CBSEM(missing="fiml"), incomplete="mean")
    assert str(caught.value).startswith(
        "CBSEM(missing='fiml') treats missing answers itself; leave incomplete='mean'"
    )
