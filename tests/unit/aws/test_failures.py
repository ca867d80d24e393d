"""AWS' refusals in our words."""

import pickle

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from adapters.aws.failures import (
    DeniedError,
    DryRunPassedError,
    GoneError,
    NoCapacityError,
    QuotaError,
    ThrottledError,
    VoidSessionError,
    in_our_words,
    translated,
)
from domain.errors import CapacityError, InvariantError, RejectedError, TransientError


def refused(code: str, message: str = "", *, status: int = 400, operation: str = "CreateFleet") -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("RequestLimitExceeded", 503, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("InsufficientInstanceCapacity", 500, NoCapacityError),
        ("MaxSpotInstanceCountExceeded", 400, QuotaError),
        ("VcpuLimitExceeded", 400, QuotaError),
        ("InsufficientFreeAddressesInSubnet", 400, QuotaError),
        ("UnauthorizedOperation", 403, DeniedError),
        ("ExpiredToken", 400, VoidSessionError),
        ("RequestExpired", 400, TransientError),
        ("InternalError", 500, TransientError),
        ("SomethingNew", 502, TransientError),
        ("InvalidInstanceID.NotFound", 400, GoneError),
        ("ResourceNotFoundException", 404, GoneError),
        ("DryRunOperation", 412, DryRunPassedError),
        ("IdempotentParameterMismatch", 400, InvariantError),
        ("InvalidParameterValue", 400, RejectedError),
    ],
)
def test_a_refusal_is_sorted_by_what_the_caller_does_next(code: str, status: int, expected: type[Exception]) -> None:
    assert type(in_our_words(refused(code, status=status), "ec2")) is expected


def test_a_lack_of_capacity_is_for_the_next_pool_and_a_quota_is_not() -> None:
    assert isinstance(in_our_words(refused("InsufficientInstanceCapacity"), "ec2"), CapacityError)
    assert not isinstance(in_our_words(refused("MaxSpotInstanceCountExceeded"), "ec2"), CapacityError)


def test_a_missing_permission_is_named_by_the_message_or_else_by_the_call() -> None:
    spelled_out = "User: x is not authorized to perform: iam:PassRole on resource: y"
    named = in_our_words(refused("UnauthorizedOperation", spelled_out), "ec2")
    assert isinstance(named, DeniedError)
    assert named.permission == "iam:PassRole"
    assert "permission ec2:CreateFleet is missing" in str(in_our_words(refused("UnauthorizedOperation"), "ec2"))


def test_a_group_that_auto_scaling_does_not_find_is_gone() -> None:
    error = refused("ValidationError", "AutoScalingGroup name not found", operation="UpdateAutoScalingGroup")
    assert isinstance(in_our_words(error, "autoscaling"), GoneError)
    assert type(in_our_words(refused("ValidationError", "too small"), "autoscaling")) is RejectedError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EndpointConnectionError(endpoint_url="https://ec2"), TransientError),
        (ReadTimeoutError(endpoint_url="https://ec2"), TransientError),
        (ResponseParserError("<html>"), TransientError),
        (NoCredentialsError(), RejectedError),
    ],
)
def test_a_line_that_breaks_passes_and_a_wrong_configuration_does_not(
    error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected) as caught, translated("ec2"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [DeniedError("ec2:CreateFleet", "no"), QuotaError("VcpuLimitExceeded", "no"), NoCapacityError("x", "no", "pool")],
)
def test_an_error_survives_a_process_boundary(error: Exception) -> None:
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)
