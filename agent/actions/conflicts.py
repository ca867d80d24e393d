"""Who else has a say in a Deployment's resources. Pure: each answer is a reason not to touch them, empty for none.

Two who set the same field undo each other for ever. Sources: HorizontalPodAutoscaler v2, VerticalPodAutoscaler v1
(read 2026-10).
"""

from collections.abc import Collection, Iterable

from agent.drains.facts import controller_of
from agent.kubernetes.api import JsonObject
from domain.gitops import why_governed

_HARMLESS_VPA_MODE = "Off"


def why_not_ours(deployment: JsonObject) -> str:
    """A GitOps tool or an operator that would put back what it says itself."""
    if (owner := controller_of(deployment)) is not None:
        return f"{owner} is in control of it and would undo the change"
    return why_governed(deployment)


def why_not_beside_hpa(autoscalers: Iterable[JsonObject], name: str, changes: Collection[tuple[str, str]]) -> str:
    """An autoscaler that counts pods by the same resource: other requests would be other numbers of pods.

    Parameters
    ----------
    changes
        Container and resource of each request or limit that changes.
    """
    for autoscaler in autoscalers:
        spec = autoscaler.get("spec") or {}
        if not _targets(spec.get("scaleTargetRef"), name):
            continue
        for container, resource in changes:
            if any(_scales_on(metric, container, resource) for metric in spec.get("metrics") or _DEFAULT_METRICS):
                return f"HorizontalPodAutoscaler {autoscaler['metadata']['name']} scales it on {resource}"
    return ""


def why_not_beside_vpa(autoscalers: Iterable[JsonObject], name: str, containers: Collection[str]) -> str:
    """A vertical autoscaler that sets the same requests."""
    for autoscaler in autoscalers:
        spec = autoscaler.get("spec") or {}
        mode = (spec.get("updatePolicy") or {}).get("updateMode", "Auto")
        if mode == _HARMLESS_VPA_MODE or not _targets(spec.get("targetRef"), name):
            continue
        policies = (spec.get("resourcePolicy") or {}).get("containerPolicies") or ()
        if any(_is_governed(container, policies) for container in containers):
            return f"VerticalPodAutoscaler {autoscaler['metadata']['name']} sets its resources (mode {mode})"
    return ""


_DEFAULT_METRICS: tuple[JsonObject, ...] = ({"type": "Resource", "resource": {"name": "cpu"}},)
"""What an autoscaler without metrics goes by."""


def _targets(reference: object, name: str) -> bool:
    return isinstance(reference, dict) and (reference.get("kind"), reference.get("name")) == ("Deployment", name)


def _scales_on(metric: JsonObject, container: str, resource: str) -> bool:
    match metric.get("type"):
        case "Resource":
            return (metric.get("resource") or {}).get("name") == resource
        case "ContainerResource":
            source = metric.get("containerResource") or {}
            return (source.get("name"), source.get("container")) == (resource, container)
        case _:
            return False


def _is_governed(container: str, policies: Iterable[JsonObject]) -> bool:
    modes = {one.get("containerName"): one.get("mode", "Auto") for one in policies}
    return bool(modes.get(container, modes.get("*", "Auto")) != "Off")
