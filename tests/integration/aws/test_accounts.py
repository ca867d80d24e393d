"""Verifying a role against a world: every permission is tried, and what is missing is named."""

import pytest

from adapters.aws.accounts.access import BotoAccountAccess
from adapters.aws.accounts.permissions import ACTING, ALL
from adapters.aws.clients import Clients
from adapters.aws.ports.accounts import Answer, Need
from demo.aws.world import World
from tests.integration.aws.conftest import HurriedClock
from tests.unit.aws.builders import REGION, make_role


@pytest.fixture
def access(clients: Clients, clock: HurriedClock) -> BotoAccountAccess:
    return BotoAccountAccess(clients, clock, service_account_id="999999999999")


async def test_a_role_that_gives_all_rights_is_found_to(access: BotoAccountAccess, world: World) -> None:
    world.external_ids[make_role().arn] = make_role().external_id
    verified = await access.verify(make_role(), regions=[REGION])
    assert {tried.permission for tried in verified.tried} == set(ALL)
    assert [t for t in verified.tried if t.answer is not Answer.GRANTED] == []
    assert verified.is_enough_to(Need.ACT)
    assert verified.warnings == ()
    assert world.changes() == {}


async def test_a_role_that_opens_without_its_external_id_is_warned_of(access: BotoAccountAccess) -> None:
    (warning,) = (await access.verify(make_role(), regions=[REGION])).warnings
    assert "without the external id" in warning


TRIED = [permission for permission in ALL if permission.action != "iam:SimulatePrincipalPolicy"]


@pytest.mark.parametrize("part", range(3))
async def test_each_missing_right_is_named_and_no_other(access: BotoAccountAccess, world: World, part: int) -> None:
    lacking = TRIED[part::3]
    world.denied |= {permission.action for permission in lacking}
    verified = await access.verify(make_role(), regions=[REGION])
    assert set(verified.missing) == set(lacking)
    assert not verified.is_enough_to(Need.SEE)


async def test_a_role_that_gives_rights_to_look_only_is_enough_for_advice(
    access: BotoAccountAccess, world: World
) -> None:
    world.denied |= {permission.action for permission in ACTING}
    verified = await access.verify(make_role(), regions=[REGION])
    assert verified.is_enough_to(Need.SEE)
    assert not verified.is_enough_to(Need.ACT)


async def test_where_the_simulator_may_not_be_asked_rights_are_tried_by_dry_runs(
    access: BotoAccountAccess, world: World
) -> None:
    world.denied |= {"iam:SimulatePrincipalPolicy", "ec2:CreateFleet"}
    verified = await access.verify(make_role(), regions=[REGION])
    answers = {tried.permission.action: tried.answer for tried in verified.tried}
    assert answers["iam:SimulatePrincipalPolicy"] is Answer.MISSING
    assert answers["ec2:CreateFleet"] is Answer.MISSING
    assert answers["iam:PassRole"] is Answer.UNKNOWN
    assert {permission.action for permission in ACTING} <= answers.keys()
    assert world.changes() == {}


async def test_a_role_that_does_not_let_us_in_is_an_answer_and_no_error(
    access: BotoAccountAccess, world: World
) -> None:
    world.external_ids[make_role().arn] = "spotopt-another"
    verified = await access.verify(make_role(), regions=[REGION])
    assert not verified.lets_in
    assert "does not let us in" in verified.problem


async def test_a_second_look_uses_no_old_session(access: BotoAccountAccess, world: World) -> None:
    await access.verify(make_role(), regions=[REGION])
    world.denied.add("sts:AssumeRole")
    assert not (await access.verify(make_role(), regions=[REGION])).lets_in
