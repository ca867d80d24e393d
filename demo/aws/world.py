"""The world: a WSGI application in front of moto that counts, refuses, fails and prices as it is told."""

import json
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from moto.backends import SERVICE_NAMES, get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from demo.aws.fleets import Fleets, PoolKey
from demo.aws.market import Market
from demo.aws.requests import ADVISOR_PATH, Answer, Asked, read_request, refusal

ASKED_PATH = "/world/asked"
"""Tells, as JSON, what was asked so far: seconds, account, region, service, operation."""

_KEY = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_SUBNET = re.compile(rb"<subnetId>([^<]+)</subnetId>")
_ZONE_NAME = re.compile(rb"<zoneName>([^<]+)</zoneName>")
_ZONE_ID = re.compile(rb"<zoneId>([^<]+)</zoneId>")

SERVICES: tuple[SERVICE_NAMES, ...] = ("autoscaling", "cloudformation", "cloudwatch", "ec2", "eks", "iam", "sts")
"""Those of moto that are asked here."""

HOME = "home"
"""Stands for the account of whoever signs with keys that AssumeRole did not give."""


@dataclass
class Fault:
    """Something that goes wrong with requests of one operation.

    Parameters
    ----------
    times
        How often before all is well again.
    after
        The request is carried out first: its answer is what gets lost.
    delay_s
        Waits this long before it answers: longer than the caller does is a time-out.
    """

    operation: str
    code: str = "RequestLimitExceeded"
    status: int = 503
    times: int = 1
    account: str = ""
    region: str = ""
    after: bool = False
    delay_s: float = 0.0

    def hits(self, asked: Asked, account: str) -> bool:
        """Whether it is this request that goes wrong."""
        return (
            self.times > 0
            and self.operation == asked.operation
            and self.account in ("", account)
            and self.region in ("", asked.region)
        )


