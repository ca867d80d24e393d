"""Passwords changed and reset, addresses confirmed, invitations accepted."""

from fastapi import APIRouter, Request, Response

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from domain.tenancy import OneTimeToken, TokenKind, User, UserRole
from serve.auth import mail_tokens
from serve.auth.callers import SignedIn, unauthenticated
from serve.auth.changes import AuthChange, Subject
from serve.auth.cookies import ACCESS_COOKIE
from serve.auth.opening import open_session, session_answer
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError
from serve.routes.auth import audited, strong
from serve.routes.responses import OPEN, SIGNED_IN, problems
from serve.schemas.auth import (
    InviteAccept,
    MailTokenBody,
    PasswordChange,
    ResetConfirm,
    ResetRequest,
    SessionAnswer,
    SessionKind,
)
from serve.schemas.base import Done

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/password", responses=OPEN | SIGNED_IN)
async def change_password(
    body: PasswordChange, caller: SignedIn, request: Request, response: Response, gateway: GatewayDep
) -> SessionAnswer:
    """Change the password. All sessions end; the answer holds a new one."""
    user = caller.person.user
    await gateway.admission.sign_in(request, user.email)
    if not await gateway.passwords.verify(user.password_hash, body.current):
        raise ProblemError(403, "the current password is wrong", kind="wrong-password")
    strong(body.password, email=user.email)
    hashed = await gateway.passwords.hash(body.password)
    async with gateway.services.database.platform() as tx:
        changed = await _set_password(tx, gateway, user, hashed)
        session = await open_session(tx, gateway, changed)
        await tx.audit.append([audited(request, gateway, user, "password_changed")])
    await gateway.forget(AuthChange(subject=Subject.USER, id=user.id))
    by_cookie = "authorization" not in request.headers and ACCESS_COOKIE in request.cookies
    return session_answer(gateway, response, session, SessionKind.COOKIE if by_cookie else SessionKind.BEARER)


@router.post("/password/reset", status_code=202, responses=OPEN)
async def request_reset(body: ResetRequest, request: Request, gateway: GatewayDep) -> Done:
    """Send a mail with a link to reset the password. The answer is the same for addresses that nobody has."""
    await gateway.admission.sign_in(request, body.email)
    async with gateway.services.database.platform() as tx:
        user = await tx.users.by_email(body.email)
        mail = await mail_tokens.reset(tx, gateway, user) if user and user.disabled_at is None else None
    if mail is not None:
        mail_tokens.post(gateway, mail)
    return Done()


@router.post("/password/confirm", responses=OPEN)
async def confirm_reset(body: ResetConfirm, request: Request, gateway: GatewayDep) -> Done:
    """Set a new password by the token of the mail. All sessions end; the address counts as confirmed."""
    await gateway.admission.sign_in(request)
    strong(body.password, email="")
    hashed = await gateway.passwords.hash(body.password)
    now = gateway.services.clock.now()
    async with gateway.services.database.platform() as tx:
        user = await _redeemed(tx, gateway, TokenKind.RESET, body.token)
        await _set_password(tx, gateway, user, hashed)
        await tx.users.confirm_email(user.id, now)
        await tx.audit.append([audited(request, gateway, user, "password_reset")])
    await gateway.forget(AuthChange(subject=Subject.USER, id=user.id))
    return Done()


@router.post("/confirm", responses=OPEN)
async def confirm_address(body: MailTokenBody, request: Request, gateway: GatewayDep) -> Done:
    """Confirm an e-mail address by the token of the mail."""
    await gateway.admission.sign_in(request)
    async with gateway.services.database.platform() as tx:
        user = await _redeemed(tx, gateway, TokenKind.CONFIRM, body.token)
        await tx.users.confirm_email(user.id, gateway.services.clock.now())
        await tx.audit.append([audited(request, gateway, user, "email_confirmed")])
    await gateway.forget(AuthChange(subject=Subject.USER, id=user.id))
    return Done()


@router.post("/confirm/resend", status_code=202, responses=SIGNED_IN)
async def resend_confirmation(caller: SignedIn, request: Request, gateway: GatewayDep) -> Done:
    """Send the confirmation mail again; earlier ones are void."""
    user = caller.person.user
    await gateway.admission.sign_in(request, user.email)
    if user.email_confirmed_at is None:
        async with gateway.services.database.platform() as tx:
            mail = await mail_tokens.confirmation(tx, gateway, user)
        mail_tokens.post(gateway, mail)
    return Done()


@router.post("/invite/accept", status_code=201, responses=OPEN | problems(409))
async def accept_invitation(
    body: InviteAccept, request: Request, response: Response, gateway: GatewayDep
) -> SessionAnswer:
    """Join an organisation by the token of the mail."""
    await gateway.admission.sign_in(request)
    strong(body.password, email="")
    hashed = await gateway.passwords.hash(body.password)
    async with gateway.services.database.platform() as tx:
        token = await tx.tokens.redeem(
            TokenKind.INVITE, mail_tokens.digest_of(body.token), gateway.services.clock.now()
        )
        if token is None:
            raise _void_token()
        user = _invited(gateway, token, name=body.name, password_hash=hashed)
        await tx.users.create(user)
        session = await open_session(tx, gateway, user)
        await tx.audit.append([audited(request, gateway, user, "invitation_accepted")])
    return session_answer(gateway, response, session, body.session)


async def _redeemed(tx: Transaction, gateway: Gateway, kind: TokenKind, token: str) -> User:
    redeemed = await tx.tokens.redeem(kind, mail_tokens.digest_of(token), gateway.services.clock.now())
    user = await tx.users.get(redeemed.user_id) if redeemed is not None and redeemed.user_id else None
    if user is None or user.disabled_at is not None:
        raise _void_token()
    return user


def _void_token() -> ProblemError:
    return ProblemError(422, "the link was used before or is too old; ask for a new one", kind="void-token")


async def _set_password(tx: Transaction, gateway: Gateway, user: User, hashed: str) -> User:
    now = gateway.services.clock.now()
    await tx.users.set_password(user.id, hashed, now)
    await tx.tokens.revoke_user(user.id, now)
    changed = await tx.users.get(user.id)
    if changed is None:
        raise unauthenticated()
    return changed


def _invited(gateway: Gateway, token: OneTimeToken, *, name: str, password_hash: str) -> User:
    now = gateway.services.clock.now()
    return User(
        id=new_id(),
        email=token.email,
        password_hash=password_hash,
        role=UserRole.CLIENT,
        created_at=now,
        updated_at=now,
        password_changed_at=now,
        organization_id=token.organization_id,
        organization_role=token.organization_role,
        name=name,
        email_confirmed_at=now,
    )
