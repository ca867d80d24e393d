"""What happens: instances become nodes and end, AWS takes Spot instances, prices move. One step a second."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from demo import cloud
from demo.aws.world import World
from demo.cloud import Instance
from demo.clusters.character import Character, Group
from demo.kubernetes import nodes
from demo.kubernetes.cluster import Cluster
from demo.kubernetes.nodes import Machine
from demo.kubernetes.objects import condition_of, is_ready, read_moment
from demo.kubernetes.store import Object
from demo.market import Capacity, prices
from demo.world import Owner, Pace
from domain.market import CapacityType, Pool

STEP_S = 1.0
PRICES_S = 15.0
"""Between two moves of all prices; who asks for them asks every few minutes."""

MOST_AT_ONCE = 2
"""Interruptions under way in one cluster: a market that is worse is no demo."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Home:
    """A cluster, whose it is, and what is known of its instances."""

    owner: Owner
    character: Character
    cluster: Cluster
    boots_at: dict[str, datetime] = field(default_factory=dict)
    ends_at: dict[str, datetime] = field(default_factory=dict)
    grown_at: datetime | None = None

    def group(self, name: str) -> Group:
        """A group by its name, the first one where the name is foreign."""
        groups = self.character.groups
        return next((group for group in groups if group.name == name), groups[0])


