"""More pools for a node than the one that was planned: a fleet request that names many finds capacity, and keeps it."""

from collections.abc import Iterable

from domain.market import CapacityType, Catalog, InstanceType, Offering, Pool
from domain.policy import Policy
from domain.proposal import RatedPool

WANTED_POOLS = 10
"""AWS asks for ten types at least."""

MOST_EXTRA_SHARE = 0.25
"""How much dearer than planned a pool may be."""


def widened(
    pool: Pool, capacity_type: CapacityType, *, catalog: Catalog, policy: Policy, avoid: Iterable[Pool] = ()
) -> tuple[RatedPool, ...]:
    """The planned pool, and others of its zone on which whatever was planned fits, the cheapest first.

    The zone stays: volumes and spread may depend upon it. Burstable and bare metal types only where the policy allows
    them; the same architecture and number of GPUs always. Where the policy limits what Spot pools may hold, a Spot node
    comes from the planned pool or on demand: in the pool that AWS likes best all launches would meet again.
    """
    planned = catalog.types.get(pool.instance_type)
    offerings = [
        one
        for one in catalog.offerings
        if one.capacity_type is capacity_type and one.pool.zone_id == pool.zone_id and one.pool.region == pool.region
    ]
    price = next((one.price_usd_per_h for one in offerings if one.pool == pool), None)
    if price is None or planned is None:
        return ()
    avoided = frozenset(avoid)
    as_planned = policy.limits_pools and capacity_type is CapacityType.SPOT
    suitable = [
        one
        for one in offerings
        if one.pool not in avoided
        and (one.pool == pool or not as_planned)
        and one.price_usd_per_h <= price * (1 + MOST_EXTRA_SHARE)
        and _takes(catalog.types[one.pool.instance_type], planned, policy)
    ]
    best = sorted(suitable, key=lambda one: (one.pool != pool, one.price_usd_per_h, one.pool))
    return tuple(_rated(one) for one in best[:WANTED_POOLS])


def _takes(other: InstanceType, planned: InstanceType, policy: Policy) -> bool:
    """Whether whatever fits on the planned type fits on another one that the policy allows."""
    if other.name == planned.name:
        return True
    allowed = (
        (not policy.families or other.family in policy.families)
        and (policy.allow_burstable or not other.burstable)
        and (policy.allow_bare_metal or not other.bare_metal)
    )
    alike = other.arch is planned.arch and (other.gpu_count, other.gpu_name) == (planned.gpu_count, planned.gpu_name)
    return allowed and alike and not planned.allocatable.short_of(other.allocatable)


def _rated(offering: Offering) -> RatedPool:
    return RatedPool(
        pool=offering.pool,
        price_usd_per_h=offering.price_usd_per_h,
        interruption_per_month=offering.interruption_per_month,
    )
