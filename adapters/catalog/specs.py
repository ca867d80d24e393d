"""Instance types from DescribeInstanceTypes to records, and from records to the domain."""

from collections.abc import Mapping
from typing import Any

from adapters.catalog.allocatable import allocatable, eni_pod_limit
from adapters.catalog.records import TypeSpec
from domain.errors import RejectedError
from domain.market import Arch, InstanceType
from domain.units import MIB

NEURON, NEURON_CORE = "aws.amazon.com/neuron", "aws.amazon.com/neuroncore"
GPU_RESOURCE = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu"}
"""What the vendors' device plugins call a GPU."""

_ARCH = {"x86_64": Arch.AMD64, "arm64": Arch.ARM64}


def spec_from_ec2(item: Mapping[str, Any]) -> TypeSpec | None:
    """A record from one entry of DescribeInstanceTypes, ``None`` for Macs, which run no Kubernetes node.

    Raises
    ------
    RejectedError
        When the answer lacks a field that every type has.
    """
    try:
        arch = next((_ARCH[a] for a in item["ProcessorInfo"]["SupportedArchitectures"] if a in _ARCH), None)
        return None if arch is None else _spec(item, arch)
    except (KeyError, StopIteration) as err:
        raise RejectedError(f"DescribeInstanceTypes: {item.get('InstanceType', 'an entry')} lacks {err}") from err


def to_instance_type(spec: TypeSpec) -> InstanceType:
    """A record as the domain's type, with its EKS allocatable."""
    return InstanceType(
        name=spec.name,
        arch=spec.arch,
        vcpu=spec.vcpu,
        memory_bytes=spec.memory_mib * MIB,
        allocatable=allocatable(
            vcpu=spec.vcpu,
            memory_mib=spec.memory_mib,
            pods=spec.pods,
            arm64=spec.arch == Arch.ARM64,
            extended=spec.accelerators,
        ),
        gpu_count=spec.gpu_count,
        gpu_name=spec.gpu_name,
        local_nvme_gb=spec.nvme_gb,
        bare_metal=spec.bare_metal,
        burstable=spec.burstable,
        current_generation=spec.current,
        spot=spec.spot,
    )


def _spec(item: Mapping[str, Any], arch: Arch) -> TypeSpec:
    gpus = item.get("GpuInfo", {}).get("Gpus", [])
    return TypeSpec(
        name=item["InstanceType"],
        arch=arch,
        vcpu=item["VCpuInfo"]["DefaultVCpus"],
        memory_mib=item["MemoryInfo"]["SizeInMiB"],
        pods=_pods(item["NetworkInfo"]),
        accelerators=_accelerators(item, gpus),
        gpu_count=sum(gpu["Count"] for gpu in gpus),
        # As Karpenter writes its label: "RTX PRO Server 6000" is rtx-pro-server-6000.
        gpu_name=gpus[0]["Name"].lower().replace(" ", "-") if gpus else "",
        nvme_gb=_nvme_gb(item.get("InstanceStorageInfo", {})),
        spot="spot" in item["SupportedUsageClasses"],
        bare_metal=item["BareMetal"],
        burstable=item["BurstablePerformanceSupported"],
        current=item["CurrentGeneration"],
    )


def _pods(network: Mapping[str, Any]) -> int:
    """The ENI limit counts the default network card only: the VPC CNI leaves the others alone."""
    default = network.get("DefaultNetworkCardIndex", 0)
    card = next(card for card in network["NetworkCards"] if card["NetworkCardIndex"] == default)
    return eni_pod_limit(card["MaximumNetworkInterfaces"], network["Ipv4AddressesPerInterface"])


def _accelerators(item: Mapping[str, Any], gpus: list[Mapping[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for gpu in gpus:
        resource = GPU_RESOURCE.get(gpu["Manufacturer"].upper())
        if resource and gpu["Count"]:
            found[resource] = found.get(resource, 0) + gpu["Count"]
    for device in item.get("NeuronInfo", {}).get("NeuronDevices", []):
        found[NEURON] = found.get(NEURON, 0) + device["Count"]
        found[NEURON_CORE] = found.get(NEURON_CORE, 0) + device["Count"] * device["CoreInfo"]["Count"]
    return found


def _nvme_gb(storage: Mapping[str, Any]) -> int:
    return int(storage["TotalSizeInGB"]) if storage.get("NvmeSupport", "unsupported") != "unsupported" else 0
