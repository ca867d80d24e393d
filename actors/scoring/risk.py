"""Risk as planning takes it: a figure for each pool of a region, and what must be known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.market import CapacityType, Catalog, Pool

if TYPE_CHECKING:  # loads compiled kernels, which planning does not need
    from solvers.interruption.model import RiskModel

LIMITS = (
    "Trees of the carried model grew on two families of scarce GPUs (p2, p3) and on no CPU type.",
    "Of all other families the Spot advisor's prior speaks, corrected by interruptions that were seen.",
    "A drop in the recordings means that a launch would have failed; AWS taking a running node is rarer.",
    "Pools in which nobody runs a node are never judged: nobody would hear of an interruption there.",
)
"""What the data cannot tell, for whoever reads a figure of risk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRisk:
    """Risk of a region's Spot pools for one cluster.

    Parameters
    ----------
    model
        Version of the model that told it.
    per_month
        Probability (0..1) that AWS takes a node within 730 h, by zone id and instance type.
    notes
        Where the figures come from and what they cannot tell, for whoever reads the plan.
    """

    region: str
    model: str
    per_month: Mapping[tuple[str, str], float]
    notes: tuple[str, ...] = ()


def with_risk(catalog: Catalog, risk: RegionRisk | None) -> Catalog:
    """The catalogue with the risk of its Spot offers told by a model; pools that it does not know stay as they are."""
    if risk is None:
        return catalog
    offerings = tuple(
        replace(offering, interruption_per_month=_told(risk, offering.pool) or offering.interruption_per_month)
        if offering.capacity_type is CapacityType.SPOT
        else offering
        for offering in catalog.offerings
    )
    return replace(catalog, offerings=offerings, notes=(*catalog.notes, *risk.notes))


def limits_of(model: "RiskModel", *, version: str, by_trees: int, pools: int) -> tuple[str, ...]:
    """What whoever leans on the figures must know."""
    families = ", ".join(sorted(model.families)) or "no"
    told = (
        f"Interruption risk by model {version}: {pools - by_trees} of {pools} Spot pools by the Spot advisor and what "
    )
    told += f"was seen of them, {by_trees} by trees as well."
    limit = (
        f"The trees grew on scarce GPUs alone ({families} families): nobody has shown that they hold for a CPU type, "
    )
    limit += "which is why the advisor's prior speaks for all others. See docs/model.md, What it cannot tell."
    return told, limit


def prior_alone(version: str) -> tuple[str, ...]:
    """The same while the model in production breaks its contract."""
    told = "Interruption risk by the Spot advisor and what was seen of pools:"
    return (f"{told} model {version} breaks its contract and was not asked.",)


def _told(risk: RegionRisk, pool: Pool) -> float | None:
    return risk.per_month.get((pool.zone_id, pool.instance_type))
