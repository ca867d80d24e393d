"""What a customer needs to let us in: an external id of ours, the template, a link that fills it in."""

import re
import secrets
from importlib.resources import files
from urllib.parse import urlencode

from adapters.aws.ports.access import Role
from adapters.aws.ports.accounts import Invitation
from domain.errors import RejectedError

ROLE_NAME = "spot-optimizer"
STACK_NAME = "spot-optimizer"
CONSOLE = "https://console.aws.amazon.com/cloudformation/home"
_ACCOUNT = re.compile(r"[0-9]{12}")


def new_external_id() -> str:
    """An external id that nobody guesses: 192 random bits."""
    return f"spotopt-{secrets.token_urlsafe(24)}"


def template() -> str:
    """The CloudFormation template, as it is served."""
    return files(__package__).joinpath("template.yaml").read_text(encoding="utf-8")


def invitation(
    aws_account_id: str, *, service_account_id: str, external_id: str, template_url: str, region: str
) -> Invitation:
    """What to give a customer.

    Parameters
    ----------
    service_account_id
        The account that we run in: whom the role lets in.
    template_url
        Where AWS finds the template: CloudFormation reads from S3 only. Empty where nobody has put it there; the
        customer then uploads the file.
    region
        Region of the stack; the role itself holds everywhere.

    Raises
    ------
    RejectedError
        It is no account id.
    """
    if not _ACCOUNT.fullmatch(aws_account_id):
        raise RejectedError(f"{aws_account_id!r} is no AWS account id: it has 12 digits")
    arn = f"arn:aws:iam::{aws_account_id}:role/{ROLE_NAME}"
    given = Role(arn=arn, external_id=external_id or new_external_id())
    url = _quick_create_url(given, service_account_id=service_account_id, template_url=template_url, region=region)
    return Invitation(
        external_id=given.external_id,
        template=template(),
        quick_create_url=url if template_url else "",
        role_arn=arn,
        steps=tuple(_steps(given, service_account_id=service_account_id, by_link=bool(template_url))),
    )


def _quick_create_url(role: Role, *, service_account_id: str, template_url: str, region: str) -> str:
    filled_in = {
        "templateURL": template_url,
        "stackName": STACK_NAME,
        "param_ServiceAccountId": service_account_id,
        "param_ExternalId": role.external_id,
        "param_RoleName": ROLE_NAME,
    }
    return f"{CONSOLE}?{urlencode({'region': region})}#/stacks/quickcreate?{urlencode(filled_in)}"


def _steps(role: Role, *, service_account_id: str, by_link: bool) -> list[str]:
    begin = (
        "Open the link; the console shows a stack with all fields filled in."
        if by_link
        else f"In CloudFormation, create a stack from the template file with ServiceAccountId {service_account_id} "
        f"and ExternalId {role.external_id}."
    )
    return [
        f"Sign in to the AWS console of account {role.account_id} as somebody who may create IAM roles.",
        begin,
        'Choose "advise" to have nothing changed, or "advise-and-act"; confirm that the stack creates an IAM role.',
        f"When the stack is complete, verify the role {role.arn} here.",
    ]
