"""What an order becomes, and what an answer says of each pool."""

import pytest

from adapters.aws.executor import fleet
from adapters.aws.ports.executor import GroupSize, TemplateRef
from domain.market import CapacityType
from domain.saga import TAG_CLUSTER, TAG_STEP, LaunchFailure
from tests.unit.aws.builders import CLUSTER, make_order, make_pool

LARGE, SMALL = make_pool("m6i.large", "use1-az1"), make_pool("m6i.large", "use1-az2")
OTHER = make_pool("c6i.large", "use1-az1")


def test_a_spot_fleet_is_instant_and_chooses_by_price_and_capacity() -> None:
    asked = fleet.request(make_order(LARGE, SMALL, count=4), CapacityType.SPOT)
    assert asked["Type"] == "instant"
    assert asked["ClientToken"] == "launch-1"
    assert asked["SpotOptions"]["AllocationStrategy"] == "price-capacity-optimized"
    assert asked["TargetCapacitySpecification"] == {"TotalTargetCapacity": 4, "DefaultTargetCapacityType": "spot"}


def test_a_fleet_launches_from_one_version_of_the_node_groups_own_template() -> None:
    (config,) = fleet.request(make_order(LARGE), CapacityType.SPOT)["LaunchTemplateConfigs"]
    assert config["LaunchTemplateSpecification"] == {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "1"}
    assert config["Overrides"] == [{"InstanceType": "m6i.large", "SubnetId": "subnet-use1-az1"}]


def test_on_demand_choices_keep_the_order_of_the_plan() -> None:
    asked = fleet.request(make_order(OTHER, LARGE), CapacityType.ON_DEMAND)
    assert asked["OnDemandOptions"] == {"AllocationStrategy": "prioritized"}
    assert [o["Priority"] for o in asked["LaunchTemplateConfigs"][0]["Overrides"]] == [0.0, 1.0]


def test_what_is_launched_carries_the_cluster_and_the_token() -> None:
    (spec,) = fleet.request(make_order(LARGE), CapacityType.SPOT)["TagSpecifications"]
    tags = {tag["Key"]: tag["Value"] for tag in spec["Tags"]}
    assert spec["ResourceType"] == "instance"
    assert tags == {TAG_CLUSTER: CLUSTER.id, TAG_STEP: "launch-1", "Name": "shop-node"}


def item(name: str = "m6i.large", subnet: str = "", **facts: object) -> dict[str, object]:
    overrides = {"InstanceType": name} | ({"SubnetId": subnet} if subnet else {})
    return {"LaunchTemplateAndOverrides": {"Overrides": overrides}, **facts}


@pytest.mark.parametrize(
    "told",
    [
        item(subnet="subnet-use1-az2", InstanceIds=["i-1"]),
        item(AvailabilityZoneId="use1-az2", InstanceIds=["i-1"]),
        {"InstanceType": "m6i.large", "SubnetId": "subnet-use1-az2", "InstanceIds": ["i-1"]},
    ],
)
def test_an_instances_pool_is_read_from_whatever_the_answer_tells(told: dict[str, object]) -> None:
    order = make_order(LARGE, SMALL, OTHER)
    assert fleet.launched({"Instances": [told]}, order) == {"i-1": SMALL}


def test_a_pool_that_the_answer_leaves_open_is_not_guessed() -> None:
    order = make_order(LARGE, SMALL)
    assert fleet.launched({"Instances": [item(InstanceIds=["i-1"])]}, order) == {"i-1": None}
    assert fleet.failures_of({"Errors": [item(ErrorCode="InsufficientInstanceCapacity")]}, order) == ()


def test_a_type_that_only_one_pool_has_names_the_pool() -> None:
    answer = {"Errors": [item("c6i.large", ErrorCode="InsufficientInstanceCapacity", ErrorMessage="none left")]}
    (failure,) = fleet.failures_of(answer, make_order(LARGE, OTHER))
    assert (failure.pool, failure.failure) == (OTHER, LaunchFailure.CAPACITY)
    assert "none left" in failure.text


def test_a_pool_is_told_once_however_often_it_refused() -> None:
    refused = item(subnet="subnet-use1-az1", ErrorCode="UnfulfillableCapacity")
    assert len(fleet.failures_of({"Errors": [refused, refused]}, make_order(LARGE))) == 1


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("InsufficientInstanceCapacity", LaunchFailure.CAPACITY),
        ("SpotMaxPriceTooLow", LaunchFailure.CAPACITY),
        ("MaxSpotInstanceCountExceeded", LaunchFailure.QUOTA),
        ("InsufficientFreeAddressesInSubnet", LaunchFailure.QUOTA),
        ("RequestLimitExceeded", LaunchFailure.OTHER),
        ("UnauthorizedOperation", LaunchFailure.CONFIG),
        ("Unsupported", LaunchFailure.CONFIG),
    ],
)
def test_only_a_lack_of_capacity_speaks_of_the_pool(code: str, meaning: LaunchFailure) -> None:
    assert fleet.meaning_of(code) is meaning


def test_an_order_without_choices_or_with_a_long_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        make_order(token="x" * 65)
    with pytest.raises(ValueError, match="choices"):
        make_order(*[LARGE] * 301)


def test_a_template_is_named_by_the_number_of_its_version() -> None:
    with pytest.raises(ValueError, match="number of version"):
        TemplateRef(id="lt-1", version="$Latest")


def test_the_size_of_a_group_lies_between_its_limits() -> None:
    with pytest.raises(ValueError, match="min <= desired <= max"):
        GroupSize(min=2, max=5, desired=1)
