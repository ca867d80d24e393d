import pytest

from domain.market import Zone
from domain.workload import Owner
from tests.unit.kubernetes.kube import Json, make_node, make_object, make_pod, notes_of, read, read_pod

DELETED = {"deletionTimestamp": "2026-02-03T10:00:00Z"}


def controlled_by(kind: str, name: str) -> Json:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": True}]}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_finished_pods_are_left_out_with_a_note(phase: str) -> None:
    snapshot = read(make_node(), make_pod("done", status={"phase": phase}))
    assert snapshot.pods == ()
    assert "finished pods" in notes_of(snapshot)


def test_terminating_pods_are_left_out_with_a_note() -> None:
    snapshot = read(make_node(), make_pod("going", metadata=DELETED), make_pod("going-too", metadata=DELETED))
    assert snapshot.pods == ()
    assert "terminating pods are left out, the room they hold counts as free: 2, such as shop/going" in snapshot.notes


def test_a_pod_held_back_by_a_gate_is_left_out_with_a_note() -> None:
    snapshot = read(make_node(), make_pod(node="", schedulingGates=[{"name": "quota"}]))
    assert snapshot.pods == ()
    assert "scheduling gates" in notes_of(snapshot)


def test_a_pod_on_a_node_that_is_not_in_the_input_is_left_out_with_a_note() -> None:
    snapshot = read(make_node(), make_pod("here"), make_pod("lost", node="gone"))
    assert [pod.name for pod in snapshot.pods] == ["here"]
    assert "pods on nodes that are not in the input are left out: shop/lost" in snapshot.notes


def test_from_scratch_such_pods_are_pending_but_daemons_stay_out() -> None:
    daemon = make_pod("d", owner=("DaemonSet", "d"))
    snapshot = read(make_pod(), daemon, region="us-east-1", zones=(Zone(id="use1-az1", name="a"),), from_scratch=True)
    assert [(pod.name, pod.node_name) for pod in snapshot.pods] == [("api-1", "")]
    assert [prototype.name for prototype in snapshot.daemonsets] == ["d"]


def test_a_pending_pod_has_no_node_and_is_not_ready() -> None:
    pod = read_pod(make_pod(node="", ready=False))
    assert (pod.node_name, pod.ready) == ("", False)


@pytest.mark.parametrize(
    ("annotations", "owner", "reason"),
    [
        ({}, ("StatefulSet", "api"), ""),
        ({}, None, "no controller would bring it back"),
        (
            {"karpenter.sh/do-not-disrupt": "true"},
            ("StatefulSet", "api"),
            "annotation karpenter.sh/do-not-disrupt=true",
        ),
        ({"karpenter.sh/do-not-disrupt": "false"}, ("StatefulSet", "api"), ""),
        ({"karpenter.sh/do-not-evict": "true"}, ("StatefulSet", "api"), "annotation karpenter.sh/do-not-evict=true"),
        (
            {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
            ("StatefulSet", "api"),
            "annotation cluster-autoscaler.kubernetes.io/safe-to-evict=false",
        ),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}, ("StatefulSet", "api"), ""),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}, ("DaemonSet", "d"), ""),
    ],
)
def test_what_forbids_an_eviction_is_told(annotations: Json, owner: tuple[str, str] | None, reason: str) -> None:
    assert read_pod(make_pod(annotations=annotations, owner=owner)).do_not_disrupt == reason


def test_dynamic_resource_claims_keep_a_pod_where_it_is() -> None:
    snapshot = read(make_node(), make_pod(resourceClaims=[{"name": "gpu"}]))
    assert snapshot.pods[0].do_not_disrupt == "it uses dynamic resource claims"
    assert "dynamic resource claims" in notes_of(snapshot)


def test_an_owner_that_is_no_controller_brings_nothing_back() -> None:
    pod = make_pod(owner=None, metadata={"ownerReferences": [{"kind": "Backup", "name": "b"}]})
    assert read_pod(pod).owner is None
    assert read_pod(pod).do_not_disrupt


def test_daemons_and_mirrors_are_told_apart() -> None:
    daemon = read_pod(make_pod(owner=("DaemonSet", "d")))
    static = read_pod(make_pod(owner=("Node", "node-1"), annotations={"kubernetes.io/config.mirror": "5f3a"}))
    assert (daemon.is_daemon, daemon.is_mirror, daemon.do_not_disrupt) == (True, False, "")
    assert (static.is_daemon, static.is_mirror, static.do_not_disrupt) == (False, True, "")


def test_the_owner_is_the_controller_at_the_top() -> None:
    replica_set = make_object("ReplicaSet", "api-77", metadata=controlled_by("Deployment", "api"))
    job = make_object("Job", "export-1", api="batch/v1", metadata=controlled_by("CronJob", "export"))
    rollout = make_object("ReplicaSet", "web-1", metadata=controlled_by("Rollout", "web"))
    owners = {
        ("ReplicaSet", "api-77"): Owner(kind="Deployment", name="api"),
        ("Job", "export-1"): Owner(kind="CronJob", name="export"),
        ("ReplicaSet", "web-1"): Owner(kind="Rollout", name="web"),
        ("StatefulSet", "db"): Owner(kind="StatefulSet", name="db"),
    }
    for direct, top in owners.items():
        assert read_pod(make_pod(owner=direct), replica_set, job, rollout).owner == top


def test_without_replica_sets_the_hash_is_taken_off_the_name() -> None:
    hashed = make_pod(owner=("ReplicaSet", "api-v2-77f"), labels={"pod-template-hash": "77f"})
    argo = make_pod(owner=("ReplicaSet", "web-88a"), labels={"rollouts-pod-template-hash": "88a"})
    bare = make_pod(owner=("ReplicaSet", "api-77f"))
    assert read_pod(hashed).owner == Owner(kind="Deployment", name="api-v2")
    assert read_pod(argo).owner == Owner(kind="Rollout", name="web")
    assert read_pod(bare).owner == Owner(kind="ReplicaSet", name="api-77f")


def test_owners_that_own_each_other_do_not_go_round_for_ever() -> None:
    one = make_object("ReplicaSet", "one", metadata=controlled_by("ReplicaSet", "two"))
    two = make_object("ReplicaSet", "two", metadata=controlled_by("ReplicaSet", "one"))
    assert read_pod(make_pod(owner=("ReplicaSet", "one")), one, two).owner is not None


def test_a_pod_of_another_scheduler_is_noted() -> None:
    assert "scheduler volcano" in notes_of(read(make_node(), make_pod(schedulerName="volcano")))


def test_an_object_that_appears_twice_counts_once_and_is_noted() -> None:
    snapshot = read(make_node(), make_pod(), make_pod(priority=7))
    assert [pod.priority for pod in snapshot.pods] == [7]
    assert "appear twice" in notes_of(snapshot)


def test_a_namespace_that_is_not_named_is_default() -> None:
    pod = make_pod("p")
    del pod["metadata"]["namespace"]
    assert read_pod(pod).key == "default/p"


def test_kinds_that_play_no_part_are_counted_and_noted() -> None:
    others = [
        make_object("ConfigMap", "a", api="v1"),
        make_object("ConfigMap", "b", api="v1"),
        make_object("Node", "disk", api="longhorn.io/v1beta2"),
    ]
    snapshot = read(make_node(), make_pod(), *others)
    assert "objects of kinds that play no part are not read: ConfigMap (2), Node.longhorn.io (1)" in snapshot.notes
    assert len(snapshot.nodes) == 1
