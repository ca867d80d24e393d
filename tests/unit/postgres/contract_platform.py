"""What any database must do with pools, audit, configuration, clock and figures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from adapters.postgres.upkeep import upkeep
from domain.audit import AuditQuery
from domain.commands import EvidenceKind, Outcome
from domain.config import DEFAULT_CONFIG
from domain.errors import InvariantError
from domain.fleet import Cluster
from domain.insight import (
    Recommendation,
    RecommendationKind,
    RecommendationStatus,
    SavingsHour,
    StripeEvent,
    Subscription,
    SubscriptionStatus,
)
from domain.market import Pool
from domain.paging import PageRequest
from domain.work import ClockRun, PoolFlag
from tests.unit.postgres.builders import (
    NOW,
    POOL,
    add_cluster,
    add_organization,
    after,
    make_entry,
    make_event,
    make_evidence,
)

OTHER_POOL = Pool(region="us-east-1", zone_id="use1-az2", instance_type="m5.large")


async def test_evidence_of_one_instance_counts_once(database: Database) -> None:
    cluster = await add_cluster(database)
    seen, again = make_evidence(cluster), make_evidence(cluster, at=after(5))
    later = make_evidence(cluster, kind=EvidenceKind.REBALANCE, pool=OTHER_POOL, at=after(6))
    async with database.platform() as tx:
        assert set(await tx.pools.add_evidence([seen, again, later])) == {seen.id, later.id}
        assert await tx.pools.evidence(NOW) == (seen, later)
        assert await tx.pools.evidence(NOW, OTHER_POOL) == (later,)
        assert await tx.pools.evidence(after(1)) == (later,)


async def test_failed_launches_of_one_pool_count_each(database: Database) -> None:
    cluster = await add_cluster(database)
    tries = [make_evidence(cluster, kind=EvidenceKind.CAPACITY, instance_id="") for _ in range(2)]
    async with database.platform() as tx:
        assert len(await tx.pools.add_evidence(tries)) == 2


async def test_a_flag_is_lengthened_and_never_shortened(database: Database) -> None:
    flag = PoolFlag(pool=POOL, flagged_at=NOW, until=after(1800), reason="interruption")
    async with database.platform() as tx:
        await tx.pools.flag([flag])
        await tx.pools.flag([replace(flag, until=after(60), reason="shorter")])
        assert await tx.pools.flags(NOW) == (flag,)
        longer = replace(flag, until=after(3600))
        await tx.pools.flag([longer, replace(longer, pool=OTHER_POOL)])
        assert await tx.pools.flags(after(1800)) == (longer, replace(longer, pool=OTHER_POOL))
        assert await tx.pools.flags(after(3600)) == ()
        assert await tx.pools.unflag(POOL)
        assert not await tx.pools.unflag(POOL)
        assert await tx.pools.prune(after(9999)) == 1


async def test_audit_entries_form_one_chain_for_each_organisation(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    async with database.platform() as tx:
        rows = await tx.audit.append([make_entry(mine.id), make_entry(other.id), make_entry(mine.id)])
        own = [row for row in rows if row.entry.organization_id == mine.id]
        assert [row.seq for row in own] == [1, 2]
        assert own[1].previous_hash == own[0].hash
    async with database.tenant(mine.id) as tx:
        (third,) = await tx.audit.append([make_entry(mine.id)])
        assert (third.seq, third.previous_hash) == (3, own[1].hash)
        report = await tx.audit.verify(mine.id)
        assert (report.sound, report.rows) == (True, 3)
        assert (await tx.audit.verify(other.id)).rows == 0
    async with database.platform() as tx:
        assert {mine.id, other.id} <= set(await tx.audit.chains())


async def test_the_platform_has_a_chain_of_its_own(database: Database) -> None:
    organization = await add_organization(database)
    entry = make_entry(None, event="safe_mode", at=datetime(2026, 6, 1, 12, 0, 0, 123_000, tzinfo=UTC))
    async with database.platform() as tx:
        (row,) = await tx.audit.append([entry])
        assert await tx.audit.get(entry.id) == row
        assert (await tx.audit.verify(None)).sound
    async with database.tenant(organization.id) as tx:
        assert await tx.audit.get(entry.id) is None


async def test_a_tenant_cannot_extend_the_chain_of_another(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    for stranger in (other.id, None):
        with pytest.raises(InvariantError):
            async with database.tenant(mine.id) as tx:
                await tx.audit.append([make_entry(stranger)])


async def test_audit_entries_are_kept_to_the_letter(database: Database) -> None:
    organization = await add_organization(database)
    change: dict[str, Any] = {"buffer": 0.1, "big": 10**25, "text": "ä\u2028€", "nested": [{"b": None, "a": True}]}
    entry = make_entry(
        organization.id, before=change, after={}, ip="::1", on_behalf_of="owner@example.com", user_agent="x", text="t"
    )
    async with database.tenant(organization.id) as tx:
        await tx.audit.append([entry])
        found = await tx.audit.get(entry.id)
        assert (await tx.audit.verify(organization.id)).sound
    assert found is not None
    assert found.entry == entry


async def test_audit_entries_are_filtered_and_paged_newest_first(database: Database) -> None:
    organization = await add_organization(database)
    entries = [make_entry(organization.id, at=after(n), resource=f"node-{n % 2}") for n in range(5)]
    entries.append(make_entry(organization.id, at=after(9), outcome=Outcome.FAILURE))

    async def shown(query: AuditQuery, request: PageRequest) -> tuple[Sequence[Any], PageRequest]:
        async with database.tenant(organization.id) as tx:
            page = await tx.audit.page(organization.id, query, request)
        return [row.entry.id for row in page.items], replace(request, after=page.next)

    async with database.tenant(organization.id) as tx:
        await tx.audit.append(entries)
    first, following = await shown(AuditQuery(outcome=Outcome.SUCCESS), PageRequest(limit=3))
    second, _ = await shown(AuditQuery(outcome=Outcome.SUCCESS), following)
    assert [*first, *second] == [entry.id for entry in entries[4::-1]]
    odd, _ = await shown(AuditQuery(resource="node-1", since=after(1), until=after(3)), PageRequest())
    assert odd == [entries[5].id, entries[1].id][1:]
    assert (await shown(AuditQuery(actor="nobody"), PageRequest()))[0] == []


async def test_retention_cuts_a_chain_off_and_leaves_it_whole(database: Database) -> None:
    organization = await add_organization(database)
    days = [400, 370, 300, 1]
    entries = [make_entry(organization.id, at=NOW - timedelta(days=day)) for day in days]
    async with database.tenant(organization.id) as tx:
        rows = await tx.audit.append(entries)
        assert await tx.audit.archive(organization.id, NOW) == rows[:2]
        report = await tx.audit.verify(organization.id)
        assert (report.sound, report.rows) == (True, 2)
        assert await tx.audit.archive(organization.id, NOW) == ()
        (last,) = await tx.audit.append([make_entry(organization.id)])
        assert last.seq == 5


async def test_settings_start_with_their_defaults_and_tell_what_they_were(database: Database) -> None:
    async with database.platform() as tx:
        assert await tx.config.all() == {key: default.value for key, default in DEFAULT_CONFIG.items()}
        assert await tx.config.set("SAFE_MODE", "TRUE", by="admin@example.com", now=NOW) == "FALSE"
        assert await tx.config.get("SAFE_MODE") == "TRUE"
        assert await tx.config.set("NEW_ONE", "1", by="admin@example.com", now=NOW) is None
        assert await tx.config.get("MISSING") is None


async def test_a_tenant_reads_settings_and_cannot_change_them(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        assert await tx.config.get("SAFE_MODE") == "FALSE"
    with pytest.raises(InvariantError):
        async with database.tenant(organization.id) as tx:
            await tx.config.set("SAFE_MODE", "TRUE", by="me", now=NOW)


async def test_a_due_run_is_claimed_once_and_again_when_it_was_cut_off(database: Database) -> None:
    async with database.platform() as tx:
        assert await tx.clock_runs.begin("expiry", NOW, now=after(1), stale_before=after(-60))
        assert not await tx.clock_runs.begin("expiry", NOW, now=after(2), stale_before=after(1))
        assert await tx.clock_runs.begin("expiry", NOW, now=after(90), stale_before=after(30))
        assert await tx.clock_runs.last_due("expiry") is None
        assert await tx.clock_runs.finish("expiry", NOW, now=after(91), error="late")
        assert not await tx.clock_runs.finish("expiry", NOW, now=after(92))
        assert not await tx.clock_runs.begin("expiry", NOW, now=after(99), stale_before=after(98))
        assert await tx.clock_runs.last_due("expiry") == NOW
        run = ClockRun(job="expiry", due_at=NOW, started_at=after(90), done_at=after(91), error="late")
        assert await tx.clock_runs.history("expiry") == (run,)


async def test_old_runs_are_pruned_and_the_youngest_stays(database: Database) -> None:
    async with database.platform() as tx:
        for due in (NOW, after(60)):
            await tx.clock_runs.begin("prices", due, now=due, stale_before=due)
            await tx.clock_runs.finish("prices", due, now=due)
        assert await tx.clock_runs.prune(after(999)) == 1
        assert [run.due_at for run in await tx.clock_runs.history("prices")] == [after(60)]


def make_hour(cluster: Cluster, hour: int, **fields: Any) -> SavingsHour:
    defaults: dict[str, Any] = {
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "hour": NOW + timedelta(hours=hour),
        "baseline_micro_usd": 3_000_000,
        "actual_micro_usd": 1_000_000,
        "spot_node_minutes": 120,
        "on_demand_node_minutes": 60,
    }
    return SavingsHour(**(defaults | fields))


async def test_an_hour_of_savings_is_replaced_by_a_later_figure(database: Database) -> None:
    cluster = await add_cluster(database)
    hours = [make_hour(cluster, n) for n in range(3)]
    async with database.tenant(cluster.organization_id) as tx:
        await tx.insights.add_savings(hours)
        better = replace(hours[1], actual_micro_usd=500_000)
        await tx.insights.add_savings([hours[1], better])
        found = await tx.insights.savings(cluster.organization_id, since=hours[1].hour, until=hours[2].hour)
        assert found == (better,)
        none = await tx.insights.savings(cluster.organization_id, since=NOW, until=after(9e4), cluster_id=new_id())
    assert none == ()


KEPT = timedelta(days=90)


async def test_upkeep_deletes_what_has_served_its_time_and_keeps_the_rest(database: Database) -> None:
    cluster = await add_cluster(database)
    old, young = make_event(cluster), make_event(cluster)
    async with database.platform() as tx:
        await tx.inbox.accept([old, young])
        await tx.inbox.done([old.key], NOW)
        await tx.inbox.done([young.key], NOW + timedelta(days=6))
        await tx.pools.add_evidence([make_evidence(cluster)])
    done = await upkeep(database, NOW + timedelta(days=8), sagas_kept=KEPT, plans_kept=KEPT)
    assert (done["handled events"], done["pool evidence"]) == (1, 0)
    assert (await upkeep(database, NOW + timedelta(days=91), sagas_kept=KEPT, plans_kept=KEPT))["pool evidence"] == 1
    async with database.platform() as tx:
        assert await tx.inbox.get(old.key) is None


def make_advice(cluster: Cluster, seconds: float, **fields: Any) -> Recommendation:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "kind": RecommendationKind.RIGHTSIZE,
        "subject": "Deployment shop/web",
        "status": RecommendationStatus.OPEN,
        "text": "Less memory.",
        "saving_micro_usd_per_month": 5_000_000,
        "created_at": after(seconds),
    }
    return Recommendation(**(defaults | fields))


async def test_new_advice_on_a_subject_supersedes_the_old(database: Database) -> None:
    cluster = await add_cluster(database)
    old, new, other = make_advice(cluster, 0), make_advice(cluster, 1), make_advice(cluster, 2, subject="x")
    async with database.tenant(cluster.organization_id) as tx:
        await tx.insights.recommend([old])
        await tx.insights.recommend([new, other])
        assert (await tx.insights.recommendations(cluster.id, PageRequest())).items == (other, new)
        assert await tx.insights.resolve(new.id, RecommendationStatus.APPLIED, NOW)
        assert not await tx.insights.resolve(new.id, RecommendationStatus.DISMISSED, NOW)
        assert (await tx.insights.recommendations(cluster.id, PageRequest())).items == (other,)


async def test_a_notice_of_stripe_is_received_once(database: Database) -> None:
    event = StripeEvent(id="evt_1", event_type="invoice.paid", body={"id": 1}, received_at=NOW)
    async with database.platform() as tx:
        assert await tx.insights.receive(event)
        assert not await tx.insights.receive(event)


async def test_an_older_word_on_a_subscription_changes_nothing(database: Database) -> None:
    organization = await add_organization(database)
    active = Subscription(
        organization_id=organization.id, plan="pro", status=SubscriptionStatus.ACTIVE, updated_at=after(5)
    )
    async with database.platform() as tx:
        await tx.insights.subscribe(active)
        await tx.insights.subscribe(replace(active, plan="free", updated_at=NOW))
        assert await tx.insights.subscription(organization.id) == active
