"""WebSockets of people: opened by a one-time ticket, and kept while its owner is still welcome."""

from datetime import timedelta

from starlette.websockets import WebSocket

from domain.tenancy import OrganizationRole
from serve.auth.callers import Caller, Member, person_of
from serve.auth.sessions import Claims
from serve.gateway.context import Gateway
from serve.gateway.problems import ProblemError, problem_response
from serve.gateway.requests import info_of
from serve.sockets.connection import CLOSE_POLICY

NO_TICKET = ProblemError(401, "open a WebSocket with a fresh ticket: POST /api/auth/ws-ticket")


async def member(socket: WebSocket, gateway: Gateway) -> Member | None:
    """The member of an organisation whose ticket is in the address, ``None`` when the WebSocket was refused."""
    caller = await _caller(socket, gateway)
    home = caller.organization_id if caller else None
    if caller is None or home is None or not caller.person.has(OrganizationRole.VIEWER):
        await refuse(socket, NO_TICKET if caller is None else _not_for_you())
        return None
    return Member(person=caller.person, claims=caller.claims, home=home)


async def super_admin(socket: WebSocket, gateway: Gateway) -> Caller | None:
    """The super admin whose ticket is in the address, ``None`` when the WebSocket was refused."""
    caller = await _caller(socket, gateway)
    if caller is None or not caller.person.is_super_admin:
        await refuse(socket, NO_TICKET if caller is None else _not_for_you())
        return None
    return caller


async def still_welcome(gateway: Gateway, caller: Caller) -> bool:
    """Whether whoever opened a WebSocket may go on: not for longer than a session lasts."""
    longest = timedelta(hours=gateway.services.settings.session_h)
    if gateway.services.clock.now() > caller.claims.expires_at + longest:
        return False
    ended = await gateway.services.hub.revoked.is_revoked(str(caller.claims.session_id))
    return not ended and await person_of(gateway, caller.claims) is not None


async def refuse(socket: WebSocket, problem: ProblemError) -> None:
    """Refuse the handshake: as HTTP where the server can, else by closing."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        response = problem_response(problem, request_id=info_of(socket.scope).id, path=socket.url.path)
        await socket.send_denial_response(response)
    else:
        await socket.close(CLOSE_POLICY, str(problem.detail)[:120])


async def _caller(socket: WebSocket, gateway: Gateway) -> Caller | None:
    ticket = socket.query_params.get("ticket", "")
    carried = await gateway.services.hub.tickets.redeem(ticket, opens=socket.url.path) if ticket else None
    claims = Claims.of_ticket(carried) if carried else None
    person = await person_of(gateway, claims) if claims else None
    return Caller(person=person, claims=claims) if person is not None and claims is not None else None


def _not_for_you() -> ProblemError:
    return ProblemError(403, "this WebSocket is not for you")
