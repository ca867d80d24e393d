"""Where a pod's volumes let it run."""

from adapters.kubernetes.fields import Field
from adapters.kubernetes.inventory import Inventory, namespace_of
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.selectors import node_terms
from domain import labels as keys
from domain.selectors import NodeTerm, Operator, Requirement

_SAME_AS = keys.LEGACY | {
    "topology.ebs.csi.aws.com/zone": keys.ZONE,
    "topology.gke.io/zone": keys.ZONE,
}
"""Labels that storage drivers put on nodes; a node that is not launched yet is known by the common ones only."""

_ZONE_SEPARATOR = "__"
"""Between the zones of a regional volume in a zone label."""

Terms = tuple[NodeTerm, ...]


class Volumes:
    """Resolves the claims of pods to the node terms of the volumes they are bound to.

    A claim that is not bound yet goes where its pod goes. A volume that cannot be found keeps its pod in the zone where
    it runs, since it may exist there only; the notes say so. Ephemeral volumes end with their pod and hold nothing.
    """

    def __init__(self, inventory: Inventory, notes: Notes) -> None:
        self._inventory = inventory
        self._notes = notes

    def affinity_of(self, pod: Field, *, zone_name: str) -> tuple[Terms, ...]:
        """Terms of every volume of a pod that runs in ``zone_name`` (empty when it runs nowhere)."""
        found: dict[Terms, None] = {}
        for volume in pod["spec"]["volumes"].each():
            found |= dict.fromkeys(self._of_volume(volume, pod, zone_name=zone_name))
        return tuple(found)

    def _of_volume(self, volume: Field, pod: Field, *, zone_name: str) -> tuple[Terms, ...]:
        if volume["awsElasticBlockStore"].present or volume["gcePersistentDisk"].present:
            return self._held(pod, zone_name, "disks named in the pod itself")
        claim = volume["persistentVolumeClaim"]
        if not claim.present:
            return ()
        name = claim["claimName"].required_text()
        found = self._inventory.find("PersistentVolumeClaim", namespace=namespace_of(pod), name=name)
        if found is None:
            return self._held(pod, zone_name, "PersistentVolumeClaims that are not in the input")
        bound_to = found["spec"]["volumeName"].text()
        if not bound_to:
            return ()
        volume_object = self._inventory.find("PersistentVolume", namespace="", name=bound_to)
        if volume_object is None:
            return self._held(pod, zone_name, "PersistentVolumes that are not in the input")
        return _of_persistent_volume(volume_object)

    def _held(self, pod: Field, zone_name: str, what: str) -> tuple[Terms, ...]:
        place = "held in the zone where they run" if zone_name else "taken to fit in any zone"
        pod_name = f"{namespace_of(pod)}/{pod['metadata']['name'].text()}"
        self._notes.add(f"pods with {what} are {place}", pod_name)
        return (_in_zones((zone_name,)),) if zone_name else ()


def _of_persistent_volume(volume: Field) -> tuple[Terms, ...]:
    terms = node_terms(volume["spec"]["nodeAffinity"]["required"])
    by_affinity = tuple(
        NodeTerm(labels=tuple(_with_common_key(requirement) for requirement in term.labels), names=term.names)
        for term in terms
    )
    labels = volume["metadata"]["labels"].text_map()
    zones = labels.get(keys.ZONE) or next(
        (labels[old] for old, new in _SAME_AS.items() if new == keys.ZONE and old in labels), ""
    )
    by_label = _in_zones(tuple(sorted(zones.split(_ZONE_SEPARATOR)))) if zones else ()
    return tuple(dict.fromkeys(found for found in (by_affinity, by_label) if found))


def _in_zones(names: tuple[str, ...]) -> Terms:
    return (NodeTerm(labels=(Requirement(key=keys.ZONE, operator=Operator.IN, values=names),)),)


def _with_common_key(requirement: Requirement) -> Requirement:
    key = _SAME_AS.get(requirement.key, requirement.key)
    return Requirement(key=key, operator=requirement.operator, values=requirement.values)
