"""A launched node must be on offer, allowed, and exactly what catalogue and template say."""

from dataclasses import replace

import pytest

from domain import labels as keys
from domain.market import Arch
from domain.node import Effect, Taint
from domain.plan import Plan, PlannedNode
from domain.policy import Capacity, Policy
from domain.workload import HostPort, Toleration
from solvers.checker import Rule
from tests.builders import (
    ARM,
    BURSTABLE,
    LARGE,
    METAL,
    XLARGE,
    ZONE_A,
    ZONE_B,
    launch,
    make_catalog,
    make_offering,
    make_plan,
    make_pod,
    make_policy,
    make_resources,
    make_snapshot,
    make_template,
    make_type,
    planned_launch,
)
from tests.unit.checker.scenes import Scene, replaced, scheduled


def falsified(**facts) -> Scene:
    """A pod on a launched node of which some facts are wrong."""

    def change(plan: Plan) -> Plan:
        node = replace(plan.nodes[0], **facts)
        return replace(plan, nodes=(node,), planned_cost_usd_per_h=node.price_usd_per_h)

    return scheduled(make_pod(), onto=[planned_launch()]).with_plan(change)


def under(policy: Policy, node: PlannedNode) -> set[Rule]:
    return replace(scheduled(make_pod(), onto=[node]), policy=policy).rules()


def test_a_node_on_offer_may_be_launched() -> None:
    assert falsified().rules() == set()


def test_an_unknown_type_is_refused() -> None:
    unknown = planned_launch(kind=make_type("x9.large"))
    assert scheduled(make_pod(), onto=[unknown]).rules() == {Rule.LAUNCH_OFFERING}


def test_a_type_that_the_zone_does_not_offer_is_refused() -> None:
    only_b = make_catalog(offerings=[make_offering(LARGE, ZONE_B)])
    in_a, in_b = (scheduled(make_pod(), onto=[planned_launch(zone=zone)]) for zone in (ZONE_A, ZONE_B))
    assert replace(in_b, catalog=only_b).rules() == set()
    assert replace(in_a, catalog=only_b).rules() == {Rule.LAUNCH_OFFERING}


def test_a_capacity_type_that_is_not_on_offer_is_refused() -> None:
    only_spot = make_catalog(offerings=[make_offering(spot=True)])
    scene = scheduled(make_pod(), onto=[planned_launch(spot=False)])
    assert replace(scene, catalog=only_spot).rules() == {Rule.LAUNCH_OFFERING}


def test_a_zone_outside_the_snapshot_is_refused() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch(zone=ZONE_A)])
    assert replace(scene, snapshot=replace(scene.snapshot, zones=(ZONE_B,))).rules() == {Rule.LAUNCH_OFFERING}


@pytest.mark.parametrize(
    ("policy", "good", "bad"),
    [
        (make_policy(Capacity.SPOT), planned_launch(spot=True), planned_launch(spot=False)),
        (make_policy(Capacity.ON_DEMAND), planned_launch(spot=False), planned_launch(spot=True)),
        (make_policy(families=["m5"]), planned_launch(), planned_launch(kind=BURSTABLE)),
        (make_policy(architectures=[Arch.ARM64]), planned_launch(kind=ARM), planned_launch()),
        (make_policy(allow_burstable=False), planned_launch(), planned_launch(kind=BURSTABLE)),
        (make_policy(allow_bare_metal=False), planned_launch(), planned_launch(kind=METAL)),
    ],
    ids=["spot", "on-demand", "family", "architecture", "burstable", "bare-metal"],
)
def test_the_policy_decides_what_may_be_launched(policy, good, bad) -> None:
    assert under(policy, good) == set()
    assert under(policy, bad) == {Rule.LAUNCH_POLICY}


def test_an_architecture_that_the_template_has_no_nodes_of_needs_a_policy_that_names_it() -> None:
    arm = scheduled(make_pod(), onto=[planned_launch(kind=ARM)])
    assert arm.rules() == {Rule.LAUNCH_TEMPLATE}
    assert replace(arm, policy=make_policy(architectures=list(Arch))).rules() == set()


@pytest.mark.parametrize(
    "facts",
    [
        {"price_usd_per_h": 0.05},
        {"interruption_per_month": 0.5},
        {"allocatable": make_resources(4, 16, pods=30)},
        {"labels": {"team": "web"}},
        {"taints": (Taint(key="team", effect=Effect.PREFER_NO_SCHEDULE),)},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_a_launched_node_is_exactly_what_catalogue_and_template_say(facts) -> None:
    assert falsified(**facts).rules() == {Rule.LAUNCH_FACTS}


def test_a_plan_may_stand_in_for_the_hostname_with_the_name_of_the_node() -> None:
    labels = planned_launch().labels
    assert falsified(labels={**labels, keys.HOSTNAME: "new-1"}).rules() == set()
    assert falsified(labels={**labels, keys.HOSTNAME: "ip-10-0-0-1"}).rules() == {Rule.LAUNCH_FACTS}


def test_a_template_must_be_known() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch(template=make_template("gpu"))])
    assert scene.rules() == {Rule.LAUNCH_TEMPLATE}


