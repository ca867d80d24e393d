"""The state machine of a saga against events in any order."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.execution.asks import (
    Ask,
    AskAgent,
    AskLaunch,
    AskTerminate,
    CheckAgent,
    Command,
    Look,
)
from actors.execution.inputs import (
    AbortAsked,
    AgentStands,
    Answered,
    AskFailed,
    Begun,
    Failure,
    Input,
    LaunchAnswered,
    LookFailed,
    Resumed,
    Seen,
    Ticked,
)
from actors.execution.ports import ClusterLook, Standing
from actors.execution.saga import Saga
from domain.commands import AgentActionKind
from domain.market import CapacityType
from domain.saga import (
    InstanceState,
    InstanceView,
    LaunchAnswer,
    Launched,
    LaunchFailure,
    LaunchOrder,
    NodePoolRequirement,
    NodeView,
    PoolFailure,
    PricedPool,
    Removal,
    SagaSpec,
    StepKind,
)
from domain.work import ActionStatus
from tests.unit.execution.world import POOLS

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOVES = (
    "answer", "answer", "answer", "answer", "answer", "fail", "reject", "forbid", "lose", "tick", "long tick", "look",
    "look", "look", "blind look", "agent", "agent", "agent", "agent fails", "abort", "resume", "death", "restart",
)  # fmt: skip


def spec_of(nodes: int, width: int, *, karpenter: bool = False) -> SagaSpec:
    pools = tuple(PricedPool(pool=pool, price_micro_usd_per_h=30_000) for pool in POOLS)
    orders = tuple(
        LaunchOrder(name=f"new-{n}", template="general", spot=pools, on_demand=pools[:1], count=1 + n % 2)
        for n in range(nodes)
    )
    removals = tuple(Removal(node=f"old-{n}", instance_id=f"i-{n}", after=(f"new-{n}",)) for n in range(nodes))
    return SagaSpec(
        id=UUID(int=1),
        organization_id=UUID(int=2),
        cluster_id=UUID(int=3),
        observed_at=NOW,
        stale_at=NOW + timedelta(hours=1),
        reason="test",
        launches=orders,
        removals=removals,
        karpenter=(NodePoolRequirement(node_pool="general"),) if karpenter else (),
        width=width,
    )


@dataclass
class Player:
    """Plays the outside, one move at a time, and remembers what is so."""

    spec: SagaSpec
    saga: Saga
    now: datetime = NOW
    asks: list[Ask] = field(default_factory=list)
    instances: dict[str, InstanceState] = field(default_factory=dict)
    by_token: dict[str, tuple[Launched, ...]] = field(default_factory=dict)
    actions: dict[UUID, AskAgent] = field(default_factory=dict)
    done: set[UUID] = field(default_factory=set)
    cordoned: set[str] = field(default_factory=set)
    drained: set[str] = field(default_factory=set)
    narrowed: bool = False
    checked: tuple[UUID, ...] = ()
    numbers: int = 0

    def play(self, event: Input) -> None:
        asked = {one.step_id for one in self.asks}
        commands = self.saga.handle(event)
        self.saga.validate_state()
        for command in commands:
            self._heed(command, asked)

    def _heed(self, command: Command, asked: set[str]) -> None:
        if isinstance(command, CheckAgent):
            self.checked = command.action_ids
        if not isinstance(command, Ask):
            return
        assert command.step_id not in asked, "a question was asked again before its answer came"
        step = self.saga.ledger.get(command.step_id)
        assert step is not None
        assert step in self.saga.ledger.open(), "a question was asked of a step that is not recorded as open"
        if isinstance(command, AskTerminate) and command.instance_id in {r.instance_id for r in self.spec.removals}:
            node = next(r.node for r in self.spec.removals if r.instance_id == command.instance_id)
            assert node in self.drained, "a node was ended before it was drained"
        self.asks.append(command)

    def move(self, name: str, which: int) -> None:
        match name:
            case "tick" | "long tick":
                self.now += timedelta(seconds=5 if name == "tick" else 400)
                self.play(Ticked(at=self.now))
            case "look":
                self.play(self.seen())
            case "blind look":
                self.play(LookFailed(at=self.now, text="away"))
            case "agent" | "agent fails":
                self.play(self.agent(fails=name != "agent"))
            case "abort":
                if which % 3 == 0:
                    self.play(AbortAsked(at=self.now, reason="asked for"))
            case "resume" | "restart":
                self.restart()
            case "death":
                alive = sorted(one for one, state in self.instances.items() if state is InstanceState.RUNNING)
                if alive and which % 4 == 0:
                    self.instances[alive[which % len(alive)]] = InstanceState.ENDED
            case _ if self.asks:
                self.answer(name, self.asks.pop(which % len(self.asks)))

    def answer(self, name: str, ask: Ask) -> None:
        failures = {"fail": Failure.TRANSIENT, "reject": Failure.REJECTED, "forbid": Failure.FORBIDDEN}
        if name in failures:
            self.play(AskFailed(at=self.now, step_id=ask.step_id, failure=failures[name], text=name))
            return
        event = self.do(ask)
        if name == "lose":
            event = AskFailed(at=self.now, step_id=ask.step_id, failure=Failure.TRANSIENT, text="lost")
        self.play(event)

    def do(self, ask: Ask) -> Input:
        match ask:
            case AskLaunch():
                return LaunchAnswered(at=self.now, step_id=ask.step_id, answer=self.launch(ask))
            case AskTerminate(instance_id=instance_id):
                self.instances[instance_id] = InstanceState.ENDING
            case AskAgent(expires_at=expires_at) if expires_at <= self.now:
                return AskFailed(at=self.now, step_id=ask.step_id, failure=Failure.REJECTED, text="expired")
            case AskAgent(action_id=action_id):
                self.actions[action_id] = ask
        return Answered(at=self.now, step_id=ask.step_id)

    def launch(self, ask: AskLaunch) -> LaunchAnswer:
        if ask.token not in self.by_token and not ask.find_only:
            self.numbers += 1
            if self.numbers % 5 == 0:
                text = "no room"
                failed = PoolFailure(pool=ask.pools[0], failure=LaunchFailure.CAPACITY, text=text)
                return LaunchAnswer(launched=(), failures=(failed,))
            ids = [f"i-new-{self.numbers}-{n}" for n in range(ask.count)]
            market = CapacityType(ask.capacity_type)
            self.by_token[ask.token] = tuple(
                Launched(instance_id=one, pool=ask.pools[0], capacity_type=market) for one in ids
            )
            self.instances |= dict.fromkeys(ids, InstanceState.RUNNING)
        alive = [
            one
            for one in self.by_token.get(ask.token, ())
            if not ask.find_only or self.instances[one.instance_id] is InstanceState.RUNNING
        ]
        return LaunchAnswer(launched=tuple(alive))

    def agent(self, *, fails: bool) -> AgentStands:
        standings = []
        for action_id, ask in self.actions.items():
            if fails:
                standings.append(Standing(action_id=action_id, status=ActionStatus.FAILED, error="it failed"))
                continue
            if action_id not in self.done and ask.expires_at <= self.now:
                standings.append(Standing(action_id=action_id, status=ActionStatus.EXPIRED))
                continue
            if action_id not in self.done:
                self.done.add(action_id)
                self.act(ask)
            standings.append(Standing(action_id=action_id, status=ActionStatus.COMPLETED))
        return AgentStands(at=self.now, checked=self.checked, standings=tuple(standings))

    def act(self, ask: AskAgent) -> None:
        if ask.kind in (AgentActionKind.NARROW_NODE_POOLS, AgentActionKind.RESTORE_NODE_POOLS):
            self.narrowed = ask.kind is AgentActionKind.NARROW_NODE_POOLS
            return
        node = str(ask.payload["node"])
        if ask.kind is AgentActionKind.UNCORDON:
            self.cordoned.discard(node)
        else:
            assert self.narrowed or not self.spec.karpenter or node.startswith("node-"), "Karpenter was not told"
            self.cordoned.add(node)
        if ask.kind is AgentActionKind.DRAIN:
            self.drained.add(node)

    def seen(self) -> Seen:
        views = [self.view(r.node, r.instance_id) for r in self.spec.removals]
        views += [self.view(f"node-{one}", one) for one in self.instances if one.startswith("i-new")]
        alive = [one for one in views if self.instances.get(one.instance_id) is InstanceState.RUNNING]
        instances = tuple(InstanceView(instance_id=one, state=state) for one, state in self.instances.items())
        look = ClusterLook(nodes=tuple(alive), pending_pods=frozenset(), observed_at=self.now)
        return Seen(at=self.now, look=look, instances=instances)

    def view(self, name: str, instance_id: str) -> NodeView:
        return NodeView(
            name=name,
            instance_id=instance_id,
            ready=True,
            cordoned=name in self.cordoned,
            evictable_pods=0 if name in self.drained else 2,
            observed_at=self.now,
        )

    def restart(self) -> None:
        """Only what is stored goes on."""
        old = self.saga
        self.saga = Saga(self.spec, now=old.now, status=old.status, reason=old.reason, steps=list(old.ledger))
        self.asks.clear()
        self.play(Resumed(at=self.now))


def make_player(nodes: int, width: int, *, karpenter: bool = False) -> Player:
    spec = spec_of(nodes, width, karpenter=karpenter)
    player = Player(spec=spec, saga=Saga(spec, now=NOW))
    player.instances = {removal.instance_id: InstanceState.RUNNING for removal in spec.removals}
    player.play(Begun(at=NOW))
    return player


@settings(max_examples=max(60, settings.default.max_examples // 2))
@given(
    nodes=st.integers(1, 3),
    width=st.integers(1, 2),
    karpenter=st.booleans(),
    moves=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 11)), max_size=120),
)
def test_whatever_happens_nothing_is_done_twice_and_it_comes_to_an_end(
    *, nodes: int, width: int, karpenter: bool, moves: list[tuple[str, int]]
) -> None:
    player = make_player(nodes, width, karpenter=karpenter)
    for name, which in moves:
        if player.saga.ended:
            break
        player.move(name, which)
    for _ in range(400):  # from here on all goes well
        if player.saga.ended:
            break
        player.move("tick", 0)
        while player.asks:
            player.move("answer", 0)
        player.move("agent", 0)
        player.move("look", 0)
        while player.asks:
            player.move("answer", 0)
    assert player.saga.ended, [step.step_id for step in player.saga.ledger.open()]
    owned = {one.instance_id for order in player.spec.launches for one in player.saga.ledger.launched(order)}
    running = {one for one, state in player.instances.items() if state is InstanceState.RUNNING}
    strays = {one for one in running if one.startswith("i-new")} - owned
    assert not strays, "an instance runs that the saga does not know of"
    assert not player.narrowed or player.saga.status == "stopped"
    if player.saga.status == "undone":
        assert not {one for one in running if one.startswith("i-new")}
        assert not player.cordoned & {removal.node for removal in player.spec.removals}


def test_a_saga_read_from_its_steps_asks_what_the_first_one_asked() -> None:
    player = make_player(2, 2)
    player.move("look", 0)
    first = sorted(one.step_id for one in player.asks)
    player.restart()
    assert sorted(one.step_id for one in player.asks) == first
    assert all(one.again for one in player.asks)


def test_a_look_is_asked_for_once_until_it_comes() -> None:
    spec = replace(spec_of(1, 1), launches=(), removals=(Removal(node="old-0", instance_id="i-0"),))
    saga = Saga(spec, now=NOW)
    looks = [
        command
        for event in (Begun(at=NOW), Ticked(at=NOW), Ticked(at=NOW))
        for command in saga.handle(event)
        if isinstance(command, Look)
    ]
    assert looks == [Look(nodes=("old-0",), instance_ids=("i-0",))]
    assert saga.ledger.latest("check", StepKind.CHECK) is not None
