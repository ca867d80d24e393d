"""What the API server refuses, in the words of Kubernetes."""

from collections.abc import Sequence

from domain.errors import RejectedError

JsonObject = dict[str, object]


class ApiError(RejectedError):
    """A call that is refused.

    Parameters
    ----------
    status
        HTTP status.
    reason
        Kubernetes' word for it, such as ``NotFound``.
    causes
        Details; a budget that forbids an eviction is one.
    retry_after_s
        Seconds to wait, where trying again helps.
    """

    def __init__(
        self, status: int, reason: str, message: str, causes: Sequence[JsonObject] = (), retry_after_s: int = 0
    ) -> None:
        super().__init__(status, reason, message, causes, retry_after_s)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = tuple(causes)
        self.retry_after_s = retry_after_s

    def to_json(self) -> JsonObject:
        """The ``Status`` object that the answer holds."""
        details: JsonObject = {"causes": list(self.causes)} if self.causes else {}
        if self.retry_after_s:
            details["retryAfterSeconds"] = self.retry_after_s
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.status,
            "details": details,
        }


def not_found(plural: str, name: str) -> ApiError:
    """There is no such object."""
    return ApiError(404, "NotFound", f'{plural} "{name}" not found')


def conflict(plural: str, name: str, why: str) -> ApiError:
    """The object is not as the caller thinks."""
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {plural} "{name}": {why}')


def expired(version: int) -> ApiError:
    """The watch begins before what is still known."""
    return ApiError(410, "Expired", f"too old resource version: {version}")
