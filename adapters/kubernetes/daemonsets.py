"""Prototypes of the pods that every new node must run."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.kubernetes.fields import Field
from adapters.kubernetes.inventory import namespace_of
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.pods import DAEMON_SET, PodReader
from domain.node import Effect
from domain.selectors import NodeTerm
from domain.workload import Owner, Pod, Toleration

_ALWAYS_TOLERATED = (
    ("node.kubernetes.io/not-ready", Effect.NO_EXECUTE),
    ("node.kubernetes.io/unreachable", Effect.NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", Effect.NO_SCHEDULE),
    ("node.kubernetes.io/memory-pressure", Effect.NO_SCHEDULE),
    ("node.kubernetes.io/pid-pressure", Effect.NO_SCHEDULE),
    ("node.kubernetes.io/unschedulable", Effect.NO_SCHEDULE),
)
"""What the DaemonSet controller adds to its pods (Kubernetes documentation of DaemonSet, read 2026-10)."""

_ON_HOST_NETWORK = (("node.kubernetes.io/network-unavailable", Effect.NO_SCHEDULE),)


def read_daemonsets(
    objects: Sequence[Field], pods: Iterable[Pod], *, reader: PodReader, notes: Notes
) -> tuple[Pod, ...]:
    """Prototypes from DaemonSet objects, and from running daemon pods where their DaemonSet is not in the input.

    Raises
    ------
    InputError
        When a DaemonSet is malformed.
    """
    prototypes = {prototype.key: prototype for prototype in (_of_object(obj, reader) for obj in objects)}
    derived: dict[str, Pod] = {}
    for pod in pods:
        if pod.is_daemon and pod.owner is not None and f"{pod.namespace}/{pod.owner.name}" not in prototypes:
            prototype = _of_pod(pod, pod.owner)
            known = derived.get(prototype.key, prototype)
            derived[prototype.key] = replace(known, requests=known.requests.elementwise_max(prototype.requests))
    for name in derived:
        notes.add("DaemonSets that are not in the input are read off their pods", name)
    return (*prototypes.values(), *derived.values())


def _of_object(daemonset: Field, reader: PodReader) -> Pod:
    name = daemonset["metadata"]["name"].required_text()
    template = daemonset["spec"]["template"]
    if not template.present:
        raise template.error("is missing")
    pod = reader.template(template, namespace=namespace_of(daemonset), name=name)
    keys = _ALWAYS_TOLERATED + (_ON_HOST_NETWORK if template["spec"]["hostNetwork"].flag() else ())
    added = tuple(Toleration(key=key, exists=True, effect=effect) for key, effect in keys)
    tolerations = tuple(dict.fromkeys(pod.tolerations + added))
    return replace(pod, owner=Owner(kind=DAEMON_SET, name=name), is_daemon=True, tolerations=tolerations)


def _of_pod(pod: Pod, owner: Owner) -> Pod:
    return replace(
        pod,
        name=owner.name,
        node_name="",
        node_affinity=_without_own_node(pod.node_affinity),
        volume_affinity=(),
        do_not_disrupt="",
        ready=True,
    )


def _without_own_node(terms: tuple[NodeTerm, ...]) -> tuple[NodeTerm, ...]:
    """The controller binds each daemon pod to its node by a field in every term; what is left came from the owner."""
    rest = tuple(dict.fromkeys(NodeTerm(labels=term.labels) for term in terms))
    return rest if all(term.labels for term in rest) else ()
