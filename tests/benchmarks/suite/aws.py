"""AWS: discovery of many accounts, and a refresh of all prices, against a world on loopback.

The world is prefilled where moto would take minutes to start ten thousand instances one by one. It runs in a process of
its own: what is measured is our side, with boto3, on one core. What AWS' limits make of it is computed from the calls.
"""

import asyncio
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import botocore.session
import orjson

from adapters.aws import limits
from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.discovery.discovery import BotoDiscovery
from adapters.aws.memory.buckets import MemoryBuckets
from adapters.aws.memory.prices import MemoryPriceHistory
from adapters.aws.ports.access import Role
from adapters.aws.ports.buckets import Bucket
from adapters.aws.ports.discovery import Found
from adapters.aws.prices.keeper import PriceKeeper
from adapters.aws.prices.source import BotoPriceSource
from adapters.clock import SystemClock
from adapters.redis.memory import MemoryPrices
from demo.aws.world import ADVISOR_PATH, ASKED_PATH, HOME
from tests.benchmarks.data import ROOT
from tests.benchmarks.harness import Baseline, Benchmark, Row, at_most, register, reported

ACCOUNTS, CLUSTERS, NODES = 50, 4, 50
WITH_CLUSTERS = ("us-east-1", "eu-west-1")
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    *(
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "sa-east-1",
        "ca-central-1",
    ),
)
DISCOVERY_LIMIT_S, REFRESH_LIMIT_S, REFRESH_CPU_S = 60.0, 300.0, 20.0
PAGE_S = 1.5
"""What AWS takes for one page of prices: assumed, above what is seen (half a second to one)."""

PRODUCT_BYTES = 3_500
"""Size of a product of the price list beyond what we read of it: AWS' own have some 4 KB in all."""

Asked = list[tuple[float, str, str, str, str]]


