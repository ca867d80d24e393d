"""Policies that leave nothing to launch are told before planning, by the field that is to blame."""

import difflib

from domain.errors import InputError
from domain.market import CapacityType, Catalog, InstanceType
from domain.policy import Capacity, Policy


def refuse_policy_without_types(policy: Policy, catalog: Catalog) -> None:
    """Check that the policy names families that exist and leaves something to launch.

    Raises
    ------
    InputError
        For a family that the region does not have, and for limits that together leave no offering.
    """
    families = sorted({each.family for each in catalog.types.values()})
    for family in policy.families:
        if family not in families:
            near = difflib.get_close_matches(family, families, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else "such as m6i, c7g"
            raise InputError("policy", "families", f"{catalog.region} has no family {family}; {hint}")
    left = [each for each in catalog.types.values() if _allowed(each, policy)]
    if not left:
        raise InputError("policy", "families", f"contradicts {_limits(policy)}: no instance type is left")
    _refuse_without_offering(policy, catalog, {each.name for each in left})


def _allowed(each: InstanceType, policy: Policy) -> bool:
    return (
        (not policy.families or each.family in policy.families)
        and (not policy.architectures or each.arch in policy.architectures)
        and (policy.allow_burstable or not each.burstable)
        and (policy.allow_bare_metal or not each.bare_metal)
    )


def _limits(policy: Policy) -> str:
    limits = [f"architectures {', '.join(policy.architectures)}"] if policy.architectures else []
    limits += [] if policy.allow_burstable else ["allow_burstable false"]
    limits += [] if policy.allow_bare_metal else ["allow_bare_metal false"]
    return " and ".join(limits)


def _refuse_without_offering(policy: Policy, catalog: Catalog, left: set[str]) -> None:
    if policy.capacity == Capacity.MIXED:
        return
    wanted = CapacityType(policy.capacity)
    if not any(o.capacity_type == wanted and o.pool.instance_type in left for o in catalog.offerings):
        raise InputError(
            "policy", "capacity", f"is {wanted}, which {catalog.region} does not sell for the types allowed"
        )
