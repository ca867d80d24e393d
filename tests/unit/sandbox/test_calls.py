"""The filter of system calls, written for an architecture and read back as the kernel runs it."""

import struct

import pytest

from adapters.sandbox.calls import ARM64, AUDIT, NUMBERS, SECCOMP, X86_64, machine_of
from adapters.sandbox.confine import program_of

ALLOW, REFUSE = 0x7FFF0000, 0x00050001
ELF = {X86_64: 62, ARM64: 183}
"""Numbers of the architectures in ELF files, from which the kernel makes those of its audit."""
FORBIDDEN = {
    X86_64: {"open": 2, "socket": 41, "clone": 56, "fork": 57, "execve": 59, "kill": 62, "ptrace": 101, "openat": 257,
             "unshare": 272, "io_uring_setup": 425},
    ARM64: {"openat": 56, "unshare": 97, "ptrace": 117, "kill": 129, "socket": 198, "clone": 220, "execve": 221,
            "io_uring_setup": 425},
}  # fmt: skip


def verdict(program: bytes, *, number: int, audit: int) -> int:
    """What the kernel's machine answers: instructions of 8 bytes that load, jump when equal, and return."""
    steps = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    loaded, at = 0, 0
    while True:
        code, equal, other, value = steps[at]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            loaded = {0: number, 4: audit}[value]
        else:
            at += equal if loaded == value else other
        at += 1


@pytest.mark.parametrize("name", [X86_64, ARM64])
def test_the_filter_lets_computing_through_and_nothing_else(name: str) -> None:
    machine = machine_of(name)
    assert machine is not None
    program = program_of(machine)
    column = (X86_64, ARM64).index(name)
    allowed = {numbers[column] for call, numbers in NUMBERS.items() if call != SECCOMP}
    told = {number for number in range(600) if verdict(program, number=number, audit=machine.audit) == ALLOW}
    assert told == allowed
    assert not told & set(FORBIDDEN[name].values())


@pytest.mark.parametrize("name", [X86_64, ARM64])
def test_calls_by_the_numbers_of_another_architecture_are_refused(name: str) -> None:
    machine = machine_of(name)
    assert machine is not None
    program = program_of(machine)
    for audit in (*(other for other in AUDIT.values() if other != machine.audit), 0x40000003):
        assert verdict(program, number=machine.allowed[0], audit=audit) == REFUSE
    read_as_x32 = machine.allowed[0] | 0x40000000
    assert verdict(program, number=read_as_x32, audit=machine.audit) == REFUSE


def test_every_call_has_one_number_of_its_own_on_each_architecture() -> None:
    for column in (0, 1):
        numbers = [each[column] for each in NUMBERS.values()]
        assert len(set(numbers)) == len(numbers)


def test_architectures_are_called_as_the_kernel_calls_them() -> None:
    assert {name: 0xC0000000 | ELF[name] for name in (X86_64, ARM64)} == dict(AUDIT)


def test_an_architecture_whose_numbers_are_not_known_has_no_filter() -> None:
    assert machine_of("riscv64") is None
