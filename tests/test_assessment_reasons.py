"""What an assessment can't have comes with its reason, whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd

import csindex as csi
from csindex.diagnostics import q_squared


def test_the_reason_of_an_undefined_htmt2_takes_any_names() -> None:
    model = csi.Model(
        "names with words",
        (
            csi.reflective("a", "happy with price", "happy with service"),
            csi.reflective("b", "content with staff", "content with shop"),
        ),
    )
    corr = np.eye(4)
    corr[0, 1] = corr[2, 3] = 0.5
    corr[0, 2:], corr[1, 2:] = 0.2, -0.2
    corr = np.maximum(corr, corr.T) + np.minimum(corr, corr.T) - np.diag(np.diag(corr))
    made = csi.Moments(model.items, np.zeros(4), corr, 200)
    assessment = csi.assess(csi.fit(model, made, csi.PCA()))
    assert np.isnan(assessment.htmt2.loc["a", "b"])
    (row,) = assessment.undefined.query("measure == 'htmt2'").itertuples()
    assert "those between the two are mixed" in row.reason
    assert "happy with service with content with staff -0.200" in row.reason


def test_few_respondents_have_no_q_squared_but_an_assessment() -> None:
    normal = np.random.default_rng(3).normal(size=(12, 3))
    model = csi.Model(
        "small", (csi.reflective("a", "x", "y"), csi.reflective("b", "z")), [("a", "b")]
    )
    fitted = csi.fit(
        model, pd.DataFrame(normal + normal[:, :1], columns=["x", "y", "z"])
    )
    assessment = csi.assess(fitted)
    assert assessment.q_squared["q2"].isna().all()
    assert "12 respondents are too few" in assessment.q_squared["note"].iloc[0]
    assert len(assessment.verdicts)
    assert q_squared(fitted, distance=6)["q2"].notna().all()