@dataclass
class World:
    """AWS.

    Parameters
    ----------
    external_ids
        What each role wants to hear, by ARN; roles that are not there let everybody in.
    denied
        Actions that are refused to assumed roles, such as ``ec2:CreateFleet``, or ``ACCOUNT:ec2:CreateFleet``.
    prefilled
        Answers requests by itself; ``None`` leaves them to the rest.
    """

    market: Market = field(default_factory=Market)
    fleets: Fleets = field(default_factory=Fleets)
    external_ids: dict[str, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    prefilled: Callable[[Asked, str], Answer | None] = lambda _asked, _account: None
    asked: list[tuple[float, str, Asked]] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        asked = read_request(environ)
        account = self.accounts.get(asked.key, HOME)
        with self._lock:
            self.asked.append((time.monotonic(), account, asked))
        status, headers, body = self._answer(asked, account, environ)
        headers = [header for header in headers if header[0].lower() != "content-length"]
        start_response(f"{status} {'OK' if status < 300 else 'Failed'}", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def empty(self) -> None:
        """Forget what is in all accounts. moto's own reset makes each anew at once, which takes longer."""
        for service in SERVICES:
            get_backend(service).clear()

    def counts(self) -> Counter[str]:
        """How often each operation was asked."""
        return Counter(asked.operation for _, _, asked in self.asked)

    def changes(self) -> Counter[str]:
        """How often something was really to be changed, dry runs left out."""
        real = (a for _, _, a in self.asked if a.is_change and a.form.get("DryRun", "false") != "true")
        return Counter(asked.operation for asked in real)

    def times(self) -> Mapping[tuple[str, str, str], list[float]]:
        """When each account and region was asked for each operation, in seconds."""
        found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for at, account, asked in self.asked:
            found[(account, asked.region, asked.operation)].append(at)
        return found

    def _answer(self, asked: Asked, account: str, environ: dict[str, Any]) -> Answer:
        fault = self._fault(asked, account)
        if fault is not None and not fault.after:
            time.sleep(fault.delay_s)
            return refusal(asked, fault.code, "as told", status=fault.status)
        answer = self._refused(asked, account) or self._own(asked, account, environ) or self._of_moto(asked, environ)
        if asked.operation == "AssumeRole" and (found := _KEY.search(answer[2])):
            self.accounts[found.group(1).decode()] = asked.form["RoleArn"].split(":")[4]
        if fault is not None:
            time.sleep(fault.delay_s)
            return refusal(asked, fault.code, "the answer is lost", status=fault.status)
        return answer

    def _fault(self, asked: Asked, account: str) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self.faults if fault.hits(asked, account)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def _refused(self, asked: Asked, account: str) -> Answer | None:
        if asked.operation == "AssumeRole":
            wanted = self.external_ids.get(asked.form["RoleArn"])
            if wanted in (None, asked.form.get("ExternalId")) and "sts:AssumeRole" not in self.denied:
                return None
            message = f"User: x is not authorized to perform: sts:AssumeRole on resource: {asked.form['RoleArn']}"
            return refusal(asked, "AccessDenied", message, status=403)
        if account == HOME or not self._is_denied(asked.action, account):
            return None
        if asked.service == "ec2":
            return refusal(asked, "UnauthorizedOperation", "You are not authorized.", status=403)
        message = f"User: x is not authorized to perform: {asked.action} on resource: *"
        code = "AccessDenied" if asked.form else "AccessDeniedException"
        return refusal(asked, code, message, status=403)

    def _is_denied(self, action: str, account: str) -> bool:
        return action in self.denied or f"{account}:{action}" in self.denied

    def _own(self, asked: Asked, account: str, environ: dict[str, Any]) -> Answer | None:
        if (known := self.prefilled(asked, account)) is not None:
            return known
        if asked.path == ADVISOR_PATH:
            return self.market.advisor()
        if asked.path == ASKED_PATH:
            return self._told()
        if asked.operation == "GetProducts":
            return self.market.products(asked)
        if asked.operation == "DescribeSpotPriceHistory":
            return self.market.history(asked, self._zones(environ))
        if asked.operation == "SimulatePrincipalPolicy":
            return self._simulated(asked, account)
        if asked.operation == "CreateFleet" and asked.form.get("DryRun") != "true":
            return self._fleet(asked, account, environ)
        return None

    def _fleet(self, asked: Asked, account: str, environ: dict[str, Any]) -> Answer:
        with self._lock:
            return self.fleets.create(
                asked,
                lambda form: self._forward(_with_form(environ, form)),
                account=account,
                zone_of=self._zone_of_subnets(environ),
                price=self._price,
            )

    def _price(self, region: str, pool: PoolKey) -> float:
        return self.market.spot(region).get(pool, 10**9)

    def _zones(self, environ: dict[str, Any]) -> dict[str, str]:
        """The account's zone names by id."""
        _, _, body = self._ask(environ, "DescribeAvailabilityZones")
        names, ids = _ZONE_NAME.findall(body), _ZONE_ID.findall(body)
        return {zone_id.decode(): name.decode() for zone_id, name in zip(ids, names, strict=True)}

    def _zone_of_subnets(self, environ: dict[str, Any]) -> dict[str, str]:
        _, _, body = self._ask(environ, "DescribeSubnets")
        items = re.findall(rb"<item>(?:(?!</item>).)*?<subnetId>.*?</item>", body, re.DOTALL)
        found = {}
        for item in items:
            subnet, zone = _SUBNET.search(item), re.search(rb"<availabilityZoneId>([^<]+)<", item)
            if subnet and zone:
                found[subnet.group(1).decode()] = zone.group(1).decode()
        return found

    def _ask(self, environ: dict[str, Any], action: str) -> Answer:
        return self._forward(_with_form(environ, {"Action": action, "Version": "2016-11-15"}))

    def _told(self) -> Answer:
        rows = [[at, account, asked.region, asked.service, asked.operation] for at, account, asked in self.asked]
        return 200, [("Content-Type", "application/json")], json.dumps(rows).encode()

    def _simulated(self, asked: Asked, account: str) -> Answer:
        action = asked.form["ActionNames.member.1"]
        decision = "implicitDeny" if self._is_denied(action, account) else "allowed"
        text = (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member>"
            f"<EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>"
            "</member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        )
        return 200, [("Content-Type", "text/xml")], text.encode()

    def _of_moto(self, asked: Asked, environ: dict[str, Any]) -> Answer:
        try:
            return self._forward(environ)
        except (KeyError, StopIteration) as err:
            # moto breaks where AWS says that something is not there.
            return refusal(asked, "ResourceNotFoundException", f"{err} is not there", status=404)

    def _forward(self, environ: dict[str, Any]) -> Answer:
        caught: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            caught.update(status=int(status.split()[0]), headers=headers)

        body = b"".join(self._moto(environ, start))
        return caught["status"], caught["headers"], body


def _with_form(environ: dict[str, Any], form: Mapping[str, str]) -> dict[str, Any]:
    """The same request with another form."""
    body = urlencode(form).encode()
    # moto keeps what it has parsed in the environment: the copy must not bring that along.
    kept = {key: value for key, value in environ.items() if not key.startswith("werkzeug.")}
    return {**kept, "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


class _Quiet(MotoRequestHandler):
    """Writes no line for each request, and keeps connections open as AWS does."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def served(world: World, *, port: int = 0) -> Iterator[str]:
    """Serve a world on a port of the loopback, by default a free one; gives its address."""
    server = make_server("127.0.0.1", port, world, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
