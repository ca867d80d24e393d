"""Records refuse what must never be stored, and the audit chain is what it says it is."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.catalog.book import baseline_book
from adapters.postgres.ids import new_id
from adapters.postgres.seed_rows import REGIONS, Row, reference_rows
from domain.audit import GENESIS, ChainStart, chain, problem_of, row_hash
from domain.hibernation import HibernationSchedule
from domain.paging import PageRequest
from domain.tenancy import OrganizationRole, UserRole
from domain.work import ActionStatus, PoolFlag
from tests.unit.postgres.builders import (
    NOW,
    POOL,
    make_action,
    make_cluster,
    make_entry,
    make_key,
    make_organization,
    make_plan,
    make_result,
    make_user,
)

CLUSTER = make_cluster(new_id())
LOCAL = datetime(2026, 6, 1, tzinfo=timezone(timedelta(hours=2)))


WRONG: dict[str, Callable[[], object]] = {
    "time of another zone": lambda: make_organization(created_at=LOCAL),
    "short retention": lambda: make_organization(audit_retention_days=89),
    "blank name": lambda: make_organization(name=" "),
    "address in capitals": lambda: make_user(make_organization(), email="Upper@example.com"),
    "super admin of an organisation": lambda: make_user(make_organization(), role=UserRole.SUPER_ADMIN),
    "role without organisation": lambda: make_user(None, organization_role=OrganizationRole.OWNER),
    "short prefix": lambda: make_key(CLUSTER, prefix="short"),
    "short digest": lambda: make_key(CLUSTER, key_hash=b"short"),
    "key that has expired": lambda: make_key(CLUSTER, expires_at=NOW),
    "action without life": lambda: make_action(CLUSTER, expires_at=NOW),
    "plan 0": lambda: make_plan(CLUSTER, 0),
    "plan that is its own parent": lambda: make_plan(CLUSTER, 2, 2),
    "result that is none": lambda: make_result(make_action(CLUSTER), status=ActionStatus.EXPIRED),
    "flag without life": lambda: PoolFlag(pool=POOL, flagged_at=NOW, until=NOW),
    "empty page": lambda: PageRequest(limit=0),
    "huge page": lambda: PageRequest(limit=201),
    "microseconds in the log": lambda: make_entry(None, at=NOW + timedelta(microseconds=1)),
    "nobody in the log": lambda: make_entry(None, actor=""),
    "short week": lambda: HibernationSchedule(
        cluster_id=CLUSTER.id,
        organization_id=CLUSTER.organization_id,
        awake=(True,) * 167,
        time_zone="UTC",
        updated_at=NOW,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_values_against_the_rules_are_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WRONG[what]()


def test_secrets_do_not_show_in_the_text_of_a_record() -> None:
    assert "argon2id" not in repr(make_user(None))
    assert "key_hash" not in repr(make_key(CLUSTER))


def test_the_hash_of_a_row_can_be_reckoned_by_anybody() -> None:
    entry = make_entry(None, id=UUID(int=1), after={"b": [1, 2.5], "a": "ä"})
    content = (
        '{"actor":"System","after":{"a":"ä","b":[1,2.5]},"at_ms":1780315200000,"before":{},"event":"node.cordon",'
        '"id":"00000000-0000-0000-0000-000000000001","ip":"","on_behalf_of":"","organization_id":"","outcome":"success",'
        '"request_id":"","resource":"node-1","resource_type":"node","seq":7,"text":"","user_agent":""}'
    )
    assert row_hash(entry, seq=7, previous_hash=GENESIS) == hashlib.sha256(bytes(32) + content.encode()).digest()


@given(count=st.integers(2, 6), data=st.data())
def test_no_row_of_a_chain_can_be_changed_left_out_or_swapped_unnoticed(count: int, data: st.DataObject) -> None:
    rows = list(chain(tuple(make_entry(None) for _ in range(count)), ChainStart()))
    assert first_problem(rows) == ""
    at = data.draw(st.integers(0, count - 2))
    kind = data.draw(st.sampled_from(["change", "leave out", "swap"]))
    if kind == "change":
        rows[at] = replace(rows[at], entry=replace(rows[at].entry, actor="nobody"))
    elif kind == "leave out":
        del rows[at]
    else:
        rows[at], rows[at + 1] = rows[at + 1], rows[at]
    assert first_problem(rows)


def first_problem(rows: list) -> str:  # type: ignore[type-arg]
    at = ChainStart()
    for row in rows:
        if problem := problem_of(row, at):
            return problem
        at = ChainStart(seq=row.seq, hash=row.hash)
    return ""


def test_the_carried_catalogue_has_rows_for_all_regions_without_repetition() -> None:
    rows = reference_rows(baseline_book())
    assert {row["region"] for row in rows["put_prices"]} == set(REGIONS)
    assert len(rows["put_specs"]) >= 500
    for name, keys in {
        "put_zones": ["zone_id"],
        "put_prices": ["region", "instance_type", "zone_id", "capacity_type"],
        "put_rates": ["region", "instance_type"],
    }.items():
        ids = [tuple(row[key] for key in keys) for row in rows[name]]
        assert len(ids) == len(set(ids))
    full = prices_of(rows["put_prices"], "on-demand")
    assert all(0 < price <= full[key] for key, price in prices_of(rows["put_prices"], "spot").items())


def prices_of(rows: list[Row], capacity_type: str) -> dict[tuple[str, str], int]:
    mine = [row for row in rows if row["capacity_type"] == capacity_type]
    return {(row["region"], row["instance_type"]): row["price_micro_usd_per_h"] for row in mine}
