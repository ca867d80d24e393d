"""Sessions, limits and errors against a world."""

import asyncio
import logging

import pytest

from adapters.aws import limits
from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.failures import DeniedError, ThrottledError, VoidSessionError
from adapters.aws.memory.buckets import MemoryBuckets
from adapters.aws.ports.access import Place, Role
from demo.aws.world import Fault, World
from domain.errors import TransientError
from tests.integration.aws.conftest import Here, HurriedClock, own_session
from tests.unit.aws.builders import REGION, make_place, make_role


def zones(ec2: object) -> int:
    return len(ec2.describe_availability_zones()["AvailabilityZones"])  # type: ignore[attr-defined]


async def test_a_session_is_assumed_once_and_then_kept(clients: Clients, world: World) -> None:
    for _ in range(3):
        assert await clients.read(make_place(), "ec2", zones) > 2
    assert world.counts()["AssumeRole"] == 1


async def test_each_call_is_made_in_the_account_of_its_role(clients: Clients, world: World) -> None:
    await asyncio.gather(*(clients.read(make_place(account), "ec2", zones) for account in ("1" * 12, "2" * 12)))
    accounts = {account for _, account, asked in world.asked if asked.operation == "DescribeAvailabilityZones"}
    assert accounts == {"1" * 12, "2" * 12}


async def test_the_external_id_is_what_opens_a_role(clients: Clients, world: World) -> None:
    world.external_ids[make_role().arn] = "spotopt-the-right-one"
    wrong = Place(role=make_role(external_id="spotopt-another"), region=REGION)
    with pytest.raises(DeniedError) as caught:
        await clients.read(wrong, "ec2", zones)
    assert caught.value.permission == "sts:AssumeRole"
    right = Place(role=make_role(external_id="spotopt-the-right-one"), region=REGION)
    assert await clients.read(right, "ec2", zones)


async def test_a_session_that_only_looks_is_narrowed_and_short(clients: Clients, world: World) -> None:
    await clients.read(make_place(), "ec2", zones)
    (asked,) = [asked for _, _, asked in world.asked if asked.operation == "AssumeRole"]
    assert asked.form["DurationSeconds"] == "900"
    assert "ec2:Describe*" in asked.form["Policy"]
    assert "Terminate" not in asked.form["Policy"]


async def test_an_account_that_was_disconnected_needs_a_new_session(clients: Clients, world: World) -> None:
    await clients.read(make_place(), "ec2", zones)
    clients.forget(make_role())
    world.denied.add("sts:AssumeRole")
    with pytest.raises(DeniedError):
        await clients.read(make_place(), "ec2", zones)


async def test_a_session_that_was_made_void_is_dropped_and_the_next_call_signs_in_anew(
    clients: Clients, world: World
) -> None:
    await clients.read(make_place(), "ec2", zones)
    world.faults.append(Fault(operation="DescribeAvailabilityZones", code="InvalidClientTokenId", status=403))
    with pytest.raises(VoidSessionError):
        await clients.read(make_place(), "ec2", zones)
    assert await clients.read(make_place(), "ec2", zones)
    assert world.counts()["AssumeRole"] == 2


async def test_credentials_enter_no_log(clients: Clients, caplog: pytest.LogCaptureFixture, world: World) -> None:
    logging.getLogger("botocore").setLevel(logging.DEBUG)
    clients.forget(make_role())
    fresh = Clients(
        clients._calls,
        MemoryBuckets(HurriedClock()),
        HurriedClock(),
        endpoint_url=clients._endpoint_url,
        own=own_session,
    )
    with caplog.at_level(logging.DEBUG):
        await fresh.read(make_place(), "ec2", zones)
    assert "SecretAccessKey" not in caplog.text
    assert not any(key and key in caplog.text for key in world.accounts)


async def test_every_request_takes_a_token_of_its_account_region_and_action(clients: Clients) -> None:
    taken: list[tuple[str, float]] = []
    buckets = clients._buckets

    class Noting(MemoryBuckets):
        async def reserve(self, key, bucket, *, tokens=1.0, most_wait_s):  # type: ignore[no-untyped-def]
            taken.append((key, bucket.size))
            return await buckets.reserve(key, bucket, tokens=tokens, most_wait_s=most_wait_s)

    clients._buckets = Noting(HurriedClock())
    await clients.read(make_place(), "ec2", zones)
    half = limits.READING.shared(limits.SHARE).size
    assert (f"111111111111:{REGION}:ec2:DescribeAvailabilityZones", half) in taken
    assert any(key.startswith("own:us-east-1:sts:AssumeRole") for key, _ in taken)


async def test_a_caller_waits_for_its_token_and_gives_up_where_that_takes_too_long(
    here: Here, clock: HurriedClock
) -> None:
    class Empty(MemoryBuckets):
        wait_s: float | None = 7.0

        async def reserve(self, key, bucket, *, tokens=1.0, most_wait_s):  # type: ignore[no-untyped-def]
            return self.wait_s if "DescribeAvailabilityZones" in key else 0.0

    buckets, calls = Empty(clock), Calls(threads=2)
    clients = Clients(calls, buckets, clock, endpoint_url=here.url, own=own_session)
    await clients.read(make_place(), "ec2", zones)
    assert clock.slept_s == 7.0
    buckets.wait_s = None
    with pytest.raises(ThrottledError, match="our own limit"):
        await clients.read(make_place(), "ec2", zones)
    await calls.aclose()


async def test_throttling_by_aws_empties_our_bucket_for_all(clients: Clients, world: World) -> None:
    drained: list[str] = []

    class Noting(MemoryBuckets):
        async def drain(self, key, bucket):  # type: ignore[no-untyped-def]
            drained.append(key)

    clients._buckets = Noting(HurriedClock())
    world.faults.append(Fault(operation="DescribeAvailabilityZones", times=1))
    assert await clients.read(make_place(), "ec2", zones)
    assert drained == [f"111111111111:{REGION}:ec2:DescribeAvailabilityZones"]


async def test_a_read_is_tried_again_and_a_failing_service_is_told_as_passing(clients: Clients, world: World) -> None:
    world.faults.append(Fault(operation="DescribeAvailabilityZones", code="InternalError", status=500, times=1))
    assert await clients.read(make_place(), "ec2", zones)
    world.faults.append(Fault(operation="DescribeAvailabilityZones", code="InternalError", status=500, times=9))
    with pytest.raises(TransientError):
        await clients.read(make_place(), "ec2", zones)


async def test_a_place_that_nobody_listens_at_is_told_as_passing(clock: HurriedClock) -> None:
    calls = Calls(threads=2)
    clients = Clients(calls, MemoryBuckets(clock), clock, endpoint_url="http://127.0.0.1:9", own=own_session)
    with pytest.raises(TransientError, match="cannot be reached"):
        await clients.read(Place(role=Role(arn=make_role().arn, external_id="abc"), region=REGION), "ec2", zones)
    await calls.aclose()
