"""The running platform: its start, what agents may send, who hears of an interruption when, what it survives."""

import json
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvloop

from actors.services import Services
from domain.delta import ObjectSet
from serve.operations.application import application
from serve.operations.cluster import probe
from serve.operations.processes import of_session
from tests.benchmarks.harness import Baseline, Benchmark, Row, at_least, at_most, register, reported
from tests.benchmarks.platform.customers import Customer, sign_up
from tests.benchmarks.platform.hive_mind import Measured, Seen, connected, send_objects
from tests.benchmarks.platform.load import Job, Result, agents_of, metrics_body, now_text, result_of, run, start
from tests.benchmarks.platform.objects import REGION, cluster_objects, interruption
from tests.benchmarks.platform.world import inside, memory_mib, on_ray, platform, rows
from tests.running_platform import BACK_S, PLATFORM, START_S, Platform, eventually

START_BAR_S = 25.0
WARM_STARTS = 3

HTTP_CUSTOMERS, HTTP_S, WARM_UP_S = 500, 10.0, 3.0
HTTP_BARS = {"heartbeat": 1_500.0, "poll": 1_200.0, "metrics": 100.0}
"""Requests per second. A metrics body is of 50 nodes and 500 pods."""
WITH_OBJECTS = 100
"""Clusters whose objects the platform holds; these send the metrics."""
CONNECTIONS = {"heartbeat": 64, "poll": 64, "metrics": 8}
HTTP_P99_MS = 250.0

REGISTERED, CONNECTED, REPORTERS, NODES_EACH = 1_000, 200, 40, 3
"""Clusters registered, with an open WebSocket, with 500 pods and interruptions, and how many of these each has."""

HOSTED, HOSTED_BAR_MIB, IDLE_S, SENDERS = 5_000, 8 * 1024.0, 60.0, 4
ACTORS_SAMPLED = 12

STORM_EVENTS, STORM_S, STORM_CUSTOMERS, STORM_EMPTY_S = 10_000, 10.0, 1_000, 30.0
STORM_EACH = 10
STORM_INTERRUPTIONS = 50
"""One event of so many is an interruption: 200 of them."""

FAULT_CUSTOMERS, FAULT_RATE_PER_S, FAULT_EVENTS, FAULT_INTERRUPTIONS, KILL_AFTER_S = 25, 40.0, 1_000, 41, 6.0
"""One event in 41 is an interruption, which comes round to each of the 25 customers once."""
GATEWAY = "a gateway replica"
VICTIMS = (
    "ClusterHost-0", "RiskRegistry", "EventConsumer-0", GATEWAY, "Planner", "PostgreSQL", "Redis", "Ray node",
)  # fmt: skip
INTERRUPTION = "spot_interruption_warning"
BODIES = 10
"""Different snapshots; clusters whose numbers differ by so many have the same."""


