"""Dependencies of endpoints: who calls, and what they may."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from domain.fleet import KeyHolder
from domain.tenancy import OrganizationRole
from domain.wire.protocol import PROTOCOL_HEADER, negotiate
from serve.auth.changes import AuthChange, Subject
from serve.auth.cookies import ACCESS_COOKIE, CSRF_HEADER
from serve.auth.people import Person
from serve.auth.sessions import Claims, TokenUse, unix_ms
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError
from serve.gateway.requests import info_of

NOT_YOUR_CLUSTER = "the key is not this cluster's"
"""Said whether or not there is such a cluster, so that nobody learns which there are."""
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_session = HTTPBearer(
    auto_error=False, scheme_name="session", bearerFormat="JWT", description="Access token of `POST /api/auth/token`."
)
_cookie = APIKeyCookie(
    name=ACCESS_COOKIE,
    auto_error=False,
    scheme_name="sessionCookie",
    description=f"The same in a cookie; then POST, PATCH and DELETE repeat the CSRF token in `{CSRF_HEADER}`.",
)
_agent_key = HTTPBearer(
    auto_error=False,
    scheme_name="agentKey",
    bearerFormat="so_…",
    description=f"Key of a cluster's agent; the protocol's version goes with it in `{PROTOCOL_HEADER}`.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody signed in."""

    person: Person
    claims: Claims

    @property
    def user_id(self) -> UUID:
        """Who it is."""
        return self.person.user.id

    @property
    def organization_id(self) -> UUID | None:
        """Whose data they see; nobody's for a super admin."""
        return self.person.user.organization_id

    @property
    def email(self) -> str:
        """How the audit log names them."""
        return self.person.user.email


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Caller):
    """Somebody signed in who belongs to an organisation."""

    home: UUID


def unauthenticated(detail: str = "sign in first") -> ProblemError:
    """The answer to whom we do not know."""
    return ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})


def forbidden(detail: str) -> ProblemError:
    """The answer to whom we know and who may not."""
    return ProblemError(403, detail)


async def authenticate(gateway: Gateway, token: str) -> Caller | None:
    """Who an access token stands for, ``None`` when it opens nothing."""
    claims = gateway.sessions.read(token, TokenUse.ACCESS)
    if claims is None:
        return None
    person = await person_of(gateway, claims)
    if person is None or await gateway.services.hub.revoked.is_revoked(str(claims.session_id)):
        return None
    return Caller(person=person, claims=claims)


async def person_of(gateway: Gateway, claims: Claims) -> Person | None:
    """The owner of a token, if it still counts: the owner is allowed in, and the password unchanged since."""
    person = await gateway.people.get(claims.user_id)
    if person is not None and unix_ms(person.user.password_changed_at) < claims.password_ms:
        # We signed the token, so what is remembered here is older than the last change of the password.
        gateway.people.changed(AuthChange(subject=Subject.USER, id=claims.user_id))
        person = await gateway.people.get(claims.user_id)
    if person is None or not person.may_enter:
        return None
    return person if unix_ms(person.user.password_changed_at) == claims.password_ms else None


async def signed_in(
    request: Request,
    gateway: GatewayDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_session)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Caller:
    """Somebody signed in, by token or by cookie."""
    token = bearer.credentials if bearer is not None else cookie
    caller = await authenticate(gateway, token) if token else None
    if caller is None:
        raise unauthenticated()
    if bearer is None and request.method in UNSAFE:
        require_csrf(gateway, request, caller.claims.session_id)
    info_of(request.scope).actor = caller.email
    await gateway.admission.user(request, str(caller.user_id))
    return caller


def require_csrf(gateway: Gateway, request: Request, session_id: UUID) -> None:
    """Refuse a change asked for by a cookie alone: another site can have the browser send that."""
    if not gateway.sessions.csrf_matches(session_id, request.headers.get(CSRF_HEADER, "")):
        raise ProblemError(403, f"a session in a cookie needs its CSRF token in {CSRF_HEADER}", kind="csrf")


def member(role: OrganizationRole) -> Callable[..., Coroutine[Any, Any, Member]]:
    """Somebody who may do in their organisation what this role may."""

    async def check(caller: Annotated[Caller, Depends(signed_in)]) -> Member:
        home = caller.organization_id
        if home is None:
            raise forbidden("this belongs to organisations; a super admin is in none")
        if not caller.person.has(role):
            raise forbidden(f"this needs the role {role} or above")
        return Member(person=caller.person, claims=caller.claims, home=home)

    return check


async def _super_admin(caller: Annotated[Caller, Depends(signed_in)]) -> Caller:
    if not caller.person.is_super_admin:
        raise forbidden("this is for admins of the platform")
    return caller


async def _agent(
    cluster_id: UUID,
    request: Request,
    gateway: GatewayDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_agent_key)],
) -> KeyHolder:
    holder = await gateway.agent_keys.holder(bearer.credentials) if bearer is not None else None
    if holder is None:
        raise unauthenticated("the agent's key is missing, unknown, expired or revoked")
    if holder.cluster_id != cluster_id:
        raise forbidden(NOT_YOUR_CLUSTER)
    info = info_of(request.scope)
    info.actor, info.quiet = f"agent {cluster_id}", True
    await gateway.admission.agent(request, str(holder.api_key_id))
    info.protocol = negotiate(request.headers.get(PROTOCOL_HEADER))
    gateway.beats.used(holder.api_key_id)
    return holder


SignedIn = Annotated[Caller, Depends(signed_in)]
SuperAdmin = Annotated[Caller, Depends(_super_admin)]
Viewer = Annotated[Member, Depends(member(OrganizationRole.VIEWER))]
Operator = Annotated[Member, Depends(member(OrganizationRole.MEMBER))]
Manager = Annotated[Member, Depends(member(OrganizationRole.ADMIN))]
Agent = Annotated[KeyHolder, Depends(_agent)]
