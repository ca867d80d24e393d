"""The load, in a process of its own: agents that send one kind of request over kept connections, as fast as they can.

``python -m tests.benchmarks.platform.load`` reads a `Job` from standard input and writes a `Result`. HTTP is spoken by
hand: a library would need more of the machine than the gateway that is measured.
"""

import asyncio
import gzip
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import uvloop

from domain.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.benchmarks.data import ROOT
from tests.benchmarks.platform.customers import Customer
from tests.benchmarks.platform.objects import NODES, PODS, node_name

LIMIT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to send: ``kind`` is heartbeat, poll, metrics or events; ``rate_per_s`` of 0 is as fast as answers come.

    ``total`` ends it before ``seconds`` where it is given; ``bodies`` are sent in turn in place of the kind's own, and
    each then belongs to the customer of the same index.
    """

    kind: str
    port: int
    seconds: float
    connections: int
    customers: Sequence[tuple[str, str]]
    rate_per_s: float = 0.0
    total: int = 0
    bodies: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back. Times in milliseconds; ``gap_s`` is the longest time without a good answer."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    gap_s: float
    statuses: dict[str, int] = field(default_factory=dict)
    refusals: Sequence[str] = ()

    @property
    def per_s(self) -> float:
        """Good answers per second."""
        return self.statuses.get("200", 0) / self.seconds


def start(job: Job) -> "subprocess.Popen[str]":
    """Begin to send, in a process of its own; `result_of` waits for the end."""
    command = [sys.executable, "-m", "tests.benchmarks.platform.load"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(job)))
    process.stdin.close()
    process.stdin = None
    return process


def result_of(process: "subprocess.Popen[str]") -> Result:
    """Wait for the end of a job."""
    out, _ = process.communicate(timeout=LIMIT_S)
    if process.returncode:
        raise RuntimeError(f"the load ended with code {process.returncode}")
    return Result(**json.loads(out))


def run(job: Job) -> Result:
    """Send, and wait for the end."""
    return result_of(start(job))


def agents_of(customers: Sequence[Customer]) -> list[tuple[str, str]]:
    """Cluster and key of each, as a `Job` wants them."""
    return [(customer.cluster_id, customer.token) for customer in customers]


def metrics_body(number: int = 0, objects: dict[str, Any] | None = None) -> bytes:
    """Measured use of 50 nodes and 500 pods, gzip."""
    nodes = [{"name": node_name(number, n), "cpu_mcpu": 1000 + n, "memory_bytes": 5 << 30} for n in range(NODES)]
    used = [{"name": "app", "cpu_mcpu": 30, "memory_bytes": 88 << 20}]
    pods = [{"namespace": "shop", "name": f"app-{p}-5c9d-{p:05d}", "containers": used} for p in range(PODS)]
    body: dict[str, Any] = {"metrics": {"timestamp": now_text(), "nodes": nodes, "pods": pods}, "events": []}
    return gzip.compress(json.dumps(body | ({"objects": objects} if objects else {})).encode(), 6)


def now_text() -> str:
    """Now, as the protocol writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


HEARTBEAT = json.dumps(
    {
        "instance": "agent-0", "agent_version": "0.1.0", "uptime_s": 60, "memory_bytes": 1 << 26, "cpu_mcpu": 12,
        "errors": 0, "last_collection_at": None, "kubernetes_api_reachable": True, "config_version": 0,
    }
).encode()  # fmt: skip


def _request(job: Job, customer: int, body: bytes) -> bytes:
    cluster, token = job.customers[customer]
    head = f"Host: load\r\nAuthorization: Bearer {token}\r\n{PROTOCOL_HEADER}: {PROTOCOL_VERSION}\r\n"
    path = f"/api/clusters/{cluster}"
    if job.kind == "poll":
        return f"GET {path}/actions/pending HTTP/1.1\r\n{head}\r\n".encode()
    head += "Content-Type: application/json\r\n" + ("Content-Encoding: gzip\r\n" if job.kind == "metrics" else "")
    length = f"Content-Length: {len(body)}\r\n\r\n"
    return f"POST {path}/{job.kind} HTTP/1.1\r\n{head}{length}".encode() + body


class Load:
    """All connections of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._own = metrics_body() if job.kind == "metrics" else HEARTBEAT
        self._sent = 0
        self._end_s = 0.0
        self._good_at_s: list[float] = []
        self._took_s: list[float] = []
        self._statuses: Counter[str] = Counter()
        self._refusals: list[str] = []

    async def run(self) -> Result:
        began_s = time.perf_counter()
        self._end_s = began_s + self._job.seconds
        await asyncio.gather(*(self._connection(began_s) for _ in range(self._job.connections)))
        seconds = time.perf_counter() - began_s
        took = sorted(self._took_s)
        moments = [began_s, *sorted(self._good_at_s), began_s + seconds]
        return Result(
            answers=len(took),
            seconds=seconds,
            p50_ms=took[len(took) // 2] * 1e3 if took else 0.0,
            p99_ms=took[int(len(took) * 0.99)] * 1e3 if took else 0.0,
            gap_s=max(after - before for before, after in pairwise(moments)),
            statuses=dict(self._statuses),
            refusals=self._refusals[:5],
        )

    def _next(self) -> int | None:
        total = len(self._job.bodies) or self._job.total
        if time.perf_counter() > self._end_s or (total and self._sent >= total):
            return None
        self._sent += 1
        return self._sent - 1

    async def _connection(self, began_s: float) -> None:
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (index := self._next()) is not None:
            if self._job.rate_per_s:
                await asyncio.sleep(began_s + index / self._job.rate_per_s - time.perf_counter())
            while True:
                try:
                    stream = stream or await asyncio.open_connection("127.0.0.1", self._job.port)
                    status = await self._ask(stream, index)
                except (OSError, asyncio.IncompleteReadError):
                    stream, status = None, "no answer"
                self._statuses[status] += 1
                # What was refused for the moment is sent again, as an agent does; so nothing accepted is in doubt.
                if status == "200" or not self._job.bodies or time.perf_counter() > self._end_s:
                    break
                await asyncio.sleep(0.05)
        if stream is not None:
            stream[1].close()

    async def _ask(self, stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], index: int) -> str:
        reader, writer = stream
        bodies, customers = self._job.bodies, len(self._job.customers)
        customer = index % customers if bodies else random.randrange(customers)
        began_s = time.perf_counter()
        writer.write(_request(self._job, customer, bodies[index].encode("latin-1") if bodies else self._own))
        head = await reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:")
        answer = await reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
        status = head[9:12].decode()
        self._took_s.append(time.perf_counter() - began_s)
        if status == "200":
            self._good_at_s.append(time.perf_counter())
        elif len(self._refusals) < 5:
            self._refusals.append(f"{status} {answer[:300].decode(errors='replace')}")
        return status


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    print(json.dumps(asdict(uvloop.run(Load(Job(**given)).run()))))
