"""The endpoints as the API's description tells them, and what each needs."""

from typing import Any
from uuid import UUID

from domain.fleet import PolicySection
from domain.tenancy import OrganizationRole
from serve.gateway.openapi import describe

DESCRIPTION = describe()
OPERATIONS = [(method.upper(), path) for path, item in sorted(DESCRIPTION["paths"].items()) for method in item]
OPEN = {
    ("POST", "/api/auth/signup"),
    ("POST", "/api/auth/token"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/password/reset"),
    ("POST", "/api/auth/password/confirm"),
    ("POST", "/api/auth/confirm"),
    ("POST", "/api/auth/invite/accept"),
    ("GET", "/api/connect/template.yaml"),
}
"""Endpoints that anybody may call. One that appears here by mistake is seen in review."""
CLOSED = [operation for operation in OPERATIONS if operation not in OPEN]
BODIES: dict[str, Any] = {
    "/api/auth/password": {"current": "x", "password": "violet teacup harbour 8"},
    "/api/auth/ws-ticket": {"opens": "/api/clusters/heartbeat"},
    "/api/clusters/connect": {"name": "mine", "region": "us-east-1"},
    "/api/clusters/{cluster_id}/keys": {"label": "x"},
    "/api/clusters/{cluster_id}/keys/{key_id}/revoke": {"reason": "x"},
    "/api/connect/link": {"aws_account_id": "111122223333"},
    "/api/connect/verify": {"account_id": str(UUID(int=9))},
    "/api/admin/safe-mode": {"on": True, "reason": "x"},
    "/api/lab/parallel": {"name": "x", "model_id": str(UUID(int=6))},
    "/api/lab/parallel-config": {"experiment_id": str(UUID(int=7))},
    "/api/lab/graduate": {"experiment_id": str(UUID(int=7))},
    "/api/lab/live-switch": {"cluster_id": str(UUID(int=8)), "model_id": str(UUID(int=6))},
}
ROLES = (OrganizationRole.VIEWER, OrganizationRole.MEMBER, OrganizationRole.ADMIN, OrganizationRole.OWNER)
NEEDED = {
    "/api/clusters/connect": OrganizationRole.MEMBER,
    "/api/clusters/install": OrganizationRole.ADMIN,
    "/api/clusters/{cluster_id}/optimize": OrganizationRole.MEMBER,
    "/api/clusters/{cluster_id}/plans/{plan_id}/approve": OrganizationRole.MEMBER,
    "/api/clusters/{cluster_id}/plans/{plan_id}/discard": OrganizationRole.MEMBER,
    "/api/connect/link": OrganizationRole.ADMIN,
    "/api/connect/verify": OrganizationRole.ADMIN,
    "/api/onboard/skip": OrganizationRole.MEMBER,
    "/api/settings/accounts/{account_id}": OrganizationRole.ADMIN,
    "/api/simulations": OrganizationRole.MEMBER,
    "/api/clusters/{cluster_id}/keys": OrganizationRole.ADMIN,
    "/api/clusters/{cluster_id}/keys/{key_id}/revoke": OrganizationRole.ADMIN,
    **{f"/api/policies/{section}": OrganizationRole.MEMBER for section in PolicySection},
}
"""What a change needs; everything else is for all roles."""


def is_agents(path: str) -> bool:
    return any(
        "agentKey" in security for item in DESCRIPTION["paths"][path].values() for security in item.get("security", [])
    )
