"""The objects of a dump by kind and name."""

from collections import Counter
from collections.abc import Iterable, Mapping

from adapters.kubernetes.fields import Field, KubeObject, root
from adapters.kubernetes.notes import Notes

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Node": ("",),
    "Pod": ("",),
    "Namespace": ("",),
    "PersistentVolume": ("",),
    "PersistentVolumeClaim": ("",),
    "ReplicationController": ("",),
    "PodDisruptionBudget": ("policy",),
    "DaemonSet": ("apps", "extensions"),
    "Deployment": ("apps", "extensions"),
    "ReplicaSet": ("apps", "extensions"),
    "StatefulSet": ("apps",),
    "Job": ("batch",),
    "CronJob": ("batch",),
}
"""Kinds that are read, and their API groups: other groups have kinds of the same name."""

_KINDS_WITHOUT_NAMESPACE = frozenset({"Node", "Namespace", "PersistentVolume"})

Key = tuple[str, str, str]
"""Kind, namespace (empty for cluster-wide kinds), name."""


class Inventory:
    """Objects by kind and name. Kinds that planning does not read are counted and noted.

    Raises
    ------
    InputError
        When an object has no name.
    """

    def __init__(self, objects: Iterable[KubeObject], *, notes: Notes) -> None:
        self._by_kind: dict[str, dict[Key, Field]] = {}
        ignored: Counter[str] = Counter()
        for obj in objects:
            kind = _kind(obj)
            if kind in _GROUPS:
                self._add(kind, root(obj, kind), notes=notes)
            else:
                ignored[kind] += 1
        if ignored:
            kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(ignored.items()))
            notes.add(f"objects of kinds that play no part are not read: {kinds}")

    def of(self, kind: str) -> tuple[Field, ...]:
        """Objects of a kind in the order of the input."""
        return tuple(self._by_kind.get(kind, {}).values())

    def find(self, kind: str, *, namespace: str, name: str) -> Field | None:
        """One object, ``None`` when the input does not hold it."""
        return self._by_kind.get(kind, {}).get((kind, namespace, name))

    def _add(self, kind: str, obj: Field, *, notes: Notes) -> None:
        metadata = obj["metadata"]
        name, namespace = metadata["name"].required_text(), namespace_of(obj)
        if kind in _KINDS_WITHOUT_NAMESPACE:
            namespace = ""
        same_kind = self._by_kind.setdefault(kind, {})
        if (kind, namespace, name) in same_kind:
            notes.add("objects that appear twice in the input, the later one counts", f"{kind} {namespace}/{name}")
        same_kind[kind, namespace, name] = obj


def namespace_of(obj: Field) -> str:
    """An object's namespace, ``default`` when it names none."""
    return obj["metadata"]["namespace"].text() or "default"


def _kind(obj: KubeObject) -> str:
    """``Pod`` for a kind that is read, else as much as is known: ``Node.longhorn.io``, ``without a kind``."""
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(kind, str) or not kind:
        return "without a kind"
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    known = _GROUPS.get(kind, ())
    if group in known or (not version and known):
        return kind
    return f"{kind}.{group}" if group else kind
