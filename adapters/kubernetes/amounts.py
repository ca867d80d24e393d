"""Resource lists: what a pod effectively requests, what a node can allocate.

The rule for pods is that of the scheduler (k8s.io/component-helpers/resource, read 2026-10): containers and sidecars
run together; each init container runs beside the sidecars started before it; the larger counts; pod-level requests
replace the sum for CPU, memory and huge pages; overhead comes on top. While a resize in place is under way, the largest
of what is asked for, allocated and in force counts.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from adapters.kubernetes.fields import LARGEST, Field
from domain.quantity import parse_mcpu, parse_units
from domain.resources import CPU, EPHEMERAL, MEMORY, PODS, Resources

Amounts = dict[str, int]
"""Amounts by Kubernetes name, CPU in thousandths."""

HUGEPAGES = "hugepages-"
_VOLUME_SLOTS = "attachable-volumes-"
"""Nodes of old releases list them; pods never request them."""

_parse_mcpu = lru_cache(maxsize=4096)(parse_mcpu)
_parse_units = lru_cache(maxsize=4096)(parse_units)


def pod_requests(pod: Field) -> Resources:
    """Effective requests of a pod (or of a pod template), one pod slot included.

    Raises
    ------
    InputError
        When a container or a quantity is malformed.
    """
    spec = pod["spec"]
    result = _with_pod_level(_largest_view(pod), spec["resources"])
    _add(result, _resource_list(spec["overhead"]))
    return _resources(result, spec["containers"], pods=1)


def node_allocatable(node: Field) -> Resources:
    """What pods fit into on a node: allocatable, or capacity where a node does not say more."""
    status = node["status"]
    field = status["allocatable"] if status["allocatable"].present else status["capacity"]
    if not field.present:
        raise status["allocatable"].error("is missing")
    amounts = _resource_list(field)
    for name in (CPU, MEMORY, PODS):
        if name not in amounts:
            raise field[name].error("is missing")
    kept = {name: amount for name, amount in amounts.items() if not name.startswith(_VOLUME_SLOTS)}
    return _resources(kept, field, pods=amounts[PODS])


def _largest_view(pod: Field) -> Amounts:
    """The largest of the specification and what the status says is allocated and in force."""
    spec, status = pod["spec"], pod["status"]
    if not spec["containers"].present:
        raise spec["containers"].error("is missing")
    asked = _aggregate(spec, _specified)
    states = _states_by_name(status)
    if not states:
        return asked

    def allocated(container: Field) -> Amounts:
        state = states.get(container["name"].text())
        field = state["allocatedResources"] if state else None
        return _resource_list(field) if field and field.present else fallback(container)

    def in_force(container: Field) -> Amounts:
        state = states.get(container["name"].text())
        field = state["resources"]["requests"] if state else None
        return _resource_list(field) if field and field.present else allocated(container)

    infeasible = _resize_is_infeasible(status)
    fallback = _nothing if infeasible else _specified
    result = _larger(_aggregate(spec, allocated), _aggregate(spec, in_force))
    return result if infeasible else _larger(result, asked)


def _aggregate(spec: Field, amounts_of: Callable[[Field], Amounts]) -> Amounts:
    running: Amounts = {}
    for container in spec["containers"].each():
        _add(running, amounts_of(container))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec["initContainers"].each():
        amounts = dict(amounts_of(container))
        if is_sidecar(container):
            _add(running, amounts)
            _add(sidecars, amounts)
            amounts = sidecars
        else:
            _add(amounts, sidecars)
        starting = _larger(starting, amounts)
    return _larger(running, starting)


def is_sidecar(init_container: Field) -> bool:
    """Whether an init container keeps running beside the containers."""
    return init_container["restartPolicy"].text() == "Always"


def _specified(container: Field) -> Amounts:
    """A container's requests. A limit without a request is one too: the API server fills it in, for pods."""
    resources = container["resources"]
    return _resource_list(resources["limits"]) | _resource_list(resources["requests"])


def _nothing(_container: Field) -> Amounts:
    return {}


def _states_by_name(status: Field) -> dict[str, Field]:
    lists = (status["initContainerStatuses"], status["containerStatuses"])
    states = [state for states in lists for state in states.each()]
    told = [state for state in states if state["resources"].present or state["allocatedResources"].present]
    return {state["name"].text(): state for state in told}


def _resize_is_infeasible(status: Field) -> bool:
    pending = (c for c in status["conditions"].each() if c["type"].text() == "PodResizePending")
    return any(condition["reason"].text() == "Infeasible" for condition in pending)


def _with_pod_level(containers: Amounts, resources: Field) -> Amounts:
    """Pod-level requests win; a pod-level limit is a request where neither the pod nor a container has one."""
    limits = _supported(_resource_list(resources["limits"]))
    return limits | containers | _supported(_resource_list(resources["requests"]))


def _supported(amounts: Amounts) -> Amounts:
    return {n: a for n, a in amounts.items() if n in (CPU, MEMORY) or n.startswith(HUGEPAGES)}


def _resource_list(field: Field) -> Amounts:
    return {name: _quantity(value, name) for name, value in field.entries()}


def _quantity(field: Field, name: str) -> int:
    value = field.value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise field.error("must be a quantity such as 500m or 1.5Gi")
    try:
        return _parse_mcpu(value) if name == CPU else _parse_units(value)
    except ValueError as err:
        raise field.error(str(err)) from err


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _larger(one: Amounts, other: Amounts) -> Amounts:
    return one | {name: max(amount, one.get(name, 0)) for name, amount in other.items()}


def _resources(amounts: Amounts, field: Field, *, pods: int) -> Resources:
    for name, amount in amounts.items():
        if amount > LARGEST:
            raise field.error(f"asks for more {name} than Kubernetes can count")
    core: Iterable[str] = (CPU, MEMORY, PODS, EPHEMERAL)
    return Resources(
        cpu_mcpu=amounts.get(CPU, 0),
        memory_bytes=amounts.get(MEMORY, 0),
        ephemeral_bytes=amounts.get(EPHEMERAL, 0),
        pods=pods,
        extended=tuple((name, amount) for name, amount in amounts.items() if name not in core),
    )
