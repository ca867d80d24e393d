"""The instance metadata service (IMDSv2): whether AWS takes this instance, or recommends to leave it.

Every question carries a session token, which is asked for by PUT first. The answer to that PUT travels with an IP hop
limit, which is 1 by default on many machine images: it then reaches processes on the host, but no container behind a
bridge, where the PUT is seen to hang. Source: EC2 user guide, Spot instance interruption notices, rebalance
recommendations, IMDSv2 (read 2026-10).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from agent.clock import Clock
from agent.drains.facts import read_time
from domain.errors import RejectedError, TransientError

TOKEN_TTL_S = 21_600
"""The longest that is allowed: six hours."""

TOKEN_FRESH_S = 3_600
"""How long a token is used; it is asked for anew well before it ends."""

TIMEOUT_S = 2.0
"""The service is on the same machine and answers within milliseconds."""

_SESSION = "/latest/api/token"
_INSTANCE_ID = "/latest/meta-data/instance-id"
_INTERRUPTION = "/latest/meta-data/spot/instance-action"
_REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
_INSTANCE = re.compile(r"i-[0-9a-z]{1,32}")


class MetadataAwayError(TransientError):
    """The metadata service did not answer, or not as it should. The message says what to look at."""


class NoMetadataError(RejectedError):
    """There is no metadata service that would answer here. The message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """AWS takes the instance: ``terminate``, ``stop`` or ``hibernate``, at a time (UTC)."""

    action: str
    at: datetime


class Metadata:
    """Asks the metadata service. Keeps a session token, nothing else.

    Parameters
    ----------
    http
        A client whose base URL is the service's address.
    """

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self._http, self._clock = http, clock
        self._token = ""
        self._fresh_until = 0.0

    async def instance_id(self) -> str:
        """Id of the instance this runs on.

        Raises
        ------
        MetadataAwayError, NoMetadataError
            As all methods here.
        """
        found = await self._get(_INSTANCE_ID)
        if found is None or not _INSTANCE.fullmatch(text := found.text.strip()):
            raise MetadataAwayError(f"{_INSTANCE_ID} names no instance")
        return text

    async def interruption(self) -> Takeover | None:
        """The notice that AWS takes the instance, if there is one."""
        answer = await self._get(_INTERRUPTION)
        if answer is None:
            return None
        told = _object(answer, _INTERRUPTION)
        at, action = read_time(told.get("time")), told.get("action")
        if at is None or not isinstance(action, str) or not action.isalpha():
            raise MetadataAwayError(f"{_INTERRUPTION} is not as documented")
        return Takeover(action=action.lower(), at=at)

    async def rebalance(self) -> datetime | None:
        """When AWS recommended to leave the instance (UTC), if it did."""
        answer = await self._get(_REBALANCE)
        if answer is None:
            return None
        at = read_time(_object(answer, _REBALANCE).get("noticeTime"))
        if at is None:
            raise MetadataAwayError(f"{_REBALANCE} is not as documented")
        return at

    async def _get(self, path: str) -> httpx.Response | None:
        """An answer, ``None`` where there is nothing; a token that has become invalid is replaced once."""
        answer = await self._ask(path)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._fresh_until = 0.0
            answer = await self._ask(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise MetadataAwayError(f"{path} answers {answer.status_code}")
        return answer

    async def _ask(self, path: str) -> httpx.Response:
        await self._refresh()
        try:
            return await self._http.get(path, headers={"X-aws-ec2-metadata-token": self._token}, timeout=TIMEOUT_S)
        except httpx.HTTPError as err:
            raise MetadataAwayError(f"the metadata service does not answer: {type(err).__name__}") from err

    async def _refresh(self) -> None:
        if self._clock.monotonic() < self._fresh_until:
            return
        wanted = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
        try:
            answer = await self._http.put(_SESSION, headers=wanted, timeout=TIMEOUT_S)
        except httpx.ReadTimeout as err:
            raise NoMetadataError(
                "the metadata service takes the question for a token, but its answer does not arrive: the hop limit of "
                "the instance is 1 and this container is not on the host's network; run it with hostNetwork, or set "
                "HttpPutResponseHopLimit to 2"
            ) from err
        except httpx.HTTPError as err:
            raise MetadataAwayError(
                f"the metadata service cannot be reached ({type(err).__name__}): a network policy or a firewall may "
                "forbid it, or this is no EC2 instance"
            ) from err
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise NoMetadataError("the metadata service is switched off for this instance (HttpEndpoint)")
        if answer.status_code != httpx.codes.OK:
            raise MetadataAwayError(f"the metadata service answers {answer.status_code} when asked for a token")
        self._token, self._fresh_until = answer.text, self._clock.monotonic() + TOKEN_FRESH_S


def _object(answer: httpx.Response, path: str) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as err:
        raise MetadataAwayError(f"{path} is no JSON") from err
    return found if isinstance(found, dict) else {}
