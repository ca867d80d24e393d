"""What runs in the sandbox when it is being tried: does what the first word of its input says."""

import ctypes
import errno
import os
import socket
import sys
import threading
from pathlib import Path

from adapters.sandbox.confine import Limits, leave_network
from adapters.sandbox.inside import serve_once

LIMITS = Limits(cpu_s=2, memory_bytes=256 << 20)


def act(data: bytes) -> bytes:
    word = data.decode()
    try:
        return str(globals()[f"_{word}"]()).encode()
    except OSError as err:
        return f"refused: {type(err).__name__}".encode()


def _answer() -> str:
    return "hello"


def _loop() -> str:
    while True:
        pass


def _sleep() -> str:
    threading.Event().wait(600)
    return "awake"


def _fill() -> str:
    return str(len(b"x" * (1 << 30)))


def _talk() -> str:
    while True:
        os.write(1, b"x" * 65_536)


def _connect() -> str:
    return str(socket.socket(socket.AF_INET, socket.SOCK_STREAM))


def _open() -> str:
    return Path("/etc/hostname").read_text(encoding="utf-8")


def _write() -> str:
    return str(Path("/tmp/spotopt-sandbox-was-here").write_text("x", encoding="utf-8"))


def _fork() -> str:
    return str(os.fork())


def _run() -> str:
    return str(os.execv("/bin/true", ["/bin/true"]))


def _kill() -> str:
    os.kill(os.getppid(), 0)
    return "could signal its parent"


def _environment() -> str:
    return " ".join(sorted(os.environ))


def _files() -> str:
    """Open files beyond the three streams: seeking tells a closed one (EBADF) from all others."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = [at for at in range(3, 64) if libc.lseek(at, 0, os.SEEK_CUR) != -1 or ctypes.get_errno() != errno.EBADF]
    return f"{found}"


def _crash() -> str:
    ctypes.string_at(0)
    return "alive"


if __name__ == "__main__":
    alone = leave_network()
    if "--unready" in sys.argv:
        sys.exit(1)
    serve_once(act, limits=LIMITS, apart=alone)
