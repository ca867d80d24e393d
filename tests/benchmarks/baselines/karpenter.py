"""Karpenter's own provisioning scheduler, run as a program built from ``tests/benchmarks/karpenter``."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from domain import labels as keys
from domain.market import CapacityType, Catalog, InstanceType, Offering
from domain.policy import Capacity
from domain.resources import CPU, Resources
from domain.selectors import LabelSelector, Operator, Requirement
from domain.workload import Pod, PodTerm, SpreadConstraint
from tests.benchmarks.data import ROOT
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.workloads.parts import Workload

SOURCE = ROOT / "tests" / "benchmarks" / "karpenter"
BINARY = ROOT / "build" / "karpenterbench"
BUILD_LIMIT_S = 1200.0
"""A first build fetches and compiles the Kubernetes libraries: about four minutes on two cores."""

WORKERS = 5
"""Goroutines of the scheduler, as in Karpenter's own benchmark."""

_GPU_NAME = keys.KARPENTER_INSTANCE_PREFIX + "gpu-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterNode:
    """A new node at its cheapest remaining offering; ``pods`` are keys."""

    instance_type: str
    zone: str
    capacity_type: CapacityType
    price_usd_per_h: float
    pods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KarpenterOutcome:
    """What Karpenter made of a workload; ``seconds`` is ``Scheduler.Solve`` alone."""

    seconds: float
    cost_usd_per_h: float
    nodes: tuple[KarpenterNode, ...]
    unscheduled: tuple[str, ...]
    first_errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Soft rules that all pods share: a zone, and terms (topology key, weight) that keep them from each other."""

    zone: str
    apart: tuple[tuple[str, int], ...]
    ignored: bool = False


def version() -> str:
    """The pinned release, read from go.mod."""
    lines = (SOURCE / "go.mod").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.strip().startswith("sigs.k8s.io/karpenter "))


def run_karpenter(
    workload: Workload, *, preferences: Preferences | None = None, limit_s: float = 600.0
) -> KarpenterOutcome:
    """Schedule all pods of a workload with Karpenter on an empty cluster.

    Raises
    ------
    LeftOut
        When Go is missing, the program cannot be built, or it needs more than ``limit_s``.
    """
    program = _build()
    request = orjson.dumps(request_of(workload, preferences=preferences))
    try:
        done = subprocess.run([program], input=request, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as err:
        raise LeftOut(f"Karpenter {version()} needed more than {limit_s:.0f} s") from err
    if done.returncode:
        raise LeftOut(f"Karpenter {version()} failed: {done.stderr.decode().strip()[:200]}")
    return _outcome(orjson.loads(done.stdout))


def request_of(workload: Workload, *, preferences: Preferences | None = None) -> dict[str, Any]:
    """The workload as the program reads it: types as what pods fit into, pods with their rules."""
    return {
        "types": _types(workload.catalog, workload.policy.capacity),
        "pods": [_pod(pod, preferences) for pod in workload.snapshot.pods],
        "ignore_preferences": bool(preferences and preferences.ignored),
        "workers": WORKERS,
    }


@cache
def _build() -> Path:
    go = shutil.which("go")
    if go is None:
        raise LeftOut("Go is missing: Karpenter's scheduler was not run")
    if BINARY.exists() and BINARY.stat().st_mtime > max(path.stat().st_mtime for path in SOURCE.iterdir()):
        return BINARY
    BINARY.parent.mkdir(exist_ok=True)
    command = [go, "build", "-buildvcs=false", "-o", str(BINARY), "."]
    try:
        subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, timeout=BUILD_LIMIT_S, env=os.environ)
    except subprocess.CalledProcessError as err:
        raise LeftOut(f"Karpenter {version()} could not be built: {err.stderr.decode().strip()[-200:]}") from err
    except subprocess.TimeoutExpired as err:
        raise LeftOut(f"building Karpenter {version()} took more than {BUILD_LIMIT_S:.0f} s") from err
    return BINARY


def _types(catalog: Catalog, capacity: Capacity) -> list[dict[str, Any]]:
    offered: dict[str, list[Offering]] = {}
    for offering in catalog.offerings:
        if capacity == Capacity.MIXED or offering.capacity_type.value == capacity.value:
            offered.setdefault(offering.pool.instance_type, []).append(offering)
    return [_type(catalog.types[name], offerings) for name, offerings in offered.items()]


def _type(it: InstanceType, offerings: list[Offering]) -> dict[str, Any]:
    labels = {keys.ARCH: str(it.arch)} | ({_GPU_NAME: it.gpu_name} if it.gpu_name else {})
    return {
        "name": it.name,
        "allocatable": _quantities(it.allocatable),
        "labels": labels,
        "offerings": [
            {"zone": o.zone.name, "capacity_type": str(o.capacity_type), "price": o.price_usd_per_h} for o in offerings
        ],
    }


def _pod(pod: Pod, preferences: Preferences | None) -> dict[str, Any]:
    labels = dict(pod.labels)
    wanted: dict[str, Any] = {
        "namespace": pod.namespace,
        "name": pod.name,
        "labels": labels,
        "requests": {name: amount for name, amount in _quantities(pod.requests).items() if name != "pods"},
        "node_selector": dict(pod.node_selector),
        "node_affinity": [[_requirement(r) for r in alternative.labels] for alternative in pod.node_affinity],
        "spread": [_spread(rule) for rule in pod.spread],
        "affinity": [_term(rule) for rule in pod.affinity],
        "anti_affinity": [_term(rule) for rule in pod.anti_affinity],
    }
    if preferences:
        wanted["preferred_zone"] = preferences.zone
        wanted["preferred_anti_affinity"] = [
            {"topology_key": key, "match_labels": labels, "weight": weight} for key, weight in preferences.apart
        ]
    return wanted


def _requirement(requirement: Requirement) -> dict[str, Any]:
    return {"key": requirement.key, "operator": str(requirement.operator), "values": list(requirement.values)}


def _spread(rule: SpreadConstraint) -> dict[str, Any]:
    return {"topology_key": rule.topology_key, "match_labels": _labels(rule.selector), "max_skew": rule.max_skew}


def _term(rule: PodTerm) -> dict[str, Any]:
    return {"topology_key": rule.topology_key, "match_labels": _labels(rule.selector)}


def _labels(selector: LabelSelector | None) -> dict[str, str]:
    """Back from requirements to ``matchLabels``: the workloads have no others."""
    if selector is None or any(r.operator != Operator.IN or len(r.values) != 1 for r in selector.requirements):
        raise ValueError(f"{selector} is more than matchLabels")
    return {requirement.key: requirement.values[0] for requirement in selector.requirements}


def _quantities(amounts: Resources) -> dict[str, str]:
    result = {name: str(amount) for name, amount in amounts.items() if amount}
    if amounts.cpu_mcpu:
        result[CPU] = f"{amounts.cpu_mcpu}m"
    return result


def _outcome(answer: dict[str, Any]) -> KarpenterOutcome:
    nodes = tuple(
        KarpenterNode(
            instance_type=node["instance_type"],
            zone=node["zone"],
            capacity_type=CapacityType(node["capacity_type"]),
            price_usd_per_h=node["price_usd_per_h"],
            pods=tuple(node["pods"]),
        )
        for node in answer["nodes"]
    )
    return KarpenterOutcome(
        seconds=answer["seconds"],
        cost_usd_per_h=answer["cost_usd_per_h"],
        nodes=nodes,
        unscheduled=tuple(answer["unscheduled"]),
        first_errors=tuple(answer["first_errors"]),
    )
