"""A customer's person in front of the API: no socket is opened."""

import json
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from actors.cluster.records import Mode
from demo.person import Person
from demo.world import TENANTS
from domain.errors import RejectedError, TransientError


def person(answer: Callable[[httpx.Request], httpx.Response]) -> Person:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://platform")
    return Person(http, TENANTS[0], password="four unrelated words")


async def test_a_session_that_has_ended_is_begun_anew_once_and_the_call_repeated() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/api/auth/signup":
            session = {"access_token": "old"}
            return httpx.Response(201, json={"session": session})
        if request.url.path == "/api/auth/token":
            return httpx.Response(200, json={"access_token": "new"})
        return httpx.Response(200 if request.headers["Authorization"] == "Bearer new" else 401, json={"id": "x"})

    ada = person(answer)
    await ada.sign_up()
    assert await ada.call("GET", "/api/clusters") == {"id": "x"}
    assert asked == ["/api/auth/signup", "/api/clusters", "/api/auth/token", "/api/clusters"]


async def test_a_cluster_is_connected_with_what_becomes_of_its_plans() -> None:
    sent: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(201, json={"id": str(UUID(int=1))})

    made = await person(answer).connect("shop", "us-east-1", account=UUID(int=2), mode=Mode.AUTOMATIC)
    assert (made, sent[0]["mode"]) == (UUID(int=1), "automatic")


@pytest.mark.parametrize(
    ("status", "kind"), [(409, RejectedError), (429, TransientError), (503, TransientError)], ids=["409", "429", "503"]
)
async def test_a_refusal_says_what_the_platform_said(status: int, kind: type[Exception]) -> None:
    ada = person(lambda _: httpx.Response(status, text="because"))
    with pytest.raises(kind, match=f"answers {status}: because"):
        await ada.call("POST", "/api/connect/link", {})
