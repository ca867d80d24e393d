"""The system calls that computing needs, by the number that each architecture gives them.

Source: the kernel's own tables, ``arch/x86/entry/syscalls/syscall_64.tbl`` and for arm64 the generic one,
``include/uapi/asm-generic/unistd.h``, compared with both as of Linux 6.1 in 2026-11; a number once given stays. How
architectures are called is from ``include/uapi/linux/audit.h``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

X86_64, ARM64 = "x86_64", "aarch64"
"""What ``platform.machine()`` calls the architectures on Linux."""

AUDIT: Mapping[str, int] = MappingProxyType({X86_64: 0xC000003E, ARM64: 0xC00000B7})
"""What the kernel calls them in the data that a filter sees."""

SECCOMP = "seccomp"

NUMBERS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "read": (0, 63),
        "write": (1, 64),
        "close": (3, 57),
        "fstat": (5, 80),
        "lseek": (8, 62),
        "mmap": (9, 222),
        "mprotect": (10, 226),
        "munmap": (11, 215),
        "brk": (12, 214),
        "rt_sigaction": (13, 134),
        "rt_sigprocmask": (14, 135),
        "rt_sigreturn": (15, 139),
        "ioctl": (16, 29),
        "sched_yield": (24, 124),
        "mremap": (25, 216),
        "madvise": (28, 233),
        "getpid": (39, 172),
        "exit": (60, 93),
        "getrusage": (98, 165),
        "sigaltstack": (131, 132),
        "gettid": (186, 178),
        "futex": (202, 98),
        "restart_syscall": (219, 128),
        "clock_gettime": (228, 113),
        "clock_nanosleep": (230, 115),
        "exit_group": (231, 94),
        "getrandom": (318, 278),
        SECCOMP: (317, 277),
    }
)
"""Numbers on x86-64 and arm64. ``seccomp`` is what sets the filter, and is not allowed afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the kernel calls an architecture, its number of ``seccomp``, and those of the calls that are allowed."""

    audit: int
    seccomp: int
    allowed: tuple[int, ...]


def machine_of(name: str) -> Machine | None:
    """The calls of an architecture, ``None`` for one whose numbers are not known."""
    if name not in AUDIT:
        return None
    column = (X86_64, ARM64).index(name)
    allowed = tuple(numbers[column] for call, numbers in NUMBERS.items() if call != SECCOMP)
    return Machine(audit=AUDIT[name], seccomp=NUMBERS[SECCOMP][column], allowed=allowed)
