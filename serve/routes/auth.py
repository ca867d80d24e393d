"""Sign up, sign in, stay signed in, sign out, who am I, tickets for WebSockets."""

from typing import Annotated, Literal

from fastapi import APIRouter, Cookie, Request, Response

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Rotation, RotationOutcome
from adapters.redis.ports import TICKET_TTL_S
from domain.audit import AuditEntry
from domain.commands import Outcome
from domain.paging import PageRequest
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from serve.auth import mail_tokens
from serve.auth.callers import SignedIn, person_of, require_csrf, unauthenticated
from serve.auth.cookies import REFRESH_COOKIE, clear_session
from serve.auth.opening import digest_of, is_https, open_session, refresh_row, session_answer, void_session
from serve.auth.passwords import WeakPasswordError, require_strong
from serve.auth.people import Person
from serve.auth.sessions import Claims, TokenPair, TokenUse
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError, invalid
from serve.routes.responses import OPEN, SIGNED_IN, problems
from serve.schemas.auth import (
    Me,
    OrganizationModel,
    Refresh,
    SessionAnswer,
    SessionKind,
    SignIn,
    SignUp,
    SignUpAnswer,
    TicketAnswer,
    TicketRequest,
    UserModel,
)

router = APIRouter(prefix="/auth", tags=["auth"])
WRONG = "the e-mail address or the password is wrong"


@router.post("/signup", status_code=201, responses=OPEN | problems(409))
async def sign_up(body: SignUp, request: Request, response: Response, gateway: GatewayDep) -> SignUpAnswer:
    """Make an organisation and its owner. A confirmation mail goes out."""
    await gateway.admission.sign_in(request, body.email)
    strong(body.password, email=body.email)
    organization, user = _founded(gateway, body, await gateway.passwords.hash(body.password))
    async with gateway.services.database.platform() as tx:
        await tx.organizations.sign_up(organization, user)
        mail = await mail_tokens.confirmation(tx, gateway, user)
        must_confirm = gateway.services.settings.confirmation_required
        session = None if must_confirm else await open_session(tx, gateway, user)
        await tx.audit.append([audited(request, gateway, user, "sign_up")])
    mail_tokens.post(gateway, mail)
    return SignUpAnswer(
        user_id=user.id,
        organization_id=organization.id,
        confirmation_sent=True,
        session=session_answer(gateway, response, session, body.session) if session else None,
    )


@router.post("/token", responses=OPEN | problems(401, 403))
async def sign_in(body: SignIn, request: Request, response: Response, gateway: GatewayDep) -> SessionAnswer:
    """Begin a session. Takes as long, and says the same, whether address or password is wrong."""
    await gateway.admission.sign_in(request, body.email)
    async with gateway.services.database.platform() as tx:
        user = await tx.users.by_email(body.email)
        home = user.organization_id if user else None
        organization = await tx.organizations.get(home) if home else None
    right = await gateway.passwords.verify(user.password_hash if user else None, body.password)
    if user is None:
        raise unauthenticated(WRONG)
    if not right or not Person(user=user, organization=organization).may_enter:
        await _note_failure(request, gateway, user)
        raise unauthenticated(WRONG)
    if gateway.services.settings.confirmation_required and user.email_confirmed_at is None:
        raise ProblemError(403, "confirm your e-mail address first", kind="email-unconfirmed")
    async with gateway.services.database.platform() as tx:
        session = await open_session(tx, gateway, user)
        await tx.audit.append([audited(request, gateway, user, "sign_in")])
    return session_answer(gateway, response, session, body.session)


@router.post("/refresh", responses=OPEN | problems(401, 403))
async def refresh(
    body: Refresh,
    request: Request,
    response: Response,
    gateway: GatewayDep,
    cookie: Annotated[str | None, Cookie(alias=REFRESH_COOKIE, include_in_schema=False)] = None,
) -> SessionAnswer:
    """The next tokens of a session. A refresh token works once: shown twice, it was stolen, and the session ends."""
    token = body.refresh_token or cookie or ""
    claims = gateway.sessions.read(token, TokenUse.REFRESH)
    if claims is None:
        raise unauthenticated("the refresh token is unknown or has expired")
    if body.refresh_token is None:
        require_csrf(gateway, request, claims.session_id)
    pair = await _rotated(request, gateway, claims, token)
    kind = SessionKind.BEARER if body.refresh_token else SessionKind.COOKIE
    return session_answer(gateway, response, (claims.session_id, pair), kind)