@pytest.mark.parametrize("restriction", [{"families": ["m6g"]}, {"instance_types": ["m5.xlarge"]}], ids=str)
def test_a_template_restricts_types(restriction) -> None:
    template = make_template("team", **restriction)
    allowed = ARM if "families" in restriction else XLARGE

    def of_template(kind) -> set[Rule]:
        scene = scheduled(make_pod(), onto=[planned_launch(kind=kind, template=template)])
        return replace(scene, snapshot=replace(scene.snapshot, templates=(template,))).rules()

    assert of_template(allowed) == set()
    assert of_template(LARGE) == {Rule.LAUNCH_TEMPLATE}


def test_taints_of_the_template_keep_pods_off() -> None:
    template = make_template("ml", taints=[Taint(key="team", effect=Effect.NO_SCHEDULE)])
    for tolerations, expected in (([Toleration(key="team", exists=True)], set()), ([], {Rule.TAINT})):
        scene = scheduled(make_pod(tolerations=tolerations), onto=[planned_launch(template=template)])
        assert replace(scene, snapshot=replace(scene.snapshot, templates=(template,))).rules() == expected


def test_a_node_is_launched_once() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch()])
    twice = make_plan(scene.snapshot, [launch(1, "new-1")] * 2, new=[planned_launch()], placed={"web/a": "new-1"})
    assert replace(scene, plan=twice).rules() == {Rule.LAUNCH_TWICE}


def test_a_launch_may_not_take_the_name_of_a_running_node() -> None:
    assert Rule.LAUNCH_TWICE in replaced(new=planned_launch("stays")).rules()


def test_a_launch_that_the_plan_does_not_show_is_refused() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch()])
    extra = make_plan(
        scene.snapshot,
        [launch(1, "new-1"), launch(1, "new-2")],
        new=[planned_launch()],
        placed={"web/a": "new-1"},
    )
    assert replace(scene, plan=extra).rules() == {Rule.LAUNCH_UNPLANNED}


def test_a_planned_node_that_nobody_launches_is_refused() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch()])
    idle = make_plan(scene.snapshot, [], new=[planned_launch()], placed={"web/a": "new-1"})
    assert replace(scene, plan=idle).rules() >= {Rule.LAUNCH_MISSING, Rule.FINAL_PODS}


def with_daemon(daemon, *pods, node: PlannedNode | None = None) -> Scene:
    scene = scheduled(*pods, onto=[node or planned_launch()])
    return replace(scene, snapshot=replace(scene.snapshot, daemonsets=(daemon,)))


def test_daemons_take_their_room_on_launched_nodes() -> None:
    daemon = make_pod("agent", cpu=0.5, is_daemon=True)
    assert with_daemon(daemon, make_pod(cpu=1.5)).rules() == set()
    assert with_daemon(daemon, make_pod(cpu=1.6)).rules() == {Rule.RESOURCES}


def test_daemons_that_do_not_run_on_a_node_take_no_room_there() -> None:
    elsewhere = make_pod("agent", cpu=0.5, is_daemon=True, node_selector={"disk": "ssd"})
    assert with_daemon(elsewhere, make_pod(cpu=2)).rules() == set()


def test_a_daemon_takes_its_host_port() -> None:
    daemon = make_pod("agent", cpu=0.1, is_daemon=True, host_ports=[HostPort(port=9100)])
    assert with_daemon(daemon, make_pod(host_ports=[HostPort(port=9101)])).rules() == set()
    assert with_daemon(daemon, make_pod(host_ports=[HostPort(port=9100)])).rules() == {Rule.HOST_PORT}


def test_a_node_too_small_for_its_daemons_is_refused() -> None:
    greedy = make_pod("agent", cpu=2.5, is_daemon=True)
    assert with_daemon(greedy, make_pod(cpu=0), node=planned_launch(kind=XLARGE)).rules() == set()
    assert with_daemon(greedy, make_pod(cpu=0)).rules() == {Rule.DAEMON_ROOM}


def test_the_default_template_is_known_when_the_snapshot_has_none() -> None:
    scene = scheduled(make_pod(), onto=[planned_launch()])
    bare = replace(make_snapshot([], [make_pod()]), templates=())
    assert replace(scene, snapshot=bare).rules() == set()
