"""Pods."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.kubernetes.amounts import pod_requests
from adapters.kubernetes.fields import Field
from adapters.kubernetes.inventory import namespace_of
from adapters.kubernetes.namespaces import Namespaces
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.owners import Owners, direct_owner
from adapters.kubernetes.rules import host_ports, pod_terms, spread_constraints, tolerations
from adapters.kubernetes.selectors import node_terms
from adapters.kubernetes.volumes import Volumes
from domain import labels as keys
from domain.redaction import ANNOTATIONS
from domain.workload import Owner, Pod

DAEMON_SET = "DaemonSet"
_DO_NOT_EVICT = "karpenter.sh/do-not-evict"
"""What Karpenter's do-not-disrupt was called before 2023."""

_DEFAULT_GRACE_S = 30
"""Kubernetes' default of terminationGracePeriodSeconds."""

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReader:
    """Reads pods and pod templates with what the rest of the input tells about them.

    ``zone_names`` maps the name of a node to the name of its zone, empty where that is not known.
    """

    owners: Owners
    volumes: Volumes
    namespaces: Namespaces
    zone_names: Mapping[str, str]
    notes: Notes

    def pod(self, field: Field, *, node_name: str) -> Pod:
        """A pod that runs on ``node_name``, empty for nowhere.

        Raises
        ------
        InputError
            When it is malformed.
        """
        owner = direct_owner(field)
        annotations = field["metadata"]["annotations"].text_map(ANNOTATIONS)
        is_mirror = keys.MIRROR_POD in annotations or (owner is not None and owner.kind == "Node")
        is_daemon = owner is not None and owner.kind == DAEMON_SET
        plain = self.template(field, namespace=namespace_of(field), name=field["metadata"]["name"].required_text())
        return replace(
            plain,
            owner=self.owners.top(field),
            node_name=node_name,
            volume_affinity=self.volumes.affinity_of(field, zone_name=self.zone_names.get(node_name, "")),
            is_daemon=is_daemon,
            is_mirror=is_mirror,
            do_not_disrupt="" if is_mirror else self._do_not_disrupt(field, owner, annotations=annotations),
            ready=_is_ready(field),
        )

    def template(self, field: Field, *, namespace: str, name: str) -> Pod:
        """What a pod and a pod template have in common: labels, requests and scheduling rules."""
        spec, labels = field["spec"], field["metadata"]["labels"].text_map()
        affinity = spec["affinity"]
        return Pod(
            namespace=namespace,
            name=name,
            labels=labels,
            requests=pod_requests(field),
            node_selector=tuple(sorted(spec["nodeSelector"].text_map().items())),
            node_affinity=node_terms(affinity["nodeAffinity"][_REQUIRED]),
            tolerations=tolerations(spec, self.notes),
            affinity=pod_terms(affinity["podAffinity"], labels, namespace=namespace, namespaces=self.namespaces),
            anti_affinity=pod_terms(
                affinity["podAntiAffinity"], labels, namespace=namespace, namespaces=self.namespaces
            ),
            spread=spread_constraints(spec, labels),
            host_ports=host_ports(spec),
            priority=spec["priority"].integer(0),
            termination_grace_s=max(0, spec["terminationGracePeriodSeconds"].integer(_DEFAULT_GRACE_S)),
        )

    def _do_not_disrupt(self, pod: Field, owner: Owner | None, *, annotations: Mapping[str, str]) -> str:
        for key in (keys.DO_NOT_DISRUPT, _DO_NOT_EVICT):
            if annotations.get(key) == "true":
                return f"annotation {key}=true"
        if owner is not None and owner.kind == DAEMON_SET:
            return ""
        if annotations.get(keys.SAFE_TO_EVICT) == "false":
            return f"annotation {keys.SAFE_TO_EVICT}=false"
        if owner is None:
            return "no controller would bring it back"
        return "it uses dynamic resource claims" if any(pod["spec"]["resourceClaims"].each()) else ""


def name_of(pod: Field) -> str:
    """``namespace/name`` of a pod."""
    return f"{namespace_of(pod)}/{pod['metadata']['name'].required_text()}"


def _is_ready(pod: Field) -> bool:
    ready = (c for c in pod["status"]["conditions"].each() if c["type"].text() == "Ready")
    return any(condition["status"].text() == "True" for condition in ready)
