"""docs/agent-protocol.md tells the truth: its examples fit the models, its signature is the one that is computed."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from domain.commands import AgentActionKind
from domain.delta import Delta, ObjectSet, apply_delta
from domain.events import EventKind
from domain.signing import BoundedNonces, Refusal, derive_signing_key, signed_bytes, verify
from domain.wire import messages
from domain.wire.actions import read_payload
from domain.wire.base import MAX_BODY_BYTES, MAX_INFLATED_BYTES, MAX_MESSAGE_BYTES
from domain.wire.events import EventSource, read_events
from domain.wire.messages import DeltaObjects, EventsBody, FullObjects, MetricsBody, PendingActions
from domain.wire.protocol import CLOSE_UPGRADE_REQUIRED, PROTOCOL_HEADER, PROTOCOL_VERSION
from domain.wire.socket import AGENT_MESSAGE, SERVER_MESSAGE

DOCUMENT = (Path(__file__).parents[3] / "docs" / "agent-protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- (\w+) -->\n```json\n(.*?)```", DOCUMENT, re.DOTALL)
SOCKET = {"AgentMessage": AGENT_MESSAGE, "ServerMessage": SERVER_MESSAGE}
TOP_LEVEL = (
    "RegisterRequest",
    "RegisterAnswer",
    "Heartbeat",
    "HeartbeatAnswer",
    "MetricsBody",
    "MetricsAnswer",
    "EventsBody",
    "EventsAnswer",
    "PendingActions",
    "ResultBody",
    "ResultAnswer",
)


def example(name: str) -> str:
    return next(text for found, text in EXAMPLES if found == name)


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(EXAMPLES)])
def test_every_example_is_a_message(name: str, text: str) -> None:
    if name in SOCKET:
        adapter: TypeAdapter[object] = SOCKET[name]
        adapter.validate_json(text)
        return
    model: type[BaseModel] = getattr(messages, name)
    written = json.loads(model.model_validate_json(text).model_dump_json(exclude_unset=True))
    assert written.keys() == json.loads(text).keys()


def test_every_json_block_is_marked_or_is_the_error() -> None:
    assert DOCUMENT.count("```json") == len(EXAMPLES) + 1


def test_every_message_has_an_example() -> None:
    assert set(TOP_LEVEL) <= {name for name, _ in EXAMPLES}
    types = {json.loads(text)["type"] for name, text in EXAMPLES if name in SOCKET}
    assert types == {"command", "config", "resend", "ping", "pong", "resume", "resumed"}


def test_the_example_events_are_all_five_and_can_be_read() -> None:
    body = EventsBody.model_validate_json(example("EventsBody"))
    source = EventSource(cluster="c", region="us-east-1", zone_ids={})
    read, refused = read_events(body.events, source)
    assert refused == ()
    assert {event.kind for event in read} == set(EventKind)


def test_the_signature_of_the_example_is_right() -> None:
    (model,) = PendingActions.model_validate_json(example("PendingActions")).actions
    action = model.to_signed()
    key = derive_signing_key("spotopt_example_token", action.cluster)
    verify(
        action,
        {key.id: key},
        cluster=action.cluster,
        now=action.expires_at.replace(minute=1),
        nonces=BoundedNonces(),
    )
    assert key.secret.hex() in DOCUMENT
    assert f"```text\n{signed_bytes(action).decode()}\n```" in DOCUMENT
    read_payload(action.type, action.payload)


def test_the_hashes_of_the_examples_are_right() -> None:
    full = FullObjects.model_validate_json(example("FullObjects"))
    assert ObjectSet.of(full.items).hash == full.hash
    delta = MetricsBody.model_validate_json(example("MetricsBody")).objects
    assert isinstance(delta, DeltaObjects)
    before = ObjectSet.of([{**full.items[0], "spec": {}}])
    change = Delta(base=delta.base, result=delta.hash, upserts=tuple(delta.upserts), deletes=tuple(delta.deletes))
    assert apply_delta(before, change).hash == full.hash


@pytest.mark.parametrize("word", [*AgentActionKind, *Refusal, *EventKind, PROTOCOL_HEADER, str(CLOSE_UPGRADE_REQUIRED)])
def test_every_word_of_the_protocol_is_told(word: str) -> None:
    assert f"`{word}`" in DOCUMENT or f'"{word}"' in DOCUMENT or f"| {word} |" in DOCUMENT


def test_the_bounds_and_the_version_are_the_ones_that_hold() -> None:
    assert f"{MAX_BODY_BYTES >> 20} MiB as sent and {MAX_INFLATED_BYTES >> 20} MiB" in DOCUMENT
    assert f"{MAX_MESSAGE_BYTES >> 10} KiB" in DOCUMENT
    assert f"each other, version {PROTOCOL_VERSION}." in DOCUMENT
