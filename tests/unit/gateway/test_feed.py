"""What the portal's WebSocket says: in the words of its schema, of one's own clusters and regions, and no more."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest

from actors.hosting.messages import messages_of
from adapters.redis import keys, wire
from adapters.redis.ports import Message
from domain.commands import TellPortal
from domain.market import Pool
from serve.auth.callers import Member
from serve.schemas.messages import PortalMessage
from serve.sockets.connection import Connection
from serve.sockets.feed import READY_TEXT, RESYNC_TEXT, follow_clusters, message_of
from tests.unit.gateway.house import House
from tests.unit.gateway.test_clusters import owner_and_agent

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CLUSTER = UUID(int=1)
POOL = Pool(region="us-east-1", zone_id="use1-az1", instance_type="m5.large")
HERE = frozenset({"us-east-1"})
FLAG = wire.dump_flag(POOL, {"cluster": "somebody else's"}, wire.to_ms(NOW + timedelta(minutes=30)))


def read(text: str | None) -> dict[str, object]:
    assert text is not None
    PortalMessage.model_validate_json(text)
    said: dict[str, object] = orjson.loads(text)
    return said


def test_what_hosts_tell_reaches_pages_in_the_words_of_the_schema() -> None:
    told = TellPortal(cause="c", topic="plan_ready", data={"plan": 7, "status": "recommended"})
    (message,) = messages_of(str(CLUSTER), told, NOW)
    said = read(message_of(message, HERE))
    assert (said["type"], said["cluster_id"]) == ("event", str(CLUSTER))


def test_a_heartbeat_is_told_as_the_agent_sent_it() -> None:
    beat = Message(channel=keys.agent_heartbeat(str(CLUSTER)), body=b'{"agent_version": "1"}')
    assert read(message_of(beat, HERE))["data"] == {"agent_version": "1"}


def test_a_flag_is_told_without_who_reported_it() -> None:
    said = read(message_of(Message(channel=keys.RISK_CHANGES, body=FLAG), HERE))
    assert said == {
        "type": "flag",
        "data": {
            "region": "us-east-1",
            "zone_id": "use1-az1",
            "instance_type": "m5.large",
            "until": "2026-06-01T00:30:00+00:00",
        },
    }
    cleared = read(message_of(Message(channel=keys.RISK_CHANGES, body=wire.dump_cleared(POOL)), HERE))
    assert cleared["data"]["until"] is None  # type: ignore[index]


@pytest.mark.parametrize("text", [READY_TEXT, RESYNC_TEXT])
def test_what_the_service_says_of_itself_is_in_the_schema(text: str) -> None:
    read(text)


def test_flags_elsewhere_and_nonsense_concern_nobody() -> None:
    assert message_of(Message(channel=keys.RISK_CHANGES, body=FLAG), frozenset({"eu-west-1"})) is None
    assert message_of(Message(channel=keys.RISK_CHANGES, body=b"nonsense"), HERE) is None


class Page(Connection):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def put(self, text: str) -> None:
        self.told.append(text)


async def test_answers_are_dropped_before_a_page_is_told_so_that_what_it_reads_next_is_new(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    assert owner.home is not None
    person = await spot.gateway.people.get(owner.user.id)
    assert person is not None
    page, claims = Page(), spot.gateway.sessions.read(owner.headers["Authorization"].split()[1], "access")  # type: ignore[arg-type]
    assert claims is not None
    member = Member(person=person, claims=claims, home=owner.home)
    following = asyncio.create_task(follow_clusters(spot.gateway, member, page))
    await spot.clock.advance(0)

    async def stamp_after(channel: str) -> bytes:
        await spot.hub.bus.publish(channel, b"{}")
        await spot.clock.advance(0)
        return (await spot.hub.answers.get(str(owner.home), "kpi")).stamp

    beat, event = keys.agent_heartbeat(str(agent.cluster_id)), keys.cluster_events(str(agent.cluster_id))
    stamps = [await stamp_after(channel) for channel in (beat, beat, event, event)]
    following.cancel()
    assert stamps[0] == stamps[1] != stamps[2] != stamps[3]
    assert [orjson.loads(text)["type"] for text in page.told] == ["ready", "heartbeat", "heartbeat", "event", "event"]
