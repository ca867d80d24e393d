"""What leaves the cluster: enough to plan, and nothing else."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kubernetes.prune import ANNOTATIONS as READ_ANNOTATIONS
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.canonical import canonical_json
from domain.errors import InputError
from domain.redaction import ANNOTATIONS, redact
from domain.snapshot import Snapshot
from examples.make_example import TARGET
from tests.unit.kubernetes.test_mutations import DUMPS, VALUES, places

Json = dict[str, Any]
SECRET = "hunter2"


def redacted(objects: list[Json]) -> list[Json]:
    return [slim for one in objects if (slim := redact(one)) is not None]


def shop() -> list[Json]:
    items: list[Json] = json.loads(gzip.decompress(Path(TARGET).read_bytes()))["items"]
    return items


def read(objects: list[Json]) -> Snapshot | None:
    try:
        return snapshot_from_objects(objects)
    except InputError:
        return None


def test_the_snapshot_of_the_redacted_example_is_that_of_the_original() -> None:
    objects = shop()
    assert snapshot_from_objects(redacted(objects)) == snapshot_from_objects(objects)


def test_redaction_leaves_less_than_half() -> None:
    objects = shop()
    assert len(canonical_json(redacted(objects))) < len(canonical_json(objects)) / 2


@pytest.mark.parametrize("name", sorted(DUMPS))
@given(data=st.data())
def test_whatever_an_object_holds_planning_sees_the_same(name: str, data: st.DataObject) -> None:
    objects = copy.deepcopy(DUMPS[name])
    for _ in range(data.draw(st.integers(0, 3))):
        container, key = data.draw(st.sampled_from(list(places(objects))))
        container[key] = data.draw(VALUES)
    objects = [one for one in objects if isinstance(one, dict)]
    before, after = read(objects), read(redacted(objects))
    if before is None:
        return
    assert after is not None
    ignored = "objects of kinds that play no part"
    notes = tuple(note for note in before.notes if not note.startswith(ignored))
    assert (after.nodes, after.pods, after.budgets, after.daemonsets, after.templates, after.notes) == (
        before.nodes,
        before.pods,
        before.budgets,
        before.daemonsets,
        before.templates,
        notes,
    )


def test_every_annotation_that_planning_reads_may_leave() -> None:
    assert set(ANNOTATIONS) == READ_ANNOTATIONS


def secretive_pod() -> Json:
    container = {
        "name": "api",
        "image": f"registry.example/{SECRET}",
        "command": [SECRET],
        "args": [f"--password={SECRET}"],
        "env": [{"name": "PASSWORD", "value": SECRET}, {"name": "P", "valueFrom": {"secretKeyRef": {"name": SECRET}}}],
        "envFrom": [{"secretRef": {"name": SECRET}}],
        "volumeMounts": [{"name": "s", "mountPath": f"/{SECRET}"}],
        "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": SECRET}]}},
        "lifecycle": {"preStop": {"exec": {"command": [SECRET]}}},
        "ports": [{"name": SECRET, "containerPort": 80}],
        "resources": {"requests": {"cpu": "1"}, "claims": [{"name": SECRET}]},
        "tomorrow": SECRET,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "api",
            "namespace": "shop",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET, "team": SECRET},
            "managedFields": [{"manager": SECRET}],
            "finalizers": [SECRET],
            "ownerReferences": [{"kind": "ReplicaSet", "name": "api", "uid": SECRET, "controller": True}],
        },
        "spec": {
            "containers": [container],
            "initContainers": [container],
            "ephemeralContainers": [container],
            "serviceAccountName": SECRET,
            "imagePullSecrets": [{"name": SECRET}],
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": [SECRET]}],
            "dnsConfig": {"searches": [SECRET]},
            "securityContext": {"seLinuxOptions": {"user": SECRET}},
            "volumes": [
                {"name": "s", "secret": {"secretName": SECRET}},
                {"name": "c", "configMap": {"name": SECRET}},
                {"name": "h", "hostPath": {"path": SECRET}},
                {"name": "d", "awsElasticBlockStore": {"volumeID": SECRET}},
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": SECRET,
            "message": SECRET,
            "conditions": [{"type": "Ready", "status": "True", "message": SECRET}],
            "containerStatuses": [{"name": "api", "image": SECRET, "state": {"waiting": {"message": SECRET}}}],
        },
    }


def test_nothing_secret_of_a_pod_leaves() -> None:
    assert SECRET not in json.dumps(redact(secretive_pod()))


def test_nothing_secret_of_a_pod_template_leaves() -> None:
    pod = secretive_pod()
    for kind in ("DaemonSet", "Deployment", "StatefulSet", "ReplicaSet"):
        owner = {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": pod["metadata"],
            "spec": {"template": {"metadata": pod["metadata"], "spec": pod["spec"]}},
        }
        assert SECRET not in json.dumps(redact(owner))


def test_a_value_in_the_place_of_an_object_does_not_leave() -> None:
    pod = secretive_pod()
    pod["spec"]["containers"] = SECRET
    pod["status"]["conditions"] = [SECRET]
    pod["metadata"]["annotations"] = SECRET
    assert SECRET not in json.dumps(redact(pod))


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "Service", "Ingress", "ServiceAccount", "Event"])
def test_kinds_that_planning_does_not_read_stay_at_home(kind: str) -> None:
    assert redact({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "data": {"a": SECRET}}) is None


def test_a_kind_of_another_api_group_stays_at_home() -> None:
    assert redact({"apiVersion": "longhorn.io/v1", "kind": "Node", "metadata": {"name": "x"}}) is None


def test_the_original_is_left_as_it_is() -> None:
    pod = secretive_pod()
    redact(pod)
    assert pod == secretive_pod()


def test_of_a_node_pool_stays_what_says_what_may_be_launched() -> None:
    spec = {
        "disruption": {"budgets": [{"nodes": "10%"}], "consolidateAfter": "0s"},
        "limits": {"cpu": "100"},
        "weight": 5,
        "template": {
            "metadata": {"annotations": {"note": SECRET}},
            "spec": {
                "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
                "nodeClassRef": {"group": "karpenter.k8s.aws", "name": SECRET},
            },
        },
    }
    status = {"nodes": 3, "resources": {"cpu": "12"}, "conditions": [{"message": SECRET}]}
    metadata = {"name": "general", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET}}
    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": metadata, "spec": spec, "status": status}
    slim = redact(pool)
    assert slim is not None
    assert SECRET not in json.dumps(slim)
    assert slim["spec"]["template"]["spec"]["requirements"] == spec["template"]["spec"]["requirements"]  # type: ignore[index]
    assert (slim["spec"]["limits"], slim["spec"]["weight"]) == ({"cpu": "100"}, 5)
    assert slim["status"] == {"nodes": 3, "resources": {"cpu": "12"}}
    assert redact(pool | {"apiVersion": "example.com/v1"}) is None
