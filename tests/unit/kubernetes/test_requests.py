import pytest

from domain.resources import Resources
from domain.units import GIB, MIB
from tests.unit.kubernetes.kube import Json, make_container, make_pod, read_pod


def requests_of(**spec: object) -> Resources:
    return read_pod(make_pod(**spec)).requests  # type: ignore[arg-type]


def sidecar(**requests: object) -> Json:
    return make_container("sidecar", **requests) | {"restartPolicy": "Always"}


def test_containers_add_up_and_a_pod_takes_one_slot() -> None:
    found = requests_of(containers=[make_container("a", cpu="1500m", memory="1.5Gi"), make_container("b", cpu=1)])
    assert found == Resources(cpu_mcpu=2500, memory_bytes=3 * GIB // 2, pods=1)


@pytest.mark.parametrize(
    ("quantity", "mcpu"), [("1500m", 1500), ("1e3", 1_000_000), ("0.1", 100), (2, 2000), (0.5, 500), ("100u", 1)]
)
def test_every_way_to_write_a_quantity_is_read(quantity: object, mcpu: int) -> None:
    assert requests_of(containers=[make_container(cpu=quantity)]).cpu_mcpu == mcpu


def test_an_init_container_counts_when_it_needs_more_than_the_containers() -> None:
    found = requests_of(
        containers=[make_container(cpu="1", memory="2Gi")],
        initContainers=[make_container("init", cpu="3", memory="1Gi")],
    )
    assert (found.cpu_mcpu, found.memory_bytes) == (3000, 2 * GIB)


def test_a_sidecar_runs_beside_the_containers_and_the_init_containers_after_it() -> None:
    found = requests_of(
        containers=[make_container(cpu="1")],
        initContainers=[make_container("before", cpu="4"), sidecar(cpu="1"), make_container("after", cpu="3.5")],
    )
    assert found.cpu_mcpu == 4500, "after (3.5) beside the sidecar (1) needs most"


def test_an_init_container_before_a_sidecar_does_not_run_beside_it() -> None:
    found = requests_of(
        containers=[make_container(cpu="1")], initContainers=[make_container("before", cpu="2"), sidecar(cpu="1")]
    )
    assert found.cpu_mcpu == 2000


def test_sidecars_sum_up_as_they_start() -> None:
    found = requests_of(
        containers=[make_container(cpu="100m")],
        initContainers=[sidecar(cpu="1"), make_container("i", cpu="1"), sidecar(cpu="1"), make_container("j", cpu="1")],
    )
    assert found.cpu_mcpu == 3000


def test_overhead_of_the_runtime_comes_on_top() -> None:
    assert requests_of(overhead={"cpu": "250m", "memory": "120Mi"}) == Resources(
        cpu_mcpu=1250, memory_bytes=GIB + 120 * MIB, pods=1
    )


def test_requests_of_the_pod_as_a_whole_replace_the_sum() -> None:
    found = requests_of(
        resources={"requests": {"cpu": "3", "example.com/x": "5"}}, containers=[make_container(cpu="1", memory="1Gi")]
    )
    assert found == Resources(cpu_mcpu=3000, memory_bytes=GIB, pods=1)


def test_a_limit_of_the_pod_as_a_whole_is_a_request_where_nothing_else_is() -> None:
    found = requests_of(resources={"limits": {"cpu": "3", "memory": "8Gi"}}, containers=[make_container(cpu="1")])
    assert (found.cpu_mcpu, found.memory_bytes) == (1000, 8 * GIB)


def test_a_limit_without_a_request_is_the_request() -> None:
    container = {"name": "c", "resources": {"limits": {"cpu": "2", "nvidia.com/gpu": "1"}, "requests": {"cpu": "1"}}}
    assert requests_of(containers=[container]) == Resources(cpu_mcpu=1000, pods=1, extended=(("nvidia.com/gpu", 1),))


def test_disk_extended_resources_and_huge_pages_are_kept() -> None:
    found = requests_of(
        containers=[make_container(**{"ephemeral-storage": "2Gi", "nvidia.com/gpu": "2", "hugepages-2Mi": "64Mi"})]
    )
    assert found.ephemeral_bytes == 2 * GIB
    assert found.extended == (("hugepages-2Mi", 64 * MIB), ("nvidia.com/gpu", 2))


def resized(asked: str, in_force: str, *, infeasible: bool = False) -> Json:
    status: Json = {
        "containerStatuses": [
            {"name": "main", "allocatedResources": {"cpu": in_force}, "resources": {"requests": {"cpu": in_force}}}
        ]
    }
    if infeasible:
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]
    return make_pod(status=status, containers=[make_container(cpu=asked)])


def test_while_a_pod_is_resized_the_larger_of_both_sizes_counts() -> None:
    assert read_pod(resized("2", "1")).requests.cpu_mcpu == 2000
    assert read_pod(resized("1", "2")).requests.cpu_mcpu == 2000


def test_a_resize_that_cannot_be_granted_does_not_count() -> None:
    assert read_pod(resized("64", "1", infeasible=True)).requests.cpu_mcpu == 1000
