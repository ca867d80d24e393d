"""Redis keeps the promises of buckets."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from adapters.aws.buckets import RedisBuckets
from adapters.aws.ports.buckets import Bucket
from adapters.embedded.folder import DataFolder
from adapters.redis.connection import connect
from domain.errors import TransientError
from tests.integration.redis.conftest import Server
from tests.unit.aws.contracts import BucketsContract


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with DataFolder(tmp_path_factory.mktemp("buckets") / "data") as held:
        server = Server(held)
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    await server.empty()
    client = connect(server.url)
    yield client
    await client.aclose()


class TestRedisBuckets(BucketsContract):
    @pytest.fixture
    def buckets(self, redis: Redis) -> RedisBuckets:
        return RedisBuckets(redis)


async def test_many_callers_at_once_never_get_more_than_the_bucket_holds(redis: Redis) -> None:
    buckets, bucket = RedisBuckets(redis), Bucket(size=5, per_s=0.01)
    waits = await asyncio.gather(*(buckets.reserve("a", bucket, most_wait_s=0) for _ in range(40)))
    assert sum(wait is not None for wait in waits) == 5


async def test_a_bucket_that_is_full_again_leaves_no_key_behind(redis: Redis) -> None:
    await RedisBuckets(redis).reserve("a", Bucket(size=5, per_s=100), most_wait_s=0)
    (key,) = await redis.keys("aws:bucket:*")
    assert 0 < await redis.pttl(key) <= 1_100


async def test_without_redis_nothing_is_called(server: Server) -> None:
    client = connect(f"{server.url}-nowhere")
    with pytest.raises(TransientError):
        await RedisBuckets(client).reserve("a", Bucket(size=5, per_s=1), most_wait_s=0)
    await client.aclose()
