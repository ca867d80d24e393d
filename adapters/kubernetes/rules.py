"""The scheduling rules of a pod: tolerations, pod affinity, spread, host ports."""

from collections.abc import Mapping

from adapters.kubernetes.amounts import is_sidecar
from adapters.kubernetes.fields import Field
from adapters.kubernetes.namespaces import Namespaces
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.selectors import label_selector, with_label_keys
from domain.node import Effect
from domain.workload import HostPort, NodePolicy, PodTerm, SpreadConstraint, Toleration

_MAX_PORT = 65535


def tolerations(spec: Field, notes: Notes) -> tuple[Toleration, ...]:
    """Tolerations. How long one holds (``tolerationSeconds``) plays no part in scheduling."""
    parsed = (_toleration(field, notes) for field in spec["tolerations"].each())
    return tuple(toleration for toleration in parsed if toleration is not None)


def pod_terms(kind: Field, labels: Mapping[str, str], *, namespace: str, namespaces: Namespaces) -> tuple[PodTerm, ...]:
    """Required terms of ``affinity.podAffinity`` or ``affinity.podAntiAffinity``."""
    required = kind["requiredDuringSchedulingIgnoredDuringExecution"].each()
    return tuple(_pod_term(term, labels, namespace=namespace, namespaces=namespaces) for term in required)


def spread_constraints(spec: Field, labels: Mapping[str, str]) -> tuple[SpreadConstraint, ...]:
    """Topology spread constraints that bind (``DoNotSchedule``)."""
    found = (_spread_constraint(field, labels) for field in spec["topologySpreadConstraints"].each())
    return tuple(constraint for constraint in found if constraint is not None)


def host_ports(spec: Field) -> tuple[HostPort, ...]:
    """Ports taken on the node by containers and sidecars. On the host's network every container port is one."""
    containers = list(spec["containers"].each())
    containers += [container for container in spec["initContainers"].each() if is_sidecar(container)]
    on_host = spec["hostNetwork"].flag()
    ports = (
        _host_port(port, fallback="containerPort" if on_host else "") for c in containers for port in c["ports"].each()
    )
    return tuple(sorted({port for port in ports if port is not None}))


def _toleration(field: Field, notes: Notes) -> Toleration | None:
    key, operator, value = field["key"].text(), field["operator"].text() or "Equal", field["value"].text()
    if operator in ("Gt", "Lt"):
        notes.add("tolerations that compare numbers are not counted on, key", key)
        return None
    if operator not in ("Equal", "Exists"):
        raise field["operator"].error(f"must be Equal or Exists, not {operator!r}")
    if operator == "Equal" and not key:
        raise field["key"].error("must not be empty unless the operator is Exists")
    effect = field["effect"].one_of(Effect, Effect.NO_SCHEDULE) if field["effect"].text() else None
    return Toleration(key=key, exists=operator == "Exists", value=value, effect=effect)


def _pod_term(term: Field, labels: Mapping[str, str], *, namespace: str, namespaces: Namespaces) -> PodTerm:
    selector = with_label_keys(
        label_selector(term["labelSelector"]),
        labels,
        match=term["matchLabelKeys"].texts(),
        mismatch=term["mismatchLabelKeys"].texts(),
    )
    return PodTerm(
        topology_key=term["topologyKey"].required_text(),
        selector=selector,
        namespaces=namespaces.of_term(term, own=namespace),
    )


def _spread_constraint(field: Field, labels: Mapping[str, str]) -> SpreadConstraint | None:
    when = field["whenUnsatisfiable"].text("DoNotSchedule")
    if when == "ScheduleAnyway":
        return None
    if when != "DoNotSchedule":
        raise field["whenUnsatisfiable"].error(f"must be DoNotSchedule or ScheduleAnyway, not {when!r}")
    selector = label_selector(field["labelSelector"])
    if not field["maxSkew"].present:
        raise field["maxSkew"].error("is missing")
    return SpreadConstraint(
        topology_key=field["topologyKey"].required_text(),
        max_skew=field["maxSkew"].integer(1, least=1),
        selector=with_label_keys(selector, labels, match=field["matchLabelKeys"].texts()),
        min_domains=field["minDomains"].integer(1, least=1) if field["minDomains"].present else None,
        node_affinity_policy=field["nodeAffinityPolicy"].one_of(NodePolicy, NodePolicy.HONOR),
        node_taints_policy=field["nodeTaintsPolicy"].one_of(NodePolicy, NodePolicy.IGNORE),
    )


def _host_port(field: Field, *, fallback: str) -> HostPort | None:
    chosen = field["hostPort"]
    if not chosen.integer(0) and fallback:
        chosen = field[fallback]
    port = chosen.integer(0, least=0)
    if port > _MAX_PORT:
        raise chosen.error(f"must be at most {_MAX_PORT}, not {port}")
    if not port:
        return None
    return HostPort(port=port, protocol=field["protocol"].text() or "TCP", ip=field["hostIP"].text() or "0.0.0.0")
