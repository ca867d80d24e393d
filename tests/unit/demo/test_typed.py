"""What is typed into the demo's terminal."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest

from demo.typed import Installation, Interruption, listening, understood

CLUSTER = "0a1b2c3d-0000-4000-8000-00000000000a"
HELM = (
    "helm upgrade --install spot-optimizer-agent oci://example/chart --namespace spot-optimizer "
    f"--set apiUrl=http://127.0.0.1:8080 --set clusterId={CLUSTER} --set apiToken=so_abc-DEF_123"
)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (HELM, Installation(cluster=UUID(CLUSTER), key="so_abc-DEF_123")),
        (f"--set apiToken=k --set clusterId={CLUSTER}", Installation(cluster=UUID(CLUSTER), key="k")),
        ("interrupt", Interruption(name="")),
        (" Interrupt web-shop ", Interruption(name="web-shop")),
        ("interrupted", None),
        ("--set clusterId=no-id --set apiToken=k", None),
        ("hello", None),
    ],
    ids=["helm", "other-order", "any", "one", "another-word", "no-id", "nonsense"],
)
def test_a_helm_command_and_a_wish_are_understood_and_nothing_else(
    line: str, meant: Installation | Interruption | None
) -> None:
    assert understood(line) == meant


async def test_lines_are_heard_as_they_come_also_in_pieces_until_the_end() -> None:
    heard, loop = asyncio.Queue[str](), asyncio.get_running_loop()
    reading, writing = os.pipe()
    with listening(heard.put_nowait, descriptor=reading):
        os.write(writing, b"one\n\ntw")
        assert await heard.get() == "one"
        os.write(writing, b"o\n")
        assert await heard.get() == "two"
        os.close(writing)
        while loop.remove_reader(reading):
            await asyncio.sleep(0)
    os.close(reading)


async def test_where_nobody_can_type_nothing_is_heard(tmp_path: Path) -> None:
    file = tmp_path / "typed"
    file.write_text("interrupt\n")
    with file.open("rb") as opened, listening(pytest.fail, descriptor=opened.fileno()):
        await asyncio.sleep(0)
