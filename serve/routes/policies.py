"""Policies of clusters, defaults filled in."""

from uuid import UUID

from fastapi import APIRouter

from domain.fleet import DEFAULT_POLICY
from serve.auth.callers import Viewer
from serve.gateway.context import GatewayDep
from serve.gateway.problems import not_found
from serve.routes.responses import OF_CLUSTER
from serve.schemas.clusters import PolicyAnswer

router = APIRouter(prefix="/policies", tags=["policies"])


@router.get("/{cluster_id}", responses=OF_CLUSTER)
async def get_policy(cluster_id: UUID, caller: Viewer, gateway: GatewayDep) -> PolicyAnswer:
    """The policy of a cluster; sections that were never set hold their defaults."""
    async with gateway.services.database.tenant(caller.home) as tx:
        policy = await tx.policies.get(cluster_id)
    if policy is None:
        raise not_found("cluster")
    return PolicyAnswer(
        cluster_id=policy.cluster_id,
        version=policy.version,
        updated_at=policy.updated_at,
        sections=policy.sections,
        defaults=DEFAULT_POLICY,
    )