def _start(_: dict[str, Any]) -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="sp-"))
    try:
        (first, _), *warm = [_start_once(folder / "data") for _ in range(1 + WARM_STARTS)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    answered, ready = (statistics.median(moments) for moments in zip(*warm, strict=True))
    yield at_most("platform-start/warm, to the first answer", answered, "s", bar=START_BAR_S)
    yield reported("platform-start/warm, to the last actor", ready, "s")
    yield reported("platform-start/on an empty folder, to the first answer", first, "s")


def _start_once(folder: Path) -> tuple[float, float]:
    """Seconds to the first answer of the gateway, and until all actors are up."""
    began = time.monotonic()
    running = Platform(folder)
    url = f"http://127.0.0.1:{running.port}{application().probe}"
    try:
        eventually(lambda: probe(url) is not None, START_S, running.output.read_text)
        answered = time.monotonic() - began
        running.await_ready()
        return answered, time.monotonic() - began
    finally:
        running.stop()


def _http(series: dict[str, Any]) -> Iterator[Row]:
    ours = _http_rates({})
    theirs = _http_rates({"RAY_SERVE_ENABLE_HA_PROXY": "0"})
    for kind, bar in HTTP_BARS.items():
        other = Baseline(name="Ray Serve's default proxy", value=theirs[kind].per_s, unit="/s")
        name = f"platform-http/{kind}"
        yield at_least(name, ours[kind].per_s, "/s", bar=bar, baseline=other)
        slow = Baseline(name="Ray Serve's default proxy", value=theirs[kind].p99_ms, unit="ms")
        yield at_most(f"{name} p99", ours[kind].p99_ms, "ms", bar=HTTP_P99_MS, baseline=slow)
        yield at_most(f"{name} refused or failed", _not_good(ours[kind]), "", bar=0)
    series["answers"] = {kind: result.statuses for kind, result in ours.items()}


def _not_good(result: Result) -> int:
    return sum(count for status, count in result.statuses.items() if status != "200")


def _http_rates(given: dict[str, str]) -> dict[str, Result]:
    with platform(given) as running:
        customers: list[Customer] = _with_services(running, partial(sign_up, count=HTTP_CUSTOMERS))
        _send_all(running, customers[:WITH_OBJECTS])
        agents = {"metrics": agents_of(customers[:WITH_OBJECTS])}
        return {kind: _rate(running, kind, agents.get(kind) or agents_of(customers)) for kind in HTTP_BARS}


def _rate(running: Platform, kind: str, agents: Sequence[tuple[str, str]]) -> Result:
    job = partial(Job, kind=kind, port=running.port, connections=CONNECTIONS[kind], customers=agents)
    run(job(seconds=WARM_UP_S))
    return run(job(seconds=HTTP_S))


def _with_services(running: Platform, work: Callable[[Services], Coroutine[Any, Any, Any]]) -> Any:
    async def worked() -> Any:
        async with inside(running) as services:
            return await work(services)

    return uvloop.run(worked())


def _hive_mind(series: dict[str, Any]) -> Iterator[Row]:
    with platform() as running, on_ray(running):
        seen: list[Seen] = _with_services(running, partial(_interruptions, running))
    known, commanded, planned = ([getattr(one, what) for one in seen] for what in ("known", "commanded", "planned"))
    series |= {"known": known, "commanded": commanded, "planned": planned}
    everywhere = (
        f"{seen[0].processes} processes; {REGISTERED} clusters, {CONNECTED} WebSockets, {len(seen)} interruptions"
    )
    yield at_most(
        "platform-hive-mind/flag known everywhere p50", 1e3 * _quantile(known, 0.5), "ms", bar=10, baseline=everywhere
    )
    yield at_most("platform-hive-mind/flag known everywhere p99", 1e3 * _quantile(known, 0.99), "ms", bar=50)
    yield at_most(
        "platform-hive-mind/command at the agent's socket p99", 1e3 * _quantile(commanded, 0.99), "ms", bar=250
    )
    yield at_most("platform-hive-mind/replacement plan p99", _quantile(planned, 0.99), "s", bar=2)
    yield reported("platform-hive-mind/call answered p50", 1e3 * _quantile([one.answered for one in seen], 0.5), "ms")
    yield reported("platform-hive-mind/command at the agent's socket p50", 1e3 * _quantile(commanded, 0.5), "ms")
    yield reported("platform-hive-mind/replacement plan p50", _quantile(planned, 0.5), "s")


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def _interruptions(running: Platform, services: Services) -> list[Seen]:
    customers = await sign_up(services, REGISTERED)
    reporters = customers[:REPORTERS]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=30.0) as http:
        for customer in reporters:
            await send_objects(http, customer)
        async with connected(customers[:CONNECTED], running.port) as agents:
            measured = Measured(services, http, agents, await _admin(running, http))
            await measured.interrupt(reporters[-1], NODES_EACH)  # the first one finds nothing in memory
            return [await measured.interrupt(customer, n) for n in range(NODES_EACH) for customer in reporters]


