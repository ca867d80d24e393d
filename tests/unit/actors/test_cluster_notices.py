"""Nodes that go, pods without a place, containers without memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.cluster.inputs import AgentConnected, PoolFlagged, SnapshotReceived
from actors.cluster.notices import MAX_UNSEEN
from actors.cluster.records import ClusterSettings, Mode, RebalancePolicy, facts_of
from domain.commands import (
    Audit,
    BeginSaga,
    EvidenceKind,
    Outcome,
    Persist,
    Priority,
    QueueAction,
    RecomputeRequests,
    ReportEvidence,
    RequestPlan,
    Schedule,
    WakeAgent,
    WithdrawActions,
)
from domain.market import Pool, Zone
from tests.builders import make_node
from tests.unit.actors.cluster_scenes import (
    NODES,
    POOL,
    Scene,
    facts,
    of,
    only,
    queued,
    requested,
)


def test_an_interruption_cordons_and_drains_at_once_and_then_has_a_replacement_planned() -> None:
    scene = Scene()
    commands = scene.report(scene.interruption("a"))
    assert queued(commands) == [("cordon_node", "a"), ("drain_node", "a")]
    request = requested(commands)
    assert (request.priority, request.excluded_nodes) == (Priority.INTERRUPTION, ("a",))
    order = [type(command) for command in commands]
    assert order[0] is Persist
    assert order.index(QueueAction) < order.index(RequestPlan)
    assert only(commands, WakeAgent)


def test_the_drain_knows_when_the_node_ends() -> None:
    scene = Scene()
    drain = of(scene.report(scene.interruption("a")), QueueAction)[1]
    assert drain.payload == {"node": "a", "instance_id": "i-a", "deadline_at": "2026-03-01T12:02:00.000Z"}
    assert drain.expires_at == scene.now + timedelta(minutes=2)


def test_an_interruption_tells_the_registry_that_the_instance_is_known() -> None:
    scene = Scene()
    commands = scene.report(scene.interruption("a"))
    evidence = only(commands, ReportEvidence)
    assert (evidence.pool, evidence.kind, evidence.known) == (POOL, EvidenceKind.INTERRUPTION, True)
    assert "Global Risk: c5.xlarge in use1-az6 flagged" in [audit.text for audit in of(commands, Audit)]


def test_the_pool_of_a_known_instance_is_the_one_that_is_known_whatever_the_notice_says() -> None:
    scene = Scene(settings=ClusterSettings(rebalance=RebalancePolicy.IGNORE))
    elsewhere = replace(POOL, instance_type="p5.48xlarge")
    for event in (scene.interruption("a"), scene.rebalance("b")):
        evidence = only(scene.report(replace(event, pool=elsewhere)), ReportEvidence)
        assert (evidence.pool, evidence.known) == (POOL, True)


def test_an_instance_whose_pool_is_not_known_counts_as_unknown() -> None:
    scene = Scene(nodes=(replace(facts("a"), pool=None),))
    evidence = only(scene.report(scene.interruption("a")), ReportEvidence)
    assert (evidence.pool, evidence.known) == (POOL, False)


def test_facts_of_a_node_tell_instance_pool_and_who_replaces_it() -> None:
    labels = {"eks.amazonaws.com/nodegroup": "general"}
    node = replace(make_node(spot=True, labels=labels), provider_id="aws:///us-east-1a/i-0abc")
    (fact,) = facts_of([node], region="us-east-1")
    assert (fact.instance_id, fact.spot, fact.self_replacing) == ("i-0abc", True, True)
    assert fact.pool == Pool(region="us-east-1", zone_id=node.zone.id, instance_type=node.instance_type)
    unknown = replace(node, zone=Zone(id="us-east-1a", name="us-east-1a"), provider_id="kind://docker/kind/node")
    (fact,) = facts_of([unknown], region="us-east-1")
    assert (fact.pool, fact.instance_id, fact.cordoned) == (None, "", False)
    assert facts_of([replace(node, cordoned=True)], region="us-east-1")[0].cordoned


def test_the_replacement_avoids_flagged_pools() -> None:
    scene = Scene()
    other = replace(POOL, instance_type="m5.large")
    scene.send(PoolFlagged(id="f1", at=scene.now, pool=POOL, until=scene.now + timedelta(minutes=30)))
    scene.send(PoolFlagged(id="f2", at=scene.now, pool=other, until=scene.now + timedelta(seconds=1)))
    scene.now += timedelta(seconds=5)
    assert requested(scene.report(scene.interruption("a"))).excluded_pools == (POOL,)


@pytest.mark.parametrize("second_id", ["n1", "n2"])
def test_a_second_notice_does_nothing_twice(second_id: str) -> None:
    scene = Scene()
    scene.report(scene.interruption("a", id_="n1"))
    scene.now += timedelta(seconds=3)
    second = scene.report(scene.interruption("a", id_=second_id))
    assert queued(second) == []
    assert of(second, RequestPlan) == []


@pytest.mark.parametrize("mode", list(Mode))
def test_an_interruption_is_acted_upon_in_every_mode(mode: Mode) -> None:
    scene = Scene(settings=ClusterSettings(mode=mode))
    assert queued(scene.report(scene.interruption("a"))) == [("cordon_node", "a"), ("drain_node", "a")]


def test_a_notice_of_a_clock_that_is_wrong_counts_until_the_instance_ends() -> None:
    scene = Scene()
    event = replace(scene.interruption("a"), at=scene.now - timedelta(hours=1))
    assert queued(scene.report(event)) == [("cordon_node", "a"), ("drain_node", "a")]


def test_an_agent_that_names_ever_more_nodes_is_not_followed() -> None:
    scene = Scene()
    for number in range(MAX_UNSEEN + 5):
        scene.report(scene.interruption(f"fake-{number}"))
    assert len(scene.state.going) == MAX_UNSEEN
    assert queued(scene.report(scene.interruption("a")))


def test_a_notice_that_comes_after_the_end_drains_nothing_but_still_has_a_replacement_planned() -> None:
    scene = Scene()
    event = scene.interruption("a")
    scene.now += timedelta(minutes=3)
    commands = scene.report(event)
    assert queued(commands) == []
    assert requested(commands).excluded_nodes == ("a",)


def test_a_notice_older_than_five_minutes_is_ignored() -> None:
    scene = Scene()
    event = scene.interruption("a")
    scene.now += timedelta(minutes=5, seconds=1)
    assert queued(scene.report(event)) == []
    assert scene.state.going == {}


def test_a_notice_for_an_instance_of_another_cluster_moves_nothing() -> None:
    scene = Scene()
    commands = scene.report(scene.interruption("x", instance_id="i-elsewhere", names_node=False))
    assert queued(commands) == []
    assert of(commands, RequestPlan) == []
    assert not only(commands, ReportEvidence).known


def test_a_notice_that_names_a_node_but_another_instance_moves_nothing() -> None:
    scene = Scene()
    assert queued(scene.report(scene.interruption("a", instance_id="i-before-a"))) == []


def test_a_notice_that_comes_before_its_node_is_acted_upon_when_the_node_turns_up() -> None:
    scene = Scene()
    scene.report(scene.interruption("new", id_="n1", names_node=False))
    scene.now += timedelta(seconds=20)
    commands = scene.snapshot((*NODES, facts("new")))
    assert queued(commands) == [("cordon_node", "new"), ("drain_node", "new")]
    assert {action.cause for action in of(commands, QueueAction)} == {"n1"}


def test_a_node_that_is_too_new_for_a_snapshot_is_drained_by_its_name() -> None:
    scene = Scene()
    commands = scene.report(scene.interruption("new"))
    assert queued(commands) == [("cordon_node", "new"), ("drain_node", "new")]
    assert queued(scene.snapshot()) == []
    assert "new" in scene.state.going


def test_a_node_that_has_gone_is_forgotten() -> None:
    scene = Scene()
    scene.report(scene.interruption("a"))
    scene.now += timedelta(minutes=3)
    scene.snapshot(NODES[1:])
    assert scene.state.going == {}


def test_a_new_instance_under_an_old_name_may_be_interrupted_again() -> None:
    scene = Scene()
    scene.report(scene.interruption("a"))
    withdrawn = only(scene.snapshot((facts("a", instance_id="i-a2"), *NODES[1:])), WithdrawActions)
    assert len(withdrawn.action_ids) == 2
    assert queued(scene.report(scene.interruption("a", instance_id="i-a2"))) == [
        ("cordon_node", "a"),
        ("drain_node", "a"),
    ]


def test_an_interruption_gives_up_a_plan_that_counts_on_the_node() -> None:
    scene = Scene()
    scene.optimise()
    begun = only(scene.answer("b", launches=1, uses=("a",)), BeginSaga)
    scene.report(scene.interruption("a", id_="n1"))
    assert scene.state.executions[begun.saga].stopping == "node a goes: AWS takes it"
    assert scene.state.story("n1")


def test_rebalance_is_ignored_unless_the_policy_says_otherwise() -> None:
    scene = Scene()
    commands = scene.report(scene.rebalance("a"))
    assert queued(commands) == []
    assert only(commands, ReportEvidence).kind is EvidenceKind.REBALANCE
    assert only(commands, Audit).outcome is Outcome.REFUSED


def with_rebalance(policy: RebalancePolicy) -> ClusterSettings:
    return ClusterSettings(mode=Mode.AUTOMATIC, rebalance=policy, max_concurrent_actions=2)


def test_rebalance_may_cordon_and_no_more() -> None:
    scene = Scene(settings=with_rebalance(RebalancePolicy.CORDON))
    commands = scene.report(scene.rebalance("a"))
    assert queued(commands) == [("cordon_node", "a")]
    assert of(commands, RequestPlan) == []


def test_rebalance_may_have_the_node_replaced() -> None:
    scene = Scene(settings=with_rebalance(RebalancePolicy.REPLACE))
    commands = scene.report(scene.rebalance("a"))
    assert queued(commands) == [("cordon_node", "a")]
    request = requested(commands)
    assert (request.priority, request.excluded_nodes) == (Priority.PENDING, ("a",))


def test_rebalance_of_an_eks_managed_node_is_left_to_eks() -> None:
    settings = with_rebalance(RebalancePolicy.REPLACE)
    scene = Scene(settings=settings, nodes=(facts("m", self_replacing=True),))
    commands = scene.report(scene.rebalance("m"))
    assert queued(commands) == []
    assert "EKS group" in only(commands, Audit).text


def test_rebalance_takes_no_more_nodes_at_once_than_actions_are_allowed() -> None:
    scene = Scene(settings=with_rebalance(RebalancePolicy.CORDON))
    assert [queued(scene.report(scene.rebalance(node))) for node in "abc"] == [
        [("cordon_node", "a")],
        [("cordon_node", "b")],
        [],
    ]


def test_an_interruption_after_a_rebalance_drains_the_node() -> None:
    scene = Scene(settings=with_rebalance(RebalancePolicy.CORDON))
    scene.report(scene.rebalance("a"))
    assert ("drain_node", "a") in queued(scene.report(scene.interruption("a")))


def test_a_rebalance_with_or_after_the_interruption_changes_nothing() -> None:
    scene = Scene(settings=with_rebalance(RebalancePolicy.REPLACE))
    scene.report(scene.interruption("a"))
    assert queued(scene.report(scene.rebalance("a"))) == []
    assert scene.state.going["a"].kind is EvidenceKind.INTERRUPTION


def test_a_spot_node_that_is_not_ready_is_treated_as_interrupted() -> None:
    scene = Scene()
    commands = scene.report(scene.not_ready("b"))
    assert queued(commands) == [("cordon_node", "b"), ("drain_node", "b")]
    assert requested(commands).priority is Priority.INTERRUPTION
    assert only(commands, ReportEvidence).kind is EvidenceKind.NOT_READY


def test_a_node_that_stops_being_ready_after_its_notice_is_not_drained_once_more() -> None:
    scene = Scene()
    scene.report(scene.interruption("b"))
    assert queued(scene.report(scene.not_ready("b"))) == []


def test_a_notice_after_a_node_has_stopped_being_ready_drains_nothing_once_more() -> None:
    scene = Scene()
    scene.report(scene.not_ready("b"))
    assert queued(scene.report(scene.interruption("b"))) == []


def test_the_end_of_a_node_that_was_cordoned_before_is_no_interruption_and_says_nothing_of_its_pool() -> None:
    """A plan empties a node and ends it, or takes back one that it has launched; so may the customer."""
    scene = Scene(nodes=(replace(facts("a"), cordoned=True), facts("b")))
    commands = scene.report(scene.not_ready("a"))
    assert queued(commands) == []
    assert of(commands, ReportEvidence) + of(commands, RequestPlan) == []
    assert "somebody takes it away" in scene.state.story_lines[-1].text


def test_an_on_demand_node_that_is_not_ready_is_only_logged() -> None:
    scene = Scene()
    commands = scene.report(scene.not_ready("d"))
    assert queued(commands) == []
    assert "on-demand" in only(commands, Audit).text


def test_pods_pending_for_want_of_capacity_are_planned_together() -> None:
    scene = Scene()
    first = scene.report(scene.pending())
    assert only(first, Schedule).at == scene.now + timedelta(seconds=10)
    second = scene.report(scene.pending())
    assert of(second, RequestPlan) + of(second, Schedule) == []
    assert requested(scene.wait(10)).priority is Priority.PENDING


def test_capacity_for_pending_pods_is_not_planned_more_often_than_once_a_minute() -> None:
    scene = Scene()
    scene.report(scene.pending())
    scene.wait(10)
    scene.answer()
    scene.report(scene.pending())
    assert of(scene.wait(15), RequestPlan) == []
    assert of(scene.wait(45), RequestPlan)


def test_a_pod_that_no_node_could_help_is_only_logged() -> None:
    scene = Scene()
    scene.report(scene.pending(message="0/4 nodes are available: 4 had volume node affinity conflict."))
    assert of(scene.wait(10), RequestPlan) == []


def test_a_container_killed_for_want_of_memory_is_handed_to_the_right_sizer() -> None:
    scene = Scene()
    commands = scene.report(scene.oom())
    assert only(commands, RecomputeRequests).container == "api"
    assert queued(commands) == []


def test_safe_mode_only_says_what_an_interruption_would_lead_to() -> None:
    scene = Scene()
    scene.safe_mode(on=True)
    commands = scene.report(scene.interruption("a"))
    assert queued(commands) == []
    dry = [audit.text for audit in of(commands, Audit) if audit.outcome is Outcome.DRY_RUN]
    assert dry == ["safe mode: would cordon node a: AWS takes it", "safe mode: would drain node a: AWS takes it"]
    assert of(commands, ReportEvidence)
    assert of(commands, RequestPlan)


def test_what_safe_mode_kept_back_is_done_when_it_ends_in_time() -> None:
    scene = Scene()
    scene.safe_mode(on=True)
    scene.report(scene.interruption("a"))
    scene.now += timedelta(seconds=60)
    assert queued(scene.safe_mode(on=False)) == [("cordon_node", "a"), ("drain_node", "a")]


def test_what_safe_mode_kept_back_is_not_done_when_the_node_has_ended() -> None:
    scene = Scene()
    scene.safe_mode(on=True)
    scene.report(scene.interruption("a"))
    scene.now += timedelta(minutes=3)
    assert queued(scene.safe_mode(on=False)) == []


def test_a_snapshot_that_comes_after_a_newer_one_is_passed_over() -> None:
    scene = Scene()
    old = SnapshotReceived(id="old", at=scene.now, observed_at=scene.now - timedelta(seconds=30), nodes=())
    assert scene.send(old) == []
    assert len(scene.state.nodes) == len(NODES)


def test_an_agent_that_comes_back_is_told_that_actions_wait() -> None:
    scene = Scene()
    scene.report(scene.interruption("a"))
    assert of(scene.send(AgentConnected(id="c2", at=scene.now)), WakeAgent)


def test_the_story_of_a_notice_tells_all_that_it_led_to() -> None:
    scene = Scene()
    commands = scene.report(scene.interruption("a", id_="n1"))
    scene.finish(of(commands, QueueAction)[0])
    told = [line.text for line in scene.state.story("n1")]
    assert "node a goes: AWS takes it" in told
    assert "queued: drain node a: AWS takes it" in told
    assert "completed: cordon node a" in told
    assert any(text.startswith("plan 1 is asked for") for text in told)
