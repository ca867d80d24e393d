"""The Kubernetes client: what is asked, what is tried again, and what each refusal means."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from adapters.clock import VirtualClock
from agent.kubernetes.api import PatchKind, path_of
from agent.kubernetes.client import SILENCE_S, TOKEN_FRESH_S, HttpKubernetes
from agent.kubernetes.errors import (
    LONGEST_ASKED_S,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    call_of,
)
from agent.settings import KubernetesAccess
from domain.errors import RejectedError, TransientError

PODS = path_of("pods")
EVICTION = path_of("pods", "api-1/eviction", namespace="shop")


class World:
    """A client, its clock, and an API server that answers by a function."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response], token_file: Path | None = None) -> None:
        self.clock = VirtualClock()
        self.asked: list[httpx.Request] = []
        self._answer = answer
        access = KubernetesAccess(url="https://kubernetes.example.com", token_file=token_file)
        self.client = HttpKubernetes(access, self.clock, transport=httpx.MockTransport(self._respond))

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer(request)

    async def outcome(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What a call gives, waits of up to a minute passed over."""
        task = asyncio.ensure_future(call)
        await self.clock.advance(60)
        assert task.done()
        return task.exception() or task.result()


def status(code: int, reason: str, message: str = "no", **details: Any) -> httpx.Response:
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return httpx.Response(code, json=body)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, InvalidError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (405, RefusedError),
        (409, ConflictError),
        (410, GoneError),
        (422, InvalidError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
async def test_a_refusal_is_sorted_by_what_the_caller_does_next(code: int, kind: type[Exception]) -> None:
    world = World(lambda _: status(code, "Reason"))
    error = await world.outcome(world.client.get(PODS))
    assert type(error) is kind
    assert isinstance(error, TransientError if kind is UnavailableError else RejectedError)
    assert len(world.asked) == (3 if kind is UnavailableError else 1)


async def test_a_denial_names_the_verb_and_the_resource_to_grant() -> None:
    world = World(lambda _: status(403, "Forbidden", 'User "agent" cannot create resource'))
    error = await world.outcome(world.client.post(EVICTION, {}))
    assert "grant verb 'create' on resource 'pods/eviction' of API group ''" in str(error)
    assert "a Role in namespace shop" in str(error)


async def test_an_eviction_that_a_budget_forbids_is_not_repeated_and_tells_which() -> None:
    causes = [{"reason": "DisruptionBudget", "message": "The disruption budget api needs 2 healthy pods"}]
    world = World(lambda _: status(429, "TooManyRequests", causes=causes, retryAfterSeconds=7))
    error = await world.outcome(world.client.post(EVICTION, {}))
    assert len(world.asked) == 1
    assert error.retry_after_s == 7
    assert (error.causes[0].reason, "needs 2 healthy" in error.causes[0].message) == ("DisruptionBudget", True)


async def test_a_read_is_tried_again_and_a_write_only_when_it_never_arrived() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    def break_off(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("broken")

    for answer, gets, posts in ((refuse, 3, 3), (break_off, 3, 1)):
        world = World(answer)
        assert isinstance(await world.outcome(world.client.get(PODS)), UnavailableError)
        assert len(world.asked) == gets
        assert isinstance(await world.outcome(world.client.post(EVICTION, {})), UnavailableError)
        assert len(world.asked) == gets + posts


async def test_an_answer_that_comes_on_the_second_try_counts() -> None:
    answers = iter([status(503, "Away"), httpx.Response(200, json={"items": []})])
    world = World(lambda _: next(answers))
    assert await world.outcome(world.client.get(PODS)) == {"items": []}


async def test_what_is_no_kubernetes_api_is_said() -> None:
    world = World(lambda _: httpx.Response(200, content=b"<html>welcome</html>"))
    assert "no Kubernetes API" in str(await world.outcome(world.client.get(PODS)))


@pytest.mark.parametrize("kind", PatchKind)
async def test_a_patch_says_how_it_is_merged(kind: PatchKind) -> None:
    world = World(lambda _: httpx.Response(200, json={}))
    await world.client.patch(path_of("nodes", "n1"), {"spec": {}}, kind=kind, params={"fieldManager": "agent"})
    assert world.asked[0].headers["content-type"] == kind.value
    assert world.asked[0].url.params["fieldManager"] == "agent"


async def test_a_deletion_carries_its_options() -> None:
    world = World(lambda _: httpx.Response(200, json={}))
    await world.client.delete(path_of("pods", "p", namespace="shop"), body={"gracePeriodSeconds": 0})
    assert orjson.loads(world.asked[0].content) == {"gracePeriodSeconds": 0}


class Chunks(httpx.AsyncByteStream):
    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


async def test_watch_events_come_whole_however_they_are_cut() -> None:
    text = '{"type":"ADDED","object":{"a":"one\u2028two\\u0085"}}\n{"type":"MODIFIED","object":{}}\n'.encode()
    world = World(lambda _: httpx.Response(200, stream=Chunks(*(text[at : at + 7] for at in range(0, len(text), 7)))))
    events = [event async for event in world.client.watch(PODS, params={"resourceVersion": "5"})]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED"]
    asked = world.asked[0].url.params
    assert (asked["watch"], asked["allowWatchBookmarks"], asked["resourceVersion"]) == ("true", "true", "5")


async def test_a_watch_that_is_too_old_is_gone_whether_told_by_status_or_event() -> None:
    event = orjson.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}})
    for answer in (status(410, "Expired"), httpx.Response(200, content=event + b"\n")):
        world = World(lambda _, answer=answer: answer)
        with pytest.raises(GoneError):
            await anext(world.client.watch(PODS))


async def test_a_watch_that_breaks_off_may_be_opened_again() -> None:
    world = World(lambda _: httpx.Response(200, stream=Chunks(b'{"type":"ADDED"}\n', httpx.ReadError("reset"))))
    events = world.client.watch(PODS)
    assert (await anext(events))["type"] == "ADDED"
    with pytest.raises(UnavailableError):
        await anext(events)


async def test_a_token_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    world = World(lambda _: httpx.Response(200, json={}), token_file=file)
    await world.client.get(PODS)
    file.write_text("second\n")
    await world.client.get(PODS)
    await world.clock.advance(TOKEN_FRESH_S + 1)
    await world.client.get(PODS)
    assert [request.headers["authorization"] for request in world.asked] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


async def test_a_token_that_is_no_longer_accepted_is_read_anew_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    def answer(request: httpx.Request) -> httpx.Response:
        known = request.headers["authorization"] == "Bearer second"
        return httpx.Response(200, json={}) if known else status(401, "Unauthorized")

    world = World(answer, token_file=file)
    assert isinstance(await world.outcome(world.client.get(PODS)), UnauthorizedError)
    assert len(world.asked) == 1
    file.write_text("second")
    assert await world.client.get(PODS) == {}
    assert len(world.asked) == 3


async def test_a_watch_that_falls_silent_ends_so_that_the_next_one_goes_on() -> None:
    silence = httpx.ReadTimeout("nothing was read")
    world = World(lambda _: httpx.Response(200, stream=Chunks(b'{"type":"ADDED"}\n', silence)))
    assert [event["type"] async for event in world.client.watch(PODS)] == ["ADDED"]
    assert world.asked[0].extensions["timeout"]["read"] == SILENCE_S


async def test_a_watch_that_is_not_even_begun_in_time_is_an_error() -> None:
    def hang(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing was read")

    world = World(hang)
    with pytest.raises(UnavailableError):
        await anext(world.client.watch(PODS))


async def test_a_namespace_that_is_being_deleted_is_no_lack_of_rights() -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "namespace shop is being terminated"}]
    world = World(lambda _: status(403, "Forbidden", "unable to create new content", causes=causes))
    error = await world.outcome(world.client.post(EVICTION, {}))
    assert isinstance(error, ForbiddenError)
    assert error.is_terminating
    assert "grant" not in str(error)


async def test_no_answer_makes_anybody_wait_for_ever() -> None:
    for header, told in (("9" * 400, None), ("1", 31_536_000)):
        world = World(lambda _, header=header, told=told: _patience(header, told))
        error = await world.outcome(world.client.post(EVICTION, {}))
        assert error.retry_after_s is not None
        assert error.retry_after_s <= LONGEST_ASKED_S


def _patience(header: str, told_s: int | None) -> httpx.Response:
    headers = {"Retry-After": header} if told_s is None else {}
    return httpx.Response(429, headers=headers, json={"details": {"retryAfterSeconds": told_s}})


async def test_a_token_file_that_is_gone_is_an_error_that_may_pass(tmp_path: Path) -> None:
    world = World(lambda _: httpx.Response(200, json={}), token_file=tmp_path / "missing")
    assert isinstance(await world.outcome(world.client.get(PODS)), UnavailableError)


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/api/v1/pods", "list pods"),
        ("WATCH", "/api/v1/pods", "watch pods"),
        ("GET", "/api/v1/namespaces/shop", "get namespaces shop"),
        ("GET", "/api/v1/namespaces/shop/pods/api", "get pods api in namespace shop"),
        ("POST", "/api/v1/namespaces/shop/pods/api/eviction", "create pods/eviction api in namespace shop"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/api", "patch deployments api in namespace shop"),
        ("PATCH", "/api/v1/nodes/n1/status", "patch nodes/status n1"),
        ("DELETE", "/api/v1/namespaces/shop/pods", "deletecollection pods in namespace shop"),
    ],
)
def test_a_call_is_told_in_the_words_of_rbac(method: str, path: str, told: str) -> None:
    assert str(call_of(method, path)) == told


def test_the_api_group_is_told_too() -> None:
    assert call_of("GET", "/apis/policy/v1/poddisruptionbudgets").group == "policy"
    assert call_of("GET", "/api/v1/pods").group == ""


def test_names_in_paths_are_quoted() -> None:
    assert path_of("pods", "a b/eviction", namespace="x/y") == "/api/v1/namespaces/x%2Fy/pods/a%20b/eviction"
