"""AWS accounts over HTTP: link, verify, list, disconnect, what was found."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from adapters.aws.memory import MemoryAws
from adapters.aws.ports.access import Role
from adapters.postgres.ports.sites import SeenCluster
from domain.fleet import AccountStatus
from domain.tenancy import OrganizationRole
from tests.unit.gateway.house import House, Somebody, house

AWS_ACCOUNT = "111122223333"


@pytest.fixture
async def spot() -> AsyncIterator[House]:
    async with house(aws_account_id="999999999999") as made:
        yield made


@pytest.fixture
async def owner(spot: House) -> Somebody:
    return await spot.somebody()


def aws(spot: House) -> MemoryAws:
    assert isinstance(spot.services.aws, MemoryAws)
    return spot.services.aws


async def linked(spot: House, owner: Somebody, aws_account_id: str = AWS_ACCOUNT) -> dict[str, Any]:
    body = {"aws_account_id": aws_account_id}
    answer = await spot.http.post("/api/connect/link", json=body, headers=owner.headers)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def verified(spot: House, owner: Somebody, account_id: str, **body: str) -> Any:
    return await spot.http.post("/api/connect/verify", json={"account_id": account_id, **body}, headers=owner.headers)


def let_in(spot: House, invited: dict[str, Any], *missing: str, arn: str = "") -> Role:
    role = Role(arn=arn or invited["role_arn"], external_id=invited["external_id"])
    aws(spot).accounts.missing[role] = missing
    return role


async def events(spot: House, owner: Somebody) -> list[str]:
    listed = await spot.http.get("/api/audit", headers=owner.headers)
    return [one["event"] for one in listed.json()["items"]]


async def test_linking_again_gives_the_same_external_id(spot: House, owner: Somebody) -> None:
    first, second = await linked(spot, owner), await linked(spot, owner)
    assert first == second
    assert first["external_id"].startswith("spotopt-")
    assert first["external_id"] in first["quick_create_url"]
    assert first["template_url"] == "https://spot.example.com/api/connect/template.yaml"
    assert first["steps"]
    assert "account_linked" in await events(spot, owner)


async def test_each_organisation_gets_an_external_id_of_its_own(spot: House, owner: Somebody) -> None:
    other = await spot.somebody()
    assert (await linked(spot, owner))["external_id"] != (await linked(spot, other))["external_id"]


async def test_the_template_is_served_to_anybody_as_a_file(spot: House) -> None:
    answer = await spot.http.get("/api/connect/template.yaml")
    assert answer.status_code == 200
    assert answer.text.startswith("AWSTemplateFormatVersion")
    assert answer.headers["content-type"].startswith("application/yaml")


async def test_a_platform_without_an_aws_account_links_none() -> None:
    async with house() as bare:
        owner = await bare.somebody()
        body = {"aws_account_id": AWS_ACCOUNT}
        answer = await bare.http.post("/api/connect/link", json=body, headers=owner.headers)
    assert answer.status_code == 409
    assert "aws_account_id" in answer.json()["detail"]


async def test_what_is_no_account_id_is_refused_by_name(spot: House, owner: Somebody) -> None:
    answer = await spot.http.post("/api/connect/link", json={"aws_account_id": "12"}, headers=owner.headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "body.aws_account_id")


async def test_a_role_that_lets_us_in_is_scanned_next(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    let_in(spot, invited)
    answer = (await verified(spot, owner, invited["account_id"])).json()
    assert (answer["lets_in"], answer["may_act"], answer["account"]["status"]) == (True, True, "scanning")
    assert answer["account"]["missing"] == []
    assert {one["answer"] for one in answer["permissions"]} == {"granted"}
    assert "account_verified" in await events(spot, owner)


async def test_rights_that_are_missing_are_listed_and_only_advice_is_left(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    let_in(spot, invited, "ec2:CreateFleet")
    answer = (await verified(spot, owner, invited["account_id"])).json()
    assert (answer["lets_in"], answer["may_act"]) == (True, False)
    assert [one["action"] for one in answer["account"]["missing"]] == ["ec2:CreateFleet"]
    (listed,) = (await spot.http.get("/api/settings/accounts", headers=owner.headers)).json()
    assert [one["action"] for one in listed["missing"]] == ["ec2:CreateFleet"]


async def test_a_role_that_does_not_let_us_in_fails_with_the_reason(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    answer = (await verified(spot, owner, invited["account_id"])).json()
    assert answer["lets_in"] is False
    assert answer["account"]["status"] == "failed"
    assert "sts:AssumeRole" in answer["account"]["status_reason"]


async def test_another_role_of_the_same_account_is_taken_once_it_lets_us_in(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    arn = f"arn:aws:iam::{AWS_ACCOUNT}:role/our-own-name"
    refused = (await verified(spot, owner, invited["account_id"], role_arn=arn)).json()
    assert refused["lets_in"] is False
    (listed,) = (await spot.http.get("/api/settings/accounts", headers=owner.headers)).json()
    assert (listed["role_arn"], listed["status"]) == (invited["role_arn"], "pending")
    let_in(spot, invited, arn=arn)
    taken = (await verified(spot, owner, invited["account_id"], role_arn=arn)).json()
    assert taken["account"]["role_arn"] == arn


@pytest.mark.parametrize("arn", ["nonsense", "arn:aws:iam::444455556666:role/spot-optimizer"])
async def test_a_role_of_another_account_is_refused(spot: House, owner: Somebody, arn: str) -> None:
    invited = await linked(spot, owner)
    answer = await verified(spot, owner, invited["account_id"], role_arn=arn)
    assert (answer.status_code, answer.json()["field"]) == (422, "role_arn")


async def test_verifying_is_limited_per_organisation(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    answers = [await verified(spot, owner, invited["account_id"]) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert "Retry-After" in answers[-1].headers
    other = await spot.somebody()
    theirs = await linked(spot, other)
    assert (await verified(spot, other, theirs["account_id"])).status_code == 200


async def test_an_account_of_others_is_not_there(spot: House, owner: Somebody) -> None:
    invited, stranger = await linked(spot, owner), await spot.somebody()
    assert (await verified(spot, stranger, invited["account_id"])).status_code == 404
    gone = await spot.http.delete(f"/api/settings/accounts/{invited['account_id']}", headers=stranger.headers)
    assert gone.status_code == 404
    assert (await spot.http.get("/api/settings/accounts", headers=stranger.headers)).json() == []


async def test_several_accounts_are_listed_and_one_is_disconnected(spot: House, owner: Somebody) -> None:
    first, second = await linked(spot, owner), await linked(spot, owner, "444455556666")
    role = let_in(spot, first)
    gone = await spot.http.delete(f"/api/settings/accounts/{first['account_id']}", headers=owner.headers)
    assert gone.status_code == 204
    assert aws(spot).accounts.forgotten == [role]
    listed = (await spot.http.get("/api/settings/accounts", headers=owner.headers)).json()
    assert [one["id"] for one in listed] == [second["account_id"]]
    assert "account_disconnected" in await events(spot, owner)
    assert (await linked(spot, owner))["external_id"] != first["external_id"]


async def test_found_clusters_are_listed_with_how_their_accounts_stand(spot: House, owner: Somebody) -> None:
    invited = await linked(spot, owner)
    assert owner.home is not None
    now, account_id = spot.clock.now(), UUID(invited["account_id"])
    seen = SeenCluster(
        account_id=account_id,
        organization_id=owner.home,
        region="us-east-1",
        name="web",
        arn="arn:aws:eks:us-east-1:111122223333:cluster/web",
        status="ACTIVE",
        kubernetes_version="1.33",
        endpoint="",
        vpc_id="",
        zone_ids={},
        node_count=3,
        spot_count=1,
        body=b"{}",
        seen_at=now,
    )
    async with spot.database.tenant(owner.home) as tx:
        await tx.sites.put_clusters(account_id, [seen], blind=(), now=now)
        await tx.accounts.set_status(account_id, AccountStatus.ACTIVE, reason="", now=now)
    before = (await spot.http.get("/api/clusters/discover", headers=owner.headers)).json()
    assert [(one["name"], one["node_count"], one["cluster_id"]) for one in before["clusters"]] == [("web", 3, None)]
    assert before["accounts"][0]["status"] == "active"
    body = {"name": "web", "region": "us-east-1", "account_id": invited["account_id"]}
    made = (await spot.http.post("/api/clusters/connect", json=body, headers=owner.headers)).json()
    after = (await spot.http.get("/api/clusters/discover", headers=owner.headers)).json()
    assert after["clusters"][0]["cluster_id"] == made["id"]
    stranger = await spot.somebody()
    theirs = (await spot.http.get("/api/clusters/discover", headers=stranger.headers)).json()
    assert theirs == {"clusters": [], "accounts": []}


async def test_who_skips_onboarding_is_led_to_the_dashboard(spot: House, owner: Somebody) -> None:
    assert (await spot.http.get("/api/auth/me", headers=owner.headers)).json()["next"] == "onboarding"
    for _ in range(2):
        assert (await spot.http.post("/api/onboard/skip", headers=owner.headers)).json() == {"success": True}
    assert (await spot.http.get("/api/auth/me", headers=owner.headers)).json()["next"] == "dashboard"
    assert (await events(spot, owner)).count("onboarding_skipped") == 1


async def test_a_member_may_not_link_accounts(spot: House, owner: Somebody) -> None:
    member = await spot.somebody(OrganizationRole.MEMBER, home=owner.home)
    body = {"aws_account_id": AWS_ACCOUNT}
    assert (await spot.http.post("/api/connect/link", json=body, headers=member.headers)).status_code == 403
