"""Who is asked next: evictions that wait, one lane for each budget. A state machine that is told the time.

A budget that has refused one pod refuses the next as well. So each budget is a lane: the most urgent pod stands in
front, of whichever node, and a refusal closes the lane for a while instead of letting all of them try. What no budget
counts shares the lane ``""``, which only the API server's own rate limit can close.

Calls that fly together arrive in any order. So those of one lane fly together only if they are equally urgent: else a
pod that could have waited may take the place of one that cannot.
"""

import heapq
from datetime import datetime, timedelta
from enum import Enum

from agent.drains.order import NO_BUDGET_SLACK, Ask

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 2.0
"""Backoff in a lane where somebody has a deadline: places in a budget come free one by one, and each second counts."""

LONGEST_PATIENT_WAIT_S = 10.0
"""Backoff in a lane where nobody has one."""


class Stand(Enum):
    """How an eviction stands."""

    WAITING = "waiting"
    FLYING = "flying"
    ASKED = "asked"
    GONE = "gone"
    FAILED = "failed"
    DROPPED = "dropped"


class Ticket:
    """An eviction on its way. ``problem`` is what has kept it from happening so far."""

    __slots__ = ("ask", "not_before", "problem", "stand", "tries")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.stand = Stand.WAITING
        self.not_before = ask.ask_from
        self.tries = 0
        self.problem = ""

    @property
    def is_open(self) -> bool:
        """Whether it has still to be asked."""
        return self.stand in (Stand.WAITING, Stand.FLYING)


_Entry = tuple[tuple[object, ...], int, Ticket]


class _Lane:
    """Tickets of one budget: those whose time has not come, those that can end gracefully, those that cannot."""

    __slots__ = (
        "allowed",
        "closed_until",
        "due",
        "flying",
        "free",
        "last",
        "late",
        "refusals",
        "standing",
        "waiting",
    )

    def __init__(self, allowed: int, *, free: bool) -> None:
        self.allowed, self.free = allowed, free
        self.last: datetime | None = None
        self.flying = 0
        self.standing = 0
        self.refusals = 0
        self.closed_until: datetime | None = None
        self.waiting: list[tuple[datetime, int, Ticket]] = []
        self.due: list[_Entry] = []
        self.late: list[_Entry] = []

    @property
    def is_empty(self) -> bool:
        return not (self.standing or self.flying)

    @property
    def is_full(self) -> bool:
        return self.flying >= max(1, self.allowed)

    def may_fly(self, ticket: Ticket) -> bool:
        """Whether it may fly beside those that fly already."""
        return self.free or not self.flying or ticket.ask.ask_by == self.last

    def is_closed(self, now: datetime) -> bool:
        return self.closed_until is not None and self.closed_until > now

    def push(self, ticket: Ticket, number: int) -> None:
        self.standing += 1
        if ticket.not_before is None:
            heapq.heappush(self.due, (ticket.ask.rank, number, ticket))
        else:
            heapq.heappush(self.waiting, (ticket.not_before, number, ticket))

    def first(self, now: datetime) -> Ticket | None:
        """The ticket in front, which stays there until it is taken."""
        while self.waiting and (self.waiting[0][0] <= now or not self.waiting[0][2].is_open):
            _, number, ticket = heapq.heappop(self.waiting)
            heapq.heappush(self.due, (ticket.ask.rank, number, ticket))
        while self.due and self.due[0][2].ask.is_late(now):
            rank, number, ticket = heapq.heappop(self.due)
            heapq.heappush(self.late, (rank, number, ticket))
        for heap in (self.due, self.late):
            while heap and heap[0][2].stand is not Stand.WAITING:
                heapq.heappop(heap)
            if heap:
                return heap[0][2]
        return None

    def take(self, ticket: Ticket) -> None:
        heapq.heappop(self.due if self.due and self.due[0][2] is ticket else self.late)
        self.standing -= 1
        self.flying += 1
        self.last = ticket.ask.ask_by

    def wakes_at(self, now: datetime) -> datetime | None:
        """When something changes here by the time alone."""
        if self.is_full:
            return None
        if (ticket := self.first(now)) is not None:
            if not self.may_fly(ticket):
                return None
            return self.closed_until if self.is_closed(now) else now
        return self.waiting[0][0] if self.waiting else None


