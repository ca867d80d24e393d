import pytest

from adapters.catalog.allocatable import allocatable, eni_pod_limit
from domain.units import GIB, MIB


def shape(*, vcpu: int = 2, memory_mib: int = 8192, pods: int = 29, arm64: bool = False) -> dict:
    return {"vcpu": vcpu, "memory_mib": memory_mib, "pods": pods, "arm64": arm64, "extended": {}}


@pytest.mark.parametrize(
    ("vcpu", "mcpu"), [(1, 940), (2, 1930), (3, 2925), (4, 3920), (8, 7910), (96, 95690), (448, 446810)]
)
def test_reserved_cpu_falls_in_bands_as_cores_rise(vcpu: int, mcpu: int) -> None:
    assert allocatable(**shape(vcpu=vcpu)).cpu_mcpu == mcpu


def test_half_a_thousandth_of_a_cpu_is_not_allocatable() -> None:
    assert allocatable(**shape(vcpu=5)).cpu_mcpu == 4917


def test_memory_loses_overhead_reserve_and_eviction_threshold() -> None:
    # 8192 less 7.5 % rounded up (615), less 255 and 11 for each of 29 pods, less 100
    assert allocatable(**shape()).memory_bytes == 6903 * MIB


def test_arm_loses_its_contiguous_memory_before_the_overhead() -> None:
    assert allocatable(**shape(vcpu=1, memory_mib=2048, pods=8, arm64=True)).memory_bytes == 1392 * MIB


def test_a_type_too_small_for_its_reserves_has_no_memory_left_rather_than_less() -> None:
    assert allocatable(**shape(memory_mib=512, pods=100)).memory_bytes == 0


def test_the_root_disk_gives_the_same_ephemeral_storage_to_all() -> None:
    assert allocatable(**shape()).ephemeral_bytes == 17 * GIB


def test_accelerators_are_extended_resources() -> None:
    found = allocatable(**(shape() | {"extended": {"nvidia.com/gpu": 4}}))
    assert found.extended == (("nvidia.com/gpu", 4),)


@pytest.mark.parametrize(("interfaces", "addresses", "pods"), [(3, 10, 29), (2, 4, 8), (15, 50, 737)])
def test_each_interface_keeps_one_address_and_two_pods_use_the_host(interfaces: int, addresses: int, pods: int) -> None:
    assert eni_pod_limit(interfaces, addresses) == pods
