"""What of a plan is carried out, under the circumstances of its order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from actors.cluster.records import Past
from actors.planning.codec import decision_from_json, decision_to_json
from actors.planning.deciding import decided
from actors.planning.order import Circumstances, PlanOrder
from domain.commands import Priority
from domain.market import Pool
from domain.plan import Plan
from domain.policy import Policy
from domain.proposal import Module
from domain.snapshot import Snapshot
from solvers.decision import CapacityFailure, Decision, DecisionPolicy, Disruption, Rule
from tests.builders import (
    cordon,
    evict,
    launch,
    make_catalog,
    make_node,
    make_plan,
    make_pod,
    make_snapshot,
    planned_launch,
    terminate,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def order(**fields: object) -> PlanOrder:
    made = PlanOrder(
        request="r", cluster="c", priority=Priority.USER, objects=b"", observed_at=NOW, policy=Policy(), generation=1,
        parent=None, time_limit_s=1.0, ordered_at=NOW,
        circumstances=Circumstances(limits=DecisionPolicy(window_share=1.0)),
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def cheaper() -> tuple[Plan, Snapshot]:
    """Node a onto a Spot node."""
    pod = make_pod("web", on="a")
    whole = make_snapshot([make_node("a"), make_node("b")], [pod])
    actions = [launch(1, "new-1"), cordon(2, "a"), evict(3, pod, target="new-1"), terminate(4, "a")]
    return make_plan(whole, actions, new=[planned_launch(spot=True)]), whole


def decide(wanted: PlanOrder) -> Decision:
    plan, whole = cheaper()
    return decided(wanted, plan, whole, catalog=make_catalog())[0]


def test_a_saving_is_chosen_with_the_nodes_that_leave() -> None:
    plan, whole = cheaper()
    decision, leaving = decided(order(), plan, whole, catalog=make_catalog())
    assert [one.proposal.removes for one in decision.chosen] == [("a",)]
    assert [(one.node, one.template) for one in leaving] == [("a", "default")]


def test_an_urgent_plan_holds_nothing_that_only_saves_money() -> None:
    decision = decide(order(priority=Priority.INTERRUPTION))
    assert decision.chosen == ()
    assert [(one.proposal, one.rule) for one in decision.refused] == [("packing a", Rule.STABILITY_FIRST)]


def test_what_was_just_changed_rests_and_the_refusal_says_until_when() -> None:
    circumstances = Circumstances(past=Past(changed={"a": NOW - timedelta(seconds=60)}))
    (refused,) = decide(order(circumstances=circumstances)).refused
    assert (refused.rule, refused.again_at) == (Rule.COOLDOWN, NOW + timedelta(seconds=240))


def test_disruptions_of_the_past_count() -> None:
    past = Past(disruptions=(Disruption(template="default", at=NOW - timedelta(minutes=1)),))
    circumstances = Circumstances(past=past, limits=DecisionPolicy(window_share=0.0, window_nodes=1))
    assert [one.rule for one in decide(order(circumstances=circumstances)).refused] == [Rule.WINDOW]


def test_a_template_that_met_no_room_three_times_is_bought_on_demand_until_its_time_is_over() -> None:
    pool = Pool(region="us-east-1", zone_id="use1-az6", instance_type="m5.large")
    failures = tuple(
        CapacityFailure(template="default", pool=pool, at=NOW - timedelta(minutes=minutes)) for minutes in (1, 5, 9)
    )
    circumstances = Circumstances(past=Past(capacity_failures=failures))
    plan, whole = lost()
    wanted = order(
        priority=Priority.INTERRUPTION, circumstances=replace(circumstances, going={"a": Module.INTERRUPTION})
    )
    decision, _ = decided(wanted, _on_spot(plan), whole, catalog=make_catalog())
    (launched,) = decision.chosen[0].proposal.launches
    assert (launched.spot, bool(launched.on_demand)) == ((), True)
    (fallback,) = decision.fallbacks
    assert (fallback.active, fallback.not_before) == (True, NOW + timedelta(hours=1))
    later = replace(wanted, circumstances=replace(wanted.circumstances, past=Past(fallbacks=decision.fallbacks)))
    again, _ = decided(later, _on_spot(plan), whole, catalog=make_catalog())
    assert again.chosen[0].proposal.launches[0].spot == ()


def _on_spot(plan: Plan) -> Plan:
    return replace(
        plan,
        nodes=tuple(
            node if node.existing else replace(planned_launch(node.name, spot=True), pods=node.pods)
            for node in plan.nodes
        ),
    )


def lost() -> tuple[Plan, Snapshot]:
    """Node a goes, its pod gets a new node."""
    pod = make_pod("web", on="a")
    whole = make_snapshot([make_node("a"), make_node("b")], [pod])
    left = make_snapshot([make_node("b")], [replace(pod, node_name="")])
    return make_plan(left, [launch(1, "new-1")], new=[planned_launch()], placed={pod.key: "new-1"}), whole


def test_what_aws_takes_is_replaced_while_another_plan_sees_to_its_end() -> None:
    plan, whole = lost()
    circumstances = Circumstances(going={"a": Module.INTERRUPTION}, busy={"a": "7"})
    wanted = order(priority=Priority.INTERRUPTION, circumstances=circumstances)
    decision, leaving = decided(wanted, plan, whole, catalog=make_catalog())
    (chosen,) = decision.chosen
    assert (chosen.proposal.removes, len(chosen.proposal.launches), leaving) == ((), 1, ())


def test_a_node_that_is_left_on_a_recommendation_is_replaced_and_removed() -> None:
    plan, whole = lost()
    wanted = order(priority=Priority.PENDING, circumstances=Circumstances(going={"a": Module.REBALANCE}))
    decision, leaving = decided(wanted, plan, whole, catalog=make_catalog())
    assert [(one.proposal.module, one.proposal.removes) for one in decision.chosen] == [(Module.REBALANCE, ("a",))]
    assert [one.node for one in leaving] == ["a"]


def test_a_decision_is_stored_and_read_again() -> None:
    plan, whole = lost()
    wanted = order(priority=Priority.INTERRUPTION, circumstances=Circumstances(going={"a": Module.INTERRUPTION}))
    decision, _ = decided(wanted, plan, whole, catalog=make_catalog())
    assert decision.chosen[0].payback_h is None
    assert decision_from_json(decision_to_json(decision)) == decision


def test_a_node_that_has_gone_since_is_nothing_to_decide_on() -> None:
    going = Circumstances(going={"gone": Module.INTERRUPTION}, limits=DecisionPolicy(window_share=1.0))
    decision = decide(order(circumstances=going))
    assert [one.proposal.removes for one in decision.chosen] == [("a",)]
