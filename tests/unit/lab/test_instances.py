"""From an instance to its capacity pool."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson

from actors.lab.instances import pool_of_instance
from domain.delta import ObjectSet
from domain.work import StoredSnapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "web-shop.json.gz"


def test_the_pool_of_a_node_is_that_of_its_labels_and_a_stranger_has_none() -> None:
    objects = orjson.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]
    node = next(each for each in objects if each["kind"] == "Node")
    stored = StoredSnapshot(
        cluster_id=UUID(int=1), organization_id=UUID(int=2), body=ObjectSet.of(objects).to_bytes(), hash="x",
        observed_at=NOW, stored_at=NOW,
    )  # fmt: skip
    instance_id = node["spec"]["providerID"].rpartition("/")[2]
    pool = pool_of_instance(stored, instance_id)
    assert pool is not None
    labels = node["metadata"]["labels"]
    assert (pool.region, pool.instance_type) == (
        labels["topology.kubernetes.io/region"],
        labels["node.kubernetes.io/instance-type"],
    )
    assert pool_of_instance(stored, "i-0ffffffffffffffff") is None