@contextmanager
def _world(*options: str) -> Iterator[str]:
    """A world in a process of its own; its address."""
    command = [sys.executable, "-m", "demo.aws", *options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def _asked(url: str) -> Asked:
    with urlopen(url + ASKED_PATH, timeout=30) as answer:
        return [tuple(row) for row in orjson.loads(answer.read()) if row[3]]


def _own_session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials("testing", "testing")
    return session


def _clients(url: str, calls: Calls) -> Clients:
    clock = SystemClock()
    return Clients(calls, MemoryBuckets(clock), clock, endpoint_url=url, own=_own_session)


def run_discovery(_series: dict[str, Any]) -> Iterator[Row]:
    """50 accounts of 4 clusters of 50 nodes, all 15 regions looked at."""
    name = "aws-discovery"
    options = ("--clusters", str(CLUSTERS), "--nodes", str(NODES), "--regions", ",".join(WITH_CLUSTERS))
    with _world(*options) as url:
        cpu, started = time.process_time(), time.perf_counter()
        found = asyncio.run(_discover(url))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        asked = _asked(url)
    instances = sum(len(cluster.instances) for one in found for cluster in one.clusters)
    whole = ACCOUNTS * CLUSTERS * NODES
    yield at_most(f"{name}/seconds", seconds, "s", bar=DISCOVERY_LIMIT_S, baseline="world prefilled, not moto's own")
    yield reported(f"{name}/own CPU", cpu, "s")
    yield at_most(f"{name}/instances missed", whole - instances, "", bar=0)
    blind = sum(len(one.blind) for one in found)
    unmeasured = sum(one.cpu_utilization is None for f in found for c in f.clusters for one in c.instances)
    yield at_most(f"{name}/regions blind", blind, "", bar=0)
    yield at_most(f"{name}/instances without CPU or volumes", unmeasured, "", bar=0)
    yield reported(f"{name}/calls", len(asked), "", baseline=_most_asked(asked))
    yield at_most(f"{name}/calls beyond AWS' buckets", _overdrawn(asked), "", bar=0)


async def _discover(url: str) -> list[Found]:
    calls = Calls()
    discovery = BotoDiscovery(_clients(url, calls), SystemClock())
    roles = [Role(arn=f"arn:aws:iam::{200_000_000_000 + n}:role/x", external_id="benchmark") for n in range(ACCOUNTS)]
    try:
        return list(await asyncio.gather(*(discovery.discover(role, regions=REGIONS) for role in roles)))
    finally:
        await calls.aclose()


def run_prices(_series: dict[str, Any]) -> Iterator[Row]:
    """Spot and on-demand prices of 15 regions, and the advisor's feed."""
    name = "aws-prices"
    with _world("--filler", str(PRODUCT_BYTES)) as url:
        cpu, started = time.process_time(), time.perf_counter()
        pools = asyncio.run(_refresh(url))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        asked = _asked(url)
    yield at_most(f"{name}/own CPU", cpu, "s", bar=REFRESH_CPU_S)
    yield reported(f"{name}/seconds here", seconds, "s", baseline="within our own limits, AWS answering at once")
    yield reported(f"{name}/pools", pools, "")
    yield reported(f"{name}/calls", len(asked), "", baseline=_most_asked(asked))
    computed = _seconds_at_real_limits(asked)
    baseline = Baseline(name="a page of AWS takes", value=PAGE_S, unit="s")
    yield at_most(f"{name}/seconds at real limits (computed)", computed, "s", bar=REFRESH_LIMIT_S, baseline=baseline)
    routine = [row for row in asked if row[4] != "GetProducts"]
    yield reported(f"{name}/of these for Spot alone, every 5 min", _seconds_at_real_limits(routine), "s")


async def _refresh(url: str) -> int:
    clock, calls = SystemClock(), Calls()
    source = BotoPriceSource(_clients(url, calls), clock, advisor_url=url + ADVISOR_PATH)
    keeper = PriceKeeper(source, MemoryPrices(clock), MemoryPriceHistory(), clock, regions=REGIONS)
    try:
        report = await keeper.refresh_prices()
        assert not report.problems, report.problems
        assert not await keeper.refresh_on_demand(REGIONS)
        await keeper.refresh_advice()
        return report.changes
    finally:
        await calls.aclose()


def _by_bucket(asked: Asked) -> Mapping[tuple[str, str, str, str], list[float]]:
    found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for at, account, region, service, operation in asked:
        found[(account, region, service, operation)].append(at)
    return found


def _overdrawn(asked: Asked) -> int:
    """Calls for which AWS' own buckets (all of them, not our part) would have held no token."""
    return sum(
        _refused(limits.bucket_of(_event_name(service), operation), sorted(times))
        for (_, _, service, operation), times in _by_bucket(asked).items()
    )


def _refused(bucket: Bucket, times: list[float]) -> int:
    left, last, refused = bucket.size, times[0], 0
    for at in times:
        left = min(bucket.size, left + (at - last) * bucket.per_s)
        last = at
        if left >= 1:
            left -= 1
        else:
            refused += 1
    return refused


def _seconds_at_real_limits(asked: Asked) -> float:
    """How long the slowest bucket takes: its pages one after the other, and the waits that our part of it makes."""
    longest = 0.0
    for (account, _, service, operation), times in _by_bucket(asked).items():
        if account != HOME:
            continue
        ours = limits.bucket_of(_event_name(service), operation).shared(limits.SHARE)
        waits = max(0.0, (len(times) - ours.size) / ours.per_s)
        # The price list of all regions comes through one bucket, asked for side by side; other pages follow each other.
        pages = len(times) / (len(REGIONS) if operation == "GetProducts" else 1)
        longest = max(longest, waits + pages * PAGE_S)
    return longest


def _event_name(service: str) -> str:
    return {"autoscaling": "auto-scaling", "monitoring": "cloudwatch"}.get(service, service)


def _most_asked(asked: Asked) -> str:
    counts: dict[str, int] = defaultdict(int)
    for row in asked:
        counts[row[4]] += 1
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1])[:5])


register(Benchmark(name="aws-discovery", run=run_discovery, limit_s=300, quick=False))
register(Benchmark(name="aws-prices", run=run_prices, limit_s=600, quick=False))
