"""The WebSocket of the onboarding page: how far discovery is in each AWS account."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, WebSocket

from adapters.redis import keys
from adapters.redis.ports import Gap
from serve.gateway.context import Gateway, gateway_of
from serve.schemas.messages import AccountMessage
from serve.sockets import guests
from serve.sockets.connection import Connection
from serve.sockets.feed import READY_TEXT
from serve.sockets.portal import serve_page

router = APIRouter()


@router.websocket("/connect/stream")
async def discovery(socket: WebSocket) -> None:
    """How each account stands, then each step of discovery as it is done."""
    gateway = gateway_of(socket)
    caller = await guests.member(socket, gateway)
    if caller is not None:
        await serve_page(socket, gateway, caller, partial(follow_discovery, gateway, caller.home))


async def follow_discovery(gateway: Gateway, organization_id: UUID, connection: Connection) -> None:
    """Tell a page how each account of an organisation stands, then each step, until cancelled."""
    async with gateway.services.hub.bus.subscribe(keys.discovery(str(organization_id))) as steps:
        connection.put(READY_TEXT)
        await _tell_standing(gateway, organization_id, connection)
        async for item in steps:
            if isinstance(item, Gap):
                await _tell_standing(gateway, organization_id, connection)
            else:
                connection.put(item.body.decode(errors="replace"))


async def _tell_standing(gateway: Gateway, organization_id: UUID, connection: Connection) -> None:
    """What a page needs that opens, or may have missed something, in the middle of a discovery."""
    async with gateway.services.database.tenant(organization_id) as tx:
        accounts = await tx.accounts.of_organization(organization_id)
        found = await tx.sites.of_organization(organization_id)
    for account in accounts:
        own = [cluster for cluster in found if cluster.account_id == account.id]
        standing = AccountMessage(
            account_id=account.id,
            aws_account_id=account.aws_account_id,
            status=account.status,
            reason=account.status_reason,
            clusters=len(own),
            instances=sum(cluster.node_count for cluster in own),
        )
        connection.put(standing.model_dump_json())
