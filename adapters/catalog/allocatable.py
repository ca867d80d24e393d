"""What pods fit into on an EKS node, from the figures of its instance type.

Source: the reservations of the EKS AMI (AL2023) and Karpenter's published defaults, read 2026-10. The memory that EC2
states is nominal: firmware, hypervisor and kernel take their part before the kubelet counts.
"""

import math
from collections.abc import Mapping

from domain.resources import Resources
from domain.units import GIB, MCPU_PER_CPU, MIB

VM_MEMORY_OVERHEAD_SHARE = 0.075
"""Share of nominal memory that the kubelet never sees. Karpenter's default; real nodes lose 2 to 7.5 %."""

ARM64_CONTIGUOUS_MIB = 64
"""Arm kernels keep this much for contiguous allocation (``cma=64M``)."""

KUBE_RESERVED_MIB, KUBE_RESERVED_MIB_PER_POD = 255, 11
EVICTION_THRESHOLD_MIB = 100
"""``memory.available`` of hard eviction."""

KUBE_RESERVED_CPU_BANDS = ((1, 60.0), (1, 10.0), (2, 5.0))
"""Cores and mCPU reserved for each: 6 % of the first, 1 % of the second, 0.5 % of the next two …"""
KUBE_RESERVED_MCPU_BEYOND = 2.5
"""… 0.25 % of all others."""

EPHEMERAL_BYTES = 17 * GIB
"""The default 20 GiB root disk less 1 GiB kube-reserved and 10 % (2 GiB) eviction threshold."""


def eni_pod_limit(interfaces: int, ipv4_per_interface: int) -> int:
    """Pods that the VPC CNI can address: each interface keeps one address for itself, two pods use the host's."""
    return interfaces * (ipv4_per_interface - 1) + 2


def allocatable(*, vcpu: int, memory_mib: int, pods: int, arm64: bool, extended: Mapping[str, int]) -> Resources:
    """Allocatable of an EKS node of this shape; memory in whole MiB, rounded down as Karpenter does."""
    memory = _memory_seen_mib(memory_mib, arm64=arm64)
    memory -= KUBE_RESERVED_MIB + KUBE_RESERVED_MIB_PER_POD * pods + EVICTION_THRESHOLD_MIB
    return Resources(
        cpu_mcpu=math.floor(vcpu * MCPU_PER_CPU - _reserved_mcpu(vcpu)),
        memory_bytes=max(0, memory) * MIB,
        pods=pods,
        ephemeral_bytes=EPHEMERAL_BYTES,
        extended=tuple(extended.items()),
    )


def _memory_seen_mib(nominal_mib: int, *, arm64: bool) -> int:
    seen = nominal_mib - (ARM64_CONTIGUOUS_MIB if arm64 else 0)
    return seen - math.ceil(seen * VM_MEMORY_OVERHEAD_SHARE)


def _reserved_mcpu(vcpu: int) -> float:
    reserved, left = 0.0, vcpu
    for cores, mcpu in KUBE_RESERVED_CPU_BANDS:
        reserved += min(left, cores) * mcpu
        left -= min(left, cores)
    return reserved + left * KUBE_RESERVED_MCPU_BEYOND
