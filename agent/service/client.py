"""HTTP to the service: one method for each message, and its statuses as errors."""

from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from agent.service.errors import BodyRefusedError, ServiceAwayError, TooLargeError, UnwelcomeError, UpgradeNeededError
from agent.settings import Settings
from agent.version import version
from domain.wire.messages import (
    EventsAnswer,
    Heartbeat,
    HeartbeatAnswer,
    MetricsAnswer,
    PendingActions,
    RegisterAnswer,
    RegisterRequest,
    ResultAnswer,
)
from domain.wire.protocol import OLDEST_PROTOCOL, PROTOCOL_HEADER, PROTOCOL_VERSION, UPGRADE_REQUIRED

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_METRICS_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
"""All objects of a large cluster take a while to arrive and to be read."""

LONGEST_ASKED_S = 600.0
"""Longest wait that an answer may ask for: a proxy that names a year must not silence the agent for one."""

_JSON = {"Content-Type": "application/json"}
_GZIP = _JSON | {"Content-Encoding": "gzip"}

Model = TypeVar("Model", bound=BaseModel)


class ServiceClient:
    """Asks the service. Use as an asynchronous context manager; keeps nothing but connections.

    All methods raise the errors of `agent.service.errors`.

    Parameters
    ----------
    transport
        In place of the network; tests hand in one.
    """

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{settings.api_url}/api/clusters/{settings.cluster_id}",
            headers=headers_of(settings),
            timeout=_TIMEOUT,
            transport=transport,
        )

    async def __aenter__(self) -> "ServiceClient":
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def register(self, request: RegisterRequest) -> RegisterAnswer:
        """Say that an agent has started, and hear the configuration."""
        try:
            return await self._post("/agent/register", request.model_dump_json().encode(), RegisterAnswer)
        except BodyRefusedError as err:
            if err.status == 404:
                raise UnwelcomeError(f"the service knows no such cluster: {err.problem}") from err
            raise

    async def heartbeat(self, beat: Heartbeat) -> HeartbeatAnswer:
        """Say how the agent is."""
        return await self._post("/heartbeat", beat.model_dump_json().encode(), HeartbeatAnswer)

    async def send_metrics(self, packed: bytes) -> MetricsAnswer:
        """Send a metrics body, as gzip."""
        return await self._post("/metrics", packed, MetricsAnswer, headers=_GZIP, timeout=_METRICS_TIMEOUT)

    async def send_events(self, events: Sequence[bytes]) -> EventsAnswer:
        """Send events, each as JSON."""
        return await self._post("/events", b'{"events":[' + b",".join(events) + b"]}", EventsAnswer)

    async def pending(self) -> PendingActions:
        """Take the actions that wait."""
        return self._read(await self._ask("GET", "/actions/pending"), PendingActions)

    async def send_result(self, action_id: str, result: bytes) -> ResultAnswer:
        """Tell how an action ended, as JSON."""
        return await self._post(f"/actions/{action_id}/result", result, ResultAnswer)

    async def _post(
        self,
        path: str,
        content: bytes,
        model: type[Model],
        *,
        headers: dict[str, str] = _JSON,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> Model:
        answer = await self._ask("POST", path, content=content, headers=headers, timeout=timeout)
        return self._read(answer, model)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, content=content, headers=headers, timeout=timeout)
        except (httpx.HTTPError, OSError) as err:
            raise ServiceAwayError(f"the service cannot be reached: {type(err).__name__}: {err}") from err
        if answer.status_code != 200:
            raise _error(answer)
        _check_protocol(answer)
        return answer

    @staticmethod
    def _read(answer: httpx.Response, model: type[Model]) -> Model:
        """An answer; fields that a newer service adds are passed over."""
        try:
            return model.model_validate_json(answer.content, extra="ignore")
        except ValidationError as err:
            where = ".".join(str(part) for part in err.errors(include_input=False)[0]["loc"])
            raise ServiceAwayError(f"what answers is not the service, or not as the protocol says: {where}") from err


def headers_of(settings: Settings) -> dict[str, str]:
    """What every request carries."""
    return {
        "Authorization": f"Bearer {settings.token}",
        PROTOCOL_HEADER: str(PROTOCOL_VERSION),
        "User-Agent": f"spot-optimizer-agent/{version()}",
    }


def error_of_status(status: int, problem: str, retry_after_s: float | None = None) -> Exception:
    """The error for a status of the protocol, also of one that ends a handshake."""
    if status == 401:
        return UnwelcomeError(f"the service does not accept this cluster's key (API_TOKEN): {problem}")
    if status == 403:
        return UnwelcomeError(f"the key (API_TOKEN) is not of the cluster that CLUSTER_ID names: {problem}")
    if status == UPGRADE_REQUIRED:
        return UpgradeNeededError(f"this agent must be upgraded (helm upgrade): {problem}")
    if status in (408, 429) or status >= 500:
        asked_s = min(retry_after_s, LONGEST_ASKED_S) if retry_after_s is not None else None
        return ServiceAwayError(f"the service answers {status}: {problem}", asked_s)
    if 300 <= status < 400:
        return ServiceAwayError(
            f"the service answers {status}; API_URL must be its own address, not one that redirects"
        )
    kind = TooLargeError if status == 413 else BodyRefusedError
    return kind(status, problem)


def _error(answer: httpx.Response) -> Exception:
    header = answer.headers.get("Retry-After", "")
    return error_of_status(answer.status_code, _problem(answer), float(header) if header.isdecimal() else None)


def _problem(answer: httpx.Response) -> str:
    """What the problem document says, or the start of whatever came instead of one."""
    try:
        document: Any = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        return str(document.get("detail") or document.get("title") or "no reason given")[:1000]
    return answer.text[:200].strip() or answer.reason_phrase


def _check_protocol(answer: httpx.Response) -> None:
    """The service names the version that it speaks with us: our own, or its newest when it is older than we are."""
    spoken = answer.headers.get(PROTOCOL_HEADER, str(PROTOCOL_VERSION))
    if not spoken.isdecimal() or not OLDEST_PROTOCOL <= int(spoken) <= PROTOCOL_VERSION:
        raise UpgradeNeededError(f"the service speaks protocol {spoken}, this agent {PROTOCOL_VERSION}; upgrade it")
