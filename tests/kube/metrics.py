"""Measured use without a metrics-server: custom resources under the very paths where it would answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.kube.client import JsonObject, Kube, path_of

GROUP = "metrics.k8s.io"


@contextmanager
def metrics_api(kube: Kube) -> Iterator[None]:
    """An API of metrics that holds what tests put into it, until the block ends."""
    kinds = [_kind("nodes", "NodeMetrics", scope="Cluster"), _kind("pods", "PodMetrics", scope="Namespaced")]
    for kind in kinds:
        kube.create(kind)
    for plural in ("nodes", "pods"):
        path = f"/apis/{GROUP}/v1beta1/{plural}"
        kube.wait(lambda path=path: kube.http.get(path).status_code, until=lambda status: status == 200)
    yield
    for kind in kinds:
        kube.delete(path_of(kind))


def put_node_usage(kube: Kube, node: str, *, cpu: str, memory: str) -> None:
    """What a node used."""
    kube.http.post(
        f"/apis/{GROUP}/v1beta1/nodes",
        json=_usage("NodeMetrics") | {"metadata": {"name": node}, "usage": {"cpu": cpu, "memory": memory}},
    ).raise_for_status()


def put_pod_usage(kube: Kube, namespace: str, pod: str, *, cpu: str, memory: str) -> None:
    """What the container ``main`` of a pod used."""
    containers = [{"name": "main", "usage": {"cpu": cpu, "memory": memory}}]
    kube.http.post(
        f"/apis/{GROUP}/v1beta1/namespaces/{namespace}/pods",
        json=_usage("PodMetrics") | {"metadata": {"name": pod, "namespace": namespace}, "containers": containers},
    ).raise_for_status()


def _usage(kind: str) -> JsonObject:
    return {"apiVersion": f"{GROUP}/v1beta1", "kind": kind, "timestamp": "2026-03-01T12:00:00Z", "window": "30s"}


def _kind(plural: str, kind: str, *, scope: str) -> JsonObject:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # Groups of Kubernetes itself ask whether somebody has reviewed the kind.
        "metadata": {"name": f"{plural}.{GROUP}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [{"name": "v1beta1", "served": True, "storage": True, "schema": schema}],
        },
    }
