import pytest

from domain import labels as keys
from domain.selectors import NodeTerm, Operator, Requirement
from domain.snapshot import Snapshot
from tests.unit.kubernetes.kube import Json, make_node, make_object, make_pod, notes_of, read

Terms = tuple[NodeTerm, ...]


def in_zone(*zones: str) -> NodeTerm:
    return NodeTerm(labels=(Requirement(key=keys.ZONE, operator=Operator.IN, values=zones),))


def claiming(*claims: str, node: str = "node-1") -> Json:
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return make_pod(node=node, volumes=volumes)


def claim(name: str = "data", *, bound_to: str | None = "pv") -> Json:
    spec = {"volumeName": bound_to} if bound_to else {}
    return make_object("PersistentVolumeClaim", name, api="v1", spec=spec)


def volume(*terms: Json, name: str = "pv", labels: Json | None = None) -> Json:
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": list(terms)}}} if terms else {}
    return make_object("PersistentVolume", name, namespace="", api="v1", spec=spec, metadata={"labels": labels or {}})


def zone_term(key: str, *zones: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": "In", "values": list(zones)}]}


def affinity(*objects: Json) -> tuple[Terms, ...]:
    return read_all(*objects).pods[0].volume_affinity


def read_all(*objects: Json) -> Snapshot:
    return read(make_node(), *objects)


@pytest.mark.parametrize(
    "key",
    [
        "topology.kubernetes.io/zone",
        "topology.ebs.csi.aws.com/zone",
        "topology.gke.io/zone",
        "failure-domain.beta.kubernetes.io/zone",
    ],
)
def test_a_bound_volume_holds_its_pod_in_its_zone_whatever_its_driver_calls_it(key: str) -> None:
    found = affinity(claiming("data"), claim(), volume(zone_term(key, "us-east-1b")))
    assert found == ((in_zone("us-east-1b"),),)


def test_terms_of_one_volume_are_alternatives_and_volumes_must_all_match() -> None:
    regional = volume(zone_term(keys.ZONE, "us-east-1a"), zone_term(keys.ZONE, "us-east-1b"), name="two")
    found = affinity(
        claiming("data", "more"),
        claim(),
        claim("more", bound_to="two"),
        volume(zone_term(keys.ZONE, "us-east-1a")),
        regional,
    )
    assert found == ((in_zone("us-east-1a"),), (in_zone("us-east-1a"), in_zone("us-east-1b")))


@pytest.mark.parametrize("key", ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"])
def test_zone_labels_of_old_volumes_hold_too(key: str) -> None:
    found = affinity(claiming("data"), claim(), volume(labels={key: "us-east-1b__us-east-1a"}))
    assert found == ((in_zone("us-east-1a", "us-east-1b"),),)


def test_a_local_volume_holds_its_pod_on_its_node() -> None:
    (terms,) = affinity(claiming("data"), claim(), volume(zone_term(keys.HOSTNAME, "node-1")))
    assert terms[0].labels[0].key == keys.HOSTNAME


def test_a_claim_that_is_not_bound_yet_and_a_volume_anywhere_are_free() -> None:
    assert affinity(claiming("data"), claim(bound_to=None)) == ()
    assert affinity(claiming("data"), claim(), volume()) == ()


def test_volumes_that_end_with_the_pod_hold_nothing() -> None:
    pod = make_pod(volumes=[{"name": "tmp", "emptyDir": {}}, {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}}])
    assert affinity(pod, claim("api-1-e"), volume(zone_term(keys.ZONE, "us-east-1b"))) == ()


@pytest.mark.parametrize(
    ("objects", "missing"),
    [((claiming("data"),), "PersistentVolumeClaims"), ((claiming("data"), claim()), "PersistentVolumes")],
)
def test_a_volume_that_cannot_be_found_keeps_its_pod_in_its_zone(objects: tuple[Json, ...], missing: str) -> None:
    snapshot = read_all(*objects)
    assert snapshot.pods[0].volume_affinity == ((in_zone("us-east-1a"),),)
    assert f"pods with {missing} that are not in the input are held in the zone" in notes_of(snapshot)
    assert "shop/api-1" in notes_of(snapshot)


def test_a_pending_pod_whose_claim_cannot_be_found_fits_anywhere_and_is_noted() -> None:
    snapshot = read_all(claiming("data", node=""))
    assert snapshot.pods[0].volume_affinity == ()
    assert "fit in any zone" in notes_of(snapshot)


def test_a_disk_named_in_the_pod_itself_keeps_it_in_its_zone() -> None:
    pod = make_pod(volumes=[{"name": "d", "awsElasticBlockStore": {"volumeID": "vol-1"}}])
    assert affinity(pod) == ((in_zone("us-east-1a"),),)
