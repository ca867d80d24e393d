"""A plain client of the Kubernetes API for tests: paths and JSON, nothing that the agent's own client shares."""

import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

JsonObject = dict[str, Any]
T = TypeVar("T")

WAIT_LIMIT_S = 30.0
TIMEOUT = httpx.Timeout(120.0, connect=5.0)
"""To delete thousands of objects by one call takes the API server half a minute."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

_PLURALS = {"Endpoints": "endpoints"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where an API server is, and who asks: by certificate (file and key) or by token."""

    url: str
    ca: Path
    certificate: tuple[Path, Path] | None = None
    token: str = ""

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig, which is JSON as YAML may be."""
        user: JsonObject = {"token": self.token} if self.token else {}
        if self.certificate:
            user = {"client-certificate": str(self.certificate[0]), "client-key": str(self.certificate[1])}
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        text = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(text))
        return path

    def tls(self) -> ssl.SSLContext:
        """Trust in the control plane's authority alone, and the certificate to show."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context


class Kube:
    """The API for one login."""

    def __init__(self, login: Login) -> None:
        headers = {"Authorization": f"Bearer {login.token}"} if login.token else {}
        self.http = httpx.Client(
            base_url=login.url, verify=login.tls(), headers=headers, timeout=TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def get(self, path: str, **params: str) -> JsonObject:
        """An object or a list."""
        return _body(self.http.get(path, params=params))

    def items(self, path: str, **params: str) -> list[JsonObject]:
        """What a list holds."""
        return self.get(path, **params)["items"]

    def create(self, body: JsonObject) -> JsonObject:
        """Create an object, where its kind and namespace say."""
        return _body(self.http.post(path_of(body, collection=True), json=body))

    def apply(self, body: JsonObject, *, dry_run: bool = False, manager: str = "test") -> JsonObject:
        """Server-side apply; a dry run goes through defaults, validation and admission and is not kept."""
        params = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        params |= {"dryRun": "All"} if dry_run else {}
        answer = self.http.patch(
            path_of(body), params=params, content=json.dumps(body), headers={"Content-Type": APPLY}
        )
        return _body(answer)

    def merge(self, path: str, body: JsonObject) -> JsonObject:
        """Merge fields into an object."""
        return _body(self.http.patch(path, content=json.dumps(body), headers={"Content-Type": MERGE}))

    def strategic(self, path: str, body: JsonObject) -> JsonObject:
        """Merge fields into an object, and lists such as conditions by their keys."""
        return _body(self.http.patch(path, content=json.dumps(body), headers={"Content-Type": STRATEGIC}))

    def delete(self, path: str, *, grace_s: int | None = None) -> None:
        """Delete an object, in the background as kubectl does; one that has gone is fine."""
        options: JsonObject = {"propagationPolicy": "Background"}
        options |= {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        answer = self.http.request("DELETE", path, json=options)
        if answer.status_code != httpx.codes.NOT_FOUND:
            _body(answer)

    def evict(self, namespace: str, pod: str) -> httpx.Response:
        """Ask for an eviction; the answer tells whether a budget forbids it."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        return self.http.post(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", json=body)

    @staticmethod
    def now() -> str:
        """The time as Kubernetes writes it."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def token(self, namespace: str, account: str, *, pod: str = "") -> str:
        """A token of a service account, bound to a pod when one is named, for an hour."""
        spec: JsonObject = {"expirationSeconds": 3600}
        if pod:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return _body(self.http.post(path, json=body))["status"]["token"]

    def wait(self, ask: Callable[[], T], *, until: Callable[[T], object], limit_s: float = WAIT_LIMIT_S) -> T:
        """Ask until the answer is as wanted.

        Raises
        ------
        TimeoutError
            With the last answer, when it never was.
        """
        end = time.monotonic() + limit_s
        while not until(answer := ask()):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {limit_s:.0f} s; last: {str(answer)[:2000]}")
            time.sleep(0.05)
        return answer


def path_of(body: JsonObject, *, collection: bool = False) -> str:
    """Path of an object, or of the collection that it is created in."""
    version, kind, metadata = body["apiVersion"], body["kind"], body["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    path = f"{root}{inside}/{plural_of(kind)}"
    return path if collection else f"{path}/{metadata['name']}"


def plural_of(kind: str) -> str:
    """The resource of a kind, as paths name it."""
    name = kind.lower()
    if name.endswith("s"):
        return _PLURALS.get(kind, name + "es")
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def _body(answer: httpx.Response) -> JsonObject:
    if answer.is_error:
        raise AssertionError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer.json()
