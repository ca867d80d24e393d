"""Policies of clusters: read them, and change them section by section."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Request, Response

from adapters.redis import keys
from domain.errors import RejectedError, TransientError
from domain.fleet import DEFAULT_POLICY, ClusterPolicy, PolicySection
from serve.auth.callers import Operator, Viewer
from serve.gateway.answers import drop
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError, not_found
from serve.routes.responses import CHANGES, OF_CLUSTER, problems
from serve.schemas.policies import (
    BinpackBody,
    BufferBody,
    ConstraintsBody,
    ExclusionsBody,
    FallbackBody,
    KarpenterBody,
    PolicyAnswer,
    RightsizeBody,
    SectionBody,
    SpreadBody,
    StrategyBody,
)
from serve.sockets.registry import Command

router = APIRouter(prefix="/policies", tags=["policies"])

CHANGED = CHANGES | problems(412)
_logger = logging.getLogger(__name__)

IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^(\*|"[0-9]{1,9}")$',
        alias="If-Match",
        description="the `ETag` of the policy that the change is meant for; another one in between is answered 412",
        examples=['"3"'],
    ),
]


@router.get("/{cluster_id}", responses=OF_CLUSTER)
async def get_policy(cluster_id: UUID, caller: Viewer, response: Response, gateway: GatewayDep) -> PolicyAnswer:
    """The policy of a cluster; what was never set is there with its default. `ETag` is its version."""
    async with gateway.services.database.tenant(caller.home) as tx:
        policy = await tx.policies.get(cluster_id)
    if policy is None:
        raise not_found("cluster")
    return _answer(policy, response)


class Changing:
    """Changes one section of a policy: stored and audited together, then told to cluster, agent and pages."""

    def __init__(
        self, caller: Operator, request: Request, response: Response, gateway: GatewayDep, if_match: IfMatch = None
    ) -> None:
        self._caller = caller
        self._request = request
        self._response = response
        self._gateway = gateway
        self._if_match = if_match

    async def to(self, body: SectionBody) -> PolicyAnswer:
        """Set the fields that the body names; hears the whole policy."""
        before, after = await self._store(body)
        if after is not before:
            await drop(self._gateway, self._caller.home)
            await _tell(self._gateway, body.cluster_id)
        return _answer(after, self._response)

    async def _store(self, body: SectionBody) -> tuple[ClusterPolicy, ClusterPolicy]:
        """The policy before and after; the same one when nothing changes."""
        services, caller = self._gateway.services, self._caller
        async with services.database.tenant(caller.home) as tx:
            before = await tx.policies.locked(body.cluster_id)
            if before is None:
                raise not_found("cluster")
            self._require_version(before.version)
            changes = {name: value for name, value in body.changes.items() if value != _now(before, body, name)}
            if not changes:
                return before, before
            after = await tx.policies.set_section(body.cluster_id, body.section, changes, now=services.clock.now())
            if after is None:
                raise not_found("cluster")
            audited = entry(
                self._request,
                services.clock,
                actor=caller.email,
                organization_id=caller.home,
                event="policy_changed",
                resource=("cluster", str(body.cluster_id)),
                text=f"section {body.section}",
                before=_fields(before, body.section, changes),
                after=_fields(after, body.section, changes),
            )
            await tx.audit.append([audited])
        return before, after

    def _require_version(self, version: int) -> None:
        if self._if_match not in (None, "*", _tag(version)):
            detail = f"the policy has version {version} by now: read it again, and change it then"
            raise ProblemError(412, detail)


Change = Annotated[Changing, Depends()]


@router.patch("/karpenter", responses=CHANGED)
async def set_karpenter(body: KarpenterBody, change: Change) -> PolicyAnswer:
    """Who launches nodes."""
    return await change.to(body)


@router.patch("/strategy", responses=CHANGED)
async def set_strategy(body: StrategyBody, change: Change) -> PolicyAnswer:
    """What becomes of plans (the mode), and what nodes are bought."""
    return await change.to(body)


@router.patch("/binpack", responses=CHANGED)
async def set_binpack(body: BinpackBody, change: Change) -> PolicyAnswer:
    """How eagerly nodes are emptied to save money."""
    return await change.to(body)


@router.patch("/fallback", responses=CHANGED)
async def set_fallback(body: FallbackBody, change: Change) -> PolicyAnswer:
    """When Spot is left for on-demand."""
    return await change.to(body)


@router.patch("/spread", responses=CHANGED)
async def set_spread(body: SpreadBody, change: Change) -> PolicyAnswer:
    """How much may be lost at once."""
    return await change.to(body)


@router.patch("/rightsize", responses=CHANGED)
async def set_rightsize(body: RightsizeBody, change: Change) -> PolicyAnswer:
    """What is done about requests that do not fit what is used."""
    return await change.to(body)


@router.patch("/buffer", responses=CHANGED)
async def set_buffer(body: BufferBody, change: Change) -> PolicyAnswer:
    """Room above what was used."""
    return await change.to(body)


@router.patch("/constraints", responses=CHANGED)
async def set_constraints(body: ConstraintsBody, change: Change) -> PolicyAnswer:
    """What may be launched and done at all."""
    return await change.to(body)


@router.patch("/exclusions", responses=CHANGED)
async def set_exclusions(body: ExclusionsBody, change: Change) -> PolicyAnswer:
    """What is left alone."""
    return await change.to(body)


async def _tell(gateway: Gateway, cluster_id: UUID) -> None:
    """The change is stored: whoever cannot be told just now reads it anew before the next plan, or within minutes."""
    gateway.configs.changed(cluster_id)
    message = orjson.dumps({"type": Command.CONFIG})
    told = await asyncio.gather(
        gateway.services.hub.bus.publish(keys.agent_command(str(cluster_id)), message),
        gateway.clusters.refresh(cluster_id),
        return_exceptions=True,
    )
    for error in told:
        if isinstance(error, TransientError | RejectedError):
            _logger.info("the policy of cluster %s was changed, and not everybody told: %s", cluster_id, error)
        elif isinstance(error, BaseException):
            raise error


def _now(policy: ClusterPolicy, body: SectionBody, name: str) -> object:
    """The value of a field; ``None`` where it has none, or its default."""
    value = policy.sections[body.section].get(name)
    return None if body.changes[name] is None and value == DEFAULT_POLICY[body.section].get(name) else value


def _fields(policy: ClusterPolicy, section: PolicySection, names: Mapping[str, object]) -> dict[str, object]:
    """These fields as the audit log names them."""
    values = policy.sections[section]
    return {f"{section}.{name}": values[name] for name in names if name in values}


def _answer(policy: ClusterPolicy, response: Response) -> PolicyAnswer:
    response.headers["ETag"] = _tag(policy.version)
    return PolicyAnswer(
        cluster_id=policy.cluster_id,
        version=policy.version,
        updated_at=policy.updated_at,
        sections=policy.sections,
        defaults=DEFAULT_POLICY,
    )


def _tag(version: int) -> str:
    return f'"{version}"'
