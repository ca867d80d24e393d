"""The three ways of patching that are spoken here: JSON merge, strategic merge, server-side apply."""

import copy
from typing import Any

from demo.kubernetes.store import Object

_MERGE_KEYS = {"conditions": "type", "containers": "name", "initContainers": "name", "taints": "key"}
"""Lists whose elements are known by a field, as far as they are patched here."""


def merge(target: Object, patch: Object) -> None:
    """JSON merge patch (RFC 7386): ``null`` removes, lists are replaced."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            merge(_inside(target, key), value)
        else:
            target[key] = value


def strategic(target: Object, patch: Object) -> None:
    """Strategic merge patch: as `merge`, but elements of known lists are merged one by one."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            strategic(_inside(target, key), value)
        elif isinstance(value, list) and key in _MERGE_KEYS:
            _merge_list(target.setdefault(key, []), value, by=_MERGE_KEYS[key])
        else:
            target[key] = copy.deepcopy(value)


def apply(target: Object, intent: Object, *, manager: str, time: str) -> None:
    """Server-side apply, forced: what the manager owned and no longer names is dropped, the rest is set."""
    body = {key: value for key, value in intent.items() if key not in ("apiVersion", "kind", "metadata")}
    fields = _fields(body)
    entries: list[Object] = target["metadata"].setdefault("managedFields", [])
    own = next((entry for entry in entries if (entry["manager"], entry["operation"]) == (manager, "Apply")), None)
    if own is not None:
        _drop(target, own["fieldsV1"], kept=fields)
        entries.remove(own)
    strategic(target, body)
    head = {"manager": manager, "operation": "Apply", "apiVersion": target["apiVersion"], "time": time}
    entries.append({**head, "fieldsType": "FieldsV1", "fieldsV1": fields})


def _inside(target: Object, key: str) -> Object:
    if not isinstance(target.get(key), dict):
        target[key] = {}
    found: Object = target[key]
    return found


def _merge_list(target: list[Object], patch: list[Object], *, by: str) -> None:
    for element in patch:
        known = next((one for one in target if one.get(by) == element.get(by)), None)
        if known is None:
            target.append(copy.deepcopy(element))
        else:
            strategic(known, element)


def _fields(value: Any) -> Object:
    """The fields that a value names, in the form of ``managedFields``."""
    if isinstance(value, dict):
        return {f"f:{key}": _fields(inner) for key, inner in value.items()}
    if isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value):
        return {f'k:{{"name":"{one["name"]}"}}': _fields(one) for one in value}
    return {}


def _drop(target: Any, owned: Object, *, kept: Object) -> None:
    """Remove what is owned and not kept; elements of lists stay, only their fields go."""
    for field, inner in owned.items():
        if field.startswith("k:"):
            name = field.partition('"name":"')[2].removesuffix('"}')
            element = next((one for one in target if one["name"] == name), None)
            if element is not None:
                _drop(
                    element, {key: value for key, value in inner.items() if key != "f:name"}, kept=kept.get(field, {})
                )
            continue
        key = field.removeprefix("f:")
        if not isinstance(target, dict) or key not in target:
            continue
        if inner:
            _drop(target[key], inner, kept=kept.get(field, {}))
        elif field not in kept:
            del target[key]
