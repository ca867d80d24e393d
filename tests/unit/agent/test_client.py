"""HTTP to the service: each status becomes what the protocol says that the agent does."""

import httpx
import pytest

from adapters.clock import VirtualClock
from agent.service.client import LONGEST_ASKED_S, ServiceClient
from agent.service.errors import BodyRefusedError, ServiceAwayError, TooLargeError, UnwelcomeError, UpgradeNeededError
from domain.wire.messages import RegisterRequest
from tests.unit.agent.service import ServiceTwin, make_settings, problem

REGISTER = RegisterRequest(agent_version="1", kubernetes_version="1", node_count=1, instance="agent-0")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnwelcomeError),
        (403, UnwelcomeError),
        (404, BodyRefusedError),
        (409, BodyRefusedError),
        (413, TooLargeError),
        (422, BodyRefusedError),
        (426, UpgradeNeededError),
        (429, ServiceAwayError),
        (500, ServiceAwayError),
        (503, ServiceAwayError),
        (302, ServiceAwayError),
    ],
)
async def test_a_status_is_sorted(status: int, kind: type[Exception]) -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: problem(status, "uptime_s: is wrong")
    with pytest.raises(kind) as error:
        await twin.client().pending()
    assert type(error.value) is kind
    assert "uptime_s" in str(error.value) or status == 302


async def test_the_service_may_ask_for_patience() -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: problem(429, **{"Retry-After": "17"})
    with pytest.raises(ServiceAwayError) as error:
        await twin.client().pending()
    assert error.value.retry_after_s == 17


async def test_the_patience_that_is_asked_for_has_a_bound() -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: problem(503, **{"Retry-After": "9" * 400})
    with pytest.raises(ServiceAwayError) as error:
        await twin.client().pending()
    assert error.value.retry_after_s == LONGEST_ASKED_S


async def test_a_cluster_that_is_not_known_at_registration_is_no_welcome() -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: problem(404)
    with pytest.raises(UnwelcomeError):
        await twin.client().register(REGISTER)


async def test_no_connection_may_pass() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ServiceAwayError, match="refused"):
        await ServiceClient(make_settings(), transport=httpx.MockTransport(refuse)).pending()


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]"])
async def test_an_answer_that_is_not_the_services_may_pass(content: bytes) -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: httpx.Response(200, content=content)
    with pytest.raises(ServiceAwayError):
        await twin.client().pending()


async def test_fields_that_a_newer_service_adds_are_passed_over() -> None:
    twin = ServiceTwin(VirtualClock())
    twin.trouble = lambda _path: httpx.Response(200, content=b'{"actions":[],"weather":"fine"}')
    assert (await twin.client().pending()).actions == []


async def test_a_service_that_speaks_no_common_protocol_is_told_apart() -> None:
    twin = ServiceTwin(VirtualClock(), headers={"X-Spotopt-Protocol": "2"})
    with pytest.raises(UpgradeNeededError):
        await twin.client().pending()
