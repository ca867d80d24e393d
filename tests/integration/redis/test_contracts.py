"""Redis keeps the promises of the bus, the queue and the stores."""

from tests.unit.redis.contracts import BusContract, EventContract, StoresContract


class TestRedisBus(BusContract):
    pass


class TestRedisEventStream(EventContract):
    pass


class TestRedisStores(StoresContract):
    pass
