"""What endpoints may answer beside success, for the API's description."""

from typing import Any

_WORDS = {
    400: "The request cannot be read",
    401: "Not signed in, or the key is void",
    403: "Signed in, but not allowed",
    404: "Not there, or not yours",
    409: "Does not go together with what is there",
    412: "Changed by somebody else in between",
    413: "The body is too large",
    415: "The encoding or type of the body is not understood",
    422: "A field is wrong; `errors` names it",
    426: "The agent is too old: upgrade it",
    429: "Too many calls; `Retry-After` says how long to wait",
    503: "A part of the service is away; try again",
}
Responses = dict[int | str, dict[str, Any]]
_COMMON = (422, 429, 503)


def problems(*statuses: int) -> Responses:
    """Descriptions of these statuses and of those that every endpoint may answer."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _WORDS[status], "content": content} for status in sorted({*statuses, *_COMMON})}


SIGNED_IN = problems(401, 403)
OF_CLUSTER = problems(401, 403, 404)
CHANGES = problems(400, 401, 403, 404, 409, 413)
BY_AGENT = problems(401, 403, 404, 413, 415, 426)
OPEN = problems(400, 413)
