"""What holds for any proposals."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.planning.codec import decision_from_json, decision_to_json
from domain.proposal import Concern, Module, Proposal
from solvers.decision import Decision, Disruption, Facts, resolve
from tests.unit.decision.builders import NOW, ago, make_facts, make_launch, make_policy, make_pool, make_proposal, rated

NAMES = tuple("abcdefgh")
FEW = settings(max_examples=max(40, settings.default.max_examples // 3))
"""A table of proposals takes long to draw; the thorough profile draws many."""

POOLS = tuple(make_pool(n) for n in (1, 2, 3))


@st.composite
def some_proposals(draw: st.DrawFn) -> list[Proposal]:
    proposals = []
    for number in range(draw(st.integers(0, 7))):
        nodes = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
        cut = draw(st.integers(0, len(nodes)))
        pools = draw(st.lists(st.sampled_from((1, 2, 3)), max_size=3, unique=True))
        risk = draw(st.sampled_from((0.0, 0.1, 0.9, 0.97, 1.0)))
        launches = tuple(make_launch(f"new-{number}-{n}", spot=(rated(n, risk=risk),)) for n in pools)
        proposals.append(
            make_proposal(
                f"p{number}",
                draw(st.sampled_from(list(Module))),
                removes=tuple(nodes[:cut]),
                uses=tuple(nodes[cut:]),
                launches=launches,
                evictions=draw(st.integers(0, 50)),
                saving_usd_per_h=draw(st.sampled_from((-0.1, 0.0, 0.01, 0.05, 0.2))),
                observed_at=ago(draw(st.sampled_from((0, 299, 301)))),
            )
        )
    return proposals


@st.composite
def some_facts(draw: st.DrawFn) -> Facts:
    return make_facts(
        *draw(st.lists(st.sampled_from(NAMES), min_size=4, unique=True)),
        going=frozenset(draw(st.lists(st.sampled_from(NAMES), max_size=2))),
        busy=dict.fromkeys(draw(st.lists(st.sampled_from(NAMES), max_size=3)), "7"),
        flagged=frozenset(draw(st.lists(st.sampled_from(POOLS), max_size=3))),
        disruptions=tuple(Disruption(template="general", at=ago(n)) for n in range(draw(st.integers(0, 3)))),
    )


def decide(proposals: list[Proposal], facts: Facts) -> Decision:
    return resolve(proposals, facts=facts, policy=make_policy(window_share=0.4), now=NOW)


@FEW
@given(proposals=some_proposals(), facts=some_facts(), data=st.data())
def test_the_order_of_proposals_does_not_matter(proposals: list[Proposal], facts: Facts, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(proposals))
    assert decide(proposals, facts) == decide(shuffled, facts)


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_no_node_is_in_two_plans(proposals: list[Proposal], facts: Facts) -> None:
    counts = Counter(name for one in decide(proposals, facts).chosen for name in one.proposal.nodes)
    assert all(count == 1 for count in counts.values())


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_every_node_of_an_interruption_is_in_the_plan(proposals: list[Proposal], facts: Facts) -> None:
    losses = {name for one in proposals if one.concern is Concern.LOSS for name in one.removes}
    taken = {one.proposal.id: one.proposal for one in decide(proposals, facts).chosen}
    acted = {name for one in taken.values() if one.concern is Concern.LOSS for name in one.nodes}
    assert losses <= acted


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_each_proposal_is_taken_or_refused_with_a_reason(proposals: list[Proposal], facts: Facts) -> None:
    decision = decide(proposals, facts)
    told = [one.proposal.id for one in decision.chosen] + [one.proposal for one in decision.refused]
    assert sorted(told) == sorted(one.id for one in proposals)
    assert all(one.reason.text and one.reason.code == one.rule for one in decision.refused)


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_savings_touch_no_node_that_goes_or_is_worked_upon_and_earn_back_what_they_cost(
    proposals: list[Proposal], facts: Facts
) -> None:
    for one in decide(proposals, facts).chosen:
        if one.proposal.concern is Concern.SAVING:
            assert not one.proposal.nodes & (facts.going | facts.busy.keys())
            assert one.payback_h is not None
            assert one.payback_h <= 24.0
            assert one.proposal.saving_usd_per_h > 0


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_no_flagged_pool_is_launched_from(proposals: list[Proposal], facts: Facts) -> None:
    for one in decide(proposals, facts).chosen:
        used = {rated_pool.pool for launch in one.proposal.launches for rated_pool in launch.spot}
        assert not used & facts.flagged


@FEW
@given(proposals=some_proposals(), facts=some_facts())
def test_a_decision_can_be_written_down(proposals: list[Proposal], facts: Facts) -> None:
    decision = decide(proposals, facts)
    written = json.loads(json.dumps(decision_to_json(decision), allow_nan=False))
    assert decision_from_json(written) == decision
