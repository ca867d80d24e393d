"""A small Kubernetes in memory, on virtual time: nodes, pods that take time to end, budgets, controllers, rollouts.

It keeps its own count of each budget, apart from the status by which it judges evictions, and writes down each time an
eviction broke one.
"""

import asyncio
import copy
import re
import selectors
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from structlog.testing import capture_logs

from agent.drains.facts import read_pod
from agent.kubernetes.api import NO_PARAMS, JsonObject, PatchKind
from agent.kubernetes.errors import KubernetesError, call_of, error_of
from domain.signing import wire_time

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUS_LAG_S = 0.2
"""Time in which the disruption controller sees what has happened to pods."""

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time leaps to the next thing that is due: hours take milliseconds."""

    def __init__(self) -> None:
        self.virtual_s = 0.0
        super().__init__(_Leaper(self))

    def time(self) -> float:
        return self.virtual_s


class _Leaper(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits and nothing is due")
        self._loop.virtual_s += max(0.0, timeout)
        return super().select(0)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on virtual time. What it logs is not written: thousands of evictions fit into seconds."""
    with capture_logs(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class TwinClock:
    """Tells the loop's virtual time; its time of day may be wrong."""

    def __init__(self, *, wrong_by_s: float = 0.0) -> None:
        self._wrong_by = timedelta(seconds=wrong_by_s)

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time()) + self._wrong_by

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class TwinStore:
    """Documents that survive the agent, as long as the test keeps this object."""

    def __init__(self) -> None:
        self.documents: dict[str, JsonObject] = {}
        self.saves = 0
        self.fails_with: KubernetesError | None = None

    async def load(self, name: str) -> JsonObject | None:
        await asyncio.sleep(0.002)
        return copy.deepcopy(self.documents.get(name))

    async def save(self, name: str, value: JsonObject) -> None:
        await asyncio.sleep(0.005)
        if self.fails_with is not None:
            raise self.fails_with
        self.saves += 1
        self.documents[name] = copy.deepcopy(value)


def make_node(
    name: str, *, instance: str = "", spot: bool = True, labels: Mapping[str, str] | None = None
) -> JsonObject:
    """A ready node of AWS."""
    kind = {"karpenter.sh/capacity-type": "spot" if spot else "on-demand"}
    place = {
        "node.kubernetes.io/instance-type": "m5.large",
        "topology.kubernetes.io/region": "us-east-1",
        "topology.kubernetes.io/zone": "us-east-1a",
        "topology.k8s.aws/zone-id": "use1-az1",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"uid-of-{name}", "labels": kind | place | dict(labels or {})},
        "spec": {"providerID": f"aws:///us-east-1a/{instance or instance_of(name)}"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": wire_time(START)}]},
    }


def instance_of(node: str) -> str:
    """The instance that a twin's node is."""
    return "i-" + "".join(c for c in node if c.isalnum()).lower()


