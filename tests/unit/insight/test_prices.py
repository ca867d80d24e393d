"""What nodes cost: fresh Spot prices, else the catalogue's, else nothing that is claimed."""

from collections.abc import Mapping, Sequence

from actors.insight.prices import PriceTable, catalogue_prices, read_prices
from adapters.clock import VirtualClock
from adapters.redis.memory import MemoryPrices
from domain.errors import TransientError
from domain.market import CapacityType
from domain.spend import NodeGroup

SPOT = NodeGroup(instance_type="m5.large", zone_id="use1-az1", capacity_type=CapacityType.SPOT, nodes=3)
ON_DEMAND = NodeGroup(instance_type="m5.large", zone_id="use1-az1", capacity_type=CapacityType.ON_DEMAND, nodes=2)
TABLE = PriceTable(on_demand={"m5.large": 96_000}, spot={("m5.large", "use1-az1"): 40_000})


class AwayPrices(MemoryPrices):
    async def get(self, region: str, instance_types: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        raise TransientError("redis is away")


def test_spot_nodes_cost_their_pools_price_and_are_valued_on_demand_as_well() -> None:
    priced = TABLE.priced(SPOT)
    assert (priced.cost_micro_usd_per_h, priced.on_demand_micro_usd_per_h) == (120_000, 288_000)
    assert TABLE.priced(ON_DEMAND).cost_micro_usd_per_h == 192_000


def test_spot_of_an_unknown_price_is_taken_for_on_demand() -> None:
    assert PriceTable(on_demand=TABLE.on_demand, spot={}).priced(SPOT).cost_micro_usd_per_h == 288_000


def test_nodes_without_any_price_cost_nothing_and_say_so() -> None:
    priced = PriceTable(on_demand={}, spot={}).priced(ON_DEMAND)
    assert (priced.priced, priced.cost_micro_usd_per_h) == (False, 0)


async def test_fresh_spot_prices_win_over_the_catalogue(clock: VirtualClock) -> None:
    prices = MemoryPrices(clock)
    await prices.put("us-east-1", {"m5.large": {"use1-az1": 12_345}})
    table = await read_prices(prices, "us-east-1", [SPOT])
    assert table.spot["m5.large", "use1-az1"] == 12_345
    assert table.on_demand["m5.large"] == catalogue_prices("us-east-1", ("use1-az1",)).on_demand["m5.large"] > 50_000


async def test_without_redis_the_catalogue_counts(clock: VirtualClock) -> None:
    table = await read_prices(AwayPrices(clock), "us-east-1", [SPOT])
    assert table == catalogue_prices("us-east-1", ("use1-az1",))


def test_a_region_that_nobody_knows_has_no_prices() -> None:
    assert catalogue_prices("mars-north-1", ("mars-az1",)) == PriceTable(on_demand={}, spot={})
