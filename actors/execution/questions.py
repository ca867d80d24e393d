"""What a step asks, and whom."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from actors.execution.asks import Ask, AskAgent, AskDetach, AskLaunch, AskResize, AskTerminate
from actors.execution.ledger import Ledger, pool_from
from actors.execution.limits import HOLD_S, LAUNCH_ATTEMPTS, SPOT_ATTEMPTS
from actors.execution.tracks import Track
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
from domain.signing import wire_time

_AGENT = {
    StepKind.CORDON: AgentActionKind.CORDON,
    StepKind.DRAIN: AgentActionKind.DRAIN,
    StepKind.UNCORDON: AgentActionKind.UNCORDON,
    StepKind.REQUIRE: AgentActionKind.NARROW_NODE_POOLS,
    StepKind.RESTORE: AgentActionKind.RESTORE_NODE_POOLS,
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
                payload = {"node": track.node} | ({"instance_id": track.instance_id} if track.instance_id else {})
                return self._agent(step, payload)
            case StepKind.REQUIRE:
                return self._agent(step, self._narrowing(step))
            case StepKind.RESTORE:
                names = [one.node_pool for one in self._spec.karpenter]
                return self._agent(step, {"hold": str(self._spec.id), "node_pools": names})
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

    def _agent(self, step: SagaStep, payload: Mapping[str, object]) -> AskAgent:
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

    def _narrowing(self, step: SagaStep) -> dict[str, object]:
        return {
            "hold": str(self._spec.id),
            "until": wire_time(step.asked_at + timedelta(seconds=HOLD_S)),
            "node_pools": [_part(one) for one in self._spec.karpenter],
        }


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


def _part(wanted: NodePoolRequirement) -> dict[str, object]:
    """What is wanted of a NodePool, as the agent is told (`domain.wire.actions.NodePoolPart`)."""
    return {
        "node_pool": wanted.node_pool,
        "instance_types": list(wanted.instance_types),
        "zones": list(wanted.zones),
        "capacity_types": [str(one) for one in wanted.capacity_types],
        "nodes": wanted.nodes,
        "vcpu": wanted.vcpu,
        "memory_bytes": wanted.memory_bytes,
        "at_once": wanted.at_once,
    }


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
