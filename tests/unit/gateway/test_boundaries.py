"""Every endpoint against those who may not call it. Taken from the API's description, so that none is forgotten."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from domain.tenancy import OrganizationRole
from tests.unit.gateway.house import PROTOCOL, AgentOf, House, Somebody, house
from tests.unit.gateway.operations import BODIES, CLOSED, NEEDED, ROLES, is_agents

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two() -> AsyncIterator["Two"]:
    async with house() as spot:
        mine, theirs = await spot.somebody(), await spot.somebody()
        yield Two(spot, mine, theirs, await spot.agent(mine), await spot.agent(theirs))


class Two:
    """Two organisations, each with a cluster and an agent."""

    def __init__(self, spot: House, mine: Somebody, theirs: Somebody, agent: AgentOf, stranger: AgentOf) -> None:
        self.spot, self.mine, self.theirs, self.agent, self.stranger = spot, mine, theirs, agent, stranger

    async def call(self, method: str, path: str, cluster: UUID, headers: dict[str, str]) -> Any:
        ids = {"cluster_id": cluster, "plan_id": UUID(int=1), "job_id": UUID(int=2), "key_id": self.stranger.key_id}
        url = path.format(
            **ids, action_id=UUID(int=3), entry_id=UUID(int=4), account_id=UUID(int=9), model_id=UUID(int=6),
            simulation_id=UUID(int=10),
        )  # fmt: skip
        body = BODIES.get(path, {"cluster_id": str(cluster)} if path.endswith("/install") else {})
        return await self.spot.http.request(method, url, headers=headers, json=body if method == "POST" else None)


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_nobody_gets_in_without_a_key(two: Two, method: str, path: str) -> None:
    answer = await two.call(method, path, two.agent.cluster_id, dict(PROTOCOL))
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"] == "urn:spotopt:problem:unauthenticated"


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("token", ["so_" + "x" * 43, "eyJhbGciOiJub25lIn0.e30.", "Ünknown", "a" * 5000])
async def test_nobody_gets_in_with_a_wrong_key(two: Two, method: str, path: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode(), **PROTOCOL}
    answer = await two.call(method, path, two.agent.cluster_id, headers)  # type: ignore[arg-type]
    assert answer.status_code == 401, answer.text


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_a_key_of_the_other_kind_opens_nothing(two: Two, method: str, path: str) -> None:
    headers = {**two.mine.headers, **PROTOCOL} if is_agents(path) else dict(two.agent.headers)
    assert (await two.call(method, path, two.agent.cluster_id, headers)).status_code == 401


@pytest.mark.parametrize(("method", "path"), [one for one in CLOSED if "{cluster_id}" in one[1] or "install" in one[1]])
async def test_a_cluster_of_another_tenant_is_not_there(two: Two, method: str, path: str) -> None:
    headers = dict(two.agent.headers if is_agents(path) else two.mine.headers)
    answer = await two.call(method, path, two.stranger.cluster_id, headers)
    assert answer.status_code == (403 if is_agents(path) else 404), answer.text
    nowhere = await two.call(method, path, UUID(int=5), headers)
    assert (nowhere.status_code, nowhere.json()["detail"]) == (answer.status_code, answer.json()["detail"])
    assert str(two.theirs.home) not in answer.text


@pytest.mark.parametrize(("method", "path"), [one for one in CLOSED if "/admin/" in one[1]])
async def test_an_owner_of_an_organisation_is_no_admin(two: Two, method: str, path: str) -> None:
    assert (await two.call(method, path, two.agent.cluster_id, dict(two.mine.headers))).status_code == 403


@pytest.mark.parametrize(("method", "path"), [one for one in CLOSED if "cluster" in one[1] and not is_agents(one[1])])
async def test_a_super_admin_sees_no_tenants_data(two: Two, method: str, path: str) -> None:
    admin = await two.spot.somebody(None)
    assert (await two.call(method, path, two.agent.cluster_id, dict(admin.headers))).status_code == 403


@pytest.mark.parametrize("path", sorted(NEEDED))
@pytest.mark.parametrize("role", ROLES)
async def test_roles_below_the_needed_one_may_not_change_anything(two: Two, path: str, role: OrganizationRole) -> None:
    somebody = await two.spot.somebody(role, home=two.mine.home)
    method = next(method for method, one in CLOSED if one == path and method != "GET")
    answer = await two.call(method, path, two.agent.cluster_id, dict(somebody.headers))
    may = ROLES.index(role) >= ROLES.index(NEEDED[path])
    assert (answer.status_code != 403) == may, answer.text


async def test_another_tenants_audit_entry_is_not_there(two: Two) -> None:
    mine = (await two.spot.http.get("/api/audit", headers=two.mine.headers)).json()["items"]
    assert mine
    path = f"/api/audit/{mine[0]['id']}/diff"
    assert (await two.spot.http.get(path, headers=two.mine.headers)).status_code == 200
    assert (await two.spot.http.get(path, headers=two.theirs.headers)).status_code == 404


async def test_a_tenant_lists_its_own_clusters_alone(two: Two) -> None:
    listed = (await two.spot.http.get("/api/clusters", headers=two.mine.headers)).json()["items"]
    assert str(two.agent.cluster_id) in [one["id"] for one in listed]
    assert str(two.stranger.cluster_id) not in [one["id"] for one in listed]
