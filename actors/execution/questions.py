"""What a step asks, and whom."""

from uuid import UUID

from actors.execution.asks import Ask, AskAgent, AskDetach, AskLaunch, AskRequire, AskResize, AskTerminate
from actors.execution.ledger import Ledger, pool_from
from actors.execution.limits import LAUNCH_ATTEMPTS, SPOT_ATTEMPTS
from actors.execution.tracks import KARPENTER, Track
from domain.commands import AgentActionKind
from domain.market import CapacityType
from domain.saga import (
    LaunchFailure,
    LaunchOrder,
    NodePoolRequirement,
    PricedPool,
    SagaSpec,
    SagaStep,
    StepKind,
    tags_of,
)

_AGENT = {
    StepKind.CORDON: AgentActionKind.CORDON,
    StepKind.DRAIN: AgentActionKind.DRAIN,
    StepKind.UNCORDON: AgentActionKind.UNCORDON,
}


class Questions:
    """Makes the question of a step from the specification and from what earlier steps gave."""

    def __init__(self, spec: SagaSpec, ledger: Ledger) -> None:
        self._spec = spec
        self._ledger = ledger

    def of(self, step: SagaStep, track: Track, *, undoing: bool) -> Ask | None:
        """The question, ``None`` when there is nothing to ask now."""
        again = step.tries > 1
        match step.kind:
            case StepKind.LAUNCH if track.order is not None:
                return self._launch(step, track.order, find_only=undoing)
            case StepKind.CORDON | StepKind.DRAIN | StepKind.UNCORDON:
                return self._agent(step, track)
            case StepKind.TERMINATE:
                asg = track.removal.asg if track.removal else ""
                return AskTerminate(
                    step_id=step.step_id, token=step.token, again=again, instance_id=track.instance_id, asg=asg
                )
            case StepKind.RESIZE if track.removal is not None:
                minimum = track.removal.lower_min_to or 0
                return AskResize(
                    step_id=step.step_id, token=step.token, again=again, asg=track.removal.asg, minimum=minimum
                )
            case StepKind.DETACH:
                return _detach(step, track)
            case StepKind.REQUIRE | StepKind.RESTORE:
                wanted = self._spec.karpenter if step.kind is StepKind.REQUIRE else self._before()
                return AskRequire(step_id=step.step_id, token=step.token, again=again, requirements=wanted)
            case _:
                return None

    def _launch(self, step: SagaStep, order: LaunchOrder, *, find_only: bool) -> AskLaunch:
        pools, count = step.result.get("pools"), step.result.get("count")
        return AskLaunch(
            step_id=step.step_id,
            token=step.token,
            again=step.tries > 1,
            template=order.template,
            capacity_type=CapacityType(str(step.result["market"])),
            pools=tuple(pool_from(entry) for entry in pools) if isinstance(pools, list) else (),
            count=count if isinstance(count, int) else order.count,
            tags=tags_of(self._spec, step.token),
            find_only=find_only,
        )

    def _agent(self, step: SagaStep, track: Track) -> AskAgent:
        payload = {"node": track.node} | ({"instance_id": track.instance_id} if track.instance_id else {})
        return AskAgent(
            step_id=step.step_id,
            token=step.token,
            again=step.tries > 1,
            action_id=UUID(step.token),
            kind=_AGENT[step.kind],
            payload=payload,
            expires_at=step.due_at,
            reason=self._spec.reason,
        )

    def _before(self) -> tuple[NodePoolRequirement, ...]:
        """What Karpenter was told before us."""
        step = self._ledger.latest(KARPENTER, StepKind.REQUIRE)
        entries = step.result.get("before") if step is not None else None
        if not isinstance(entries, list):
            return ()
        return tuple(requirement_from(entry) for entry in entries)


def choose_pools(ledger: Ledger, order: LaunchOrder) -> tuple[CapacityType, tuple[PricedPool, ...]] | None:
    """Market and pools of the next request: Spot while some pool has not refused, then on demand, then nothing.

    A quota is of the whole market, so it ends the tries there; it says nothing about a pool.
    """
    requests = ledger.launches(order)
    if len(requests) >= LAUNCH_ATTEMPTS:
        return None
    for market, most in ((CapacityType.SPOT, SPOT_ATTEMPTS), (CapacityType.ON_DEMAND, LAUNCH_ATTEMPTS)):
        failed = ledger.failed_pools(order, market)
        left = tuple(one for one in order.pools(market) if one.pool not in failed)
        if left and ledger.market_tries(order, market) < most and not _is_at_quota(requests, market):
            return market, left
    return None


def projected_micro_usd(spec: SagaSpec, ledger: Ledger) -> int:
    """What the plan saves when the rest goes as planned, at the prices of what was launched."""
    extra = 0
    for order in spec.launches:
        for one in ledger.launched(order):
            pools = order.pools(one.capacity_type)
            prices = {priced.pool: priced.price_micro_usd_per_h for priced in pools}
            extra += prices.get(one.pool, order.planned_micro_usd_per_h) - order.planned_micro_usd_per_h
    return spec.promised_micro_usd_per_h - extra


def requirement_entry(requirement: NodePoolRequirement) -> dict[str, object]:
    """A requirement as it is kept in a step."""
    return {
        "node_pool": requirement.node_pool,
        "instance_types": list(requirement.instance_types),
        "zones": list(requirement.zones),
        "capacity_types": [str(one) for one in requirement.capacity_types],
    }


def requirement_from(entry: dict[str, list[str]]) -> NodePoolRequirement:
    """A requirement from a step."""
    return NodePoolRequirement(
        node_pool=str(entry["node_pool"]),
        instance_types=tuple(entry["instance_types"]),
        zones=tuple(entry["zones"]),
        capacity_types=tuple(CapacityType(one) for one in entry["capacity_types"]),
    )


def _is_at_quota(requests: list[SagaStep], market: CapacityType) -> bool:
    failures = [one for step in requests for one in _failures(step) if one["market"] == market]
    return any(one["why"] == LaunchFailure.QUOTA for one in failures)


def _failures(step: SagaStep) -> list[dict[str, str]]:
    value = step.result.get("failed", [])
    return value if isinstance(value, list) else []


def _detach(step: SagaStep, track: Track) -> AskDetach | None:
    left = step.result.get("left")
    if not isinstance(left, list) or not left:
        return None
    return AskDetach(
        step_id=step.step_id,
        token=step.token,
        again=step.tries > 1,
        volume_id=str(left[0]),
        instance_id=track.instance_id,
    )
