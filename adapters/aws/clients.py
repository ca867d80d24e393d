"""Clients of AWS whose every request passes three gates: bounded, permitted, within the limits."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from adapters.aws import limits
from adapters.aws.calls import Calls
from adapters.aws.failures import THROTTLED, SafeModeError, ThrottledError, translated
from adapters.aws.ports.access import Permit, Place, Role
from adapters.aws.ports.buckets import Bucket, Buckets
from adapters.aws.sessions import Scope, Sessions
from adapters.clock import Clock
from domain.errors import InvariantError

T = TypeVar("T")

READING = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=16,
)
"""Seconds and tries of one request that changes nothing; standard mode backs off with jitter and knows throttling."""

CHANGING = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
"""A change is asked once: whether it was done is looked up before it is asked again."""

MOST_WAIT_S = 60.0
"""Longest wait for a token; what takes longer is better tried in the next round."""

CALL_LIMIT_S = 300.0
"""End of one piece of work with all its pages."""

MOST_CLIENTS = 256
"""Clients kept, of all accounts: one takes about 1 MB."""

OWN = "own"
"""Stands for our own account in lanes and buckets."""

PERMISSIONS = {"auto-scaling": "autoscaling"}
"""Services that permissions call otherwise."""

_PERMIT: ContextVar[Permit | None] = ContextVar("permit", default=None)


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
        own: Callable[[], botocore.session.Session] = botocore.session.Session,
    ) -> None:
        self._calls = calls
        self._buckets = buckets
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._home = home
        self._sessions = Sessions(self._sts, own)
        self._clients: OrderedDict[tuple[Role | None, Scope, str, str], Any] = OrderedDict()
        self._lock = threading.Lock()

    async def read(self, place: Place, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in a customer's account, in a session that cannot change anything.

        Raises
        ------
        TransientError, RejectedError, CapacityError
            As `failures` sorts AWS' errors.
        """

        def in_thread() -> T:
            client = self.client(place.role, Scope.READ, service, place.region)
            with translated(_prefix(service)):
                return work(client)

        return await self._calls.run(in_thread, lane=str(place), limit_s=CALL_LIMIT_S)

    async def read_own(self, region: str, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in our own account."""

        def in_thread() -> T:
            with translated(_prefix(service)):
                return work(self.client(None, Scope.READ, service, region))

        return await self._calls.run(in_thread, lane=f"{OWN} {region}", limit_s=CALL_LIMIT_S)

    async def change(self, place: Place, service: str, work: Callable[[Any], T], *, permit: Permit) -> T:
        """Run ``work(client)`` in a customer's account; each change that it asks for is put before the permit.

        Raises
        ------
        SafeModeError
            The permit refused; nothing was sent.
        TransientError, RejectedError, CapacityError
            As `failures` sorts AWS' errors.
        """

        def in_thread() -> T:
            client = self.client(place.role, Scope.CHANGE, service, place.region)
            with _permitted(permit), translated(_prefix(service)):
                return work(client)

        return await self._calls.run(in_thread, lane=str(place), limit_s=CALL_LIMIT_S)

    async def try_out(self, place: Place, service: str, work: Callable[[Any], T]) -> T:
        """Run ``work(client)`` in a session that could change things, without a permit: for dry runs."""

        def in_thread() -> T:
            client = self.client(place.role, Scope.CHANGE, service, place.region)
            with translated(_prefix(service)):
                return work(client)

        return await self._calls.run(in_thread, lane=str(place), limit_s=CALL_LIMIT_S)

    def forget(self, role: Role) -> None:
        """Drop sessions and clients of a role."""
        self._sessions.forget(role)
        with self._lock:
            for key in [key for key in self._clients if key[0] == role]:
                del self._clients[key]

    def client(self, role: Role | None, scope: Scope, service: str, region: str) -> Any:
        """A client, made or kept. Blocks: for threads only. Use `read` and `change`, which translate errors."""
        key = (role, scope, service, region)
        with self._lock:
            if key in self._clients:
                self._clients.move_to_end(key)
                return self._clients[key]
        made = self._make(role, scope, service, region)
        with self._lock:
            kept = self._clients.setdefault(key, made)
            while len(self._clients) > MOST_CLIENTS:
                self._clients.popitem(last=False)
            return kept

    def _sts(self) -> Any:
        return self.client(None, Scope.READ, "sts", self._home)

    def _make(self, role: Role | None, scope: Scope, service: str, region: str) -> Any:
        session = self._sessions.own() if role is None else self._sessions.assumed(role, scope)
        config = READING if scope is Scope.READ else CHANGING
        # Sessions are not for several threads at once, clients are.
        with translated(_prefix(service)), self._lock:
            client = session.create_client(service, region_name=region, endpoint_url=self._endpoint_url, config=config)
        account = OWN if role is None else role.account_id
        _Gates(self._calls, self._buckets, self._clock, lane=f"{account}:{region}").put_before(client)
        return client


class _Gates:
    """What each request of one client passes; runs in our threads."""

    def __init__(self, calls: Calls, buckets: Buckets, clock: Clock, *, lane: str) -> None:
        self._calls = calls
        self._buckets = buckets
        self._clock = clock
        self._lane = lane

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
        permit, deed = _PERMIT.get(), f"{_prefix(service)}:{operation}"
        if permit is None:
            raise InvariantError(f"{deed} was called without a permit")
        if not self._calls.back(lambda: permit.allows(deed)):
            raise SafeModeError(f"{deed}: changes are not permitted now")
        if cost := limits.resources_of(operation, form):
            key = f"{self._lane}:{service}:{operation}:resources"
            self._calls.back(lambda: self._take(key, limits.RESOURCES[operation], tokens=cost))

    def take_token(self, event_name: str, **_: Any) -> None:
        service, operation = _named(event_name)
        key, bucket = f"{self._lane}:{service}:{operation}", limits.bucket_of(service, operation)
        self._calls.back(lambda: self._take(key, bucket, tokens=1.0))

    def notice_throttling(self, response: Any, event_name: str, **_: Any) -> None:
        code = response[1].get("Error", {}).get("Code", "") if response else ""
        if code in THROTTLED:
            service, operation = _named(event_name)
            bucket = limits.bucket_of(service, operation).shared(limits.SHARE)
            self._calls.back(lambda: self._buckets.drain(f"{self._lane}:{service}:{operation}", bucket))

    async def _take(self, key: str, bucket: Bucket, *, tokens: float) -> None:
        ours = bucket.shared(limits.SHARE)
        wait_s = await self._buckets.reserve(key, ours, tokens=tokens, most_wait_s=MOST_WAIT_S)
        if wait_s is None:
            raise ThrottledError(f"{key}: our own limit leaves no call within {MOST_WAIT_S:.0f} s")
        if wait_s > 0:
            await self._clock.sleep(wait_s)


@contextmanager
def _permitted(permit: Permit) -> Iterator[None]:
    token = _PERMIT.set(permit)
    try:
        yield
    finally:
        _PERMIT.reset(token)


def _named(event_name: str) -> tuple[str, str]:
    """Service and operation of an event such as ``before-send.auto-scaling.DescribeTags``."""
    _, service, operation = event_name.split(".")[:3]
    return service, operation


def _prefix(service: str) -> str:
    return PERMISSIONS.get(service, service)
