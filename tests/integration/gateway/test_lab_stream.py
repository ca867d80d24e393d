"""The stream of a comparison: how it stands, then each round; a text too long is cut off while it comes."""

import asyncio
import hashlib
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from actors.lab.experiments import summary
from adapters.postgres.ids import new_id
from adapters.redis import keys
from domain.lab import RISK_MODEL, ExperimentStatus, LabExperiment, MlModel, ModelStatus
from tests.integration.gateway.conftest import LiveHouse
from tests.unit.gateway.house import Somebody

WAIT_S = 20.0
PIECE = b"x" * (1 << 20)


async def ticket(live: LiveHouse, somebody: Somebody, path: str) -> str:
    answer = await live.http.post("/api/auth/ws-ticket", json={"opens": path}, headers=somebody.headers)
    return f"{live.sockets_url}{path}?ticket={answer.json()['ticket']}"


async def next_of(socket: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), WAIT_S))
    return found


async def running(live: LiveHouse) -> LabExperiment:
    models = [
        MlModel(
            id=new_id(), name=RISK_MODEL, version=name, file="x", sha256=hashlib.sha256(name.encode()).digest(),
            status=ModelStatus.TESTING, created_at=live.clock.now(),
        )
        for name in ("one", "other")
    ]  # fmt: skip
    made = LabExperiment(
        id=new_id(), name="x", control_model_id=models[0].id, variant_model_id=models[1].id,
        status=ExperimentStatus.RUNNING, created_at=live.clock.now(),
    )  # fmt: skip
    async with live.database.platform() as tx:
        for model in models:
            await tx.models.add(model, b"text")
        await tx.lab.add(made)
    return made


async def test_an_admin_sees_how_a_comparison_stands_and_each_round(live: LiveHouse) -> None:
    admin, made = await live.somebody(None), await running(live)
    async with connect(await ticket(live, admin, f"/api/lab/stream/{made.id}")) as socket:
        assert await next_of(socket) == {"type": "ready"}
        assert await next_of(socket) == {"experiment_id": str(made.id), **summary(made)}
        await live.hub.bus.publish(keys.lab_telemetry(str(made.id)), b'{"rounds":1}')
        assert await next_of(socket) == {"rounds": 1}


@pytest.mark.parametrize(("who", "status"), [("an admin", 404), ("an owner", 403)])
async def test_nobody_follows_what_is_not_there_or_not_theirs(live: LiveHouse, who: str, status: int) -> None:
    somebody = await live.somebody(None) if who == "an admin" else await live.somebody()
    with pytest.raises(InvalidStatus) as refused:
        await connect(await ticket(live, somebody, f"/api/lab/stream/{new_id()}"))
    assert refused.value.response.status_code == status


async def test_two_gigabytes_are_cut_off_while_they_come_and_others_are_served(live: LiveHouse) -> None:
    admin = await live.somebody(None)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    lines = [
        "POST /api/admin/models/upload?version=big HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked",
        "Content-Type: text/plain", f"Authorization: {admin.headers['Authorization']}", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    sent, answer = 0, asyncio.create_task(reader.readline())
    while not answer.done() and sent < 2 << 30:
        writer.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
        sent += len(PIECE)
        try:
            await asyncio.wait_for(writer.drain(), WAIT_S)
        except ConnectionError:
            break
        health = await live.http.get("/api/admin/models", headers=admin.headers)
        assert health.status_code == 200
    assert b" 413 " in await asyncio.wait_for(answer, WAIT_S)
    assert sent < 64 << 20
    writer.close()
