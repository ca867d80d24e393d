"""The process on each node: what it asks of the instance metadata, and how it marks its node."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
import pytest

from agent.interruptions.metadata import Metadata, MetadataAwayError, NoMetadataError
from agent.interruptions.node import NodeWatch
from agent.interruptions.notices import Kind, read_node
from agent.kubernetes.errors import ForbiddenError
from tests.unit.agent.twin import START, Cluster, TwinClock, run

END_TEXT = "2026-03-01T12:02:00Z"
END = START + timedelta(seconds=120)


class Imds:
    """The instance metadata service: tokens, and what is said about instance i-a."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.token = "token-1"
        self.tokens_given = 0
        self.fails: Exception | int | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.fails, Exception):
            raise self.fails
        if request.method == "PUT":
            return self._give_token(request)
        if request.headers.get("X-aws-ec2-metadata-token") != self.token:
            return httpx.Response(401)
        if request.url.path == "/latest/meta-data/instance-id":
            return httpx.Response(200, text="i-a")
        told = self.said.get(request.url.path.rpartition("/")[2])
        if isinstance(told, str):
            return httpx.Response(200, text=told)
        return httpx.Response(404) if told is None else httpx.Response(200, json=told)

    def _give_token(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.fails, int):
            return httpx.Response(self.fails)
        assert request.url.path == "/latest/api/token"
        assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self.tokens_given += 1
        return httpx.Response(200, text=self.token)


class Desk:
    def __init__(self, http: httpx.AsyncClient, imds: Imds, *, dry_run: bool) -> None:
        self.imds = imds
        self.cluster = Cluster()
        self.cluster.node("a")
        clock = TwinClock()
        self.metadata = Metadata(http, clock)
        self.watch = NodeWatch(self.cluster, self.metadata, clock, node="a", dry_run=dry_run)

    def said(self, kind: Kind) -> Any:
        return read_node(self.cluster.read_node("a")).notice(kind)


def on_node(main: Callable[[Desk], Coroutine[Any, Any, None]], *, dry_run: bool = False) -> None:
    async def whole() -> None:
        imds = Imds()
        async with httpx.AsyncClient(base_url="http://imds", transport=httpx.MockTransport(imds)) as http:
            await main(Desk(http, imds, dry_run=dry_run))

    run(whole())


def test_a_notice_is_on_the_node_within_seconds() -> None:
    async def main(desk: Desk) -> None:
        task = asyncio.create_task(desk.watch.run())
        await asyncio.sleep(10)
        assert desk.said(Kind.INTERRUPTION) is None
        desk.imds.said["instance-action"] = {"action": "terminate", "time": END_TEXT}
        await asyncio.sleep(3)
        assert desk.said(Kind.INTERRUPTION).deadline == END
        task.cancel()

    on_node(main)


def test_a_recommendation_is_marked_too() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.said["rebalance"] = {"noticeTime": "2026-03-01T11:59:00Z"}
        await desk.watch.look()
        assert desk.said(Kind.REBALANCE).at == START - timedelta(minutes=1)

    on_node(main)


def test_only_the_status_of_its_own_node_is_written_and_only_when_something_is_new() -> None:
    async def main(desk: Desk) -> None:
        for _ in range(10):
            await desk.watch.look()
        assert set(desk.cluster.paths("PATCH")) == {"/api/v1/nodes/a/status"}
        assert len(desk.cluster.paths("PATCH")) == 2

    on_node(main)


def test_a_mark_of_the_life_before_is_taken_back() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.said["instance-action"] = {"action": "stop", "time": END_TEXT}
        await desk.watch.look()
        desk.imds.said.clear()
        restarted = NodeWatch(desk.cluster, desk.metadata, TwinClock(), node="a", dry_run=False)
        await restarted.look()
        assert desk.said(Kind.INTERRUPTION) is None

    on_node(main)


def test_other_conditions_of_the_node_stay() -> None:
    async def main(desk: Desk) -> None:
        await desk.watch.look()
        types = [one["type"] for one in desk.cluster.read_node("a")["status"]["conditions"]]
        assert types == ["Ready", "SpotInterruption", "RebalanceRecommendation"]

    on_node(main)


def test_a_dry_run_marks_nothing() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.said["instance-action"] = {"action": "terminate", "time": END_TEXT}
        await desk.watch.look()
        assert desk.cluster.calls == []

    on_node(main, dry_run=True)


def test_a_token_is_asked_for_once_an_hour_and_when_it_is_refused() -> None:
    async def main(desk: Desk) -> None:
        for _ in range(5):
            await desk.watch.look()
        assert desk.imds.tokens_given == 1
        desk.imds.token = "token-2"
        await desk.watch.look()
        assert desk.imds.tokens_given == 2
        await asyncio.sleep(3_600)
        await desk.watch.look()
        assert desk.imds.tokens_given == 3

    on_node(main)


def test_an_answer_that_is_lost_on_its_way_is_told_as_the_hop_limit() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.fails = httpx.ReadTimeout("")
        with pytest.raises(NoMetadataError, match="hop limit"):
            await desk.watch.look()

    on_node(main)


def test_a_service_that_cannot_be_reached_is_told_as_such() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.fails = httpx.ConnectTimeout("")
        with pytest.raises(MetadataAwayError, match="network policy"):
            await desk.watch.look()

    on_node(main)


def test_a_service_that_is_switched_off_is_told_as_such() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.fails = 403
        with pytest.raises(NoMetadataError, match="switched off"):
            await desk.watch.look()

    on_node(main)


@pytest.mark.parametrize("said", ["no json", {"action": "terminate"}, {"action": 5, "time": END_TEXT}, ["x"]])
def test_an_answer_that_is_not_as_documented_is_no_notice(said: Any) -> None:
    async def main(desk: Desk) -> None:
        desk.imds.said["instance-action"] = said
        with pytest.raises(MetadataAwayError):
            await desk.watch.look()
        assert desk.cluster.calls == []

    on_node(main)


def test_trouble_is_told_in_the_health_check_and_outlasted() -> None:
    async def main(desk: Desk) -> None:
        desk.imds.fails = httpx.ConnectError("")
        task = asyncio.create_task(desk.watch.run())
        await asyncio.sleep(100)
        assert "cannot be reached" in desk.watch.problem
        desk.imds.fails = None
        desk.imds.said["instance-action"] = {"action": "terminate", "time": END_TEXT}
        await asyncio.sleep(45)
        assert desk.watch.problem == ""
        assert desk.said(Kind.INTERRUPTION) is not None
        task.cancel()

    on_node(main)


def test_a_mark_that_rbac_denies_is_tried_again() -> None:
    async def main(desk: Desk) -> None:
        denied = ForbiddenError(403, "Forbidden", "grant verb 'patch' on resource 'nodes/status'")
        desk.cluster.fail("PATCH", denied, times=3)
        desk.imds.said["instance-action"] = {"action": "terminate", "time": END_TEXT}
        task = asyncio.create_task(desk.watch.run())
        await asyncio.sleep(1)
        assert "nodes/status" in desk.watch.problem
        await asyncio.sleep(20)
        assert desk.said(Kind.INTERRUPTION) is not None
        task.cancel()

    on_node(main)
