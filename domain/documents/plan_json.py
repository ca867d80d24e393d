"""Plans to JSON and back."""

import math
from dataclasses import asdict

from pydantic import ValidationError

from domain.documents import plan as schema
from domain.errors import InputError
from domain.market import Catalog, Zone
from domain.node import Taint
from domain.plan import (
    Action,
    Alternative,
    KeptNode,
    Plan,
    PlannedNode,
    Progress,
    Reason,
    Risk,
    Unschedulable,
)
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import monthly

_FIELDS_AS_THEY_ARE = (
    "generation",
    "parent",
    "cost_usd_per_h",
    "planned_cost_usd_per_h",
    "lower_bound_usd_per_h",
    "seconds",
    "seed",
)


def cluster_of(snapshot: Snapshot, catalog: Catalog) -> schema.ClusterModel:
    """What a plan was made for, to be written with it."""
    return schema.ClusterModel(
        region=snapshot.region,
        zones=[schema.ZoneModel(id=zone.id, name=zone.name) for zone in snapshot.zones],
        nodes=len(snapshot.nodes),
        pods=len(snapshot.pods),
        observed_at=snapshot.observed_at,
        prices_as_of=catalog.as_of,
    )


def plan_to_json(plan: Plan, *, cluster: schema.ClusterModel | None = None, before: Snapshot | None = None) -> str:
    """One JSON object, indented, ending without a line break."""
    return plan_document(plan, cluster=cluster, before=before).model_dump_json(indent=2)


def plan_document(
    plan: Plan, *, cluster: schema.ClusterModel | None = None, before: Snapshot | None = None
) -> schema.PlanModel:
    """The plan as the model that is written; with what ran ``before``, so that both can be drawn side by side."""
    return schema.PlanModel(
        running=_running(before) if before is not None else None,
        requests=_requests(before) if before is not None else None,
        schema_version=schema.SCHEMA_VERSION,
        cluster=cluster,
        gap=plan.gap,
        saving_usd_per_h=plan.saving_usd_per_h,
        saving_usd_per_month=monthly(plan.saving_usd_per_h),
        risk=schema.RiskChangeModel(
            before=schema.RiskModel(**asdict(plan.risk_before)), after=schema.RiskModel(**asdict(plan.risk_after))
        ),
        nodes=[_node_model(node) for node in plan.nodes],
        actions=[schema.ActionModel(**asdict(action)) for action in plan.actions],
        kept=[schema.KeptModel(**asdict(kept)) for kept in plan.kept],
        unschedulable=[schema.UnschedulableModel(**asdict(pod)) for pod in plan.unschedulable],
        trace=[_progress_model(progress) for progress in plan.trace],
        notes=list(plan.notes),
        **{name: getattr(plan, name) for name in _FIELDS_AS_THEY_ARE},
    )


def plan_from_json(text: str | bytes, *, source: str = "plan") -> Plan:
    """Read a plan that `plan_to_json` wrote.

    Raises
    ------
    InputError
        When it is not JSON or not such a plan; names ``source`` and the field.
    """
    try:
        document = schema.PlanModel.model_validate_json(text)
    except ValidationError as error:
        raise _first_problem(error, source=source) from error
    return _plan(document)


def _plan(document: schema.PlanModel) -> Plan:
    return Plan(
        nodes=tuple(_planned_node(node) for node in document.nodes),
        actions=tuple(_action(action) for action in document.actions),
        kept=tuple(KeptNode(node=kept.node, reason=_reason(kept.reason)) for kept in document.kept),
        unschedulable=tuple(Unschedulable(**pod.model_dump()) for pod in document.unschedulable),
        risk_before=Risk(**document.risk.before.model_dump()),
        risk_after=Risk(**document.risk.after.model_dump()),
        trace=tuple(Progress(**progress.model_dump()) for progress in document.trace),
        notes=tuple(document.notes),
        **{name: getattr(document, name) for name in _FIELDS_AS_THEY_ARE},
    )


def _node_model(node: PlannedNode) -> schema.NodeModel:
    amounts = asdict(node.allocatable) | {"extended": dict(node.allocatable.extended)}
    same = ("name", "existing", "instance_type", "capacity_type", "template", "price_usd_per_h")
    return schema.NodeModel(
        zone_id=node.zone.id,
        zone_name=node.zone.name,
        interruption_per_month=node.interruption_per_month,
        allocatable=schema.ResourcesModel(**amounts),
        labels=dict(node.labels),
        taints=[schema.TaintModel(**asdict(taint)) for taint in node.taints],
        pods=list(node.pods),
        **{name: getattr(node, name) for name in same},
    )


def _running(before: Snapshot) -> list[schema.NodeModel]:
    pods: dict[str, list[str]] = {node.name: [] for node in before.nodes}
    for pod in before.pods:
        if pod.node_name in pods:
            pods[pod.node_name].append(pod.key)
    same = ("name", "instance_type", "zone", "capacity_type", "template", "price_usd_per_h", "interruption_per_month",
            "allocatable", "labels", "taints")  # fmt: skip
    return [
        _node_model(
            PlannedNode(existing=True, pods=tuple(pods[node.name]), **{name: getattr(node, name) for name in same})
        )
        for node in before.nodes
    ]


def _requests(before: Snapshot) -> dict[str, tuple[int, int]]:
    return {pod.key: (pod.requests.cpu_mcpu, pod.requests.memory_bytes) for pod in before.pods}


def _planned_node(node: schema.NodeModel) -> PlannedNode:
    amounts = node.allocatable.model_dump() | {"extended": tuple(node.allocatable.extended.items())}
    rest = node.model_dump(exclude={"zone_id", "zone_name", "allocatable", "taints", "pods"})
    return PlannedNode(
        zone=Zone(id=node.zone_id, name=node.zone_name),
        allocatable=Resources(**amounts),
        taints=tuple(Taint(**taint.model_dump()) for taint in node.taints),
        pods=tuple(node.pods),
        **rest,
    )


def _action(action: schema.ActionModel) -> Action:
    rest = action.model_dump(exclude={"reason", "alternatives"})
    others = tuple(Alternative(**other.model_dump()) for other in action.alternatives)
    return Action(reason=_reason(action.reason), alternatives=others, **rest)


def _reason(reason: schema.ReasonModel) -> Reason:
    return Reason(**reason.model_dump())


def _progress_model(progress: Progress) -> schema.ProgressModel:
    # Before its first proof a solver knows nothing; zero says that and, unlike infinity, is JSON.
    bound = progress.lower_bound_usd_per_h
    return schema.ProgressModel(**asdict(progress) | {"lower_bound_usd_per_h": bound if math.isfinite(bound) else 0.0})


def _first_problem(error: ValidationError, *, source: str) -> InputError:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return InputError(source, "", f"is not JSON ({first['ctx']['error']}); give a file that plan --json wrote")
    problem = first["msg"][:1].lower() + first["msg"][1:]
    return InputError(source, field, f"{problem}; give a file that plan --json wrote")
