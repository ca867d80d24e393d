"""Programs of a Kubernetes control plane and Helm, compiled from the pinned Go modules in ``go`` and kept for later.

They lie in ``$XDG_CACHE_HOME/spot-optimizer/kube`` (``~/.cache`` by default) under a key made of the modules' files and
the release of Go, so that nothing is built twice and nothing stale is used. A folder there may be deleted at any time.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "go"
BUILD_LIMIT_S = 900.0
"""A first build fetches and compiles all of Kubernetes: six minutes on two idle cores. What is cut short here goes on
from there in the next run, since Go keeps what it has compiled."""

FETCH_LIMIT_S = 120.0
"""Until the module that all hangs on is there: without a network Go would try each of its 250 modules in vain."""

KUBERNETES = "k8s.io/kubernetes"

HELM = "helm.sh/helm/v3/cmd/helm"


class NotBuiltError(Exception):
    """The programs are not to be had here: no Go, no module proxy, or the build fails. The message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """``kube`` starts each part of the control plane by its name; ``kwok`` plays the nodes; ``helm`` is Helm."""

    kube: Path
    kwok: Path
    helm: Path


def kubernetes_version() -> str:
    """The pinned release, ``v1.35.4`` for instance."""
    lines = (SOURCE / "control-plane" / "go.mod").read_text(encoding="utf-8").splitlines()
    return next(line.split()[1] for line in lines if line.strip().startswith(f"{KUBERNETES} "))


def build() -> Programs:
    """The programs, built if they are not there yet.

    Raises
    ------
    NotBuiltError
        When they cannot be built.
    """
    go = shutil.which("go")
    if go is None:
        raise NotBuiltError("Go is missing, and with it a real Kubernetes API")
    folder = _cache() / _key(go)
    programs = Programs(kube=folder / "kube", kwok=folder / "kwok", helm=folder / "helm")
    ends_at = time.monotonic() + BUILD_LIMIT_S
    with _alone(folder):
        if not programs.kube.exists():
            _run([go, "mod", "download", KUBERNETES], folder=SOURCE / "control-plane", limit_s=FETCH_LIMIT_S)
        _compile(go, "control-plane", target=programs.kube, ends_at=ends_at)
        _compile(go, "control-plane", target=programs.helm, ends_at=ends_at, package=HELM)
        _compile(go, "kwok", target=programs.kwok, ends_at=ends_at)
    return programs


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "spot-optimizer" / "kube"


def _key(go: str) -> str:
    digest = hashlib.sha256(_run([go, "env", "GOVERSION", "GOOS", "GOARCH"], folder=SOURCE, limit_s=60.0))
    for path in sorted(SOURCE.glob("*/*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(go: str, module: str, *, target: Path, ends_at: float, package: str = ".") -> None:
    if target.exists():
        return
    unfinished = target.with_suffix(".new")
    # Without tables of symbols the linker needs half the memory and the program half the room. A module that is built
    # from elsewhere does not know its own release.
    flags = f"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion={kubernetes_version()}"
    command = [go, "build", "-trimpath", "-buildvcs=false", flags, "-o", str(unfinished), package]
    _run(command, folder=SOURCE / module, limit_s=max(1.0, ends_at - time.monotonic()))
    unfinished.rename(target)


def _run(command: list[str], *, folder: Path, limit_s: float) -> bytes:
    try:
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=limit_s)
    except subprocess.CalledProcessError as err:
        raise NotBuiltError(f"{' '.join(command)} failed: {err.stderr.decode().strip()[-500:]}") from err
    except subprocess.TimeoutExpired as err:
        what = f"{' '.join(command)} took more than {limit_s:.0f} s"
        raise NotBuiltError(f"{what}; the next run goes on from there") from err
    return done.stdout


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two test runs at once build one after the other, and the second finds all done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
