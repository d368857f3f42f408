"""How sure a driver's place in the importance-satisfaction matrix is."""

from __future__ import annotations

import pandas as pd

from csindex.diagnostics import drivers, importance, importance_performance
from csindex.diagnostics.importance import REGIONS, Cut, checked_target
from csindex.errors import SpecificationError
from csindex.inference.distributions import Bootstrap
from csindex.inference.places import region_shares, uncertain_note
from csindex.inference.refused import whole_rows
from csindex.inference.stack import resampled
from csindex.kernels.arrays import FloatArray


def region_probabilities(
    boot: Bootstrap, target: str | None = None, cut: Cut = "mean"
) -> pd.DataFrame:
    """Say how probable each region of the matrix is for each driver.

    Every resample gets a matrix of its own, with its own cuts; a probability is the
    share of resamples that place the driver in the region.

    Parameters
    ----------
    boot : Bootstrap
        A bootstrap of a fit with 0-100 scores.
    target : str, optional
        The construct that is to rise; the model's index if None.
    cut : {"mean", "median", "midpoint"}
        Where high begins, as in `csindex.importance_performance`.

    Returns
    -------
    DataFrame
        The columns of `csindex.importance_performance`; I, II, III and IV, the
        probabilities; importance_low, importance_high, performance_low and
        performance_high, the bootstrap's intervals; and verdict, which is
        ``"uncertain"`` where no region reaches .80.

    Raises
    ------
    SpecificationError
        If this isn't a bootstrap, the target is unknown, nothing drives it, or a
        score can't be had.

    Notes
    -----
    A driver that lowers the target in the sample is turned round in all resamples,
    so that one where it raises the target counts as unimportant.

    Examples
    --------
    >>> import csindex as csi
    >>> results = csi.fit(csi.acsi(), csi.load_dataset("retail"))
    >>> found = region_probabilities(csi.bootstrap(results, n=200))
    >>> found[["I", "II", "III", "IV"]].sum(axis=1).round(9).tolist()
    [1.0, 1.0, 1.0]
    """
    if not isinstance(boot, Bootstrap):
        raise SpecificationError(
            "region_probabilities takes the bootstrap of one fit, as "
            f"csi.bootstrap(results), not {type(boot).__name__}"
        )
    results = boot.results
    name = checked_target(results, target, cut)
    table = importance_performance(results, name, cut)
    effects, scores = driver_replicates(boot, name)
    shares = region_shares(table, effects, scores, cut)
    wide = table.assign(**shares[list(REGIONS)], **_intervals(boot, name))
    wide["verdict"] = shares["verdict"]
    notes = [*table.attrs["notes"], *uncertain_note(table, shares)]
    wide.attrs.update(table.attrs, notes=notes)
    return wide


def driver_replicates(boot: Bootstrap, target: str) -> tuple[FloatArray, FloatArray]:
    """Return the importance and the scores of the drivers in every resample used.

    Parameters
    ----------
    boot : Bootstrap
        A bootstrap.
    target : str
        A construct that is driven.

    Returns
    -------
    effects, scores : ndarray of shape (m, d)
        Points of the target per point of each driver, and the drivers' 0-100 scores;
        of the resamples used, those where all have them.
    """
    model = boot.results.model
    statistic = importance(target)
    own = [model.construct_names.index(name) for name in drivers(model, target)]
    scores = boot.replicates("scores")[:, own]
    if target == model.index:
        return whole_rows(boot.replicates(statistic.name), scores)
    # only the index's drivers are among the standard statistics
    found = resampled(boot.draws, [statistic]).values[statistic.name][boot.usable]
    goal = boot.replicates("scores")[:, [model.construct_names.index(target)]]
    return whole_rows(found + 0 * goal, scores)


def _intervals(boot: Bootstrap, target: str) -> dict[str, FloatArray]:
    model = boot.results.model
    if target == model.index:
        known = boot.importance
        columns = [c for c in known if c.endswith(("_low", "_high"))]
        return {column: known[column].to_numpy() for column in columns}
    effect = boot.of(importance(target))
    scores = boot.scores.set_index("construct").loc[drivers(model, target)]
    return {
        "importance_low": effect["low"].to_numpy(),
        "importance_high": effect["high"].to_numpy(),
        "performance_low": scores["low"].to_numpy(),
        "performance_high": scores["high"].to_numpy(),
    }
