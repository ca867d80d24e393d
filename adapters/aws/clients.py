"""Clients of AWS whose every request passes three gates: bounded, permitted, within the limits."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from adapters.aws import limits
from adapters.aws.callers import Caller, Scope, calling, current
from adapters.aws.calls import Calls
from adapters.aws.failures import THROTTLED, SafeModeError, ThrottledError, VoidSessionError, translated
from adapters.aws.ports.access import Permit, Place, Role
from adapters.aws.ports.buckets import Bucket, Buckets
from adapters.aws.sessions import Sessions
from adapters.clock import Clock
from domain.errors import InvariantError

T = TypeVar("T")

CONNECT_S = 5
SILENCE_S = 60.0
"""Longest silence of AWS on one request. Filling a fleet takes seconds, a page of prices about one."""

TRIES = {Scope.READ: 4, Scope.CHANGE: 1}
"""How often a request is sent at most; standard mode backs off with jitter and knows throttling. A change is sent once:
whether it was carried out is looked up before it is sent again."""

CONNECTIONS = 16
"""Kept open for each client."""

MOST_WAIT_S = 60.0
"""Longest wait for a token; what takes longer is better tried in the next round."""

CALL_LIMIT_S = 300.0
"""End of one piece of work with all its pages."""

PERMISSIONS = {"auto-scaling": "autoscaling"}
"""Services that permissions call otherwise."""


class Clients:
    """Makes and keeps clients, and runs work with them.

    Parameters
    ----------
    buckets
        Limits that all processes share.
    endpoint_url
        Stands in for AWS in tests; by default AWS, or what ``AWS_ENDPOINT_URL`` says.
    home
        Region of our own calls: STS.
    silence_s
        Longest silence of AWS on one request.
    own
        Our own session; by default from the usual AWS configuration.
    """

    def __init__(
        self,
        calls: Calls,
        buckets: Buckets,
        clock: Clock,
        *,
        endpoint_url: str | None = None,
        home: str = "us-east-1",
        silence_s: float = SILENCE_S,
        own: Callable[[], botocore.session.Session] = botocore.session.Session,
    ) -> None:
        self._calls = calls
        self._buckets = buckets
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._home = home
        self._silence_s = silence_s
        self._sessions = Sessions(self._sts, own)
        self._clients: dict[tuple[Scope, str, str], Any] = {}
        self._lock = threading.Lock()

    async def read(self, place: Place, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in a customer's account, in a session that cannot change anything.

        Raises
        ------
        TransientError, RejectedError, CapacityError
            As `failures` sorts AWS' errors.
        """
        return await self._run(Caller(role=place.role), place.region, service, work=work)

    async def read_own(self, region: str, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in our own account."""
        return await self._run(Caller(role=None), region, service, work=work)

    async def change(self, place: Place, service: str, work: Callable[[Any], T], *, permit: Permit) -> T:
        """Run ``work(client)`` in a customer's account; each change that it asks for is put before the permit.

        Raises
        ------
        SafeModeError
            The permit refused; nothing was sent.
        TransientError, RejectedError, CapacityError
            As `failures` sorts AWS' errors.
        """
        caller = Caller(role=place.role, scope=Scope.CHANGE, permit=permit)
        return await self._run(caller, place.region, service, work=work)

    async def try_out(self, place: Place, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in a session that could change things, without a permit: for dry runs."""
        return await self._run(Caller(role=place.role, scope=Scope.CHANGE), place.region, service, work=work)

    def forget(self, role: Role) -> None:
        """Drop the sessions of a role."""
        self._sessions.forget(role)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    async def _run(self, caller: Caller, region: str, service: str, *, work: Callable[[Any], T]) -> T:
        def in_thread() -> T:
            try:
                with calling(caller), translated(_prefix(service)):
                    return work(self._client(caller.scope, service, region))
            except VoidSessionError:
                if caller.role is not None:
                    self._sessions.forget(caller.role)
                raise

        lane = f"{caller.account} {region}"
        return await self._calls.run(in_thread, lane=lane, limit_s=CALL_LIMIT_S)

    def _sts(self) -> Any:
        return self._client(Scope.READ, "sts", self._home)

    def _client(self, scope: Scope, service: str, region: str) -> Any:
        """A client, made once for all accounts: whoever calls signs."""
        with self._lock:
            known = self._clients.get((scope, service, region))
            if known is None:
                known = self._sessions.shared().create_client(
                    service, region_name=region, endpoint_url=self._endpoint_url, config=self._config(scope)
                )
                _Gates(self._calls, self._buckets, self._clock, region=region).put_before(known)
                self._clients[(scope, service, region)] = known
            return known

    def _config(self, scope: Scope) -> Config:
        return Config(
            connect_timeout=CONNECT_S,
            read_timeout=self._silence_s,
            retries={"mode": "standard", "total_max_attempts": TRIES[scope]},
            max_pool_connections=CONNECTIONS,
        )


class _Gates:
    """What each request of one client passes; runs in our threads."""

    def __init__(self, calls: Calls, buckets: Buckets, clock: Clock, *, region: str) -> None:
        self._calls = calls
        self._buckets = buckets
        self._clock = clock
        self._region = region

    def put_before(self, client: Any) -> None:
        events = client.meta.events
        events.register("provide-client-params", self.refuse_unbounded)
        events.register("before-call", self.ask_permit)
        events.register("before-send", self.take_token)
        events.register("needs-retry", self.notice_throttling)

    def refuse_unbounded(self, params: Mapping[str, Any], event_name: str, **_: Any) -> None:
        service, operation = _named(event_name)
        if service == "ec2" and limits.is_unbounded(operation, params):
            raise InvariantError(f"{operation} was called without a filter, ids or pages")

    def ask_permit(self, params: Mapping[str, Any], event_name: str, **_: Any) -> None:
        service, operation = _named(event_name)
        if limits.reads(operation):
            return
        body = params.get("body")
        form = body if isinstance(body, dict) else {}
        if str(form.get("DryRun", "")).lower() == "true":
            return
        permit, deed = current().permit, f"{_prefix(service)}:{operation}"
        if permit is None:
            raise InvariantError(f"{deed} was called without a permit")
        if not self._calls.back(lambda: permit.allows(deed)):
            raise SafeModeError(f"{deed}: changes are not permitted now")
        if cost := limits.resources_of(operation, form):
            key = f"{self._key(service, operation)}:resources"
            self._calls.back(lambda: self._take(key, limits.RESOURCES[operation], tokens=cost))

    def take_token(self, event_name: str, **_: Any) -> None:
        service, operation = _named(event_name)
        key, bucket = self._key(service, operation), limits.bucket_of(service, operation)
        self._calls.back(lambda: self._take(key, bucket, tokens=1.0))

    def notice_throttling(self, response: Any, event_name: str, **_: Any) -> None:
        code = response[1].get("Error", {}).get("Code", "") if response else ""
        if code in THROTTLED:
            service, operation = _named(event_name)
            key, bucket = self._key(service, operation), limits.bucket_of(service, operation).shared(limits.SHARE)
            self._calls.back(lambda: self._buckets.drain(key, bucket))

    def _key(self, service: str, operation: str) -> str:
        return f"{current().account}:{self._region}:{service}:{operation}"

    async def _take(self, key: str, bucket: Bucket, *, tokens: float) -> None:
        ours = bucket.shared(limits.SHARE)
        wait_s = await self._buckets.reserve(key, ours, tokens=tokens, most_wait_s=MOST_WAIT_S)
        if wait_s is None:
            raise ThrottledError(f"{key}: our own limit leaves no call within {MOST_WAIT_S:.0f} s")
        if wait_s > 0:
            await self._clock.sleep(wait_s)


def _named(event_name: str) -> tuple[str, str]:
    """Service and operation of an event such as ``before-send.auto-scaling.DescribeTags``."""
    _, service, operation = event_name.split(".")[:3]
    return service, operation


def _prefix(service: str) -> str:
    return PERMISSIONS.get(service, service)