class Cluster:
    """The API server with the controllers behind it.

    ``calls`` are method, path and virtual second of each call. ``broken`` are evictions that broke a budget by the
    twin's own count, ``ended`` pods that ended by themselves within their grace, ``killed`` those that went down with
    their node.
    """

    def __init__(self, *, start_s: float = 20.0, latency_s: float = 0.005) -> None:
        self.start_s, self.latency_s = start_s, latency_s
        self.objects: dict[str, dict[tuple[str, str], JsonObject]] = {}
        self.calls: list[tuple[str, str, float]] = []
        self.broken: list[str] = []
        self.ended: dict[str, float] = {}
        self.killed: list[str] = []
        self.evicted: dict[str, float] = {}
        self.faults: list[tuple[str, int, KubernetesError]] = []
        self.takes_s: dict[str, float] = {}
        self.rollout: str = "works"
        self._number = 0
        self._version = 0
        self._by_app: dict[tuple[str, str], list[JsonObject]] = {}
        self._budgets: dict[tuple[str, str], list[JsonObject]] = {}
        self._dirty: set[tuple[str, str]] = set()

    # What tests build and look at.

    def add(self, plural: str, obj: JsonObject) -> JsonObject:
        metadata = obj["metadata"]
        self._version += 1
        metadata["resourceVersion"] = str(self._version)
        self.objects.setdefault(plural, {})[metadata.get("namespace", ""), metadata["name"]] = obj
        return obj

    def node(self, name: str, **kwargs: Any) -> JsonObject:
        return self.add("nodes", make_node(name, **kwargs))

    def pod(
        self,
        name: str,
        *,
        node: str,
        namespace: str = "shop",
        grace_s: int = 30,
        labels: Mapping[str, str] | None = None,
        owner: tuple[str, str] | None = ("ReplicaSet", "api"),
        annotations: Mapping[str, str] | None = None,
        priority: int = 0,
        ready: bool = True,
        phase: str = "Running",
    ) -> JsonObject:
        self._number += 1
        references = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
        pod = self.add(
            "pods",
            {
                "metadata": {
                    "namespace": namespace,
                    "name": name,
                    "uid": str(UUID(int=self._number)),
                    "labels": dict(labels or {}),
                    "annotations": dict(annotations or {}),
                    "ownerReferences": references,
                },
                "spec": {"nodeName": node, "terminationGracePeriodSeconds": grace_s, "priority": priority},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]},
            },
        )
        self._by_app.setdefault(_app_of(pod), []).append(pod)
        return pod

    def workload(
        self, name: str, *, nodes: Sequence[str], grace_s: int = 30, namespace: str = "shop", priority: int = 0
    ) -> list[JsonObject]:
        """A ReplicaSet with a pod on each of these nodes."""
        replica_set = {"metadata": {"namespace": namespace, "name": name}, "spec": {"replicas": len(nodes)}}
        self.add("replicasets", replica_set)
        return [
            self.pod(
                f"{name}-{index}",
                node=node,
                namespace=namespace,
                grace_s=grace_s,
                labels={"app": name},
                owner=("ReplicaSet", name),
                priority=priority,
            )
            for index, node in enumerate(nodes)
        ]

    def budget(self, name: str, *, app: str, min_available: int, namespace: str = "shop") -> JsonObject:
        budget = self.add(
            "poddisruptionbudgets",
            {
                "metadata": {"namespace": namespace, "name": name},
                "spec": {"minAvailable": min_available, "selector": {"matchLabels": {"app": app}}},
                "status": {"disruptionsAllowed": 0},
            },
        )
        self._budgets.setdefault((namespace, app), []).append(budget)
        self._count(budget)
        return budget

    def read_node(self, name: str) -> JsonObject:
        return self.objects["nodes"]["", name]

    def pods_on(self, node: str) -> list[str]:
        pods = self.objects.get("pods", {}).values()
        return sorted(pod["metadata"]["name"] for pod in pods if pod["spec"].get("nodeName") == node)

    def kill_node(self, name: str) -> None:
        """AWS takes the node, with everything that still runs on it."""
        self.objects["nodes"].pop(("", name), None)
        for key, pod in list(self.objects.get("pods", {}).items()):
            if pod["spec"].get("nodeName") == name:
                self.killed.append(key[1])
                del self.objects["pods"][key]
                self._by_app[_app_of(pod)].remove(pod)

    def fail(self, pattern: str, error: KubernetesError, *, times: int = 1) -> None:
        """Answer the next calls whose method and path match (``POST .*eviction``) by an error."""
        self.faults.append((pattern, times, error))

    def paths(self, method: str) -> list[str]:
        return [path for one, path, _ in self.calls if one == method]

    def at(self, second: float, do: Any, *args: Any) -> None:
        """Have something happen at a virtual second."""
        loop = asyncio.get_running_loop()
        loop.call_at(second, do, *args)

    # The port.

    async def get(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        plural, namespace, name, _ = await self._enter("GET", path)
        if name:
            return copy.deepcopy(self._find("GET", path))
        wanted = params.get("fieldSelector", "").removeprefix("spec.nodeName=")
        items = [
            obj
            for (space, _), obj in self.objects.get(plural, {}).items()
            if (not namespace or space == namespace) and (not wanted or obj["spec"].get("nodeName") == wanted)
        ]
        return {"items": items, "metadata": {"resourceVersion": str(self._version)}}

    async def post(self, path: str, body: JsonObject, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        plural, namespace, _, subresource = await self._enter("POST", path)
        if subresource == "eviction":
            return self._evict(path, body)
        body["metadata"]["namespace"] = namespace
        return self.add(plural, body)

    async def patch(
        self,
        path: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        kind: PatchKind,
        params: Mapping[str, str] = NO_PARAMS,
    ) -> JsonObject:
        plural, _, _, _ = await self._enter("PATCH", path)
        obj = self._find("PATCH", path)
        assert isinstance(body, dict)
        self._refuse_stale(path, obj, body)
        if params.get("dryRun") == "All":
            obj = copy.deepcopy(obj)
        if kind is PatchKind.MERGE:
            _merge(obj, body)
        elif kind is PatchKind.STRATEGIC:
            _merge_conditions(obj, body)
        else:
            before = copy.deepcopy(obj["spec"]["template"])
            _apply(obj, body, manager=params["fieldManager"])
            if plural == "deployments" and obj["spec"]["template"] != before and params.get("dryRun") != "All":
                self._roll_out(obj)
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        return copy.deepcopy(obj)

    async def delete(self, path: str, *, body: JsonObject | None = None) -> JsonObject:
        plural, namespace, name, _ = await self._enter("DELETE", path)
        self._find("DELETE", path)
        return self.objects[plural].pop((namespace, name))

    async def watch(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> AsyncGenerator[JsonObject, None]:
        plural, _, _, _ = await self._enter("GET", path)
        for obj in list(self.objects.get(plural, {}).values()):
            yield {"type": "ADDED", "object": obj}

    # Behind it.

    async def _enter(self, method: str, path: str) -> tuple[str, str, str, str]:
        self.calls.append((method, path, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.latency_s)
        for index, (pattern, times, error) in enumerate(self.faults):
            if times > 0 and re.search(pattern, f"{method} {path}"):
                self.faults[index] = (pattern, times - 1, error)
                raise error
        call = call_of(method, path)
        plural, _, subresource = call.resource.partition("/")
        return plural, call.namespace, call.name, subresource

    def _find(self, method: str, path: str) -> JsonObject:
        call = call_of(method, path)
        plural = call.resource.partition("/")[0]
        found = self.objects.get(plural, {}).get((call.namespace, call.name))
        if found is None:
            raise error_of(404, {"reason": "NotFound", "message": f"{plural} {call.name} not found"}, call=call)
        return found

    def _refuse_stale(self, path: str, obj: JsonObject, body: JsonObject) -> None:
        """A patch that names a version is for that version alone."""
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version is not None and version != obj["metadata"]["resourceVersion"]:
            problem = {"reason": "Conflict", "message": "the object has been modified"}
            raise error_of(409, problem, call=call_of("PATCH", path))

    def _evict(self, path: str, body: JsonObject) -> JsonObject:
        call = call_of("POST", path)
        pod = self._find("POST", path)
        wanted = body.get("deleteOptions", {}).get("preconditions", {}).get("uid")
        if wanted and wanted != pod["metadata"]["uid"]:
            raise error_of(409, {"reason": "Conflict", "message": "the UID in the precondition differs"}, call=call)
        budgets = self._budgets_of(pod)
        if len(budgets) > 1:
            text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise error_of(500, {"reason": "InternalError", "message": text}, call=call)
        if "deletionTimestamp" not in pod["metadata"]:
            for budget in budgets:
                self._spend(budget, pod, call=call)
            self._begin_end(pod)
        return {"status": "Success"}

    def _spend(self, budget: JsonObject, pod: JsonObject, *, call: Any) -> None:
        status = budget["status"]
        if not read_pod(pod).ready:
            return
        if status["disruptionsAllowed"] <= 0:
            cause = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {budget['metadata']['name']} needs more",
            }
            answer = {"reason": "TooManyRequests", "message": "Cannot evict pod", "details": {"causes": [cause]}}
            raise error_of(429, answer, call=call)
        status["disruptionsAllowed"] -= 1

    def _begin_end(self, pod: JsonObject) -> None:
        loop = asyncio.get_running_loop()
        name, facts = pod["metadata"]["name"], read_pod(pod)
        self.evicted[name] = loop.time()
        pod["metadata"]["deletionTimestamp"] = wire_time(TwinClock().now() + timedelta(seconds=facts.grace_s))
        for budget in self._budgets_of(pod):
            if facts.ready and self._healthy(budget) < budget["spec"]["minAvailable"]:
                self.broken.append(f"{name} broke {budget['metadata']['name']}")
        loop.call_later(self.takes_s.get(name, facts.grace_s), self._end, pod)
        if facts.owner is not None and facts.owner.kind == "ReplicaSet":
            self._replace(pod)
        self._recount_soon(pod)

    def _end(self, pod: JsonObject) -> None:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        if self.objects["pods"].get(key) is pod:
            del self.objects["pods"][key]
            self._by_app[_app_of(pod)].remove(pod)
            self.ended[key[1]] = asyncio.get_running_loop().time()
        self._recount_soon(pod)

    def _replace(self, pod: JsonObject) -> None:
        facts = read_pod(pod)
        assert facts.owner is not None
        new = self.pod(
            f"{facts.name}x",
            node="elsewhere",
            namespace=facts.namespace,
            grace_s=facts.grace_s,
            labels=facts.labels,
            owner=(facts.owner.kind, facts.owner.name),
            ready=False,
        )
        asyncio.get_running_loop().call_later(self.start_s, self._become_ready, new)

    def _become_ready(self, pod: JsonObject) -> None:
        pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        self._recount_soon(pod)

    def _recount_soon(self, pod: JsonObject) -> None:
        app = _app_of(pod)
        if app not in self._dirty:
            self._dirty.add(app)
            asyncio.get_running_loop().call_later(STATUS_LAG_S, self._recount, app)

    def _recount(self, app: tuple[str, str]) -> None:
        self._dirty.discard(app)
        for budget in self._budgets.get(app, ()):
            self._count(budget)

    def _count(self, budget: JsonObject) -> None:
        budget["status"]["disruptionsAllowed"] = max(0, self._healthy(budget) - budget["spec"]["minAvailable"])

    def _healthy(self, budget: JsonObject) -> int:
        app = (budget["metadata"]["namespace"], budget["spec"]["selector"]["matchLabels"]["app"])
        pods = map(read_pod, self._by_app.get(app, ()))
        return sum(pod.ready and pod.leaves_by is None for pod in pods)

    def _budgets_of(self, pod: JsonObject) -> list[JsonObject]:
        return self._budgets.get(_app_of(pod), [])

    def _roll_out(self, deployment: JsonObject) -> None:
        deployment["metadata"]["generation"] += 1
        generation, loop = deployment["metadata"]["generation"], asyncio.get_running_loop()
        loop.call_later(0.1, self._observe, deployment, generation)
        if self.rollout == "works":
            loop.call_later(self.start_s, self._rolled_out, deployment, generation)
        elif self.rollout == "fails":
            self.rollout = "works"
            loop.call_later(deployment["spec"].get("progressDeadlineSeconds", 600), self._stuck, deployment, generation)

    def _observe(self, deployment: JsonObject, generation: int) -> None:
        deployment["status"] = {
            "observedGeneration": generation,
            "replicas": deployment["spec"]["replicas"] + 1,
            "updatedReplicas": 1,
            "availableReplicas": deployment["spec"]["replicas"],
            "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}],
        }

    def _rolled_out(self, deployment: JsonObject, generation: int) -> None:
        if deployment["metadata"]["generation"] == generation:
            count = deployment["spec"]["replicas"]
            done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
            deployment["status"] |= {"replicas": count, "updatedReplicas": count, "availableReplicas": count}
            deployment["status"]["conditions"] = [done]

    def _stuck(self, deployment: JsonObject, generation: int) -> None:
        if deployment["metadata"]["generation"] == generation:
            stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
            deployment["status"]["conditions"] = [stuck | {"message": "the new pods do not become ready"}]


def _app_of(pod: JsonObject) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["labels"].get("app", "")


def _merge(target: JsonObject, patch: JsonObject) -> None:
    """RFC 7386."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        elif isinstance(value, dict):
            target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = value


def _merge_conditions(node: JsonObject, patch: JsonObject) -> None:
    conditions = {one["type"]: one for one in node.setdefault("status", {}).setdefault("conditions", [])}
    for one in patch["status"]["conditions"]:
        conditions[one["type"]] = conditions.get(one["type"], {}) | one
    node["status"]["conditions"] = list(conditions.values())


def _apply(deployment: JsonObject, body: JsonObject, *, manager: str) -> None:
    """What server-side apply does to the resources of containers: sets what is named, drops what no longer is."""
    managed = deployment["metadata"].setdefault("managedFields", [])
    mine = next((one for one in managed if one["manager"] == manager and one["operation"] == "Apply"), None)
    named = {one["name"]: one["resources"] for one in body["spec"]["template"]["spec"]["containers"]}
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        owned = _owned(mine, container["name"])
        resources = container.setdefault("resources", {})
        wanted = named.get(container["name"], {})
        for kind, resource in owned:
            if resource not in wanted.get(kind, {}):
                resources.get(kind, {}).pop(resource, None)
        for kind, amounts in wanted.items():
            resources.setdefault(kind, {}).update(amounts)
    fields = {
        f'k:{{"name":"{name}"}}': {
            ".": {},
            "f:name": {},
            "f:resources": {f"f:{kind}": {f"f:{one}": {} for one in amounts} for kind, amounts in resources.items()},
        }
        for name, resources in named.items()
    }
    entry = {
        "manager": manager,
        "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": fields}}}},
    }
    deployment["metadata"]["managedFields"] = [one for one in managed if one is not mine] + [entry]


def _owned(entry: JsonObject | None, container: str) -> list[tuple[str, str]]:
    if entry is None:
        return []
    containers = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    resources = containers.get(f'k:{{"name":"{container}"}}', {}).get("f:resources", {})
    return [(kind[2:], one[2:]) for kind, amounts in resources.items() for one in amounts]
