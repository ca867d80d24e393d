"""What the Kubernetes API answers when it does not do what it was asked, sorted by what the caller does next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import RejectedError, SpotOptimizerError, TransientError

_VERBS: Mapping[str, tuple[str, str]] = {
    "GET": ("get", "list"),
    "POST": ("create", "create"),
    "PATCH": ("patch", "patch"),
    "PUT": ("update", "update"),
    "DELETE": ("delete", "deletecollection"),
}
"""RBAC verbs by HTTP method: for one object, and for a collection."""

LONGEST_ASKED_S = 60.0
"""Longest wait that an answer may ask for: a proxy that names a year must not stop a watch or a drain for one."""

NAMESPACE_TERMINATING = "NamespaceTerminating"
"""Cause of a refusal: the namespace is being deleted (NamespaceLifecycle admission, read 2026-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One detail of an error. An eviction that a budget forbids has one with the reason ``DisruptionBudget``."""

    reason: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked, in the words of RBAC. ``resource`` carries the subresource: ``pods/eviction``."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{f' {self.name}' if self.name else ''}{where}"

    @property
    def grant(self) -> str:
        """What a role must allow for it."""
        where = f"a Role in namespace {self.namespace}" if self.namespace else "a ClusterRole"
        return f"grant verb {self.verb!r} on resource {self.resource!r} of API group {self.group!r} by {where}"


class KubernetesError(SpotOptimizerError):
    """The API server refused a call, or did not answer it.

    Parameters
    ----------
    status
        HTTP status; 0 when there was no answer.
    reason
        Kubernetes' word for it: ``NotFound``, ``Conflict``, ``TooManyRequests``.
    message
        A sentence for people.
    causes
        Details, where the server gave some.
    retry_after_s
        Seconds that the server asks to wait, if it does.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        causes: Sequence[Cause] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(status, reason, message, causes, retry_after_s)
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = tuple(causes)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.status} {self.reason}: {self.message}" if self.status else self.message


class UnavailableError(KubernetesError, TransientError):
    """The same call may succeed later: no connection, no answer in time, 408, 429 or 5xx.

    For an eviction 429 means that a budget forbids it now, and 500 that budgets contradict each other.
    """


class RefusedError(KubernetesError, RejectedError):
    """The same call will fail again."""


class UnauthorizedError(RefusedError):
    """The service account's token is not accepted (401)."""


class ForbiddenError(RefusedError):
    """RBAC or admission denies the call (403); where it may be RBAC, the message names what to grant."""

    @property
    def is_terminating(self) -> bool:
        """Whether it is denied only because the namespace is being deleted, and its objects with it."""
        return any(cause.reason == NAMESPACE_TERMINATING for cause in self.causes)


class NotFoundError(RefusedError):
    """There is no such object (404): it has gone, or never was."""


class ConflictError(RefusedError):
    """The object exists already, has changed meanwhile, or a field belongs to somebody else (409): read it again."""


class GoneError(RefusedError):
    """The resource version or continue token is too old (410): list anew."""


class InvalidError(RefusedError):
    """The object was refused by validation or by an admission webhook (400, 422)."""


_CLASSES: Mapping[int, type[RefusedError]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
}
_TEMPORARY = frozenset({408, 429})


def call_of(method: str, path: str) -> Call:
    """What a request asks for, from its method (``WATCH`` for a watch) and path."""
    parts = [part for part in path.split("/") if part]
    group, rest = ("", parts[2:]) if parts[:1] == ["api"] else (parts[1] if len(parts) > 1 else "", parts[3:])
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    verb = "watch" if method == "WATCH" else _VERBS[method][0 if name else 1]
    resource = f"{plural}/{subresource}" if subresource else plural
    return Call(verb=verb, group=group, resource=resource, namespace=namespace, name=name)


def error_of(status: int, body: object, *, call: Call, retry_after_s: float | None = None) -> KubernetesError:
    """The error for an answer.

    Parameters
    ----------
    body
        The ``Status`` object that came with it, or whatever else came.
    retry_after_s
        From the header ``Retry-After``.
    """
    answer: Mapping[str, Any] = body if isinstance(body, dict) else {}
    found = answer.get("details")
    details: Mapping[str, Any] = found if isinstance(found, dict) else {}
    reason = _text(answer.get("reason")) or "Unknown"
    message = f"{call}: {_text(answer.get('message')) or _text(body) or 'no reason given'}"
    causes = _causes(details.get("causes"))
    if status == 403 and reason in ("Forbidden", "Unknown") and not causes:  # RBAC gives no causes
        message = f"{message}; if this is RBAC, {call.grant}"
    asked_s = retry_after_s if retry_after_s is not None else _seconds(details.get("retryAfterSeconds"))
    waits_s = min(asked_s, LONGEST_ASKED_S) if asked_s is not None else None
    kind = UnavailableError if status in _TEMPORARY or status >= 500 else _CLASSES.get(status, RefusedError)
    return kind(status, reason, message, causes, waits_s)


def unreachable(call: Call, problem: str) -> UnavailableError:
    """The error for a call that had no answer."""
    return UnavailableError(0, "Unreachable", f"{call}: the Kubernetes API cannot be reached: {problem}")


def _causes(raw: object) -> tuple[Cause, ...]:
    listed = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    return tuple(
        Cause(reason=_text(one.get("reason")), message=_text(one.get("message")), field=_text(one.get("field")))
        for one in listed
    )


def _text(value: object) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value > 0 else None
