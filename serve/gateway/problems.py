"""Every error as problem+json (RFC 9457): a stable type, the named field, the id of the request."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from adapters.postgres.ports import StalePlanError
from domain.delta import BaseMismatchError
from domain.errors import CapacityError, InputError, RejectedError, SpotOptimizerError, TransientError
from domain.wire.protocol import UPGRADE_REQUIRED, ProtocolTooOldError
from serve.gateway.requests import info_of

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:spotopt:problem:"
RETRY_AFTER_S = 2
"""What callers are told to wait when something behind us is away: an embedded server is back within one second."""

_logger = logging.getLogger(__name__)

_TYPES = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    412: "precondition-failed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-input",
    UPGRADE_REQUIRED: "upgrade-required",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldProblem:
    """One wrong field: its path (``body.email``), in a body as a JSON pointer too, and what would be right."""

    field: str
    problem: str
    pointer: str | None = None


class ProblemError(HTTPException):
    """An answer that is an error.

    Parameters
    ----------
    status
        HTTP status.
    detail
        A sentence for the caller.
    fields
        What is wrong with which field.
    kind
        Last part of the type; that of the status when empty.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        fields: tuple[FieldProblem, ...] = (),
        kind: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.fields = fields
        self.kind = kind


def not_found(what: str) -> ProblemError:
    """The answer for what is not there, and for what is another tenant's."""
    return ProblemError(404, f"there is no such {what}")


def invalid(field: str, problem: str) -> ProblemError:
    """The answer for one field that cannot be accepted."""
    return ProblemError(422, f"{field} {problem}", fields=(FieldProblem(field=field, problem=problem),))


def problem_response(error: ProblemError, *, request_id: str, path: str) -> Response:
    """The error as a response."""
    status = error.status_code
    content: dict[str, object] = {
        "type": TYPE_PREFIX + (error.kind or _TYPES.get(status, "error")),
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        "instance": path,
        "request_id": request_id,
    }
    if error.fields:
        content["field"] = error.fields[0].field
        content["errors"] = [
            {"field": one.field, "problem": one.problem} | ({"pointer": one.pointer} if one.pointer else {})
            for one in error.fields
        ]
    return Response(orjson.dumps(content), status, dict(error.headers or {}), MEDIA_TYPE)


def to_problem(error: Exception) -> ProblemError:
    """Any error as an answer; what is not ours to tell becomes an internal error."""
    match error:
        case ProblemError():
            return error
        case HTTPException():
            return ProblemError(error.status_code, str(error.detail), headers=error.headers)
        case RequestValidationError():
            return _unfit(error)
        case SpotOptimizerError():
            return _ours(error)
        case _:
            return ProblemError(500, "something is wrong on our side; it has been logged under the id of this request")


def _ours(error: SpotOptimizerError) -> ProblemError:
    match error:
        case InputError():
            named = FieldProblem(field=error.field or error.obj, problem=error.problem)
            return ProblemError(422, str(error), fields=(named,))
        case ProtocolTooOldError():
            return ProblemError(UPGRADE_REQUIRED, str(error))
        case StalePlanError():
            return ProblemError(409, str(error), kind="stale-plan")
        case BaseMismatchError():
            return ProblemError(409, str(error), kind="send-all-objects")
        case RejectedError():
            return ProblemError(409, str(error))
        case TransientError() | CapacityError():
            return unavailable()
        case _:
            return to_problem(RuntimeError())


def unavailable() -> ProblemError:
    """The answer while something behind us is away."""
    return ProblemError(
        503,
        "a part of the service cannot be reached just now; the same request may succeed soon",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def _unfit(error: RequestValidationError) -> ProblemError:
    fields = tuple(
        FieldProblem(
            field=".".join(str(part) for part in one["loc"]),
            problem=str(one["msg"]).removeprefix("Value error, "),
            pointer=_pointer(one["loc"]),
        )
        for one in error.errors()[:20]
    )
    first = fields[0] if fields else FieldProblem(field="body", problem="does not fit")
    return ProblemError(422, f"{first.field}: {first.problem}", fields=fields)


def _pointer(path: Sequence[str | int]) -> str | None:
    """Where in the body (RFC 6901, as a URI fragment); ``None`` for what is not in it."""
    if not path or path[0] != "body":
        return None
    return "#" + "".join("/" + quote(str(part).replace("~", "~0").replace("/", "~1")) for part in path[1:])


async def answer(request: Request, error: Exception) -> Response:
    """Exception handler of the application."""
    problem = to_problem(error)
    if isinstance(error, TransientError):
        _logger.warning("a part of the service is away: %s", error)
    elif problem.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("request failed", exc_info=error)
    return problem_response(problem, request_id=info_of(request.scope).id, path=request.url.path)


def install(app: FastAPI) -> None:
    """Have the application answer all errors this way. Unforeseen ones are caught by the outermost middleware."""
    for kind in (HTTPException, RequestValidationError, SpotOptimizerError):
        app.add_exception_handler(kind, answer)
