"""API keys of a cluster's agents."""

from uuid import UUID

from fastapi import APIRouter, Request

from domain.events import in_utc
from serve.auth.agents import make_key
from serve.auth.callers import Manager, Viewer
from serve.auth.changes import AuthChange, Subject
from serve.gateway.auditing import entry
from serve.gateway.context import GatewayDep
from serve.gateway.problems import invalid, not_found
from serve.routes.clusters import mine
from serve.routes.responses import CHANGES, OF_CLUSTER
from serve.schemas.clusters import ApiKeyModel, NewApiKey, NewApiKeyAnswer, RevokeApiKey

router = APIRouter(prefix="/clusters/{cluster_id}/keys", tags=["keys"])


@router.get("", responses=OF_CLUSTER)
async def list_keys(cluster_id: UUID, caller: Viewer, gateway: GatewayDep) -> list[ApiKeyModel]:
    """Keys of a cluster, newest first, revoked ones too."""
    async with gateway.services.database.tenant(caller.home) as tx:
        await mine(tx, cluster_id)
        keys = await tx.api_keys.of_cluster(cluster_id)
    return [ApiKeyModel.model_validate(key) for key in keys]


@router.post("", status_code=201, responses=CHANGES)
async def create_key(
    cluster_id: UUID, body: NewApiKey, caller: Manager, request: Request, gateway: GatewayDep
) -> NewApiKeyAnswer:
    """A fresh key, shown this once."""
    services, now = gateway.services, gateway.services.clock.now()
    if body.expires_at is not None and (body.expires_at.tzinfo is None or body.expires_at <= now):
        raise invalid("body.expires_at", "must name a time zone and lie in the future")
    made = make_key(
        services.keys,
        organization_id=caller.home,
        cluster_id=cluster_id,
        label=body.label,
        now=now,
        expires_at=in_utc(body.expires_at) if body.expires_at else None,
    )
    async with services.database.tenant(caller.home) as tx:
        cluster = await mine(tx, cluster_id)
        await tx.api_keys.create(made.key, made.signing)
        audited = entry(
            request,
            services.clock,
            actor=caller.email,
            organization_id=caller.home,
            event="api_key_created",
            resource=("api_key", str(made.key.id)),
            text=f"key {made.key.prefix}… ({body.label}) of cluster {cluster.name}",
        )
        await tx.audit.append([audited])
    return NewApiKeyAnswer(api_key=made.token, key=ApiKeyModel.model_validate(made.key))


@router.post("/{key_id}/revoke", status_code=204, responses=CHANGES)
async def revoke_key(
    cluster_id: UUID, key_id: UUID, body: RevokeApiKey, caller: Manager, request: Request, gateway: GatewayDep
) -> None:
    """Make a key void for good, at once, in all replicas; agents that are connected with it are cut off."""
    services = gateway.services
    async with services.database.tenant(caller.home) as tx:
        keys = {key.id: key for key in await tx.api_keys.of_cluster(cluster_id)}
        if key_id not in keys:
            raise not_found("key")
        if await tx.api_keys.revoke(key_id, reason=body.reason, now=services.clock.now()):
            audited = entry(
                request,
                services.clock,
                actor=caller.email,
                organization_id=caller.home,
                event="api_key_revoked",
                resource=("api_key", str(key_id)),
                text=f"key {keys[key_id].prefix}…: {body.reason}",
            )
            await tx.audit.append([audited])
    await gateway.forget(AuthChange(subject=Subject.KEY, id=key_id))
