"""A process takes its own rights away, for good, before it reads what a stranger has sent.

Called from within, after everything has been imported: from then on the process can read and write what it has open,
allocate memory up to a limit, and end. Linux on x86-64 and arm64 only: where the kernel does not filter system calls
nothing is read. A network of its own is one wall more, which not every container may build.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from adapters.sandbox.calls import Machine, machine_of

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE = 38, 4
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1
"""Verdicts of the filter: go on, or fail with EPERM."""
_AT_NUMBER, _AT_ARCH = 0, 4
"""Where a filter finds the call's number and the architecture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a confined process may take.

    Parameters
    ----------
    cpu_s
        Processor time from now on, whole seconds.
    memory_bytes
        Address space on top of what it has now.
    wall_s
        After so long whoever started it kills it.
    answer_bytes
        Longest answer that is read.
    """

    cpu_s: int = 20
    memory_bytes: int = 512 << 20
    wall_s: float = 30.0
    answer_bytes: int = 64 << 10


def leave_network() -> bool:
    """Move to a network of its own in which there is nothing; must come before threads do. Whether it worked."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
    return True


def confine(limits: Limits) -> str:
    """Give up all rights but computing; why that cannot be done here, empty when it was."""
    machine = machine_of(platform.machine()) if sys.platform == "linux" else None
    if machine is None:
        return f"there is no filter of system calls for {sys.platform} on {platform.machine()}"
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    _limit(limits)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or not _filter_calls(libc, machine):
        return f"the kernel refuses to filter system calls: {os.strerror(ctypes.get_errno())}"
    return ""


def _limit(limits: Limits) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_s
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + limits.memory_bytes
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _filter_calls(libc: ctypes.CDLL, machine: Machine) -> bool:
    """Have the kernel refuse all calls that are not listed, in all threads."""
    program = program_of(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(header, len(header))
    done: int = libc.syscall(machine.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, holder)
    return done == 0


def program_of(machine: Machine) -> bytes:
    """The filter: another architecture is refused, then each allowed number jumps to the end."""
    number = len(machine.allowed)
    steps = [
        (_LOAD_WORD, 0, 0, _AT_ARCH),
        (_JUMP_IF_EQUAL, 0, number + 1, machine.audit),
        (_LOAD_WORD, 0, 0, _AT_NUMBER),
        *((_JUMP_IF_EQUAL, number - at, 0, call) for at, call in enumerate(machine.allowed)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
