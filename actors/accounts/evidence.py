"""Whether a cluster that its agent alone has told us of is one that was found in an account. Pure.

Its name and region are not enough: a customer may have clusters of the same name in several accounts, and a launch must
never land in the wrong one.
"""

from collections.abc import Mapping
from typing import Any

from adapters.aws.discovery.joining import instance_id_of
from adapters.aws.ports.discovery import FoundCluster
from domain.delta import ObjectSet
from domain.errors import InputError
from domain.work import StoredSnapshot


def runs_here(snapshot: StoredSnapshot, found: FoundCluster) -> bool:
    """Whether a node of the cluster is one of the instances that were found."""
    ids = {instance.id for instance in found.instances}
    try:
        nodes = list(ObjectSet.from_bytes(snapshot.body).objects("Node"))
    except InputError:
        return False
    return any(instance_id_of(_provider_id(node)) in ids for node in nodes)


def _provider_id(node: Mapping[str, Any]) -> str:
    return str(node.get("spec", {}).get("providerID", ""))
