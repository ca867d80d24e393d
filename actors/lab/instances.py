"""From an instance to its capacity pool, by what the cluster's agent has sent."""

from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.delta import ObjectSet
from domain.market import Pool
from domain.work import StoredSnapshot


def pool_of_instance(stored: StoredSnapshot, instance_id: str) -> Pool | None:
    """The pool of a node of the snapshot, ``None`` when no node is that instance."""
    objects = list(ObjectSet.from_bytes(stored.body).objects())
    snapshot = snapshot_from_objects(objects, region=None, zones=(), observed_at=stored.observed_at, from_scratch=False)
    found = (node for node in snapshot.nodes if node.provider_id.rpartition("/")[2] == instance_id)
    pools = (Pool(region=snapshot.region, zone_id=n.zone.id, instance_type=n.instance_type) for n in found)
    return next(pools, None)
