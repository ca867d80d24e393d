"""What the service answers when it does not take something, sorted by what the agent does next."""

from domain.errors import RejectedError, TransientError


class ServiceAwayError(TransientError):
    """No connection, no answer in time, 429 or 5xx: keep the body and try again.

    Parameters
    ----------
    problem
        A sentence for people.
    retry_after_s
        Seconds that the service asks to wait, if it does.
    """

    def __init__(self, problem: str, retry_after_s: float | None = None) -> None:
        super().__init__(problem, retry_after_s)
        self.problem = problem
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.problem


class UnwelcomeError(RejectedError):
    """The key is not accepted (401), is another cluster's (403), or there is no such cluster (404 at registration)."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


class UpgradeNeededError(UnwelcomeError):
    """The protocol is too old, or newer than any that the service speaks: this agent cannot be served."""


class BodyRefusedError(RejectedError):
    """The body does not fit, or there is nothing that it belongs to: sending it again is of no use.

    Parameters
    ----------
    status
        HTTP status: 404, 409, 422 or another of the 4xx.
    problem
        What the service says, with the field where it names one.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.status}: {self.problem}"


class TooLargeError(BodyRefusedError):
    """The body is too large (413): send less at once."""
