"""What assesses scores leaves the products of a moderated model out, or says why."""

from __future__ import annotations

import pandas as pd
import pytest

import csindex as csi

TERM = csi.interaction("quality", "value", on="satisfaction")


@pytest.fixture(scope="module")
def plain() -> csi.Results:
    return csi.fit(csi.acsi(), csi.load_dataset("retail"))


@pytest.fixture(scope="module", params=["two_stage", "product"])
def moderated(request: pytest.FixtureRequest) -> csi.Results:
    estimator = csi.Moderated((TERM,), method=request.param)
    return csi.fit(csi.acsi(), csi.load_dataset("retail"), estimator)


def test_copula_terms_are_refused(moderated: csi.Results) -> None:
    with pytest.raises(csi.DataError, match="fit the model without its terms"):
        csi.gaussian_copula(moderated, n=20)


def test_exact_fit_is_refused(moderated: csi.Results) -> None:
    with pytest.raises(csi.SpecificationError, match="fit the model without its terms"):
        csi.exact_fit(moderated, n=20)


def test_asymmetry_is_that_of_the_drivers(
    moderated: csi.Results, plain: csi.Results
) -> None:
    found = csi.impact_asymmetry(moderated, n=100)
    drivers = csi.impact_asymmetry(plain, n=100)["driver"]
    pd.testing.assert_series_equal(found["driver"], drivers)


def test_a_star_in_a_name_makes_no_product() -> None:
    model = csi.Model(
        "starred",
        (
            csi.reflective("price*performance", "PQ", "QP"),
            csi.reflective("satisfaction", "SATIS", "CONFIRM", "IDEAL"),
        ),
        [("price*performance", "satisfaction")],
        index="satisfaction",
    )
    fitted = csi.fit(model, csi.load_dataset("retail"))
    for table in (
        csi.importance_performance(fitted),
        csi.impact_asymmetry(fitted, n=100),
    ):
        assert table["driver"].tolist() == ["price*performance"]