class Director:
    """Keeps AWS and the clusters in step.

    Parameters
    ----------
    now
        The time (UTC).
    on_event
        Told of each interruption, in a sentence.
    """

    def __init__(
        self,
        world: World,
        homes: Iterable[Home],
        pace: Pace,
        *,
        now: Callable[[], datetime],
        on_event: Callable[[str], None],
    ) -> None:
        self._world, self._homes, self._pace, self._now, self._tell = world, tuple(homes), pace, now, on_event
        self._opened_at: datetime | None = None
        self._moved_at = now()
        self._capacity = Capacity(
            first_h=pace.first_s * pace.interruptions / 3600, next_h=pace.next_s * pace.interruptions / 3600
        )
        self._pools: set[Pool] = set()
        self._taken_at: dict[Pool, datetime] = {}
        self._is_filled = False

    async def run(self) -> None:
        """Until cancelled. A step that fails is told, and the next one taken."""
        while True:
            try:
                self.step()
            except Exception:
                log.exception("a step of the demo has failed")
            await asyncio.sleep(STEP_S)

    def open_market(self) -> None:
        """From now on prices move and capacity ends."""
        self._opened_at = self._now()

    def interrupt(self, name: str = "") -> bool:
        """Have AWS announce the end of a Spot node now, of the cluster of that name or of any; whether there is one.

        It is the one that was launched first, so that none goes that has hardly come.
        """
        running = [
            (home, one)
            for home, found in self._instances()
            for one in found
            if name in ("", home.character.name) and one.is_running and one.capacity_type is CapacityType.SPOT
        ]
        return self._take_one(sorted(running, key=_since), self._now())

    def step(self) -> None:
        """Let everything happen that is due."""
        now = self._now()
        running: list[tuple[Home, Instance]] = []
        for home, found in self._instances():
            self._follow(home, found, now)
            running += [(home, one) for one in found if one.is_running]
            self._autoscale(home, now)
        if self._opened_at is not None:
            self._play(running, now, (now - self._opened_at).total_seconds() / 3600)
        self._is_filled = True

    def _play(self, running: list[tuple[Home, Instance]], now: datetime, since_h: float) -> None:
        """The market, so many hours after it was opened."""
        if (now - self._moved_at).total_seconds() >= PRICES_S:
            self._world.market.recorded = prices(self._regions(), since_h * self._pace.prices)
            self._moved_at = now
        self._play_capacity(running, now, at_h=since_h * self._pace.interruptions)

    def _instances(self) -> list[tuple[Home, list[Instance]]]:
        places = {(home.owner.account_id, home.character.region) for home in self._homes}
        found: dict[tuple[str, str], list[Instance]] = defaultdict(list)
        for account_id, region in sorted(places):
            for one in cloud.instances(account_id, region):
                found[account_id, one.cluster].append(one)
        return [(home, found[home.owner.account_id, home.character.name]) for home in self._homes]

    def _follow(self, home: Home, found: list[Instance], now: datetime) -> None:
        """Boot what was launched, and lose what has ended."""
        boot = timedelta(seconds=self._pace.boot_s if self._is_filled else 0.0)
        for one in found:
            ends_at = home.ends_at.get(one.id)
            if one.is_running and ends_at is not None and now >= ends_at:
                cloud.take(home.owner.account_id, one)
                nodes.lose(home.cluster.store, one.id)
            elif one.is_running:
                if (
                    now >= home.boots_at.setdefault(one.id, now + boot)
                    and nodes.find(home.cluster.store, one.id) is None
                ):
                    nodes.join(home.cluster.store, _machine(home, one))
            elif one.id in home.boots_at:
                nodes.lose(home.cluster.store, one.id)
                home.ends_at.pop(one.id, None)

    def _play_capacity(self, running: list[tuple[Home, Instance]], now: datetime, *, at_h: float) -> None:
        """Where a pool's capacity ends, no launch finds room, and its instances are taken one after another."""
        by_pool: dict[Pool, list[tuple[Home, Instance]]] = defaultdict(list)
        for home, one in running:
            if one.capacity_type is CapacityType.SPOT:
                by_pool[one.pool].append((home, one))
        self._pools |= by_pool.keys()
        rooms = self._world.fleets.rooms
        for pool in sorted(self._pools):
            key = (pool.instance_type, pool.zone_id)
            if self._capacity.is_up(pool, at_h):
                rooms.pop(key, None)
            else:
                rooms[key] = 0
                self._take_next(pool, by_pool[pool], now)

    def _take_next(self, pool: Pool, members: list[tuple[Home, Instance]], now: datetime) -> None:
        last = self._taken_at.get(pool)
        if last is None or (now - last).total_seconds() >= self._pace.apart_s:
            self._take_one(sorted(members, key=lambda member: member[1].id), now)

    def _take_one(self, members: list[tuple[Home, Instance]], now: datetime) -> bool:
        for home, one in members:
            node = nodes.find(home.cluster.store, one.id)
            if one.id in home.ends_at or len(home.ends_at) >= MOST_AT_ONCE or node is None or not is_ready(node):
                continue
            home.ends_at[one.id] = deadline = now + timedelta(seconds=self._pace.notice_s)
            nodes.announce(home.cluster.store, one.id, deadline=deadline)
            self._taken_at[one.pool] = now
            self._tell(f"AWS takes {one.id} of {home.character.name} ({one.pool}) in {self._pace.notice_s:.0f} s")
            return True
        return False

    def _autoscale(self, home: Home, now: datetime) -> None:
        """A group grows where pods have fitted nowhere for long."""
        patience = timedelta(seconds=self._pace.patience_s)
        if home.grown_at is not None and now - home.grown_at < patience:
            return
        for pod in home.cluster.store.of("pods"):
            told = condition_of(pod, "PodScheduled")
            if told.get("reason") == "Unschedulable" and now - read_moment(told["lastTransitionTime"]) >= patience:
                group = _group_for(home.character.groups, pod)
                cloud.grow(home.owner.account_id, home.character.region, group.name)
                home.grown_at = now
                return

    def _regions(self) -> set[str]:
        return {home.character.region for home in self._homes}


def _since(member: tuple[Home, Instance]) -> tuple[datetime, str]:
    home, one = member
    return home.boots_at.get(one.id, datetime.max.replace(tzinfo=UTC)), one.id


def _machine(home: Home, one: Instance) -> Machine:
    group = home.group(one.group)
    own = {
        "alpha.eksctl.io/nodegroup-name": group.name,
        "alpha.eksctl.io/cluster-name": home.character.name,
    }
    return Machine(
        instance_id=one.id,
        name=one.name,
        type=cloud.type_of(one.type),
        region=one.pool.region,
        zone=one.zone,
        capacity_type=one.capacity_type,
        group=group.name,
        labels=own | dict(group.labels),
        taints=group.taints,
    )


def _group_for(groups: Iterable[Group], pod: Object) -> Group:
    """The group that a pod selects, else the first without taints."""
    selector = pod["spec"].get("nodeSelector") or {}
    fitting = [group for group in groups if selector.items() <= group.labels.items()]
    return min(fitting or groups, key=lambda group: bool(group.taints) and not selector)
