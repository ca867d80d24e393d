"""AWS accounts: link, verify, list, disconnect."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from actors.accounts.linking import Linking
from adapters.aws.accounts.invite import template
from adapters.postgres.ports import Transaction
from adapters.postgres.ports.sites import AccountLook
from domain.audit import AuditEntry
from domain.commands import Outcome
from domain.fleet import Account, AccountStatus
from serve.auth.callers import Manager, Member, Operator, Viewer
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError, not_found
from serve.routes.responses import CHANGES, OF_CLUSTER, SIGNED_IN, problems
from serve.schemas.base import Done
from serve.schemas.connect import (
    AccountModel,
    InvitationAnswer,
    LinkAccount,
    PermissionModel,
    VerifyAccount,
    VerifyAccountAnswer,
)

router = APIRouter(tags=["accounts"])

TEMPLATE_PATH = "/connect/template.yaml"
VERIFY_LIMIT = "10/minute"
"""Verifications per organisation: each asks AWS two dozen things, in the name of whoever owns the role."""


@router.get(
    TEMPLATE_PATH,
    response_class=Response,
    responses=problems() | {200: {"description": "CloudFormation template", "content": {"application/yaml": {}}}},
)
async def cloudformation_template() -> Response:
    """The CloudFormation template of the role that lets us in; the same for everybody, and no secret."""
    headers = {"Content-Disposition": 'attachment; filename="spot-optimizer.yaml"'}
    return Response(template(), media_type="application/yaml", headers=headers)


@router.post("/connect/link", responses=CHANGES)
async def link(body: LinkAccount, caller: Manager, request: Request, gateway: GatewayDep) -> InvitationAnswer:
    """What the owner of an AWS account needs to let us in. Asked again, it is the same."""
    async with gateway.services.database.tenant(caller.home) as tx:
        account, invited = await Linking(gateway.services).begin(tx, caller.home, body.aws_account_id)
        if account.status is AccountStatus.PENDING:
            await tx.audit.append([_audited(request, gateway, caller, "account_linked", account)])
    return InvitationAnswer(
        account_id=account.id,
        external_id=account.external_id,
        role_arn=account.role_arn,
        quick_create_url=invited.quick_create_url or None,
        template_url=f"{gateway.services.settings.url}/api{TEMPLATE_PATH}",
        steps=list(invited.steps),
    )


@router.post("/connect/verify", responses=CHANGES)
async def verify(body: VerifyAccount, caller: Manager, request: Request, gateway: GatewayDep) -> VerifyAccountAnswer:
    """Try the role, right by right. When it lets us in, discovery begins within seconds."""
    linking = Linking(gateway.services)
    await _admit(gateway, caller)
    async with gateway.services.database.tenant(caller.home) as tx:
        account = await _mine(tx, body.account_id)
    # AWS is asked outside of any transaction: it may take a minute.
    verification = await linking.try_role(account, body.role_arn)
    async with gateway.services.database.tenant(caller.home) as tx:
        verified = await linking.conclude(tx, await _mine(tx, body.account_id), verification)
        outcome = Outcome.SUCCESS if verified.lets_in else Outcome.FAILURE
        text = verification.problem
        await tx.audit.append(
            [_audited(request, gateway, caller, "account_verified", account, outcome=outcome, text=text)]
        )
    return VerifyAccountAnswer(
        account=account_model(verified.account, verified.look),
        lets_in=verified.lets_in,
        may_act=verified.may_act,
        permissions=[PermissionModel.model_validate(one) for one in verified.look.permissions],
    )


@router.post("/onboard/skip", responses=CHANGES)
async def skip(caller: Operator, request: Request, gateway: GatewayDep) -> Done:
    """Look around first: the portal opens with the dashboard from now on."""
    async with gateway.services.database.tenant(caller.home) as tx:
        if await tx.organizations.skip_onboarding(caller.home, gateway.services.clock.now()):
            audited = entry(
                request,
                gateway.services.clock,
                actor=caller.email,
                organization_id=caller.home,
                event="onboarding_skipped",
                resource=("organization", str(caller.home)),
            )
            await tx.audit.append([audited])
    return Done()


@router.get("/settings/accounts", responses=SIGNED_IN)
async def accounts(caller: Viewer, gateway: GatewayDep) -> list[AccountModel]:
    """Linked AWS accounts, oldest first."""
    async with gateway.services.database.tenant(caller.home) as tx:
        return await account_models(tx, caller.home)


@router.delete("/settings/accounts/{account_id}", status_code=204, responses=OF_CLUSTER)
async def disconnect(account_id: UUID, caller: Manager, request: Request, gateway: GatewayDep) -> None:
    """Forget an AWS account and what was found there. Its clusters stay, watched by their agents alone."""
    async with gateway.services.database.tenant(caller.home) as tx:
        account = await _mine(tx, account_id)
        await Linking(gateway.services).disconnect(tx, account)
        await tx.audit.append([_audited(request, gateway, caller, "account_disconnected", account)])


async def account_models(tx: Transaction, organization_id: UUID) -> list[AccountModel]:
    """The accounts of an organisation with what each has last shown."""
    looks = {look.account_id: look for look in await tx.sites.looks(organization_id)}
    return [account_model(one, looks.get(one.id)) for one in await tx.accounts.of_organization(organization_id)]


def account_model(account: Account, look: AccountLook | None) -> AccountModel:
    """An account as it is told."""
    shown = AccountModel.model_validate(account)
    if look is None:
        return shown
    missing = tuple(PermissionModel.model_validate(one) for one in look.permissions if one["answer"] == "missing")
    return shown.model_copy(
        update={
            "verified_at": look.verified_at,
            "looked_at": look.looked_at,
            "problem": look.problem,
            "blind": dict(look.blind),
            "changes": dict(look.changes),
            "warnings": look.warnings,
            "missing": missing,
        }
    )


async def _mine(tx: Transaction, account_id: UUID) -> Account:
    account = await tx.accounts.get(account_id)
    if account is None:
        raise not_found("account")
    return account


async def _admit(gateway: Gateway, caller: Member) -> None:
    verdict = await gateway.services.hub.rates.hit(VERIFY_LIMIT, "verify-account", str(caller.home))
    if not verdict.allowed:
        retry = {"Retry-After": str(int(verdict.resets_in_s) + 1)}
        raise ProblemError(429, f"more than {VERIFY_LIMIT} verifications", headers=retry)


def _audited(
    request: Request,
    gateway: Gateway,
    caller: Member,
    event: str,
    account: Account,
    *,
    outcome: Outcome = Outcome.SUCCESS,
    text: str = "",
) -> AuditEntry:
    return entry(
        request,
        gateway.services.clock,
        actor=caller.email,
        organization_id=caller.home,
        event=event,
        resource=("account", str(account.id)),
        text=text or f"AWS account {account.aws_account_id}",
        outcome=outcome,
    )