async def _admin(running: Platform, http: httpx.AsyncClient) -> dict[str, str]:
    told = running.event("password")
    assert told is not None
    answer = await http.post("/api/auth/token", json={"email": told["email"], "password": told["password"]})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def _hosting(_: dict[str, Any]) -> Iterator[Row]:
    with platform({"SPOTOPT_CLUSTER_IDLE_S": str(IDLE_S)}) as running:
        before = memory_mib(running)
        customers: list[Customer] = _with_services(running, partial(sign_up, count=HOSTED))
        sent = _send_all(running, customers)
        loaded = memory_mib(running)
        asleep = _asleep(running)
        one = _actor_each(running)
    yield at_most(f"platform-hosting/{HOSTED} clusters, memory in all", loaded, "MiB", bar=HOSTED_BAR_MIB)
    yield at_most("platform-hosting/bodies refused", _not_good(sent), "", bar=0)
    yield reported("platform-hosting/before any cluster", before, "MiB")
    yield reported("platform-hosting/all asleep", asleep, "MiB")
    yield reported("platform-hosting/first snapshots taken in", sent.per_s, "/s")
    each = Baseline(name="one Ray actor per cluster", value=one * HOSTED, unit="MiB, by a dozen of them")
    yield reported("platform-hosting/memory per cluster", (loaded - before) / HOSTED, "MiB", baseline=each)


def _send_all(running: Platform, customers: Sequence[Customer]) -> Result:
    """A full snapshot of each cluster; the objects of a few are made once and sent for many."""
    bodies = [_full_body(number).decode("latin-1") for number in range(BODIES)]
    agents = agents_of(customers)
    return run(
        Job(
            kind="metrics", port=running.port, seconds=500.0, connections=SENDERS, customers=agents,
            bodies=[bodies[n % len(bodies)] for n in range(len(agents))],
        )
    )  # fmt: skip


def _full_body(number: int) -> bytes:
    items = cluster_objects(number)
    return metrics_body(number, {"mode": "full", "hash": ObjectSet.of(items).hash, "items": items})


def _asleep(running: Platform) -> float:
    with on_ray(running):
        import ray

        from actors import runtime

        hosts = [runtime.find(runtime.host_name(n)) for n in range(2)]
        deadline = time.monotonic() + 3 * IDLE_S
        while sum(counts["awake"] for counts in ray.get([host.counts.remote() for host in hosts])):
            assert time.monotonic() < deadline, "clusters stay awake"
            time.sleep(1)
    return memory_mib(running)


def _actor_each(running: Platform) -> float:
    """MiB of an actor that holds one cluster, as a plain design would have it."""
    with on_ray(running):
        import ray

        before = memory_mib(running)
        body = ObjectSet.of(cluster_objects(0)).to_bytes()
        holders = [ray.remote(OneCluster).options(num_cpus=0).remote(body) for _ in range(ACTORS_SAMPLED)]
        ray.get([holder.pods.remote() for holder in holders])
        return (memory_mib(running) - before) / ACTORS_SAMPLED


class OneCluster:
    """A cluster as an actor of its own."""

    def __init__(self, body: bytes) -> None:
        from actors.hosting.host import Host

        self.host = Host
        self.objects = ObjectSet.from_bytes(body)

    def pods(self) -> int:
        """How many there are."""
        return self.objects.count("Pod")


