"""Requests and limits of a Deployment's containers as values: what is wanted, what is, what is ours. Pure.

An amount is known by container, ``requests`` or ``limits``, and resource. Server-side apply takes a manager's whole
intent each time and drops what it no longer names, so an intent of ours is all that we own and all that we want.
"""

from collections.abc import Iterable, Mapping

from agent.kubernetes.api import JsonObject
from domain.quantity import parse_quantity
from domain.wire.actions import ContainerResources

MANAGER = "spot-optimizer-rightsizing"
"""Our field manager: it owns requests and limits of containers, and nothing else."""

Key = tuple[str, str, str]
"""Container, ``requests`` or ``limits``, resource."""

Amounts = Mapping[Key, str]

_KINDS = ("requests", "limits")


def amounts_of(deployment: JsonObject) -> dict[Key, str]:
    """What the containers of a Deployment request and are limited to."""
    return {
        (container["name"], kind, resource): str(amount)
        for container in _containers(deployment)
        for kind in _KINDS
        for resource, amount in ((container.get("resources") or {}).get(kind) or {}).items()
    }


def wanted_of(containers: Iterable[ContainerResources]) -> dict[Key, str]:
    """What a payload asks for."""
    return {
        (container.name, kind, resource): amount
        for container in containers
        for kind, amounts in (("requests", container.requests), ("limits", container.limits))
        for resource, amount in amounts.items()
    }


def names_of(deployment: JsonObject) -> set[str]:
    """Names of a Deployment's containers."""
    return {container["name"] for container in _containers(deployment)}


def changes_of(wanted: Amounts, have: Amounts) -> dict[Key, str]:
    """What is wanted and is not so yet; ``1`` and ``1000m`` are the same."""
    return {key: amount for key, amount in wanted.items() if not _is_same(amount, have.get(key))}


def owned_keys(deployment: JsonObject) -> set[Key]:
    """Amounts that our field manager owns."""
    return {
        (name, kind, resource)
        for entry in deployment["metadata"].get("managedFields") or ()
        if (entry.get("manager"), entry.get("operation")) == (MANAGER, "Apply")
        for name, fields in _fields_by_container(entry).items()
        for kind in _KINDS
        for resource in _names(_inside(fields, "f:resources", f"f:{kind}"))
    }


def intent(deployment: JsonObject, wanted: Amounts) -> dict[Key, str]:
    """All that we own, as it is, and all that we want."""
    have = amounts_of(deployment)
    return {key: have[key] for key in owned_keys(deployment) if key in have} | dict(wanted)


def intent_before(deployment: JsonObject, changes: Amounts) -> dict[Key, str]:
    """The intent that leads back to what is now: amounts that are absent now are not named, and so dropped."""
    have = amounts_of(deployment)
    return {key: have[key] for key in owned_keys(deployment) | set(changes) if key in have}


def body_of(namespace: str, name: str, amounts: Amounts) -> JsonObject:
    """What is applied."""
    containers: dict[str, JsonObject] = {}
    for (container, kind, resource), amount in sorted(amounts.items()):
        entry = containers.setdefault(container, {"name": container, "resources": {}})
        entry["resources"].setdefault(kind, {})[resource] = amount
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"template": {"spec": {"containers": list(containers.values())}}},
    }


def to_json(amounts: Amounts) -> JsonObject:
    """For a store or a result: ``api/requests/cpu`` by amount."""
    return {"/".join(key): amount for key, amount in sorted(amounts.items())}


def from_json(raw: Mapping[str, object]) -> dict[Key, str]:
    """Read what `to_json` wrote. A resource may have a slash of its own (``nvidia.com/gpu``)."""
    found: dict[Key, str] = {}
    for text, amount in raw.items():
        container, kind, resource = text.split("/", 2)
        found[container, kind, resource] = str(amount)
    return found


def _containers(deployment: JsonObject) -> list[JsonObject]:
    return list(deployment["spec"]["template"]["spec"].get("containers") or ())


def _is_same(wanted: str, have: str | None) -> bool:
    return have is not None and parse_quantity(wanted) == parse_quantity(have)


def _fields_by_container(entry: JsonObject) -> dict[str, JsonObject]:
    found = _inside(entry.get("fieldsV1") or {}, "f:spec", "f:template", "f:spec", "f:containers")
    named = 'k:{"name":"'
    return {key[len(named) : -2]: fields for key, fields in found.items() if key.startswith(named)}


def _inside(fields: JsonObject, *path: str) -> JsonObject:
    for step in path:
        fields = fields.get(step) or {}
    return fields


def _names(fields: JsonObject) -> list[str]:
    return [key.removeprefix("f:") for key in fields if key.startswith("f:")]
