"""Which bucket each call takes from, and which calls change something."""

import pytest

from adapters.aws import limits
from adapters.aws.ports.buckets import Bucket


@pytest.mark.parametrize(
    ("operation", "size", "per_s"),
    [("DescribeInstances", 100, 20), ("CreateFleet", 50, 5), ("TerminateInstances", 100, 5), ("RunInstances", 5, 2)],
)
def test_calls_of_ec2_have_the_buckets_that_aws_publishes(operation: str, size: float, per_s: float) -> None:
    assert limits.bucket_of("ec2", operation) == Bucket(size=size, per_s=per_s)


def test_our_part_of_a_bucket_leaves_the_rest_to_the_customer() -> None:
    assert limits.READING.shared(0.5) == Bucket(size=50, per_s=10)
    assert Bucket(size=1, per_s=1).shared(0.1) == Bucket(size=1, per_s=0.1)


def test_a_bucket_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token"):
        Bucket(size=0, per_s=1)


@pytest.mark.parametrize("operation", ["DescribeInstances", "GetMetricData", "ListClusters", "AssumeRole"])
def test_calls_that_look_are_known_as_such(operation: str) -> None:
    assert limits.reads(operation)


@pytest.mark.parametrize(
    "operation", ["CreateFleet", "TerminateInstanceInAutoScalingGroup", "DetachVolume", "ModifyInstanceAttribute"]
)
def test_whatever_is_not_known_to_look_is_taken_to_change(operation: str) -> None:
    assert not limits.reads(operation)


def test_a_call_that_asks_for_everything_at_once_is_known_as_such() -> None:
    assert limits.is_unbounded("DescribeInstances", {})
    assert not limits.is_unbounded("DescribeInstances", {"Filters": [{"Name": "x", "Values": ["y"]}]})
    assert not limits.is_unbounded("DescribeVolumes", {"MaxResults": 500})
    assert not limits.is_unbounded("DescribeAvailabilityZones", {})


def test_a_call_costs_as_many_resource_tokens_as_it_starts_or_ends_instances() -> None:
    fleet = {"TargetCapacitySpecification.TotalTargetCapacity": 7}
    assert limits.resources_of("CreateFleet", fleet) == 7
    assert limits.resources_of("TerminateInstances", {"InstanceId.1": "a", "InstanceId.2": "b", "DryRun": "false"}) == 2
    assert limits.resources_of("DetachVolume", {}) == 0
