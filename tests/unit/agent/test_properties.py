"""Whatever the API server does: what is known ends up true, and never do two lead."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.clock import VirtualClock
from agent.election import Election
from agent.kubernetes.errors import KubernetesError
from agent.supervision import Supervisor
from agent.telemetry import Telemetry
from agent.watching.cluster import Cluster
from agent.watching.kinds import NODE, POD
from domain.delta import ObjectSet
from domain.redaction import redact
from domain.wire.messages import ResultBody
from tests.unit.agent.kube import MemoryKubernetes, away
from tests.unit.agent.objects import node, pod
from tests.unit.agent.service import problem
from tests.unit.agent.test_agent import GuardTwin
from tests.unit.agent.test_couriers import World as Couriers
from tests.unit.agent.test_couriers import at_work

NAMES = st.integers(0, 1)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put node", "put pod", "remove node", "remove pod"]), NAMES),
        st.tuples(st.sampled_from(["end watches", "forget history", "go away", "come back"]), st.just(0)),
        st.tuples(st.just("outage"), NAMES),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 20])),
    ),
    min_size=5,
    max_size=25,
)


class Sink:
    def put(self, event: dict[str, Any]) -> None:
        """Events are not looked at here."""


async def happen(api: MemoryKubernetes, clock: VirtualClock, what: str, number: int) -> None:
    """Something happens to the cluster. In an outage objects go, and the API server forgets that they did."""
    obj = node(f"n{number}", providerID=str(api.version)) if what.endswith("node") else pod(f"p{number}")
    match what:
        case "put node" | "put pod":
            api.put(obj)
        case "remove node" | "remove pod":
            if api._place(obj) in api.objects:
                api.remove(obj)
        case "end watches":
            api.end_watches()
        case "forget history":
            api.forget_history()
        case "go away":
            api.trouble = lambda _method, _path: away()
            api.shake()
        case "come back":
            api.trouble = lambda _method, _path: None
        case "outage":
            for step in ("go away", "remove node", "remove pod", "forget history", "come back"):
                await happen(api, clock, step, number)
        case "wait":
            await clock.advance(number)


async def live_through(happenings: list[tuple[str, int]]) -> None:
    api, clock, guard = MemoryKubernetes(), VirtualClock(), GuardTwin()
    cluster = Cluster(api, clock, events=Sink(), guards=[guard], kinds=[NODE, POD])
    task = asyncio.create_task(Supervisor(clock, Telemetry()).run(cluster.parts()))
    for what, number in happenings:
        await happen(api, clock, what, number)
    api.trouble = lambda _method, _path: None
    await clock.advance(100)
    api.end_watches()
    await clock.advance(100)
    kept = [redact(obj) for obj in api.objects.values()]
    assert cluster.mirror.hash == ObjectSet.of(obj for obj in kept if obj is not None).hash
    assert guard.nodes == {place.name for place in api.objects if place.plural == "nodes"}
    assert cluster.is_trusted()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@settings(max_examples=80)
@given(HAPPENINGS)
def test_what_is_known_ends_up_as_the_cluster_is(happenings: list[tuple[str, int]]) -> None:
    asyncio.run(live_through(happenings))


SERVICE = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["change", "collect", "event", "result"]), st.integers(0, 3)),
        st.tuples(st.just("trouble"), st.sampled_from([401, 413, 429, 500, 503])),
        st.tuples(st.sampled_from(["lose answers", "forget", "heal"]), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 70])),
    ),
    min_size=5,
    max_size=30,
)


async def befall(world: Couriers, what: str, number: int) -> None:
    """Something happens between the agent and the service."""
    match what:
        case "change":
            world.mirror.put(pod(f"p{number}", phase=str(len(world.twin.asked))))
        case "collect":
            world.sample()
        case "event":
            world.outbox.put({"event_id": f"e{number}-{len(world.twin.asked)}", "event_type": "pod_pending"})
        case "result":
            world.outbox.put_result(f"a{number}-{len(world.twin.asked)}", ResultBody(status="completed"))
        case "trouble":
            # A body that is too large is given up where it cannot be made smaller, so results and events get through.
            world.twin.trouble = lambda path: problem(number) if number != 413 or path == "/metrics" else None
        case "lose answers":
            world.twin.loses_answers = True
        case "forget":
            world.twin.objects = None
        case "heal":
            world.twin.trouble, world.twin.loses_answers = lambda _path: None, False
        case "wait":
            await world.clock.advance(number)


async def converse(happenings: list[tuple[str, int]]) -> None:
    world = Couriers()
    world.mirror.put(node())
    events: set[str] = set()
    results: set[str] = set()
    async with at_work(world):
        for what, number in happenings:
            await befall(world, what, number)
            events |= {key for key, _ in world.outbox.events.first(1_000)}
            results |= {key for key, _ in world.outbox.results.first(1_000)}
        await befall(world, "heal", 0)
        for _ in range(2):  # the second brings everything where the first was answered with need_full
            world.sample()
            await world.clock.advance(130)
    assert {event["event_id"] for event in world.twin.events} == events
    assert {action_id for action_id, _ in world.twin.results} == results
    assert world.twin.objects is not None
    assert world.twin.objects.hash == world.mirror.hash
    assert len(world.outbox) == 0


@settings(max_examples=80)
@given(SERVICE)
def test_nothing_is_lost_on_its_way_and_the_service_ends_with_the_same_set(happenings: list[tuple[str, int]]) -> None:
    asyncio.run(converse(happenings))


class CutOff(MemoryKubernetes):
    """The same objects as another's, behind a connection that may be cut."""

    def __init__(self, whole: MemoryKubernetes) -> None:
        super().__init__(trouble=self._trouble, objects=whole.objects)
        self._whole = whole
        self.is_cut = False

    def _trouble(self, _method: str, _path: str) -> KubernetesError | None:
        return away() if self.is_cut else None

    def _store(self, place: Any, obj: dict[str, Any]) -> dict[str, Any]:
        return self._whole._store(place, obj)


async def elect(cuts: list[tuple[int, bool, float]]) -> None:
    whole, clock = MemoryKubernetes(), VirtualClock()
    apis = [CutOff(whole) for _ in range(3)]
    elections = [
        Election(api, clock, namespace="spot-optimizer", identity=f"agent-{number}") for number, api in enumerate(apis)
    ]

    async def lead() -> None:
        await asyncio.Event().wait()

    tasks = [asyncio.create_task(election.run(lead)) for election in elections]
    for number, is_cut, seconds in [*cuts, *((number, False, 0.0) for number in range(3)), (0, False, 60.0)]:
        apis[number].is_cut = is_cut
        for _ in range(int(seconds / 0.5)):
            await clock.advance(0.5)
            assert sum(election.leading for election in elections) <= 1
    assert sum(election.leading for election in elections) == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0, 40)), max_size=10))
def test_never_do_two_lead_and_in_the_end_one_does(cuts: list[tuple[int, bool, float]]) -> None:
    asyncio.run(elect(cuts))
