"""A customer's person in front of the portal: everything goes through the platform's own API, as the portal does it."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from actors.cluster.records import Mode
from demo.world import Tenant
from domain.errors import RejectedError, TransientError

if TYPE_CHECKING:
    from demo.aws.world import World

CALL_S = 60.0
"""For one call: trying a role asks AWS two dozen things, while the platform is busy with its start."""

DISCOVERY_S = 45.0
"""Discovery begins within seconds and takes as many; what it has not found by then it will find later."""

CONNECTED_S = 180.0
"""From the start of an agent to its first snapshot; ten seconds are usual."""

POLL_S = 1.0


class SessionEndedError(RejectedError):
    """The access token opens nothing any more: it lasts a quarter of an hour, which a busy machine may need."""


class Person:
    """Somebody with a password.

    Parameters
    ----------
    http
        A client whose base URL is the platform's.
    """

    def __init__(self, http: httpx.AsyncClient, tenant: Tenant, *, password: str) -> None:
        self._http, self._password = http, password
        self._token = ""
        self.tenant = tenant

    async def sign_up(self) -> None:
        """Come as somebody new, with an organisation of their own."""
        tenant = self.tenant
        body = {"email": tenant.email, "password": self._password, "name": tenant.person}
        made = await _call(self._http, "POST", "/api/auth/signup", body=body | {"organization": tenant.organization})
        self._token = made["session"]["access_token"]

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One call, after signing in anew where the session has ended.

        Raises
        ------
        RejectedError, TransientError
            With what the platform says.
        """
        try:
            return await self._once(method, path, body)
        except SessionEndedError:
            credentials = {"email": self.tenant.email, "password": self._password}
            self._token = (await _call(self._http, "POST", "/api/auth/token", body=credentials))["access_token"]
            return await self._once(method, path, body)

    async def link(self, world: "World") -> UUID:
        """Link the AWS account and have the role tried; our id of the account. Discovery begins by itself then."""
        invited = await self.call("POST", "/api/connect/link", {"aws_account_id": self.tenant.account_id})
        # What the CloudFormation stack does: a role that wants to hear this one external id.
        world.external_ids[invited["role_arn"]] = invited["external_id"]
        tried = await self.call("POST", "/api/connect/verify", {"account_id": invited["account_id"]})
        if not tried["may_act"]:
            missing = [one["action"] for one in tried["permissions"] if one["answer"] != "granted"]
            raise RejectedError(f"the role of {self.tenant.organization} lets the platform not do {missing}")
        return UUID(invited["account_id"])

    async def discovered(self) -> set[str]:
        """Names of the clusters that were found, once all of them were; what there is when that takes too long."""
        wanted, names = {cluster.name for cluster in self.tenant.clusters}, set[str]()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCOVERY_S):
                while not wanted <= names:
                    await asyncio.sleep(POLL_S)
                    found = await self.call("GET", "/api/clusters/discover")
                    names = {cluster["name"] for cluster in found["clusters"]}
        return names

    async def connect(self, name: str, region: str, *, account: UUID, mode: Mode) -> UUID:
        """Connect a cluster, and say what becomes of its plans; its id."""
        body = {"name": name, "region": region, "account_id": str(account), "mode": str(mode)}
        made = await self.call("POST", "/api/clusters/connect", body)
        return UUID(made["id"])

    async def install(self, cluster: UUID) -> str:
        """The key that the agent is installed with."""
        made = await self.call("POST", "/api/clusters/install", {"cluster_id": str(cluster), "label": "demo"})
        return str(made["api_key"])

    async def optimise(self, cluster: UUID) -> None:
        """Have a cluster planned as soon as its agent has said what runs there; one that never does is left alone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECTED_S):
                while not ((await self.call("GET", f"/api/clusters/{cluster}"))["live"] or {}).get("snapshot_at"):
                    await asyncio.sleep(POLL_S)
                await self.call("POST", f"/api/clusters/{cluster}/optimize")

    async def _once(self, method: str, path: str, body: object) -> Any:
        return await _call(self._http, method, path, body=body, headers={"Authorization": f"Bearer {self._token}"})


async def _call(
    http: httpx.AsyncClient, method: str, path: str, *, body: object, headers: dict[str, str] | None = None
) -> Any:
    try:
        answer = await http.request(method, path, json=body, headers=headers, timeout=CALL_S)
    except httpx.HTTPError as err:
        raise TransientError(f"{method} {path}: {type(err).__name__}: {err}") from err
    if answer.is_success:
        return answer.json() if answer.content else None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise SessionEndedError(f"{method} {path}: {answer.text[:500]}")
    kind = TransientError if answer.status_code >= 500 or answer.status_code == 429 else RejectedError
    raise kind(f"{method} {path} answers {answer.status_code}: {answer.text[:500]}")
