"""What a customer is given, and that the template grants what we ask for and nothing else."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from adapters.aws.accounts.invite import invitation, new_external_id, template
from adapters.aws.accounts.permissions import ACTING, ALL, SEEING, simulated_resource
from adapters.aws.memory.accounts import MemoryAccountAccess
from adapters.aws.ports.access import Role
from adapters.aws.ports.accounts import Invitation, Need
from domain.errors import RejectedError
from tests.unit.aws.builders import make_role


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as their arguments."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, _suffix, node: (
        loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_scalar(node)
    ),
)


def statements(policy: str) -> list[dict[str, Any]]:
    loaded = yaml.load(template(), _Loader)
    found: list[dict[str, Any]] = loaded["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    return found


def actions(policy: str) -> set[str]:
    found: set[str] = set()
    for statement in statements(policy):
        asked = statement["Action"]
        found |= set(asked) if isinstance(asked, list) else {asked}
    return found


def make_invitation(**facts: str) -> Invitation:
    given = {
        "service_account_id": "999999999999",
        "external_id": "",
        "template_url": "https://bucket.s3.amazonaws.com/role.yaml",
        "region": "us-east-1",
    }
    return invitation("111111111111", **(given | facts))


def test_the_template_grants_exactly_the_rights_that_we_say_we_need() -> None:
    assert actions("See") == {permission.action for permission in SEEING}
    assert actions("Act") == {permission.action for permission in ACTING}


def test_the_template_grants_no_wildcards_and_every_change_is_bound_by_a_condition() -> None:
    assert not any("*" in action for action in actions("See") | actions("Act"))
    unbound = {s["Sid"] for s in statements("Act") if "Condition" not in s}
    assert unbound == {"LaunchFleets", "DetachFromNodes"}


def test_the_role_lets_in_nobody_without_the_external_id() -> None:
    loaded = yaml.load(template(), _Loader)
    (statement,) = loaded["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "ExternalId"}}


def test_every_right_to_change_can_be_simulated() -> None:
    for permission in ACTING:
        arn = simulated_resource(permission.action, region="us-east-1", account_id="111111111111")
        assert arn.startswith("arn:aws:")
        assert "111111111111" in arn


def test_every_right_has_a_reason() -> None:
    assert all(permission.why for permission in ALL)
    assert len({permission.action for permission in ALL}) == len(ALL)


def test_the_link_fills_in_the_stack() -> None:
    made = make_invitation(external_id="spotopt-an-external-id")
    query = parse_qs(urlsplit(made.quick_create_url).fragment.partition("?")[2])
    assert query["templateURL"] == ["https://bucket.s3.amazonaws.com/role.yaml"]
    assert query["param_ExternalId"] == ["spotopt-an-external-id"]
    assert query["param_ServiceAccountId"] == ["999999999999"]
    assert made.role_arn == "arn:aws:iam::111111111111:role/spot-optimizer"


def test_without_an_address_of_the_template_there_is_no_link_and_the_steps_say_what_to_do() -> None:
    made = make_invitation(template_url="")
    assert made.quick_create_url == ""
    assert any(made.external_id in step and "template file" in step for step in made.steps)


def test_each_link_has_an_external_id_of_its_own_and_one_given_is_kept() -> None:
    assert new_external_id() != new_external_id()
    assert make_invitation().external_id != make_invitation().external_id
    assert make_invitation(external_id="spotopt-kept").external_id == "spotopt-kept"


def test_what_is_no_account_id_is_refused() -> None:
    with pytest.raises(RejectedError, match="12 digits"):
        invitation("1111", service_account_id="9" * 12, external_id="", template_url="", region="us-east-1")


@pytest.mark.parametrize("arn", ["", "arn:aws:iam::1:role/x", "arn:aws:iam::111111111111:user/x"])
def test_what_is_no_role_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="arn"):
        Role(arn=arn, external_id="abc")


async def test_the_twin_tells_what_is_missing_and_what_for() -> None:
    role = make_role()
    twin = MemoryAccountAccess({role: {"ec2:CreateFleet"}})
    verified = await twin.verify(role, regions=["us-east-1"])
    assert [permission.action for permission in verified.missing] == ["ec2:CreateFleet"]
    assert verified.is_enough_to(Need.SEE)
    assert not verified.is_enough_to(Need.ACT)


async def test_the_twin_does_not_let_in_whom_it_does_not_know() -> None:
    verified = await MemoryAccountAccess().verify(make_role(), regions=["us-east-1"])
    assert not verified.lets_in
    assert not verified.is_enough_to(Need.SEE)
