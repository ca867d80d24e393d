"""The machine that the figures are from, and the memory a process has used."""

import os
import platform
import resource
from pathlib import Path

KIB_PER_MIB = 1024


def describe() -> str:
    """Processor, cores, memory, kernel and Python, in one line."""
    parts = [_processor(), f"{os.cpu_count()} cores", f"{_memory_gib():.0f} GiB"]
    return ", ".join([*parts, f"{platform.system()} {platform.release()}", f"Python {platform.python_version()}"])


def peak_memory_mib() -> float:
    """Most memory this process has held at once, without its children."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / KIB_PER_MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_MIB


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
