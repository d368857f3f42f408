"""Models with ordinal items in several groups, seen as other structures are."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

from csindex.errors import DataError
from csindex.estimation.cbsem.groups import Equal, GroupEstimates, grouped
from csindex.estimation.cbsem.linked_fit import linked_fit
from csindex.estimation.cbsem.linked_table import linked_table
from csindex.estimation.cbsem.methods import Method
from csindex.estimation.cbsem.ordinal_data import group_samples, single_data
from csindex.estimation.cbsem.ordinal_errors import ordinal_covariance, ordinal_measures
from csindex.estimation.cbsem.ordinal_fit import OrdinalData, OrdinalFit, ordinal_fit
from csindex.estimation.cbsem.ordinal_linear import group_moments
from csindex.estimation.cbsem.ordinal_table import Parameterization, ordinal_table
from csindex.estimation.cbsem.table import ParameterTable
from csindex.kernels.arrays import FloatArray
from csindex.survey import Answers


@dataclass(frozen=True, eq=False)
class OrdinalStructure(GroupEstimates):
    """A model with ordinal items fitted to several groups at once.

    Attributes
    ----------
    fit : OrdinalFit
        The parameters of all groups, and their statistics.
    """

    fit: OrdinalFit

    @cached_property
    def measures(self) -> Mapping[str, float]:
        """Chi-square and fit indices by name."""
        found = ordinal_measures(self.fit, group_moments(self.fit))
        return {name: float(value[0]) for name, value in found.items()}

    @cached_property
    def covariance(self) -> FloatArray:
        """Covariances (t, t) of the parameters' estimates."""
        moments = group_moments(self.fit)
        if moments is None:
            raise DataError("resamples of groups have no errors of their own")
        return ordinal_covariance(self.fit, moments)


@dataclass(frozen=True, eq=False)
class OrdinalGroups:
    """The statistics of several groups with ordinal items.

    Attributes
    ----------
    sizes : tuple of int
        Number of categories of each item; zero for continuous ones.
    data : tuple of OrdinalData
        The statistics of each group.
    """

    sizes: tuple[int, ...]
    data: tuple[OrdinalData, ...]

    def fitted(
        self,
        core: ParameterTable,
        method: Method,
        parameterization: Parameterization,
        equal: Collection[Equal],
        partial: Collection[str] = (),
        most: int = 500,
    ) -> OrdinalStructure:
        """Return the fit of a model to all groups.

        Parameters
        ----------
        core : ParameterTable
            The parameters of one group, as if all items were continuous.
        method : Method
            What is minimised, and how errors and tests are corrected.
        parameterization : {"delta", "theta"}
            See `OrdinalTable`.
        equal : collection of str
            What is equal between groups: nothing, or thresholds and more.
        partial : collection of str
            Parameters that may differ all the same.
        most : int
            Steps at most.

        Returns
        -------
        OrdinalStructure
            The fit.

        Raises
        ------
        SpecificationError
            If the model isn't identified, or ``partial`` can't be read.
        """
        count = len(self.data)
        if equal:
            linked = linked_table(
                core, self.sizes, parameterization, count, equal, partial
            )
            return OrdinalStructure(linked_fit(linked, method, self.data, most))
        table = ordinal_table(grouped(core, count, ()), self.sizes, parameterization)
        return OrdinalStructure(ordinal_fit(table, method, self.data, most))


def ordinal_groups_of(
    groups: Mapping[Hashable, Answers], ordinal: Collection[str], method: Method
) -> OrdinalGroups:
    """Return the statistics of several groups.

    Parameters
    ----------
    groups : mapping of label to Answers
        Complete answers of each group, in their order.
    ordinal : collection of str
        The ordinal items.
    method : Method
        What statistics are weighted for.

    Returns
    -------
    OrdinalGroups
        The statistics, by categories that all groups share.

    Raises
    ------
    DataError
        With every group, item and category that nobody of the group chose.
    """
    samples = group_samples(groups, list(ordinal))
    data = tuple(
        single_data(sample, method, part.weights, part.clusters)
        for sample, part in zip(samples, groups.values(), strict=True)
    )
    return OrdinalGroups(tuple(samples[0].sizes.tolist()), data)
