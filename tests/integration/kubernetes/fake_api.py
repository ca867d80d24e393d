"""A Kubernetes API server of a few answers, on a free port of this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, Any] | bytes]


def status(code: int, message: str) -> Answer:
    """An error as the API server tells it."""
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}


@dataclass(slots=True, kw_only=True)
class FakeApi:
    """Serves lists of objects by plural name; ``trouble`` may answer a request in their place.

    ``asked`` holds each request as (plural, continue token); ``authorizations`` the header of each.
    """

    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    trouble: Callable[[str, str], Answer | None] = lambda _plural, _token: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    def answer(self, path: str, query: dict[str, list[str]]) -> Answer:
        """The page that was asked for, its continue token the offset of the next."""
        plural, token = path.rpartition("/")[2], query.get("continue", [""])[0]
        self.asked.append((plural, token))
        if (trouble := self.trouble(plural, token)) is not None:
            return trouble
        start, limit = int(token or 0), int(query["limit"][0])
        everything = self.objects.get(plural, [])
        rest = {"continue": str(start + limit)} if start + limit < len(everything) else {}
        kind = {"pods": "PodList", "nodes": "NodeList"}.get(plural, "OtherList")
        page = {"kind": kind, "apiVersion": "v1", "metadata": rest, "items": everything[start : start + limit]}
        return 200, page


@contextmanager
def serving(api: FakeApi) -> Iterator[str]:
    """The address at which the API answers while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            api.authorizations.add(self.headers.get("Authorization", ""))
            code, body = api.answer(url.path, parse_qs(url.query))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_kubeconfig(
    path: Path, server: str, *, current: str | None = "test", user: dict[str, Any] | None = None
) -> Path:
    """A kubeconfig with the contexts ``test`` and ``other``."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "secret"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("test", "other")],
        **({"current-context": current} if current else {}),
    }
    path.write_text(json.dumps(config))
    return path
