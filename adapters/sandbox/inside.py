"""The part of the sandbox that runs in its process."""

import os
from collections.abc import Callable

from adapters.sandbox.confine import Limits, confine

READ_BYTES = 1 << 20
READY, UNWALLED, REFUSED = "ready", "ready, with the network of the machine", "refused"
"""What a process says first. Two walls keep it from the network, the filter of system calls and a network of its own:
it works behind the first alone, and not without it."""


def serve_once(judge: Callable[[bytes], bytes], *, limits: Limits, apart: bool) -> None:
    """Confine this process, say that it is ready, read all input, write the answer, end.

    The process ends without any clean-up of the interpreter: there is nothing that it may still touch.

    Parameters
    ----------
    apart
        Whether it is in a network of its own (`adapters.sandbox.confine.leave_network`).
    """
    if why := confine(limits):
        os.write(1, f"{REFUSED}: {why}\n".encode())
        os._exit(1)
    os.write(1, f"{READY if apart else UNWALLED}\n".encode())
    try:
        answer = judge(_read_all())
    except MemoryError:
        os._exit(3)
    sent = 0
    while sent < len(answer):
        sent += os.write(1, answer[sent:])
    os._exit(0)


def _read_all() -> bytes:
    pieces = []
    while piece := os.read(0, READ_BYTES):
        pieces.append(piece)
    return b"".join(pieces)
