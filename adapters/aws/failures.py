"""What AWS refuses, in our words: sorted by what the caller does next."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from domain.errors import CapacityError, InvariantError, RejectedError, SpotOptimizerError, TransientError

SERVER_ERROR = 500

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Errors by which AWS says that too many calls came."""

PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceContention",
        "ResourceInUse",
        "ScalingActivityInProgress",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    }
)
"""Other errors that more time cures; the server's own (5xx) do as well."""

NO_CAPACITY = frozenset(
    {
        "InsufficientCapacity",
        "InsufficientCapacityOnOutpost",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "SpotMaxPriceTooLow",
        "UnfulfillableCapacity",
    }
)
"""Errors that speak of the pool."""

QUOTA = frozenset(
    {
        "AddressLimitExceeded",
        "FleetQuotaExceeded",
        "InstanceLimitExceeded",
        "InsufficientFreeAddressesInSubnet",
        "LimitExceeded",
        "MaxSpotFleetRequestCountExceeded",
        "MaxSpotInstanceCountExceeded",
        "ResourceLimitExceeded",
        "ServiceQuotaExceededException",
        "VcpuLimitExceeded",
        "VolumeLimitExceeded",
    }
)
"""Errors that speak of the customer's account. They say nothing about any pool."""

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "OptInRequired", "UnauthorizedOperation"})
"""Errors by which AWS says that we may not."""

VOID = frozenset(
    {"AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""Errors by which AWS says that the session is void: the role was deleted, or deleted and made again."""

SKEWED = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
"""Errors by which AWS says that our clock is wrong."""

DRY_RUN_PASSED = "DryRunOperation"
MISMATCH = "IdempotentParameterMismatch"
_PERMISSION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_GONE = re.compile(r"NotFound|ResourceNotFoundException|NoSuchEntity|Malformed$")
_UNKNOWN_MEMBER = re.compile(r"not found", re.IGNORECASE)


class ThrottledError(TransientError):
    """Too many calls for this account and region."""


class DeniedError(RejectedError):
    """We may not. ``permission`` is what is missing, such as ``ec2:CreateFleet``."""

    def __init__(self, permission: str, text: str) -> None:
        super().__init__(permission, text)
        self.permission = permission
        self.text = text

    def __str__(self) -> str:
        return f"permission {self.permission} is missing: {self.text}"


class VoidSessionError(DeniedError):
    """The session was made void. A new one may do, so the old one is dropped."""


class QuotaError(RejectedError):
    """A limit of the customer's account is reached. ``code`` is AWS' name of it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code


class NoCapacityError(CapacityError):
    """A pool has no room; ``pool`` names it where the call was about one."""

    def __init__(self, code: str, text: str, pool: str = "") -> None:
        super().__init__(code, text, pool)
        self.code = code
        self.pool = pool


class GoneError(RejectedError):
    """What the call was about is not there."""


class DryRunPassedError(RejectedError):
    """Not an error at all: AWS would have carried the call out, and did not since it was a dry run."""


class SafeModeError(RejectedError):
    """A change was asked for, and changes are not permitted now."""


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Raise botocore's errors as ours; ``service`` is the prefix of its permissions, such as ``ec2``."""
    try:
        yield
    except ClientError as err:
        raise in_our_words(err, service) from err
    except (HTTPClientError, BotoConnectionError) as err:
        raise TransientError(f"AWS cannot be reached ({service}): {type(err).__name__}") from err
    except ResponseParserError as err:
        # Something between us and AWS has answered, such as a proxy or a gateway.
        raise TransientError(f"an answer cannot be read ({service})") from err
    except BotoCoreError as err:
        # Credentials, profiles, regions, parameters: what only the caller can put right.
        raise RejectedError(f"AWS cannot be asked ({service}): {err}") from err


def in_our_words(err: ClientError, service: str) -> SpotOptimizerError:
    """The error that a refusal stands for."""
    details = err.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "")
    text = f"{service}:{err.operation_name}: {code}: {message}"
    status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _by_code(code, text) or _by_meaning(code, text, service=f"{service}:{err.operation_name}", status=status)


def _by_code(code: str, text: str) -> SpotOptimizerError | None:
    if code in THROTTLED:
        return ThrottledError(text)
    if code in NO_CAPACITY:
        return NoCapacityError(code, text)
    if code in QUOTA:
        return QuotaError(code, text)
    if code == DRY_RUN_PASSED:
        return DryRunPassedError(text)
    if code == MISMATCH:
        return InvariantError(f"{text} (one token for two different launches)")
    return None


def _by_meaning(code: str, text: str, *, service: str, status: int) -> SpotOptimizerError:
    if code in DENIED:
        named = _PERMISSION.search(text)
        return DeniedError(named.group(1) if named else service, text)
    if code in VOID:
        return VoidSessionError("sts:AssumeRole", text)
    if code in SKEWED:
        return TransientError(f"the clock of this machine differs from AWS': {text}")
    if code in PASSING or status >= SERVER_ERROR:
        return TransientError(text)
    if _GONE.search(code) or (code == "ValidationError" and _UNKNOWN_MEMBER.search(text)):
        return GoneError(text)
    return RejectedError(text)
