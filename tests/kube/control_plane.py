"""A real Kubernetes control plane on loopback: etcd, API server, controllers, scheduler, and KWOK for the kubelets.

What is real: the API with admission, RBAC, audit, watches, bookmarks and their limits; Deployments, ReplicaSets,
disruption budgets, garbage collection, node leases, scheduling. What is played: nodes and containers (``kwok.yaml``).
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import httpx

from tests.kube.audit import Asked, asked_by
from tests.kube.certificates import Authority
from tests.kube.client import Kube, Login
from tests.kube.programs import Programs

HERE = Path(__file__).parent
READY_LIMIT_S = 120.0
"""Until the API server is ready: four seconds on an idle machine, much more on a busy one."""

STOP_LIMIT_S = 5.0
"""Until a part that was asked to end is ended: the API server would wait a minute for those who watch."""

ADMIN = "admin"

_USERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        ADMIN: ("test-admin", "system:masters"),
        "kube-controller-manager": ("system:kube-controller-manager", ""),
        "kube-scheduler": ("system:kube-scheduler", ""),
        "kwok": ("kwok", "system:masters"),
    }
)
"""Certificate by name: Kubernetes' user and group."""


class ControlPlane:
    """A control plane in a folder, a process for each part. All of it is gone when the ``with`` block ends.

    A part may be killed and started again by its name; it keeps its port and, etcd being another process, its data.
    """

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self._programs = programs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._api, self._etcd, self._peer, self._kwok = _free_ports(4)
        self._stack = ExitStack()
        self.url = f"https://127.0.0.1:{self._api}"

    def __enter__(self) -> Self:
        self._stack.callback(self._kill_all)
        try:
            self._prepare()
            self.kube = self._stack.enter_context(Kube(self.login(ADMIN)))
            self.start_missing()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def login(self, name: str) -> Login:
        """How to log in by one of the certificates."""
        return Login(
            url=self.url,
            ca=self.folder / "ca.crt",
            certificate=(self.folder / f"{name}.crt", self.folder / f"{name}.key"),
        )

    def kubeconfig(self, name: str = ADMIN) -> Path:
        """A kubeconfig with one of the certificates."""
        return self.login(name).kubeconfig(self.folder / f"{name}.kubeconfig")

    def service_account(self, namespace: str, name: str, *, pod: str = "") -> Login:
        """How to log in as a service account that exists, as a pod's container would when the pod is named."""
        return Login(url=self.url, ca=self.folder / "ca.crt", token=self.kube.token(namespace, name, pod=pod))

    def asked(self, namespace: str, account: str) -> list[Asked]:
        """What a service account has asked of the API so far."""
        return asked_by(self.audit_log, f"system:serviceaccount:{namespace}:{account}")

    def start(self, part: str) -> None:
        """Start a part, ``kube-apiserver`` for instance, and wait until it serves."""
        arguments, ready = self._parts()[part]
        log = (self.folder / f"{part}.log").open("ab")
        with log:
            # The part ends by itself when its standard input does, so nothing outlives a killed test run.
            self.running[part] = subprocess.Popen(
                [*self._program(part), *arguments],
                cwd=self.folder,
                env={"HOME": str(self.folder)},  # no configuration of whoever runs the tests
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self._wait(part, ready)

    def start_missing(self) -> None:
        """Start the parts that are not running."""
        for part in self._parts():
            if part not in self.running:
                self.start(part)

    def stop(self, part: str) -> None:
        """Ask a part to end, and end it when it does not."""
        process = self.running.pop(part)
        process.terminate()
        try:
            process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            _kill(process)
        finally:
            _close(process)

    def kill(self, part: str) -> None:
        """End a part without asking it."""
        process = self.running.pop(part)
        _kill(process)
        _close(process)

    def log(self, part: str) -> str:
        """The end of what a part has said."""
        return (self.folder / f"{part}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _program(self, part: str) -> list[Path | str]:
        return [self._programs.kwok] if part == "kwok" else [self._programs.kube, part]

    def _prepare(self) -> None:
        authority = Authority(self.folder)
        authority.server("apiserver", hosts=("localhost", "kubernetes.default.svc"))
        authority.key_pair("service-account")
        for name, (user, group) in _USERS.items():
            authority.client(name, user=user, group=group)
            self.kubeconfig(name)
        (self.folder / "scheduler.json").write_text(json.dumps(self._scheduler()))

    def _parts(self) -> dict[str, tuple[list[str], Callable[[], bool]]]:
        """In the order in which they start: arguments, and how to know that it serves."""
        return {
            "etcd": (self._etcd_arguments(), lambda: _answers(f"http://127.0.0.1:{self._etcd}/health")),
            "kube-apiserver": (self._apiserver_arguments(), self._api_is_ready),
            "kube-controller-manager": (self._controllers_arguments(), self._accounts_are_made),
            "kube-scheduler": (["--config=scheduler.json", "--secure-port=0"], lambda: True),
            "kwok": (self._kwok_arguments(), lambda: _answers(f"http://127.0.0.1:{self._kwok}/healthz")),
        }

    def _etcd_arguments(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._peer}"
        return [
            "--data-dir=etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # the data need not survive the machine, and tests are not about its disk
            "--log-level=warn",
        ]

    def _apiserver_arguments(self) -> list[str]:
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._api}",
            "--advertise-address=192.0.2.1",  # documentation's address: nobody calls it, but loopback is refused
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--tls-cert-file=apiserver.crt",
            "--tls-private-key-file=apiserver.key",
            "--client-ca-file=ca.crt",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=service-account.pub",
            "--service-account-signing-key-file=service-account.key",
            f"--audit-policy-file={HERE / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--profiling=false",
        ]

    def _controllers_arguments(self) -> list[str]:
        return [
            "--kubeconfig=kube-controller-manager.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
            "--service-account-private-key-file=service-account.key",
            "--root-ca-file=ca.crt",
            "--use-service-account-credentials=true",  # each controller has the rights of its own role
            "--kube-api-qps=2000",
            "--kube-api-burst=4000",
            "--concurrent-deployment-syncs=10",
            "--concurrent-replicaset-syncs=10",
            "--profiling=false",
        ]

    def _kwok_arguments(self) -> list[str]:
        return [
            "--kubeconfig=kwok.kubeconfig",
            f"--config={HERE / 'kwok.yaml'}",
            f"--server-address=127.0.0.1:{self._kwok}",
        ]

    def _scheduler(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(self.kubeconfig("kube-scheduler")), "qps": 2000, "burst": 4000},
            "leaderElection": {"leaderElect": False},
            # A pod that found no room is tried again soon: tests wait for it.
            "podInitialBackoffSeconds": 1,
            "podMaxBackoffSeconds": 2,
        }

    def _api_is_ready(self) -> bool:
        try:
            return self.kube.http.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _accounts_are_made(self) -> bool:
        """Pods need the service account that the controllers make in each namespace."""
        answer = self.kube.http.get("/api/v1/namespaces/default/serviceaccounts/default")
        return answer.status_code == httpx.codes.OK

    def _wait(self, part: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + READY_LIMIT_S
        while not ready():
            if (code := self.running[part].poll()) is not None:
                raise RuntimeError(f"{part} ended with {code}: {self.log(part)}")
            if time.monotonic() > end:
                raise TimeoutError(f"{part} was not ready within {READY_LIMIT_S:.0f} s: {self.log(part)}")
            time.sleep(0.05)

    def _kill_all(self) -> None:
        for part in reversed(list(self.running)):
            self.kill(part)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(timeout=STOP_LIMIT_S)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
