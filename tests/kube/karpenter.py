"""Karpenter's own kinds in a control plane without Karpenter: its CRDs, from the Go module that the benchmarks pin."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.kube.client import JsonObject, Kube, path_of
from tests.kube.programs import FETCH_LIMIT_S, NotBuiltError

PINNED = Path(__file__).resolve().parents[1] / "benchmarks" / "karpenter"
MODULE = "sigs.k8s.io/karpenter"
NODE_POOLS = "/apis/karpenter.sh/v1/nodepools"


def node_pool_crd() -> JsonObject:
    """The definition of NodePools.

    Raises
    ------
    NotBuiltError
        The module is not to be had here.
    """
    go = shutil.which("go")
    if go is None:
        raise NotBuiltError("Go is missing, and with it the kinds of Karpenter")
    command = [go, "mod", "download", "-json", MODULE]
    try:
        done = subprocess.run(command, cwd=PINNED, check=True, capture_output=True, timeout=FETCH_LIMIT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as err:
        raise NotBuiltError(f"{MODULE} is not to be had: {err}") from err
    folder = Path(json.loads(done.stdout)["Dir"])
    found: JsonObject = yaml.safe_load((folder / "pkg" / "apis" / "crds" / "karpenter.sh_nodepools.yaml").read_text())
    return found


@contextmanager
def node_pools(kube: Kube) -> Iterator[None]:
    """An API of NodePools, until the block ends."""
    crd = node_pool_crd()
    kube.create(crd)
    kube.wait(lambda: kube.http.get(NODE_POOLS).status_code, until=lambda status: status == 200)
    try:
        yield
    finally:
        kube.delete(path_of(crd))
        kube.wait(lambda: kube.http.get(NODE_POOLS).status_code, until=lambda status: status == 404)


def make_node_pool(name: str = "general", **spec: Any) -> JsonObject:
    """A NodePool that allows some types."""
    requirements = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m5.large", "m5.xlarge", "c5.large"]},
        {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["2"]},
    ]
    node_class = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"nodeClassRef": node_class, "requirements": requirements}}, **spec},
    }
