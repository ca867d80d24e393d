"""Who is planned next. Pure: orders and answers in, what to start and what to stop out.

An interruption never waits behind a routine plan: one slot is kept free of everything else, and when interruptions have
filled all slots, the least urgent plan is stopped and goes back to the queue. The queue is bounded, and holds one order
per cluster and priority class: a newer one takes the place of an older one, whose snapshot is older too.
"""

import heapq
from dataclasses import dataclass, field, replace
from itertools import count

from actors.planning.order import PlanOrder
from domain.commands import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Begin to plan."""

    order: PlanOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop planning: it was cancelled, or makes way and will be started again."""

    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """An order that will not be carried out, and why."""

    order: PlanOrder
    reason: str


Step = Start | Stop | Drop


@dataclass(slots=True)
class PlanQueue:
    """The queue and what runs.

    Parameters
    ----------
    slots
        Plans computed at once. From two up, all but one are open to orders that are no interruptions.
    capacity
        Orders that wait at most; interruptions are always taken.
    """

    slots: int
    capacity: int = 10_000
    running: dict[str, PlanOrder] = field(default_factory=dict)
    _waiting: list[tuple[Priority, int, str]] = field(default_factory=list)
    _orders: dict[str, PlanOrder] = field(default_factory=dict)
    _arrival: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        if self.slots < 1 or self.capacity < 1:
            raise ValueError("a queue needs a slot and room for an order")

    def __len__(self) -> int:
        return len(self._orders)

    def submit(self, order: PlanOrder) -> list[Step]:
        """Take an order. An order whose request is known already changes nothing."""
        if order.request in self._orders or order.request in self.running:
            return []
        steps: list[Step] = [
            self._take_out(older, reason="a newer request took its place") for older in self._replaced_by(order)
        ]
        if len(self) >= self.capacity and order.priority is not Priority.INTERRUPTION:
            return [*steps, Drop(order=order, reason="too many plans are waiting; try again in a minute")]
        self._push(order)
        return steps + self._advance()

    def cancel(self, request: str) -> list[Step]:
        """Forget an order, or stop it when it runs."""
        self._orders.pop(request, None)
        if self.running.pop(request, None) is None:
            return []
        return [Stop(request=request), *self._advance()]

    def finished(self, request: str) -> list[Step]:
        """A plan is ready or has failed. One that was stopped in the meantime is not waited for."""
        if self.running.pop(request, None) is None:
            return []
        return self._advance()

    def _advance(self) -> list[Step]:
        steps: list[Step] = []
        while (order := self._next()) is not None:
            if len(self.running) >= self.slots:
                steps.append(self._make_way())
            self.running[order.request] = self._orders.pop(order.request)
            steps.append(Start(order=order))
        return steps

    def _next(self) -> PlanOrder | None:
        """The most urgent order that may start now."""
        while self._waiting and self._waiting[0][2] not in self._orders:
            heapq.heappop(self._waiting)
        if not self._waiting:
            return None
        order = self._orders[self._waiting[0][2]]
        ordinary = [o for o in self.running.values() if o.priority is not Priority.INTERRUPTION]
        if order.priority is Priority.INTERRUPTION:
            return order if len(self.running) < self.slots or ordinary else None
        open_slots = max(1, self.slots - 1)
        return order if len(self.running) < self.slots and len(ordinary) < open_slots else None

    def _make_way(self) -> Stop:
        """Stop the least urgent ordinary plan, of equals the one that began last, and queue it again."""
        least = max(
            (order for order in reversed(self.running.values()) if order.priority is not Priority.INTERRUPTION),
            key=lambda order: order.priority,
        )
        del self.running[least.request]
        self._push(least)
        return Stop(request=least.request)

    def _push(self, order: PlanOrder) -> None:
        self._orders[order.request] = order
        heapq.heappush(self._waiting, (order.priority, next(self._arrival), order.request))

    def _replaced_by(self, order: PlanOrder) -> list[PlanOrder]:
        return [o for o in self._orders.values() if o.cluster == order.cluster and o.priority == order.priority]

    def _take_out(self, order: PlanOrder, *, reason: str) -> Drop:
        del self._orders[order.request]
        return Drop(order=replace(order, objects=b""), reason=reason)
