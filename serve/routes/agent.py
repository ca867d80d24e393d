"""What agents call: register, heartbeat, metrics, events, pending actions, results (docs/agent-protocol.md)."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from actors.cluster.inputs import ActionFinished, AgentConnected, Ended
from actors.hosting.ports import Report
from actors.hosting.usage import pack
from domain import fleet
from domain.fleet import KeyHolder
from domain.signing import SignedAction
from domain.wire.base import read_message
from domain.wire.events import RefusedEvent
from domain.wire.messages import (
    ActionModel,
    DeltaObjects,
    EventsAnswer,
    EventsBody,
    FullObjects,
    Heartbeat,
    HeartbeatAnswer,
    MetricsAnswer,
    MetricsBody,
    PendingActions,
    RefusedEventModel,
    RegisterAnswer,
    RegisterRequest,
    ResultAnswer,
    ResultBody,
)
from domain.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from domain.work import ActionResult, ActionStatus, AgentAction
from serve.auth.callers import Agent
from serve.gateway.agents.objects import delta_of, packed
from serve.gateway.bodies import read_body
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError, invalid, not_found
from serve.gateway.requests import info_of
from serve.routes.responses import BY_AGENT, problems

router = APIRouter(prefix="/clusters/{cluster_id}", tags=["agent"])

LARGE_BYTES = 128 << 10
"""Bodies above are read on a thread, so that one large cluster does not hold up a thousand heartbeats."""
SMALL_BODY_BYTES = 256 << 10
JSON = "application/json"
NOTHING_PENDING = PendingActions(actions=[]).model_dump_json().encode()

_ENDED = {
    ActionStatus.COMPLETED: Ended.COMPLETED,
    ActionStatus.FAILED: Ended.FAILED,
    ActionStatus.EXPIRED: Ended.EXPIRED,
}

Model = TypeVar("Model", bound=BaseModel)


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    """The description of a body that the endpoint reads by itself, and of the header that all agents send."""
    header = {
        "name": PROTOCOL_HEADER,
        "in": "header",
        "required": True,
        "schema": {"type": "integer", "minimum": 1, "example": PROTOCOL_VERSION},
    }
    body = {"required": True, "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}}
    return {"parameters": [header], "requestBody": body}


_HEADER_ONLY = {"parameters": _takes(Heartbeat)["parameters"]}


@router.post(
    "/agent/register",
    responses=BY_AGENT | problems(409),
    response_model=RegisterAnswer,
    openapi_extra=_takes(RegisterRequest),
)
async def register(holder: Agent, request: Request, gateway: GatewayDep) -> Response:
    """An agent has started: it is told its configuration."""
    message = await _read(request, RegisterRequest, "register request", limit=SMALL_BODY_BYTES)
    now = gateway.services.clock.now()
    async with gateway.services.database.tenant(holder.organization_id) as tx:
        known = await tx.clusters.register(
            holder.cluster_id, kubernetes_version=message.kubernetes_version, zone_ids=holder.zone_ids, now=now
        )
    async with gateway.services.database.single() as tx:
        await tx.api_keys.touch({holder.api_key_id: now})
        signing = await tx.api_keys.signing_key(holder.cluster_id, now)
    if not known or signing is None:
        raise not_found("cluster")
    gateway.beats.count_nodes(holder.cluster_id, message.node_count)
    await gateway.clusters.refresh(holder.cluster_id)  # the key may be another one, and its host signs with it
    await gateway.clusters.tell(holder.cluster_id, AgentConnected(id=f"register-{info_of(request.scope).id}", at=now))
    config = await gateway.configs.of(holder.cluster_id)
    return _answer(
        RegisterAnswer(
            cluster_id=str(holder.cluster_id),
            config=config,
            signing_key_id=signing.key_id,
            protocol=info_of(request.scope).protocol,
            server_time=now,
        )
    )


@router.post("/heartbeat", responses=BY_AGENT, response_model=HeartbeatAnswer, openapi_extra=_takes(Heartbeat))
async def heartbeat(holder: Agent, request: Request, gateway: GatewayDep) -> Response:
    """The agent lives. Answered when gathered; stored within a tenth of a second."""
    raw = await read_body(request, limit=SMALL_BODY_BYTES)
    message = read_message(Heartbeat, raw, what="heartbeat")
    now = gateway.services.clock.now()
    gateway.beats.put(_kept(holder, message, gateway, now), raw)
    config = await gateway.configs.of(holder.cluster_id)
    return _answer(HeartbeatAnswer(config_version=config.version, server_time=now))


@router.post("/metrics", responses=BY_AGENT, response_model=MetricsAnswer, openapi_extra=_takes(MetricsBody))
async def metrics(holder: Agent, request: Request, gateway: GatewayDep) -> Response:
    """A collection: measured use, events, and objects whole or as what changed. May be gzip."""
    limit = gateway.services.settings.max_body_bytes
    body = await _read(request, MetricsBody, "metrics body", limit=limit)
    accepted = await gateway.intake.accept(holder, body.events)
    answer = await gateway.clusters.report(await _report(holder, body))
    if not answer.need_full:
        gateway.beats.count_nodes(holder.cluster_id, answer.nodes)
    return _answer(
        MetricsAnswer(
            metrics_stored=len(body.metrics.nodes) + len(body.metrics.pods),
            events_queued=accepted.queued,
            events_refused=_refused(accepted.refused),
            need_full=answer.need_full,
        )
    )


@router.post("/events", responses=BY_AGENT, response_model=EventsAnswer, openapi_extra=_takes(EventsBody))
async def events(holder: Agent, request: Request, gateway: GatewayDep) -> Response:
    """Events that must not wait for the next collection. Answered when they are stored, before they are handled."""
    body = await _read(request, EventsBody, "events body", limit=gateway.services.settings.max_body_bytes)
    accepted = await gateway.intake.accept(holder, body.events)
    return _answer(EventsAnswer(events_queued=accepted.queued, events_refused=_refused(accepted.refused)))


@router.get("/actions/pending", responses=BY_AGENT, response_model=PendingActions, openapi_extra=_HEADER_ONLY)
async def pending(holder: Agent, gateway: GatewayDep) -> Response:
    """At most 10 actions, oldest first. Whoever takes them has them: they are never handed out again."""
    actions = await gateway.pending.take(holder.cluster_id)
    if not actions:
        return Response(NOTHING_PENDING, media_type=JSON)
    return _answer(PendingActions(actions=[_travelling(action) for action in actions]))


@router.post(
    "/actions/{action_id}/result",
    responses=BY_AGENT | problems(409),
    response_model=ResultAnswer,
    openapi_extra=_takes(ResultBody),
)
async def result(action_id: UUID, holder: Agent, request: Request, gateway: GatewayDep) -> Response:
    """How an action ended. Sent again, it changes nothing."""
    message = await _read(request, ResultBody, "result", limit=SMALL_BODY_BYTES)
    _refuse_unstorable(message)
    now = gateway.services.clock.now()
    async with gateway.services.database.tenant(holder.organization_id) as tx:
        recorded = await tx.actions.record(
            ActionResult(
                action_id=action_id,
                cluster_id=holder.cluster_id,
                status=ActionStatus(message.status),
                at=now,
                result=_result_of(message),
                error=_error_of(message),
            )
        )
    if recorded is None:
        raise not_found("action")
    await _tell_end(gateway, recorded.action)
    return _answer(ResultAnswer(acknowledged_at=now))


async def _tell_end(gateway: Gateway, action: AgentAction) -> None:
    """Tell the cluster, also of a result that came before: the first telling may have failed, twice does no harm."""
    ended = _ENDED.get(action.status)
    if ended is None:
        raise ProblemError(409, f"action {action.id} was not picked up: it is {action.status}", kind="not-picked-up")
    await gateway.clusters.tell(
        action.cluster_id,
        ActionFinished(
            id=f"result-{action.id}",
            at=gateway.services.clock.now(),
            action_id=str(action.id),
            ended=ended,
            error=action.error,
        ),
    )


async def _read(request: Request, model: type[Model], what: str, *, limit: int) -> Model:
    raw = await read_body(request, limit=limit)
    if len(raw) > LARGE_BYTES:
        return await asyncio.to_thread(partial(read_message, model, raw, what=what))
    return read_message(model, raw, what=what)


async def _report(holder: KeyHolder, body: MetricsBody) -> Report:
    objects = body.objects
    full = await asyncio.to_thread(packed, objects) if isinstance(objects, FullObjects) else None
    return Report(
        cluster_id=holder.cluster_id,
        organization_id=holder.organization_id,
        at=body.metrics.timestamp,
        full=full,
        delta=delta_of(objects) if isinstance(objects, DeltaObjects) else None,
        usage=pack(body.metrics.nodes, body.metrics.pods),
    )


def _kept(holder: KeyHolder, message: Heartbeat, gateway: Gateway, now: datetime) -> fleet.Heartbeat:
    return fleet.Heartbeat(
        cluster_id=holder.cluster_id,
        organization_id=holder.organization_id,
        at=now,
        agent_version=message.agent_version,
        node_count=gateway.beats.nodes_of(holder.cluster_id),
        details=message.model_dump(mode="json", exclude={"agent_version"}),
    )


def _travelling(action: AgentAction) -> ActionModel:
    return ActionModel.of(
        SignedAction(
            cluster=str(action.cluster_id),
            id=str(action.id),
            type=str(action.kind),
            payload=action.payload,
            expires_at=action.expires_at,
            nonce=action.nonce,
            key_id=action.key_id,
            signature=action.signature,
        )
    )


def _refuse_unstorable(message: ResultBody) -> None:
    """PostgreSQL stores no zero character in JSON, and nothing that is no 64-bit or floating number."""
    try:
        raw = orjson.dumps(message.result)
    except (TypeError, ValueError) as err:
        raise invalid("result", f"cannot be stored: {err}") from err
    if b"\\u0000" in raw:
        raise invalid("result", "must not contain the zero character")


def _result_of(message: ResultBody) -> dict[str, Any]:
    extra: dict[str, Any] = {"duration_ms": message.duration_ms, "dry_run": message.dry_run}
    return {**message.result, **extra, **({"refusal": str(message.refusal)} if message.refusal else {})}


def _error_of(message: ResultBody) -> str:
    if message.status == "completed":
        return ""
    refused = f"refused: {message.refusal}" if message.refusal else ""
    return message.error_message or refused or "the agent gave no reason"


def _refused(refused: tuple[RefusedEvent, ...]) -> list[RefusedEventModel]:
    return [RefusedEventModel(index=one.index, field=one.field, problem=one.problem) for one in refused]


def _answer(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type=JSON)