def _storm(_: dict[str, Any]) -> Iterator[Row]:
    with platform() as running:
        customers: list[Customer] = _with_services(running, partial(sign_up, count=STORM_CUSTOMERS))
        began = time.time()
        sent = run(
            Job(
                kind="events", port=running.port, seconds=60.0, connections=16, customers=agents_of(customers),
                rate_per_s=STORM_EVENTS / STORM_EACH / STORM_S,
                bodies=[_events(n, STORM_EACH) for n in range(STORM_EVENTS // STORM_EACH)],
            )
        )  # fmt: skip
        accepted = time.time()
        took = _await_handled(running, STORM_EVENTS, within_s=120.0)
    interruptions, others = (
        _quantile([row.seconds for row in took if (row.kind == INTERRUPTION) is first], 0.99) for first in (True, False)
    )
    yield at_most("platform-storm/events lost", STORM_EVENTS - len(took), "", bar=0)
    yield at_most(
        "platform-storm/empty after the last event", max(row.at for row in took) - accepted, "s", bar=STORM_EMPTY_S
    )
    yield at_most("platform-storm/bodies refused", _not_good(sent), "", bar=0)
    yield reported("platform-storm/accepted within", accepted - began, "s")
    slower = Baseline(name="other events", value=others, unit="s")
    yield at_most("platform-storm/interruptions handled p99", interruptions, "s", bar=others, baseline=slower)


@dataclass(frozen=True, slots=True)
class Handled:
    """An event that was handled: its type, seconds since it was accepted, when (UNIX s)."""

    kind: str
    seconds: float
    at: float


HANDLED = """SELECT event_type, extract(epoch FROM done_at - accepted_at), extract(epoch FROM done_at)
             FROM inbox_events WHERE status = 'done'"""


def _await_handled(running: Platform, count: int, *, within_s: float) -> list[Handled]:
    deadline = time.monotonic() + within_s
    while True:
        took = [Handled(kind, float(seconds), float(at)) for kind, seconds, at in rows(running, HANDLED)]
        if len(took) >= count or time.monotonic() > deadline:
            return took
        time.sleep(0.25)


def _events(body: int, count: int) -> str:
    return json.dumps({"events": [_event(body * count + n) for n in range(count)]})


def _event(number: int) -> dict[str, Any]:
    common = {"event_id": f"s-{number}", "timestamp": now_text()}
    if number % STORM_INTERRUPTIONS == 0:
        instance = {"instance_id": f"i-{number:017x}", "instance_type": "m5.xlarge", "zone_id": "use1-az4"}
        return {**common, "event_type": INTERRUPTION, "region": REGION, **instance}
    return {
        **common,
        "event_type": "pod_pending",
        "namespace": "shop",
        "pod_name": f"web-{number}",
        "reason": "NotFound",
    }


def _faults(series: dict[str, Any]) -> Iterator[Row]:
    with platform() as running:
        customers: list[Customer] = _with_services(running, partial(sign_up, count=FAULT_CUSTOMERS))
        _send_all(running, customers)
        for number, victim in enumerate(VICTIMS):
            before = len(rows(running, HANDLED))
            load = start(_fault_job(running, customers, number))
            time.sleep(KILL_AFTER_S)
            os.kill(_process_of(running, victim), signal.SIGKILL)
            result = result_of(load)
            handled = len(_await_handled(running, before + FAULT_EVENTS, within_s=180.0)) - before
            eventually(running.is_well, BACK_S, running.status)
            series[victim] = result.statuses
            yield reported(f"platform-faults/{victim}, longest time without an answer", result.gap_s, "s")
            yield at_most(f"platform-faults/{victim}, events lost", FAULT_EVENTS - handled, "", bar=0)
        cordons = rows(running, CORDONS)
    asked = len(VICTIMS) * len(range(0, FAULT_EVENTS, FAULT_INTERRUPTIONS))
    yield at_most("platform-faults/nodes not cordoned", asked - len(cordons), "", bar=0)
    yield at_most("platform-faults/nodes cordoned twice", sum(count > 1 for _, _, count in cordons), "", bar=0)


def _process_of(running: Platform, victim: str) -> int:
    pids = running.pids()
    session = pids[PLATFORM]
    replicas = [found.pid for found in of_session(session or 0) if "ServeReplica" in found.command]
    pid = replicas[0] if victim == GATEWAY else pids[victim]
    assert pid is not None, f"{victim} does not run"
    return pid


CORDONS = (
    """SELECT cluster_id, payload->>'node', count(*) FROM agent_actions WHERE kind = 'cordon_node' GROUP BY 1, 2"""
)


def _fault_job(running: Platform, customers: Sequence[Customer], number: int) -> Job:
    """Events at a steady rate; every so many is an interruption of a node that has not had one."""
    bodies = []
    for n in range(FAULT_EVENTS):
        customer = customers[n % len(customers)]
        event = _event(10_000_000 * (number + 1) + n * STORM_INTERRUPTIONS + 1)
        if n % FAULT_INTERRUPTIONS == 0:
            event = interruption(customer.number % BODIES, number, event_id=f"f-{number}-{n}")
        bodies.append(json.dumps({"events": [event]}))
    return Job(
        kind="events", port=running.port, seconds=120.0, connections=8, customers=agents_of(customers),
        rate_per_s=FAULT_RATE_PER_S, bodies=bodies,
    )  # fmt: skip


for _name, _run, _limit_s in (
    ("platform-start", _start, 600.0),
    ("platform-http", _http, 600.0),
    ("platform-hive-mind", _hive_mind, 900.0),
    ("platform-storm", _storm, 600.0),
    ("platform-hosting", _hosting, 1_800.0),
    ("platform-faults", _faults, 1_800.0),
):
    register(Benchmark(name=_name, run=_run, limit_s=_limit_s))
