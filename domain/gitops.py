"""Objects that a repository governs: whatever somebody else changes in them is set back.

Sources: Argo CD resource tracking, Flux kustomize-controller and helm-controller labels (read 2026-10).
"""

from domain.canonical import KubeObject

GITOPS_MARKS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "fluxcd.io/sync-checksum": "Flux",
    "configmanagement.gke.io/managed": "Config Sync",
    "objectset.rio.cattle.io/hash": "Fleet",
}
"""Labels and annotations of whoever puts back what a repository says, and their names."""

GITOPS_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "configsync": "Config Sync",
    "fleetagent": "Fleet",
}
"""Field managers of the same."""


def why_governed(obj: KubeObject) -> str:
    """The tool that would undo a change, empty where none is known; what is redacted is not known."""
    metadata = obj.get("metadata") or {}
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    for mark, tool in GITOPS_MARKS.items():
        if mark in marks:
            return f"{tool} manages it ({mark}) and would undo the change; change it in its repository"
    for entry in metadata.get("managedFields") or ():
        manager = str(entry.get("manager", ""))
        if manager in GITOPS_MANAGERS:
            return f"{GITOPS_MANAGERS[manager]} manages it (field manager {manager}) and would undo the change"
    return ""
