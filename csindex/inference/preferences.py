"""What a comparison of models says: tables, and which model is preferred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from csindex.inference.telling import chance
from csindex.results.printing import Page, Printed

# from which lead on a criterion prefers a model, and where larger is better
_LEADS = {"srmr": 0.001, "r_squared_adjusted": 0.001, "bic": 2.0}
_LARGER = ("r_squared_adjusted",)
# columns of the predictions, in print
_PRINTED = ["first", "second", "items", "loss_first", "loss_second", "p", "better"]
_TWO = "{:.2f}".format
_FORMATS = dict.fromkeys(("index", "estimate", "se", "low", "high", "bic"), _TWO)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Printed):
    """How well several models serve one survey; made by `compare`.

    Attributes
    ----------
    criteria : DataFrame
        One row per model: model, n, srmr (of the estimated model), srmr_saturated,
        index, se, low, high.
    targets : DataFrame
        One row per target and model: target, model, sources (their number),
        r_squared, r_squared_adjusted, bic.
    differences : DataFrame
        One row per pair of models: first, second, estimate (index of the first minus
        that of the second), se, low, high, p.
    prediction : DataFrame
        One row per pair of models, on the items that both predict: first, second,
        items (their number), loss_first, loss_second (mean squared errors out of
        sample, of items of variance one), difference, se, low, high, p, better (the
        name of the model that predicts better, or ``"neither"``).
    notes : tuple of str
        What limits the comparison: respondents left out, items that differ.
    level : float
        Confidence level of the intervals.
    resamples : int
        Number of resamples that all models could be estimated from.
    """

    criteria: pd.DataFrame
    targets: pd.DataFrame
    differences: pd.DataFrame
    prediction: pd.DataFrame
    notes: tuple[str, ...]
    level: float
    resamples: int

    @property
    def preferred(self) -> pd.DataFrame:
        """The model that each criterion prefers, or that it prefers none.

        Criterion, target, model (``"tie"`` if the best two are closer than .001, of
        BIC closer than 2), value (the best one), lead (on the next one) and tied (the
        models that are as good as the best one).

        Notes
        -----
        A difference of BIC below 2 is "not worth more than a bare mention".

        References
        ----------
        Raftery (1995), Sociological Methodology 25, table 6.
        """
        rows = [_preference("srmr", "", self.criteria)]
        for target, table in self.targets.groupby("target", sort=False):
            rows += [
                _preference(criterion, str(target), table)
                for criterion in ("r_squared_adjusted", "bic")
            ]
        return pd.DataFrame(rows)

    def _page(self) -> Page:
        differences = (
            f"Differences of the index (level {self.level:g}, {self.resamples} "
            "resamples in common)"
        )
        return Page(
            "\n".join(self._answers()),
            {
                "Preferred model by criterion": self.preferred,
                "Prediction of shared items, out of sample (CVPAT, items of variance "
                "one)": self.prediction[_PRINTED],
                "Fit and index": self.criteria,
                "Explained variance": self.targets,
                differences: self.differences,
            },
            self.notes,
            formats=_FORMATS,
        )

    def _answers(self) -> list[str]:
        """Return what was found, in a few sentences."""
        chosen = self.preferred["model"]
        first, *others = self.criteria["model"]
        told = [f"{name} by {int((chosen == name).sum())}" for name in others]
        ties = int((chosen == "tie").sum())
        line = (
            f"{first} is preferred by {int((chosen == first).sum())} of {len(chosen)} "
            f"criteria, {', '.join(told)}"
        )
        wins = self.prediction[self.prediction["better"] != "neither"]
        better = [
            f"{row.better} better than "
            f"{row.second if row.better == row.first else row.first} "
            f"({chance(row.p)})"
            for row in wins.itertuples()
        ]
        known = "no model shown to be better" if len(self.prediction) else "unknown"
        return [
            line + (f"; {ties} are ties" if ties else ""),
            f"Prediction of shared items: {', '.join(better) or known}",
        ]


def _preference(criterion: str, target: str, table: pd.DataFrame) -> dict[str, object]:
    """Return which model a criterion prefers."""
    values = table[criterion].to_numpy(dtype=np.float64)
    behind = values.max() - values if criterion in _LARGER else values - values.min()
    least = _LEADS[criterion] * (1 - 1e-9)
    tied = table["model"][behind < least].tolist()
    best = int(behind.argmin())
    return {
        "criterion": criterion,
        "target": target,
        "model": table["model"].iloc[best] if len(tied) == 1 else "tie",
        "value": float(values[best]),
        "lead": float(np.delete(behind, best).min()),
        "tied": ", ".join(map(str, tied)) if len(tied) > 1 else "",
    }
