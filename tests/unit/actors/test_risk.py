"""The risk registry: what flags a pool, for whom, for how long, and what one organisation cannot do to others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.risk.evidence import Evidence, evidence_of_launch_error
from actors.risk.flags import ALL, FlagChange, FlagView
from actors.risk.state import MAX_OWN_FLAGS, MAX_PER_POOL, RiskRegistry, Verdict
from actors.risk.tenant import RiskSettings
from domain.commands import EvidenceKind
from domain.market import Pool

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="c5.xlarge")


def pool_number(number: int, region: str = "us-east-1") -> Pool:
    return Pool(region=region, zone_id="use1-az6", instance_type=f"m{number}.large")


class Scene:
    def __init__(self, limits: RiskSettings | None = None) -> None:
        self.registry = RiskRegistry(settings=limits or RiskSettings())
        self.now = START
        self._ids: Iterator[int] = count(1)

    def see(
        self,
        organisation: str,
        kind: EvidenceKind = EvidenceKind.INTERRUPTION,
        *,
        pool: Pool = POOL,
        known: bool = True,
        instance_id: str = "",
        id_: str = "",
    ) -> Verdict:
        number = next(self._ids)
        return self.registry.observe(
            Evidence(
                id=id_ or f"e{number}",
                cluster=f"cluster of {organisation}",
                organisation=organisation,
                pool=pool,
                kind=kind,
                instance_id=instance_id or f"i-{number}",
                known=known,
                at=self.now,
            )
        )

    def flagged(self, organisation: str, pool: Pool = POOL) -> bool:
        return self.registry.check(pool, organisation, now=self.now)

    def explain(self, organisation: str) -> str:
        return str(self.registry.explain(POOL, organisation, now=self.now))


def test_an_interruption_of_a_known_instance_flags_the_pool_for_all_at_once() -> None:
    scene = Scene()
    verdict = scene.see("one")
    assert FlagChange(pool=POOL, scope=ALL, until=START + HALF_AN_HOUR) in verdict.changes
    assert scene.flagged("another")


def test_a_flag_ends_after_half_an_hour_and_tick_names_it() -> None:
    scene = Scene()
    scene.see("one")
    scene.now += HALF_AN_HOUR
    assert not scene.flagged("another")
    assert FlagChange(pool=POOL, scope=ALL, until=None) in scene.registry.tick(scene.now)
    assert scene.registry.tick(scene.now) == ()


def test_new_evidence_makes_a_flag_last_longer() -> None:
    scene = Scene()
    scene.see("one")
    scene.now += timedelta(minutes=20)
    scene.see("two")
    assert scene.registry.view.until(POOL, ALL) == scene.now + HALF_AN_HOUR


def test_an_unknown_instance_flags_the_pool_only_for_whoever_reports_it() -> None:
    scene = Scene()
    scene.see("one", known=False)
    assert scene.flagged("one")
    assert not scene.flagged("another")


def test_another_organisation_that_sees_the_same_makes_it_a_flag_for_all() -> None:
    scene = Scene()
    scene.see("one", known=False)
    scene.see("two", known=False)
    assert scene.flagged("three")


def test_the_same_organisation_cannot_agree_with_itself() -> None:
    scene = Scene()
    for _ in range(50):
        scene.see("one", known=False)
    assert not scene.flagged("another")


def test_agreement_lasts_as_long_as_all_the_evidence_that_it_needs() -> None:
    scene = Scene()
    scene.see("one", known=False)
    scene.now += timedelta(minutes=20)
    scene.see("two", known=False)
    assert scene.registry.view.until(POOL, ALL) == START + HALF_AN_HOUR


def test_reports_that_are_too_far_apart_do_not_agree() -> None:
    scene = Scene()
    scene.see("one", known=False)
    scene.now += timedelta(minutes=31)
    scene.see("two", known=False)
    assert not scene.flagged("three")


def test_what_does_not_suffice_for_a_flag_does_not_prolong_one() -> None:
    scene = Scene()
    scene.see("honest")
    scene.now += timedelta(minutes=29)
    for _ in range(20):
        scene.see("evil", known=False)
    assert scene.registry.view.until(POOL, ALL) == START + HALF_AN_HOUR


def test_a_rebalance_raises_the_score_and_flags_only_when_two_agree() -> None:
    scene = Scene()
    scene.see("one", EvidenceKind.REBALANCE)
    assert not scene.flagged("one")
    assert scene.registry.score(POOL, now=scene.now) > 0
    scene.see("two", EvidenceKind.REBALANCE)
    assert scene.flagged("three")


def test_a_node_that_is_not_ready_flags_for_its_own_organisation() -> None:
    scene = Scene()
    scene.see("one", EvidenceKind.NOT_READY)
    assert scene.flagged("one")
    assert not scene.flagged("two")


@pytest.mark.parametrize("code", ["MaxSpotInstanceCountExceeded", "VcpuLimitExceeded", "RequestLimitExceeded", "new"])
def test_quota_errors_are_no_evidence(code: str) -> None:
    assert evidence_of_launch_error(code) is None


def test_a_lack_of_capacity_is_evidence() -> None:
    assert evidence_of_launch_error("InsufficientInstanceCapacity") is EvidenceKind.CAPACITY


def test_an_event_counts_once() -> None:
    scene = Scene()
    assert scene.see("one", id_="same").accepted
    scene.now += timedelta(minutes=10)
    assert not scene.see("one", id_="same").accepted
    assert scene.registry.view.until(POOL, ALL) == START + HALF_AN_HOUR


def test_an_instance_counts_once_for_each_kind() -> None:
    scene = Scene()
    assert scene.see("one", EvidenceKind.REBALANCE, instance_id="i-1").accepted
    assert scene.see("one", instance_id="i-1").accepted
    assert not scene.see("one", instance_id="i-1").accepted


def test_nobody_can_use_up_the_instance_of_somebody_else() -> None:
    scene = Scene()
    scene.see("evil", known=False, instance_id="i-1", id_="e-1")
    assert scene.see("honest", instance_id="i-1", id_="e-1").accepted
    assert scene.flagged("another")


def test_a_storm_in_one_pool_costs_one_token() -> None:
    scene = Scene(RiskSettings(burst=1, refill_per_h=1))
    assert [scene.see("one").mute for _ in range(20)] == [""] * 20
    assert "too many pools" in scene.see("one", pool=pool_number(1)).mute


def test_tokens_come_back() -> None:
    scene = Scene(RiskSettings(burst=1, refill_per_h=2))
    scene.see("one")
    scene.now += HALF_AN_HOUR
    assert scene.see("one", pool=pool_number(1)).mute == ""


def test_evidence_beyond_the_rate_still_counts_for_whoever_reports_it() -> None:
    scene = Scene(RiskSettings(burst=1, refill_per_h=1))
    scene.see("one")
    scene.see("one", pool=pool_number(1))
    assert scene.flagged("one", pool_number(1))
    assert not scene.flagged("two", pool_number(1))


def test_one_organisation_speaks_of_no_more_than_its_share_of_a_region() -> None:
    limits = RiskSettings(burst=1_000, max_share=0.02, region_pools={"us-east-1": 500})
    scene = Scene(limits)
    for number in range(100):
        scene.see("one", pool=pool_number(number))
    assert sum(scene.flagged("two", pool_number(number)) for number in range(100)) == 10
    assert scene.see("one", pool=pool_number(1, region="eu-west-1")).mute == ""


def test_the_share_is_given_back_as_its_evidence_ends() -> None:
    scene = Scene(RiskSettings(max_share=0.002, region_pools={"us-east-1": 500}))
    scene.see("one", pool=pool_number(1))
    assert scene.see("one", pool=pool_number(2)).mute
    scene.now += HALF_AN_HOUR
    assert scene.see("one", pool=pool_number(3)).mute == ""


def test_an_organisation_flags_a_bounded_number_of_pools_for_itself() -> None:
    scene = Scene()
    for number in range(MAX_OWN_FLAGS + 50):
        scene.see("one", pool=pool_number(number), known=False)
    assert scene.registry.view.count("one") == MAX_OWN_FLAGS


def test_nobody_washes_out_the_evidence_of_others() -> None:
    scene = Scene()
    scene.see("honest")
    for _ in range(3 * MAX_PER_POOL):
        scene.see("evil", known=False)
    kept = scene.registry.sightings[POOL]
    assert len(kept) == MAX_PER_POOL
    assert "honest" in {one.evidence.organisation for one in kept}


def test_the_score_falls_by_half_every_hour() -> None:
    scene = Scene()
    scene.see("one")
    fresh, later = (scene.registry.score(POOL, now=START + timedelta(hours=hours)) for hours in (0, 1))
    assert fresh == pytest.approx(0.632, abs=0.001)
    assert later == pytest.approx(0.393, abs=0.001)


def test_one_organisation_cannot_push_the_score_to_its_end() -> None:
    scene = Scene()
    for _ in range(60):
        scene.see("one")
    assert scene.registry.score(POOL, now=scene.now) == pytest.approx(0.865, abs=0.001)


def test_an_explanation_says_why_and_by_how_many_but_never_by_whom() -> None:
    scene = Scene()
    scene.see("acme")
    scene.see("umbrella", EvidenceKind.REBALANCE)
    told = scene.explain("curious")
    assert told == (
        "c5.xlarge in use1-az6 is flagged for all until 12:30 UTC: 1 × interruption, 1 × rebalance, "
        "seen by 2 organisations"
    )


def test_an_explanation_tells_nothing_of_what_flags_a_pool_for_somebody_else_alone() -> None:
    scene = Scene()
    scene.see("acme", known=False)
    assert scene.explain("curious") == "c5.xlarge in use1-az6 is not flagged"
    assert "for you alone" in scene.explain("acme")


def test_the_map_shows_the_riskiest_pool_first_with_its_evidence() -> None:
    scene = Scene()
    scene.see("one", EvidenceKind.REBALANCE, pool=pool_number(1))
    scene.see("two")
    first, second = scene.registry.map(now=scene.now)
    assert (first.pool, second.pool) == (POOL, pool_number(1))
    assert first.sightings[0].evidence.organisation == "two"
    assert second.until is None


def test_an_admin_may_take_a_flag_back() -> None:
    scene = Scene()
    scene.see("one")
    assert {change.scope for change in scene.registry.clear(POOL)} == {ALL, "one"}
    assert not scene.flagged("one")


def test_evidence_is_forgotten_after_a_day() -> None:
    scene = Scene()
    scene.see("one")
    scene.registry.tick(START + timedelta(days=1, seconds=1))
    assert scene.registry.sightings == {}
    assert scene.registry.tenants == {}


def test_planning_reads_the_pools_of_its_region() -> None:
    view = FlagView()
    until = START + HALF_AN_HOUR
    view.apply(FlagChange(pool=POOL, scope=ALL, until=until))
    view.apply(FlagChange(pool=pool_number(1), scope="one", until=until))
    view.apply(FlagChange(pool=pool_number(2, region="eu-west-1"), scope=ALL, until=until))
    assert view.flagged("one", region="us-east-1", now=START) == (POOL, pool_number(1))
    assert view.flagged("two", region="us-east-1", now=START) == (POOL,)
    assert view.flagged("two", region="us-east-1", now=until) == ()


kinds = st.sampled_from(EvidenceKind)
reports = st.lists(
    st.tuples(
        st.sampled_from(["evil", "honest", "third"]), kinds, st.integers(0, 40), st.booleans(), st.integers(0, 400)
    ),
    max_size=120,
)
tight = RiskSettings(burst=8, refill_per_h=60, max_share=0.02, region_pools={"us-east-1": 200})


@given(reports=reports)
def test_an_adversary_flags_no_more_than_its_share_for_others(
    reports: list[tuple[str, EvidenceKind, int, bool, int]],
) -> None:
    """Whatever it sends, with whatever instances: what it alone flags for others stays within its share."""
    scene = Scene(tight)
    for _, kind, number, known, wait_s in reports:
        scene.now += timedelta(seconds=wait_s)
        scene.see("evil", kind, pool=pool_number(number), known=known)
        flagged = sum(scene.flagged("victim", pool_number(number)) for number in range(41))
        assert flagged <= tight.most_pools("us-east-1")


@given(reports=reports)
def test_an_adversary_without_instances_flags_nothing_for_others(
    reports: list[tuple[str, EvidenceKind, int, bool, int]],
) -> None:
    scene = Scene(tight)
    for _, kind, number, _, wait_s in reports:
        scene.now += timedelta(seconds=wait_s)
        scene.see("evil", kind, pool=pool_number(number), known=False)
    assert not any(scene.flagged("victim", pool_number(number)) for number in range(41))


@given(reports=reports, known=st.booleans())
def test_no_noise_keeps_an_honest_report_from_protecting_all(
    reports: list[tuple[str, EvidenceKind, int, bool, int]],
    known: bool,  # noqa: FBT001
) -> None:
    scene = Scene(tight)
    for _, kind, number, _, wait_s in reports:
        scene.now += timedelta(seconds=wait_s)
        scene.see("evil", kind, pool=pool_number(number), known=known)
    scene.see("honest", pool=pool_number(0))
    assert scene.flagged("victim", pool_number(0))
