"""Simulated EC2: launches that find room or not, and instances that are taken back."""

from collections.abc import Sequence
from typing import Protocol

from domain.market import InstanceType, Zone
from solvers.replay.agenda import Agenda
from solvers.replay.chance import exponential, uniform
from solvers.replay.machine import Machine, Stage
from solvers.replay.market import SECONDS_PER_H, Market, PoolTape, constant_price

_FATE, _BOOT, _LOST, _LATE, _TURN, _STRAIN = range(6)
"""What is drawn for a node, as the last number of its draw."""


class Owner(Protocol):
    """A cluster, as far as the cloud tells it of its nodes."""

    index: int

    def on_booted(self, machine: Machine) -> None:
        """The node takes pods now."""

    def on_taken(self, machine: Machine) -> None:
        """AWS has decided to take the node; nobody is told yet."""

    def on_noticed(self, machine: Machine, ends_s: float) -> None:
        """The notice has come."""

    def on_gone(self, machine: Machine) -> None:
        """AWS has taken the node."""


class Cloud:
    """All Spot pools of a market with the nodes of all clusters in them."""

    def __init__(self, market: Market, agenda: Agenda) -> None:
        self.market = market
        self.agenda = agenda
        self._index = {tape.pool: at for at, tape in enumerate(market.tapes)}
        self._held: list[dict[Machine, Owner]] = [{} for _ in market.tapes]
        self._watched = [False] * len(market.tapes)
        self._launched = [dict[int, int]() for _ in market.tapes]
        self._on_demand = {name: constant_price(usd) for name, usd in market.on_demand_usd_per_h.items()}
        self._number = 0

    def room(self, tape: PoolTape) -> int:
        """Further instances that a pool has now."""
        return tape.capacity_at(self.agenda.now_s) - len(self._held[self._index[tape.pool]])

    def choose(self, tapes: Sequence[PoolTape]) -> tuple[PoolTape | None, tuple[PoolTape, ...]]:
        """The cheapest of these pools that has room, and those that were tried before it in vain.

        Stands for the strategy price-capacity-optimized, as far as room is all that is known of capacity.
        """
        now, refused = self.agenda.now_s, list[PoolTape]()
        for tape in sorted(tapes, key=lambda one: one.price.at(now)):
            if self.room(tape) > 0:
                return tape, tuple(refused)
            refused.append(tape)
        return None, tuple(refused)

    def launch_spot(self, owner: Owner, tape: PoolTape, *, ready: bool = False) -> Machine:
        """Start a node in a pool that has room."""
        at = self._index[tape.pool]
        kind, zone = self.market.types[tape.pool.instance_type], self.market.zones[tape.pool.zone_id]
        self._number += 1
        machine = Machine(
            f"spot-{self._number}", number=self._number, kind=kind, zone=zone, tape=tape, price=tape.price
        )
        nth = self._launched[at].get(owner.index, 0) + 1
        self._launched[at][owner.index] = nth
        named = (at, owner.index, nth)
        self._held[at][machine] = owner
        self._start(owner, machine, named, ready=ready)
        if tape.interruption_per_h > 0:
            mean_s = SECONDS_PER_H / tape.interruption_per_h
            ends_s = self.agenda.now_s + exponential(mean_s, seed=self.market.seed, named=(*named, _FATE))
            if ends_s < self.market.horizon_s:
                self.agenda.at(ends_s, self._strike, (machine, owner, named))
        self._watch(at)
        self._strain(at, machine, owner)
        return machine

    def launch_on_demand(self, owner: Owner, kind: InstanceType, zone: Zone, *, ready: bool = False) -> Machine:
        """Start a node that AWS never takes."""
        self._number += 1
        price = self._on_demand[kind.name]
        machine = Machine(f"od-{self._number}", number=self._number, kind=kind, zone=zone, tape=None, price=price)
        self._start(owner, machine, (len(self._held), owner.index, self._number), ready=ready)
        return machine

    def end(self, machine: Machine) -> None:
        """Stop paying for a node."""
        machine.stage = Stage.ENDED
        if machine.tape is not None:
            self._held[self._index[machine.tape.pool]].pop(machine, None)

    def _start(self, owner: Owner, machine: Machine, named: tuple[int, int, int], *, ready: bool) -> None:
        machine.launched_s = self.agenda.now_s
        if ready:
            machine.stage = Stage.READY
            return
        share = 0.75 + 0.5 * uniform(self.market.seed, *named, _BOOT)
        self.agenda.at(self.agenda.now_s + self.market.boot_s * share, self._booted, (machine, owner))

    def _booted(self, subject: tuple[Machine, Owner]) -> None:
        machine, owner = subject
        if machine.stage is Stage.BOOTING:
            machine.stage = Stage.READY
            owner.on_booted(machine)

    def _watch(self, at: int) -> None:
        """Look at a pool again when its capacity falls next; pools in which nobody is are left alone."""
        if self._watched[at] or not self._held[at]:
            return
        fall_s = self.market.tapes[at].next_fall_s(self.agenda.now_s)
        if fall_s is not None and fall_s < self.market.horizon_s:
            self._watched[at] = True
            self.agenda.at(fall_s, self._fall, at)

    def _strain(self, at: int, machine: Machine, owner: Owner) -> None:
        """Have a node taken in the next strain of its pool, if chance will have it so."""
        tape, now = self.market.tapes[at], self.agenda.now_s
        strain = tape.next_strain(now)
        if strain is None or strain[0] >= self.market.horizon_s:
            return
        named = (at, owner.index, machine.number)
        mean_s = SECONDS_PER_H / tape.strain_per_h
        waits_s = exponential(mean_s, seed=self.market.seed, named=(*named, int(strain[1]), _STRAIN))
        struck_s = max(now, strain[0]) + waits_s
        if struck_s < strain[1]:
            self.agenda.at(struck_s, self._strike, (machine, owner, named))

    def _fall(self, at: int) -> None:
        self._watched[at] = False
        held, tape, now = self._held[at], self.market.tapes[at], self.agenda.now_s
        staying = [machine for machine in held if not machine.going]
        excess = len(staying) - tape.capacity_at(now)
        if excess > 0:
            turn = int(now * 1000)
            ranked = sorted(staying, key=lambda one: uniform(self.market.seed, at, turn, one.number, _TURN))
            for machine in ranked[:excess]:
                self._take(machine, held[machine], (at, held[machine].index, machine.number))
        self._watch(at)

    def _strike(self, subject: tuple[Machine, Owner, tuple[int, int, int]]) -> None:
        machine, owner, named = subject
        if machine.stage is not Stage.ENDED and not machine.going:
            self._take(machine, owner, named)

    def _take(self, machine: Machine, owner: Owner, named: tuple[int, int, int]) -> None:
        notice, now, seed = self.market.notice, self.agenda.now_s, self.market.seed
        machine.going = True
        ends_s = now + notice.ahead_s
        owner.on_taken(machine)
        if uniform(seed, *named, _LOST) >= notice.lost:
            told_s = now + notice.delay_s * uniform(seed, *named, _LATE)
            self.agenda.at(told_s, self._notice, (machine, owner, ends_s))
        self.agenda.at(ends_s, self._end_taken, (machine, owner))

    def _notice(self, subject: tuple[Machine, Owner, float]) -> None:
        machine, owner, ends_s = subject
        if machine.stage is not Stage.ENDED:
            owner.on_noticed(machine, ends_s)

    def _end_taken(self, subject: tuple[Machine, Owner]) -> None:
        machine, owner = subject
        if machine.stage is not Stage.ENDED:
            owner.on_gone(machine)
