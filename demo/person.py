"""A customer's person in front of the portal: everything goes through the platform's own API, as the portal does it."""

from typing import Any
from uuid import UUID

import httpx

from demo.world import Tenant
from domain.errors import RejectedError, TransientError

CALL_S = 30.0
"""For one call while the platform is busy with its start."""


class Person:
    """Somebody who is signed in.

    Parameters
    ----------
    http
        A client whose base URL is the platform's.
    """

    def __init__(self, http: httpx.AsyncClient, tenant: Tenant, *, token: str, organization: UUID) -> None:
        self._http, self._token = http, token
        self.tenant = tenant
        self.organization = organization

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One call; raises RejectedError or TransientError with what the platform says."""
        headers = {"Authorization": f"Bearer {self._token}"}
        return await _call(self._http, method, path, body=body, headers=headers)

    async def connect(self, name: str, region: str) -> UUID:
        """Connect a cluster; its id."""
        made = await self.call("POST", "/api/clusters/connect", {"name": name, "region": region})
        return UUID(made["id"])

    async def install(self, cluster: UUID) -> str:
        """The key that the agent is installed with."""
        made = await self.call("POST", "/api/clusters/install", {"cluster_id": str(cluster), "label": "demo"})
        return str(made["api_key"])


async def sign_up(http: httpx.AsyncClient, tenant: Tenant, password: str) -> Person:
    """Somebody new, with an organisation of their own."""
    body = {
        "email": tenant.email,
        "password": password,
        "organization": tenant.organization,
        "name": tenant.person,
    }
    made = await _call(http, "POST", "/api/auth/signup", body=body)
    return Person(http, tenant, token=made["session"]["access_token"], organization=UUID(made["organization_id"]))


async def _call(
    http: httpx.AsyncClient, method: str, path: str, *, body: object, headers: dict[str, str] | None = None
) -> Any:
    try:
        answer = await http.request(method, path, json=body, headers=headers, timeout=CALL_S)
    except httpx.HTTPError as err:
        raise TransientError(f"{method} {path}: {type(err).__name__}: {err}") from err
    if answer.is_success:
        return answer.json() if answer.content else None
    kind = TransientError if answer.status_code >= 500 or answer.status_code == 429 else RejectedError
    raise kind(f"{method} {path} answers {answer.status_code}: {answer.text[:500]}")