class Lanes:
    """All evictions that wait. Nothing here survives a crash: drains that go on submit what is left anew.

    Parameters
    ----------
    parallel
        Calls in flight at once.
    """

    def __init__(self, *, parallel: int) -> None:
        self._parallel = parallel
        self._lanes: dict[str, _Lane] = {}
        self._flying = 0
        self._number = 0

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits and nothing is in flight."""
        return not self._lanes

    def add(self, ask: Ask) -> Ticket:
        """Take an eviction in."""
        ticket = Ticket(ask)
        lane = self._lanes.setdefault(ask.lane, _Lane(ask.slack, free=not ask.lane))
        lane.allowed = min(lane.allowed, ask.slack)
        self._push(lane, ticket)
        return ticket

    def drop(self, ticket: Ticket) -> None:
        """Nobody wants it any more; one in flight ends by itself."""
        if ticket.stand is Stand.WAITING:
            self._lanes[ticket.ask.lane].standing -= 1
        if ticket.is_open:
            ticket.stand = Stand.DROPPED
        self._forget_if_empty(ticket.ask.lane)

    def clear(self, problem: str) -> None:
        """Nobody is to be asked any more, and each ticket says why."""
        for lane in list(self._lanes.values()):
            for ticket in [entry[2] for heap in (lane.waiting, lane.due, lane.late) for entry in heap]:
                if ticket.stand is Stand.WAITING:
                    ticket.problem = problem
                    self.drop(ticket)

    def next(self, now: datetime) -> Ticket | None:
        """The most urgent eviction that may be asked now; it counts as in flight from here on."""
        if self._flying >= self._parallel:
            return None
        best: tuple[tuple[object, ...], Ticket, _Lane] | None = None
        for lane in self._lanes.values():
            if lane.is_full or lane.is_closed(now) or (ticket := lane.first(now)) is None or not lane.may_fly(ticket):
                continue
            rank = (ticket.ask.is_late(now), ticket.ask.rank)
            if best is None or rank < best[0]:
                best = (rank, ticket, lane)
        if best is None:
            return None
        _, ticket, lane = best
        lane.take(ticket)
        ticket.stand, ticket.tries = Stand.FLYING, ticket.tries + 1
        self._flying += 1
        return ticket

    def wakes_at(self, now: datetime) -> datetime | None:
        """When `next` may have more to give, ``None`` when only an answer can change that."""
        if self._flying >= self._parallel:
            return None
        return min((at for lane in self._lanes.values() if (at := lane.wakes_at(now)) is not None), default=None)

    def asked(self, ticket: Ticket) -> None:
        """The API server has begun to delete the pod."""
        lane = self._landed(ticket, Stand.ASKED)
        ticket.problem = ""
        lane.refusals, lane.closed_until = 0, None
        lane.allowed = NO_BUDGET_SLACK if lane.free else max(0, lane.allowed - 1)
        self._forget_if_empty(ticket.ask.lane)

    def ended(self, ticket: Ticket, stand: Stand, *, problem: str = "") -> None:
        """There is no such pod any more, it leaves without having been asked, or it can never be evicted."""
        self._landed(ticket, stand)
        ticket.problem = problem
        self._forget_if_empty(ticket.ask.lane)

    def refused(self, ticket: Ticket, now: datetime, *, problem: str, retry_after_s: float | None) -> None:
        """The budget, or the server's rate limit, forbids it now: the whole lane waits."""
        lane = self._landed(ticket, Stand.WAITING)
        ticket.problem = problem
        lane.allowed = 0
        self._push(lane, ticket)
        wait_s = self._wait_s(lane, ticket, now, retry_after_s=retry_after_s)
        lane.refusals += 1
        lane.closed_until = max(lane.closed_until or now, now + timedelta(seconds=wait_s))

    def stumbled(self, ticket: Ticket, now: datetime, *, problem: str, retry_after_s: float | None) -> None:
        """Something went wrong that has nothing to do with the budget: only this pod waits."""
        lane = self._landed(ticket, Stand.WAITING)
        ticket.problem = problem
        wait_s = max(retry_after_s or 0.0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(ticket.tries - 1, 8)))
        ticket.not_before = now + timedelta(seconds=_in_time(wait_s, ticket, now))
        self._push(lane, ticket)

    def _wait_s(self, lane: _Lane, ticket: Ticket, now: datetime, *, retry_after_s: float | None) -> float:
        """Exponential, or what the server asks for."""
        longest = LONGEST_WAIT_S if ticket.ask.ask_by is not None else LONGEST_PATIENT_WAIT_S
        return _in_time(retry_after_s or min(longest, FIRST_WAIT_S * 2 ** min(lane.refusals, 8)), ticket, now)

    def _push(self, lane: _Lane, ticket: Ticket) -> None:
        """Tickets that were taken back while in flight do not come back."""
        if ticket.stand is Stand.WAITING:
            self._number += 1
            lane.push(ticket, self._number)

    def _landed(self, ticket: Ticket, stand: Stand) -> _Lane:
        lane = self._lanes[ticket.ask.lane]
        lane.flying -= 1
        self._flying -= 1
        if ticket.stand is not Stand.DROPPED or stand is Stand.ASKED:
            ticket.stand = stand
        return lane

    def _forget_if_empty(self, key: str) -> None:
        lane = self._lanes.get(key)
        if lane is not None and lane.is_empty:
            del self._lanes[key]


def _in_time(wait_s: float, ticket: Ticket, now: datetime) -> float:
    """A wait, cut short so that no pod's last moment is slept through for it."""
    last = ticket.ask.ask_by
    if last is None or last <= now:
        return wait_s
    return min(wait_s, max(FIRST_WAIT_S, (last - now).total_seconds()))
