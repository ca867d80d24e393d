from typing import Any

import pytest

from adapters.catalog.specs import spec_from_ec2, to_instance_type
from domain.errors import RejectedError
from domain.market import Arch


def make_item(**fields: Any) -> dict[str, Any]:
    """An entry of DescribeInstanceTypes."""
    item: dict[str, Any] = {
        "InstanceType": "m6i.large",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 2},
        "MemoryInfo": {"SizeInMiB": 8192},
        "NetworkInfo": make_network((0, 3)),
        "SupportedUsageClasses": ["on-demand", "spot"],
        "BareMetal": False,
        "BurstablePerformanceSupported": False,
        "CurrentGeneration": True,
    }
    return item | fields


def make_network(*cards: tuple[int, int], default: int = 0) -> dict[str, Any]:
    return {
        "DefaultNetworkCardIndex": default,
        "Ipv4AddressesPerInterface": 10,
        "NetworkCards": [{"NetworkCardIndex": index, "MaximumNetworkInterfaces": n} for index, n in cards],
    }


def make_gpu(maker: str, *, name: str = "T4", count: int = 4) -> dict[str, Any]:
    return {"Gpus": [{"Manufacturer": maker, "Name": name, "Count": count}]}


def test_a_plain_type_becomes_a_node_that_may_be_spot() -> None:
    node = to_instance_type(spec_from_ec2(make_item()))
    assert (node.name, node.arch, node.vcpu, node.spot) == ("m6i.large", Arch.AMD64, 2, True)
    assert node.allocatable.pods == 29
    assert node.allocatable.extended == ()


def test_a_mac_is_no_kubernetes_node() -> None:
    assert spec_from_ec2(make_item(ProcessorInfo={"SupportedArchitectures": ["arm64_mac"]})) is None


def test_a_type_of_both_word_lengths_counts_as_amd64() -> None:
    spec = spec_from_ec2(make_item(ProcessorInfo={"SupportedArchitectures": ["i386", "x86_64"]}))
    assert spec.arch == Arch.AMD64


@pytest.mark.parametrize(("maker", "resource"), [("NVIDIA", "nvidia.com/gpu"), ("AMD", "amd.com/gpu")])
def test_gpus_carry_the_resource_name_of_their_maker(maker: str, resource: str) -> None:
    node = to_instance_type(spec_from_ec2(make_item(GpuInfo=make_gpu(maker))))
    assert node.allocatable.extended == ((resource, 4),)
    assert (node.gpu_count, node.gpu_name) == (4, "t4")


def test_a_gpu_is_named_as_the_node_label_writes_it() -> None:
    spec = spec_from_ec2(make_item(GpuInfo=make_gpu("NVIDIA", name="RTX PRO Server 6000")))
    assert spec.gpu_name == "rtx-pro-server-6000"


def test_a_share_of_a_gpu_counts_as_none() -> None:
    assert spec_from_ec2(make_item(GpuInfo=make_gpu("NVIDIA", count=0))).accelerators == {}


def test_neuron_devices_count_by_device_and_by_core() -> None:
    neuron = {"NeuronDevices": [{"Count": 16, "CoreInfo": {"Count": 2}}]}
    spec = spec_from_ec2(make_item(NeuronInfo=neuron))
    assert spec.accelerators == {"aws.amazon.com/neuron": 16, "aws.amazon.com/neuroncore": 32}


def test_the_pod_limit_counts_the_default_network_card_only() -> None:
    spec = spec_from_ec2(make_item(NetworkInfo=make_network((0, 7), (1, 8), default=1)))
    assert spec.pods == 8 * 9 + 2


def test_local_disks_count_only_when_they_are_nvme() -> None:
    disk = {"TotalSizeInGB": 900, "NvmeSupport": "required"}
    assert spec_from_ec2(make_item(InstanceStorageInfo=disk)).nvme_gb == 900
    assert spec_from_ec2(make_item(InstanceStorageInfo=disk | {"NvmeSupport": "unsupported"})).nvme_gb == 0


def test_a_type_without_the_spot_class_is_never_spot() -> None:
    assert not spec_from_ec2(make_item(SupportedUsageClasses=["on-demand"])).spot


def test_an_answer_that_lacks_a_field_is_refused_by_name() -> None:
    item = make_item()
    del item["MemoryInfo"]
    with pytest.raises(RejectedError, match=r"m6i\.large lacks 'MemoryInfo'"):
        spec_from_ec2(item)


def test_an_answer_without_its_default_network_card_is_refused_by_name() -> None:
    with pytest.raises(RejectedError, match=r"m6i\.large lacks"):
        spec_from_ec2(make_item(NetworkInfo=make_network((0, 3), default=5)))