@router.post("/logout", status_code=204, responses=SIGNED_IN)
async def sign_out(caller: SignedIn, request: Request, response: Response, gateway: GatewayDep) -> None:
    """End the session: its tokens open nothing any more."""
    now = gateway.services.clock.now()
    await void_session(gateway, caller.claims.session_id)
    async with gateway.services.database.platform() as tx:
        await tx.tokens.revoke_family(caller.claims.session_id, now)
        await tx.audit.append([audited(request, gateway, caller.person.user, "sign_out")])
    clear_session(response, https=is_https(gateway))


@router.get("/me", responses=SIGNED_IN)
async def me(caller: SignedIn, gateway: GatewayDep) -> Me:
    """Who is signed in, and where to go next."""
    user, organization = caller.person.user, caller.person.organization
    return Me(
        user=UserModel(
            id=user.id,
            email=user.email,
            name=user.name,
            role=user.role,
            organization_role=user.organization_role,
            email_confirmed=user.email_confirmed_at is not None,
        ),
        organization=OrganizationModel(id=organization.id, name=organization.name) if organization else None,
        next=await _next_page(gateway, organization),
    )


@router.post("/ws-ticket", responses=SIGNED_IN)
async def ticket(body: TicketRequest, caller: SignedIn, gateway: GatewayDep) -> TicketAnswer:
    """A ticket that opens one WebSocket once, so that no lasting token stands in an address."""
    made = await gateway.services.hub.tickets.issue(caller.claims.to_ticket(), opens=body.opens)
    return TicketAnswer(ticket=made, expires_in_s=TICKET_TTL_S)


def strong(password: str, *, email: str) -> None:
    """Refuse a weak password by naming the field."""
    try:
        require_strong(password, email=email)
    except WeakPasswordError as err:
        raise invalid("body.password", str(err)) from err


def _founded(gateway: Gateway, body: SignUp, password_hash: str) -> tuple[Organization, User]:
    now = gateway.services.clock.now()
    organization = Organization(id=new_id(), name=body.organization, created_at=now, updated_at=now)
    user = User(
        id=new_id(),
        email=body.email,
        password_hash=password_hash,
        role=UserRole.CLIENT,
        created_at=now,
        updated_at=now,
        password_changed_at=now,
        organization_id=organization.id,
        organization_role=OrganizationRole.OWNER,
        name=body.name,
    )
    return organization, user


async def _rotated(request: Request, gateway: Gateway, claims: Claims, token: str) -> TokenPair:
    """Use up a refresh token. The verdict is judged after the transaction, which keeps what it found out."""
    if await gateway.services.hub.revoked.is_revoked(str(claims.session_id)):
        raise unauthenticated("the session has ended")
    person = await person_of(gateway, claims)
    if person is None:
        raise unauthenticated("the session has ended")
    pair = gateway.sessions.continued(person.user, claims)
    successor = refresh_row(gateway, person.user, claims.session_id, pair)
    async with gateway.services.database.platform() as tx:
        rotation: Rotation = await tx.tokens.rotate(digest_of(token), successor, gateway.services.clock.now())
        if rotation.outcome is RotationOutcome.REUSED:
            await tx.audit.append([audited(request, gateway, person.user, "refresh_token_reused", Outcome.REFUSED)])
    if rotation.outcome is RotationOutcome.REUSED:
        await void_session(gateway, claims.session_id)
    if rotation.outcome is not RotationOutcome.ROTATED:
        raise unauthenticated("the refresh token was used before or its session has ended")
    return pair


async def _note_failure(request: Request, gateway: Gateway, user: User) -> None:
    async with gateway.services.database.platform() as tx:
        await tx.audit.append([audited(request, gateway, user, "sign_in", Outcome.REFUSED)])


def audited(
    request: Request, gateway: Gateway, user: User, event: str, outcome: Outcome = Outcome.SUCCESS
) -> AuditEntry:
    """What somebody did with their own account."""
    return entry(
        request,
        gateway.services.clock,
        actor=user.email,
        organization_id=user.organization_id,
        event=event,
        resource=("user", str(user.id)),
        outcome=outcome,
    )


async def _next_page(
    gateway: Gateway, organization: Organization | None
) -> Literal["onboarding", "dashboard", "admin"]:
    if organization is None:
        return "admin"
    async with gateway.services.database.tenant(organization.id) as tx:
        clusters = await tx.clusters.page(organization.id, PageRequest(limit=1))
        accounts = () if clusters.items else await tx.accounts.of_organization(organization.id)
        at_home = bool(clusters.items or accounts) or await tx.organizations.has_skipped_onboarding(organization.id)
    return "dashboard" if at_home else "onboarding"
