"""What a request asks, whichever of AWS' protocols it comes in, and refusals in the same protocol."""

import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

SCOPE = re.compile(r"Credential=([^/]+)/\d+/([a-z0-9-]+)/([a-z0-9-]+)/")
_EKS = (
    (re.compile(r"/clusters/[^/]+/node-groups/[^/]+"), "DescribeNodegroup"),
    (re.compile(r"/clusters/[^/]+/node-groups"), "ListNodegroups"),
    (re.compile(r"/clusters/[^/]+"), "DescribeCluster"),
    (re.compile(r"/clusters"), "ListClusters"),
)

ADVISOR_PATH = "/spot-advisor-data.json"
"""Where the Spot advisor's feed is, which is no service of AWS' API."""

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request. ``key`` is the access key that signed it; ``form`` the parameters of query protocols."""

    key: str
    region: str
    service: str
    operation: str
    path: str
    form: dict[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """As IAM names it."""
        return f"{'cloudwatch' if self.service == 'monitoring' else self.service}:{self.operation}"

    @property
    def is_change(self) -> bool:
        """Whether it would change something."""
        return not self.operation.startswith(("Describe", "List", "Get", "Simulate", "Assume", "spot-advisor"))


def read_request(environ: dict[str, Any]) -> Asked:
    """Read a request; its body can be read again afterwards."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = scope.groups() if scope else ("", "", "")
    is_form = "form" in environ.get("CONTENT_TYPE", "")
    form = dict(parse_qsl(body.decode(), keep_blank_values=True)) if is_form else {}
    path = environ.get("PATH_INFO", "/")
    operation = form.get("Action") or environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or _by_path(service, path)
    return Asked(key=key, region=region, service=service, operation=operation, path=path, form=form, body=body)


def _by_path(service: str, path: str) -> str:
    if service == "eks":
        return next((name for pattern, name in _EKS if pattern.fullmatch(path)), path)
    return path.rpartition("/")[2]


def refusal(asked: Asked, code: str, message: str, *, status: int) -> Answer:
    """An error as the service of the request words it."""
    if asked.service == "ec2":
        text = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        return status, [("Content-Type", "text/xml")], f"{text}<RequestID>r-1</RequestID></Response>".encode()
    if asked.form:
        text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, [("Content-Type", "text/xml")], f"{text}<RequestId>r-1</RequestId></ErrorResponse>".encode()
    headers = [("Content-Type", "application/json"), ("x-amzn-errortype", code)]
    return status, headers, json.dumps({"__type": code, "message": message}).encode()
