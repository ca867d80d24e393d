"""What the requirements of a NodePool allow, and the entries that narrow them.

A list of requirements is a conjunction: a node must meet every entry. Narrowing only ever adds entries, so whatever is
added can allow nothing that was not allowed before.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain import labels as keys
from domain.canonical import KubeObject
from domain.saga import NodePoolRequirement

FAMILY = keys.KARPENTER_INSTANCE_PREFIX + "family"
SIZE = keys.KARPENTER_INSTANCE_PREFIX + "size"
CATEGORY = keys.KARPENTER_INSTANCE_PREFIX + "category"
GENERATION = keys.KARPENTER_INSTANCE_PREFIX + "generation"

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def requirements_of(pool: KubeObject) -> list[dict[str, Any]]:
    """The requirements of a NodePool."""
    template = (pool.get("spec") or {}).get("template") or {}
    return list((template.get("spec") or {}).get("requirements") or ())


def labels_of_type(name: str) -> dict[str, str]:
    """What the name of an instance type tells of the labels of its nodes: ``m6i.2xlarge`` is of category ``m``."""
    family, _, size = name.partition(".")
    head = family.lstrip(_LETTERS)
    generation = head[: len(head) - len(head.lstrip("0123456789"))]
    category = family[: len(family) - len(head)]
    return {
        keys.INSTANCE_TYPE: name,
        FAMILY: family,
        SIZE: size,
        CATEGORY: category,
        GENERATION: generation,
    }


def allows(requirements: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels may be launched; a label that is not given speaks against nothing."""
    return all(_meets(one, labels[one["key"]]) for one in requirements if one.get("key") in labels)


def narrowing(pool: KubeObject, wanted: NodePoolRequirement) -> list[dict[str, Any]]:
    """Entries to add for what is wanted, each with those values alone that the NodePool allows.

    Raises
    ------
    ValueError
        When the NodePool allows none of the values that are wanted of a key; says of which.
    """
    have = requirements_of(pool)
    added = []
    for key, values in _dimensions(wanted):
        allowed = [value for value in values if allows(have, _labels(key, value))]
        if values and not allowed:
            raise ValueError(f"it allows none of {', '.join(values)} ({key})")
        if values:
            added.append({"key": key, "operator": "In", "values": allowed})
    return added


def why_too_few(pool: KubeObject, added: Sequence[Mapping[str, Any]]) -> str:
    """A ``minValues`` of the NodePool that would not be met any more, empty when all are."""
    values = {str(one["key"]): [str(value) for value in one["values"]] for one in added}
    types = values.get(keys.INSTANCE_TYPE, [])
    for one in requirements_of(pool):
        least, key = one.get("minValues"), str(one.get("key"))
        if least is None:
            continue
        if key in (keys.ZONE, keys.KARPENTER_CAPACITY_TYPE):
            left = set(values[key]) if key in values else None
        else:
            left = _told_by(types, key) if types else None
        if left is not None and len(left) < least:
            return f"its minValues asks for {least} values of {key}, and the plan names {len(left)}"
    return ""


def _told_by(types: Iterable[str], key: str) -> set[str]:
    """Values of a label among these types; none for one that their names do not tell, so that a doubt is a no."""
    return {labels[key] for labels in map(labels_of_type, types) if key in labels}


def _dimensions(wanted: NodePoolRequirement) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        (keys.INSTANCE_TYPE, wanted.instance_types),
        (keys.ZONE, wanted.zones),
        (keys.KARPENTER_CAPACITY_TYPE, tuple(str(one) for one in wanted.capacity_types)),
    )


def _labels(key: str, value: str) -> dict[str, str]:
    return labels_of_type(value) if key == keys.INSTANCE_TYPE else {key: value}


def _meets(requirement: Mapping[str, Any], value: str) -> bool:
    values = [str(one) for one in requirement.get("values") or ()]
    match requirement.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return True
        case "Gt" | "Lt" | "Gte" | "Lte" as operator:
            return _compares(value, str(operator), values)
        case _:
            return False


def _compares(value: str, operator: str, values: Sequence[str]) -> bool:
    if len(values) != 1 or not value.isdecimal() or not values[0].isdecimal():
        return False
    have, bound = int(value), int(values[0])
    return {"Gt": have > bound, "Lt": have < bound, "Gte": have >= bound, "Lte": have <= bound}[operator]
