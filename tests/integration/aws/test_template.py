"""The CloudFormation template makes the role that we ask for."""

from typing import Any

import pytest

from adapters.aws.accounts.invite import template
from demo.aws.fill import Customer


def make_stack(owner: Customer, access: str) -> Any:
    parameters = {"ServiceAccountId": "999999999999", "ExternalId": "spotopt-an-external-id", "Access": access}
    owner.client("cloudformation", "us-east-1").create_stack(
        StackName=f"spot-optimizer-{access}",
        TemplateBody=template(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return owner.client("iam", "us-east-1")


@pytest.mark.parametrize(("access", "policies"), [("advise", {"see"}), ("advise-and-act", {"see", "act"})])
def test_the_stack_makes_a_role_with_the_rights_that_were_chosen(
    owner: Customer, access: str, policies: set[str]
) -> None:
    iam = make_stack(owner, access)
    role = iam.get_role(RoleName="spot-optimizer")["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "spotopt-an-external-id"}}
    assert set(iam.list_role_policies(RoleName="spot-optimizer")["PolicyNames"]) == policies


def test_what_may_be_ended_is_bound_to_this_account(owner: Customer) -> None:
    iam = make_stack(owner, "advise-and-act")
    policy = iam.get_role_policy(RoleName="spot-optimizer", PolicyName="act")["PolicyDocument"]
    ends = [s for s in policy["Statement"] if s["Action"] == "ec2:TerminateInstances"]
    assert {s["Resource"] for s in ends} == {"arn:aws:ec2:*:111111111111:instance/*"}
