"""All Spot pools that the catalogue knows."""

from functools import cache

from actors.scoring.store import AdvisedPool
from adapters.catalog import load_catalog, regions
from adapters.catalog.hazard import INTERRUPTION_PER_MONTH
from domain.market import CapacityType


@cache
def advised_pools() -> tuple[AdvisedPool, ...]:
    """Spot pools of all regions, sorted, with GPUs and the advisor's bucket. Takes seconds when first called."""
    found = {}
    for region in regions():
        catalog = load_catalog(region)
        for offering in catalog.offerings:
            if offering.capacity_type is CapacityType.SPOT:
                found[offering.pool] = AdvisedPool(
                    pool=offering.pool,
                    accelerators=catalog.types[offering.pool.instance_type].gpu_count,
                    bucket=_bucket(offering.interruption_per_month),
                )
    return tuple(found[pool] for pool in sorted(found))


def _bucket(per_month: float) -> int | None:
    return INTERRUPTION_PER_MONTH.index(per_month) if per_month in INTERRUPTION_PER_MONTH else None
