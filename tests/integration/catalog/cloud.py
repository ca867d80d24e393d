"""AWS as a refresh sees it: moto in server mode, with a layer in front for the figures that moto has not."""

import io
import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

PAGE = 2
"""Entries a page, so that every list takes several."""

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/")


@dataclass
class Cloud:
    """A WSGI application. Prices are (type, USD); Spot prices (type, zone name, USD, time)."""

    products: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    spot: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)
    advisor: dict[str, Any] = field(default_factory=dict)
    failing: set[tuple[str, str]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        call = form.get("Action") or environ.get("HTTP_X_AMZ_TARGET", environ["PATH_INFO"]).partition(".")[2]
        region = self._region(environ, body)
        self.asked.append(call)
        if (region, call) in self.failing:
            return _refusal(start_response, call)
        if call == "json":
            return _answer(start_response, json.dumps(self.advisor), kind="application/json")
        if call == "GetProducts":
            return _answer(start_response, self._products(region, json.loads(body)), kind="application/x-amz-json-1.1")
        if call == "DescribeSpotPriceHistory":
            return _answer(start_response, self._spot(region, form), kind="text/xml")
        return self.moto({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    def _region(self, environ: dict[str, Any], body: bytes) -> str:
        if b"regionCode" in body:
            fields = {f["Field"]: f["Value"] for f in json.loads(body)["Filters"]}
            return fields["regionCode"]
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        return scope.group(1) if scope else ""

    def _products(self, region: str, asked: dict[str, Any]) -> str:
        fields = {f["Field"]: f["Value"] for f in asked["Filters"]}
        metal = "bare metal" in fields["productFamily"]
        chosen = [item for item in self.products.get(region, []) if ("metal" in item[0]) == metal]
        start = int(asked.get("NextToken", 0))
        answer: dict[str, Any] = {"PriceList": [_product(*item) for item in chosen[start : start + PAGE]]}
        if start + PAGE < len(chosen):
            answer["NextToken"] = str(start + PAGE)
        return json.dumps(answer)

    def _spot(self, region: str, form: dict[str, str]) -> str:
        rows = self.spot.get(region, [])
        start = int(form.get("NextToken", 0))
        items = "".join(_spot_item(*row) for row in rows[start : start + PAGE])
        token = str(start + PAGE) if start + PAGE < len(rows) else ""
        return (
            '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken>{token}</nextToken>"
            "</DescribeSpotPriceHistoryResponse>"
        )


@contextmanager
def served(cloud: Cloud) -> Iterator[str]:
    """Serve a cloud on a free port of the loopback; gives its address."""
    server = make_server("127.0.0.1", 0, cloud, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _product(name: str, usd: str) -> str:
    rate = {"unit": "Hrs", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"attributes": {"instanceType": name}},
            "terms": {"OnDemand": {"term": {"priceDimensions": {"rate": rate}}}},
        }
    )


def _spot_item(name: str, zone: str, usd: str, time: str) -> str:
    return (
        f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>"
        f"<spotPrice>{usd}</spotPrice><timestamp>{time}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
    )


def _answer(start_response: Any, text: str, *, kind: str) -> list[bytes]:
    start_response("200 OK", [("Content-Type", kind)])
    return [text.encode()]


def _refusal(start_response: Any, call: str) -> list[bytes]:
    start_response("403 Forbidden", [("Content-Type", "text/xml")])
    message = f"not allowed to call {call}"
    if call == "GetProducts":
        return [json.dumps({"__type": "AccessDeniedException", "message": message}).encode()]
    error = f"<Error><Code>UnauthorizedOperation</Code><Message>{message}</Message></Error>"
    return [f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>".encode()]
