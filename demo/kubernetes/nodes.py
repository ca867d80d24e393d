"""Nodes: an instance that has booted becomes one, and one whose instance has gone is lost and cleared away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent.interruptions.notices import interruption_condition, rebalance_condition
from demo.kubernetes.objects import condition_of, read_moment, set_condition
from demo.kubernetes.store import Object, Store
from domain import labels as keys
from domain.market import CapacityType, InstanceType, Zone
from domain.node import NodeTemplate, Taint, labels_of_launched_node

CLEARED_S = 8.0
"""From a node that is silent to its removal: what a cloud controller needs to see that its instance is gone."""

_CALM = ("MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance as the kubelet on it sees it.

    Parameters
    ----------
    name
        Its private name, which the node takes.
    labels, taints
        What the launch template of its group has the kubelet register with.
    """

    instance_id: str
    name: str
    type: InstanceType
    region: str
    zone: Zone
    capacity_type: CapacityType
    group: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


def join(store: Store, machine: Machine) -> Object:
    """The node of an instance that has booted, ready."""
    now = store.now()
    template = NodeTemplate(name=machine.group, labels=machine.labels)
    labels = labels_of_launched_node(
        template,
        instance_type=machine.type,
        zone=machine.zone,
        region=machine.region,
        capacity_type=machine.capacity_type,
    )
    amounts = {
        name: f"{amount}m" if name == "cpu" else str(amount) for name, amount in machine.type.allocatable.items()
    }
    node: Object = {
        "kind": "Node",
        "metadata": {"name": machine.name, "labels": labels | {keys.HOSTNAME: machine.name}, "annotations": {}},
        "spec": {
            "providerID": f"aws:///{machine.zone.name}/{machine.instance_id}",
            "taints": [{"key": one.key, "value": one.value, "effect": str(one.effect)} for one in machine.taints],
        },
        "status": {"allocatable": amounts, "capacity": amounts},
    }
    for kind in _CALM:
        set_condition(node, kind, "False", at=now, reason="KubeletHasSufficient")
    set_condition(node, "Ready", "True", at=now, reason="KubeletReady")
    return store.create(node)


def find(store: Store, instance_id: str) -> Object | None:
    """The node of an instance."""
    return next((node for node in store.of("nodes") if node["spec"]["providerID"].endswith(f"/{instance_id}")), None)


def announce(store: Store, instance_id: str, *, deadline: datetime) -> None:
    """AWS takes an instance: what the agent's node mode reads of the metadata and writes on its node."""
    _mark(store, instance_id, interruption_condition("terminate", deadline, instance_id=instance_id, now=store.now()))


def recommend(store: Store, instance_id: str) -> None:
    """AWS recommends to leave an instance."""
    now = store.now()
    _mark(store, instance_id, rebalance_condition(now, instance_id=instance_id, now=now))


def lose(store: Store, instance_id: str) -> None:
    """The instance has gone: its kubelet is silent, and so are its pods."""
    node = find(store, instance_id)
    if node is None or condition_of(node, "Ready").get("status") == "Unknown":
        return
    told = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    store.edit(node, lambda changed: set_condition(changed, "Ready", "Unknown", at=store.now(), **told))
    for pod in store.of("pods"):
        if pod["spec"].get("nodeName") == node["metadata"]["name"] and condition_of(pod, "Ready"):
            store.edit(pod, lambda changed: set_condition(changed, "Ready", "False", at=store.now(), reason="NodeLost"))


def clear_away(store: Store) -> None:
    """Remove nodes whose instance has been gone for a moment, with their pods."""
    for node in store.of("nodes"):
        ready = condition_of(node, "Ready")
        silent_s = (store.now() - read_moment(ready["lastTransitionTime"])).total_seconds()
        if ready["status"] == "Unknown" and silent_s >= CLEARED_S:
            for pod in store.of("pods"):
                if pod["spec"].get("nodeName") == node["metadata"]["name"]:
                    store.remove(pod)
            store.remove(node)


def _mark(store: Store, instance_id: str, condition: Object) -> None:
    node = find(store, instance_id)
    if node is not None:
        told = {name: condition[name] for name in ("reason", "message")}
        store.edit(node, lambda changed: set_condition(changed, condition["type"], "True", at=store.now(), **told))
