import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from domain.documents.export import schema_text
from domain.documents.plan import plan_schema
from domain.documents.plan_json import cluster_of, plan_from_json, plan_to_json
from domain.errors import InputError
from domain.node import Effect, Taint
from domain.plan import Plan, Progress
from domain.resources import Resources
from tests.unit.serve.builders import CATALOG, make_plan, make_snapshot

COMMITTED_SCHEMA = Path(__file__).parents[3] / "docs" / "plan.schema.json"
SNAPSHOT = make_snapshot(nodes=6, pods_per_node=3)
PLAN = make_plan(SNAPSHOT)


def with_rare_fields(plan: Plan) -> Plan:
    gpu = replace(
        plan.nodes[0],
        price_usd_per_h=None,
        taints=(Taint(key="gpu", effect=Effect.NO_SCHEDULE, value="yes"),),
        allocatable=Resources(cpu_mcpu=1, memory_bytes=2, pods=3, extended=(("nvidia.com/gpu", 8),)),
    )
    return replace(plan, nodes=(gpu, *plan.nodes[1:]), generation=4, parent=3)


@pytest.mark.parametrize("plan", [PLAN, with_rare_fields(PLAN)])
def test_a_plan_written_and_read_again_is_the_same_plan(plan: Plan) -> None:
    text = plan_to_json(plan, cluster=cluster_of(SNAPSHOT, CATALOG))

    assert plan_from_json(text) == plan


def test_what_is_written_satisfies_the_committed_schema() -> None:
    schema = json.loads(COMMITTED_SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)

    document = json.loads(plan_to_json(with_rare_fields(PLAN), cluster=cluster_of(SNAPSHOT, CATALOG)))

    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_a_plan_without_its_bound() -> None:
    document = json.loads(plan_to_json(PLAN))
    del document["lower_bound_usd_per_h"]

    with pytest.raises(jsonschema.ValidationError, match="lower_bound_usd_per_h"):
        jsonschema.validate(document, plan_schema(), cls=jsonschema.Draft202012Validator)


def test_the_committed_schema_is_the_one_of_the_models() -> None:
    hint = "run: python -m domain.documents.export docs/plan.schema.json"
    assert COMMITTED_SCHEMA.read_text() == schema_text(), hint


def test_figures_that_scripts_need_stand_at_the_top() -> None:
    document = json.loads(plan_to_json(PLAN))

    assert document["gap"] == pytest.approx(PLAN.planned_cost_usd_per_h / PLAN.lower_bound_usd_per_h - 1)
    assert document["saving_usd_per_month"] == pytest.approx(730 * PLAN.saving_usd_per_h)
    assert document["risk"]["after"]["spot_share"] == PLAN.risk_after.spot_share
    assert {"nodes", "actions", "kept", "unschedulable", "seconds", "seed", "trace", "notes"} <= document.keys()
    assert document["nodes"][0]["zone_id"] == PLAN.nodes[0].zone.id


def test_a_bound_that_is_not_known_yet_is_written_as_zero() -> None:
    moment = Progress(seconds=0.0, phase="start", cost_usd_per_h=None, lower_bound_usd_per_h=float("-inf"))

    document = json.loads(plan_to_json(replace(PLAN, trace=(moment,))))

    assert document["trace"][0]["lower_bound_usd_per_h"] == 0.0


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("{", "", "is not JSON"),
        ("[]", "", "should be an object"),
        ("{}", "schema_version", "field required"),
        (json.dumps(json.loads(plan_to_json(PLAN)) | {"schema_version": "2"}), "schema_version", "'1'"),
        (json.dumps(json.loads(plan_to_json(PLAN)) | {"seed": "x"}), "seed", "valid integer"),
    ],
)
def test_what_is_no_plan_is_refused_by_file_and_field(text: str, field: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        plan_from_json(text, source="old.json")

    assert (caught.value.obj, caught.value.field) == ("old.json", field)
