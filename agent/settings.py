"""What the agent is told by its environment. A value may also lie in a file, whose path ``NAME_FILE`` holds.

Files are read again on SIGHUP; the environment of a process cannot change.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from domain.errors import InputError
from domain.signing import SigningKey, derive_signing_key

SHORTEST_INTERVAL_S = 5
LONGEST_INTERVAL_S = 3_600
"""Bounds of both intervals, those of the protocol."""

LOG_LEVELS = ("debug", "info", "warning", "error")

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's credentials."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesAccess:
    """Where the Kubernetes API is and how to be let in. Without files: as ``kubectl proxy`` serves it."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The agent's settings. ``token`` is a secret and left out of ``repr``.

    Parameters
    ----------
    api_url
        Address of the service, without a slash at the end.
    namespace
        Where the agent's lease and documents lie; its own.
    instance
        Name of this process, that of its pod.
    collection_interval_s, heartbeat_interval_s
        In place of what the service says, where they are not ``None``.
    dry_run
        Whether to change nothing, whatever the service says.
    karpenter
        Whether to look at Karpenter's NodePools, which the role must then allow.
    port
        Of health and metrics.
    """

    api_url: str
    cluster_id: str
    token: str = field(repr=False)
    namespace: str
    instance: str
    kubernetes: KubernetesAccess
    log_level: str = "info"
    collection_interval_s: int | None = None
    heartbeat_interval_s: int | None = None
    dry_run: bool = False
    karpenter: bool = False
    port: int = 8080

    @property
    def signing_key(self) -> SigningKey:
        """The key that actions must be signed with."""
        return derive_signing_key(self.token, self.cluster_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Settings of the mode ``node``, one process on each node. It has no key of the service: it never speaks with it.

    Parameters
    ----------
    node
        Name of the node that the process runs on.
    metadata_url
        Where the instance metadata service is.
    """

    node: str
    kubernetes: KubernetesAccess
    metadata_url: str = "http://169.254.169.254"
    log_level: str = "info"
    dry_run: bool = False
    port: int = 8080


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings.

    Raises
    ------
    InputError
        When a variable is missing or malformed; its name is the error's field.
    """
    read = _Reader(environment)
    return Settings(
        api_url=read.required("API_URL", _service_url),
        cluster_id=read.required("CLUSTER_ID", _cluster_id),
        token=read.required("API_TOKEN", _token),
        namespace=read.required("NAMESPACE", _namespace),
        instance=read.optional("POD_NAME", _instance, environment.get("HOSTNAME") or "agent"),
        kubernetes=_kubernetes(read, environment),
        log_level=read.optional("LOG_LEVEL", _log_level, "info"),
        collection_interval_s=read.optional("COLLECTION_INTERVAL", _interval, None),
        heartbeat_interval_s=read.optional("HEARTBEAT_INTERVAL", _interval, None),
        dry_run=read.optional("DRY_RUN", _truth, False),
        karpenter=read.optional("KARPENTER", _truth, False),
        port=read.optional("PORT", _port, 8080),
    )


def read_node_settings(environment: Mapping[str, str]) -> NodeSettings:
    """The settings of the mode ``node``; raises like `read_settings`."""
    read = _Reader(environment)
    return NodeSettings(
        node=read.required("NODE_NAME", str),
        kubernetes=_kubernetes(read, environment),
        metadata_url=read.optional("METADATA_URL", _url, "http://169.254.169.254"),
        log_level=read.optional("LOG_LEVEL", _log_level, "info"),
        dry_run=read.optional("DRY_RUN", _truth, False),
        port=read.optional("PORT", _port, 8080),
    )


def _kubernetes(read: "_Reader", environment: Mapping[str, str]) -> KubernetesAccess:
    """``KUBE_API_URL`` with its two files, else what Kubernetes gives to each pod."""
    url = read.optional("KUBE_API_URL", _url, "")
    if url:
        token, ca = read.optional("KUBE_TOKEN_FILE", Path, None), read.optional("KUBE_CA_FILE", Path, None)
        return KubernetesAccess(url=url, token_file=token, ca_file=ca)
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise _error("KUBE_API_URL", "is missing, and this is no pod: KUBERNETES_SERVICE_HOST is not set")
    return KubernetesAccess(
        url=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        token_file=SERVICE_ACCOUNT / "token",
        ca_file=SERVICE_ACCOUNT / "ca.crt",
    )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def required(self, name: str, parse: Callable[[str], Value]) -> Value:
        text = self._text(name)
        if not text:
            raise _error(name, f"is missing; set it, or {name}_FILE to the path of a file that holds it")
        return self._parsed(name, text, parse=parse)

    def optional(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self._text(name)
        return self._parsed(name, text, parse=parse) if text else default

    def _text(self, name: str) -> str:
        path = self._environment.get(f"{name}_FILE", "").strip()
        if not path:
            return self._environment.get(name, "").strip()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as err:
            raise _error(f"{name}_FILE", f"names a file that cannot be read: {err}") from err

    @staticmethod
    def _parsed(name: str, text: str, *, parse: Callable[[str], Value]) -> Value:
        try:
            return parse(text)
        except ValueError as err:
            raise _error(name, str(err)) from err


def _error(name: str, problem: str) -> InputError:
    return InputError("environment", name, problem)


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("must be a URL such as https://spot.example.com")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    return text.rstrip("/")


def _service_url(text: str) -> str:
    """The address that the portal shows may end in ``/api``; paths of the protocol bring their own."""
    return _url(text).removesuffix("/api")


def _cluster_id(text: str) -> str:
    return _matching(text, _ID, "must be the cluster's id as the portal shows it")


def _namespace(text: str) -> str:
    return _matching(text, _NAME, "must be the name of a namespace")


def _instance(text: str) -> str:
    return _matching(text, _ID, "must be the name of the pod")


def _token(text: str) -> str:
    """Said without the text: it is a secret even when it is malformed."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be the cluster's key, in one line without spaces")
    return text


def _log_level(text: str) -> str:
    return _one_of(text.lower(), LOG_LEVELS)


def _interval(text: str) -> int:
    return _whole(text, least=SHORTEST_INTERVAL_S, most=LONGEST_INTERVAL_S, unit=" seconds")


def _port(text: str) -> int:
    return _whole(text, least=0, most=65_535, unit="")


def _truth(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text.lower() in _TRUE


def _matching(text: str, pattern: re.Pattern[str], problem: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(problem)
    return text


def _one_of(text: str, words: Iterable[str]) -> str:
    if text not in words:
        raise ValueError(f"must be one of {', '.join(words)}")
    return text


def _whole(text: str, *, least: int, most: int, unit: str) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ValueError(f"must be a whole number from {least} to {most}{unit}")
    return int(text)
