"""Which instance a node is, as its own labels and provider id say it, in the words of the protocol's events."""

import re
from collections.abc import Mapping
from typing import Any

from agent.kubernetes.api import JsonObject
from domain import labels as keys

_PROVIDER_ID = re.compile(r"aws:///(?P<zone>[a-z0-9-]{1,64})/(?P<instance>i-[0-9a-z]{1,32})")
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "instance_type": re.compile(r"[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}"),
    "region": re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}"),
    "availability_zone": re.compile(r"[a-z0-9-]{1,64}"),
    "zone_id": re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-az[0-9]{1,2}"),
}
"""What the service takes for each field; a label that says something else is left out, not the event."""


def instance_of(node: Mapping[str, Any]) -> JsonObject:
    """Fields of an event about a node's instance: ``instance_id``, ``instance_type``, ``region``, zone and its id.

    Those that the node does not tell are left out. ``instance_id`` is there only together with ``instance_type``.
    """
    labels = (node.get("metadata") or {}).get("labels") or {}
    told = {
        "instance_type": _label(labels, keys.INSTANCE_TYPE),
        "region": _label(labels, keys.REGION),
        "availability_zone": _label(labels, keys.ZONE),
        "zone_id": _label(labels, keys.ZONE_ID),
    }
    fields: JsonObject = {name: text for name, text in told.items() if text and _SHAPES[name].fullmatch(text)}
    provider = _PROVIDER_ID.fullmatch((node.get("spec") or {}).get("providerID") or "")
    if provider is None or "instance_type" not in fields:
        return {}
    return {"instance_id": provider["instance"], "availability_zone": provider["zone"]} | fields


def _label(labels: Mapping[str, str], key: str) -> str:
    old = next((old for old, new in keys.LEGACY.items() if new == key), "")
    return labels.get(key) or labels.get(old) or ""
