"""What the database refuses whatever the code says: rows of other tenants, changes of the log, stray values."""

import asyncio
import contextlib
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.failures import ConflictError
from adapters.postgres.migrate import current, head, migrate
from adapters.postgres.pool import ROLE, PostgresDatabase
from adapters.postgres.queries import load
from adapters.postgres.seed import seed_defaults
from domain.errors import InvariantError, RejectedError, TransientError
from domain.insight import SavingsHour
from tests.integration.conftest import PostgresServer
from tests.unit.postgres.builders import (
    NOW,
    add_cluster,
    add_organization,
    after,
    make_action,
    make_entry,
    make_event,
    make_plan,
)

Owner = asyncpg.Connection  # of a superuser: what it cannot do, nobody can
TENANT_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND (a.attname = 'organization_id' OR c.relname = 'organizations' AND a.attname = 'id')
"""
SQL_FOLDER = Path(__file__).parents[3] / "adapters" / "postgres" / "sql"


async def test_every_table_of_tenants_is_behind_row_level_security(owner: Owner) -> None:
    names = {row["relname"] for row in await owner.fetch(TENANT_TABLES)}
    assert len(names) > 20
    guarded = await owner.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
        " WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.polname = 'tenant' AND p.polcmd = '*'"
        " AND pg_get_expr(p.polqual, c.oid) LIKE '%current_organization()%'"
    )
    assert names == {row["relname"] for row in guarded}


async def test_the_role_of_the_service_owns_nothing_and_bypasses_nothing(owner: Owner) -> None:
    role = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", ROLE)
    assert role is not None
    assert not any(role[name] for name in ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin"))
    owned = await owner.fetchval("SELECT count(*) FROM pg_class WHERE relowner = $1::regrole", ROLE)
    assert owned == 0


async def test_partitions_are_out_of_reach_of_the_service(owner: Owner) -> None:
    reachable = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        " AND has_table_privilege($1, oid, 'SELECT, INSERT, UPDATE, DELETE')",
        ROLE,
    )
    assert reachable == []


async def test_every_foreign_key_of_a_tenants_row_carries_the_organisation(owner: Owner) -> None:
    # Users and organisations are pointed at by their own id: a user's id is told to nobody else.
    stray = await owner.fetch(
        f"WITH tenants AS ({TENANT_TABLES})"
        " SELECT conrelid::regclass::text AS name FROM pg_constraint k"
        " WHERE contype = 'f' AND conparentid = 0 AND confrelid::regclass::text IN ('clusters', 'accounts', 'api_keys',"
        "   'optimization_jobs') AND conrelid::regclass::text IN (SELECT relname FROM tenants)"
        " AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)"
        "                 AND a.attname = 'organization_id')"
    )
    assert stray == []


async def test_every_foreign_key_has_an_index_to_delete_by(owner: Owner) -> None:
    bare = await owner.fetch(
        "SELECT conrelid::regclass::text AS table, conname FROM pg_constraint k WHERE contype = 'f' AND NOT EXISTS ("
        " SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indkey[0] = ANY (k.conkey)"
        " AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '%IS NOT NULL%')"
        " AND i.indkey[0] <> ALL (SELECT attnum FROM pg_attribute a WHERE a.attrelid = k.conrelid"
        "                         AND a.attname = 'organization_id' AND cardinality(k.conkey) > 1))"
    )
    assert [tuple(row) for row in bare] == []


async def test_a_session_that_names_no_tenant_sees_no_row(database: PostgresDatabase, owner: Owner) -> None:
    await add_cluster(database)
    names = [row["relname"] for row in await owner.fetch(TENANT_TABLES)]
    await owner.execute(f"SET ROLE {ROLE}")
    for name in names:
        assert await owner.fetchval(f"SELECT count(*) FROM {name}") == 0, name


async def test_a_tenants_query_without_condition_finds_its_own_rows_only(
    database: PostgresDatabase, owner: Owner
) -> None:
    mine, _ = await add_cluster(database), await add_cluster(database)
    await owner.execute(f"SET ROLE {ROLE}; SET spotopt.organization = '{mine.organization_id}'")
    assert [row["id"] for row in await owner.fetch("SELECT id FROM clusters")] == [mine.id]
    assert await owner.execute("UPDATE clusters SET vpc_id = 'x'") == "UPDATE 1"


async def test_a_binding_ends_with_its_transaction(database: PostgresDatabase) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        assert await tx.organizations.get(organization.id) is not None
    async with database._tenants.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM organizations") == 0


def statements() -> list[tuple[str, str]]:
    queries = [query for file in sorted(SQL_FOLDER.glob("*.sql")) for query in load(file.stem).values()]
    return [(query.name, query.text) for query in queries]


async def test_every_query_is_one_that_the_database_understands(database: PostgresDatabase) -> None:
    async with database.platform_session() as session:
        for name, text in statements():
            prepared = await session._connection.prepare(text)
            assert prepared.get_parameters() is not None, name


HOT = [
    "actions.expire",
    "actions.have_pending",
    "actions.record",
    "actions.take_pending",
    "api_keys.find",
    "audit.page",
    "clusters.page",
    "inbox.claim",
    "inbox.claim_next",
    "inbox.unfinished",
    "jobs.of_cluster",
    "plans.accepted",
    "snapshots.get",
    "tokens.show",
    "users.by_email",
]
"""Queries that must not read whole tables."""


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_query_finds_its_rows_by_an_index(database: PostgresDatabase, name: str) -> None:
    aggregate, _, own = name.partition(".")
    query = load(aggregate)[own]
    async with database.platform_session() as session:
        run = session._connection.execute
        await run("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")
        await run(f"PREPARE hot AS {query.text}")
        nothing = ", ".join(["NULL"] * len(query.parameters))
        plan = await session._connection.fetch(f"EXPLAIN EXECUTE hot({nothing})")
        await run("DEALLOCATE hot")
    assert not [row[0] for row in plan if "Seq Scan" in row[0]]


async def test_rows_of_a_prepared_month_lie_in_a_partition_of_their_own(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)
    hours = [
        SavingsHour(
            organization_id=cluster.organization_id,
            cluster_id=cluster.id,
            hour=hour,
            baseline_micro_usd=2,
            actual_micro_usd=1,
            spot_node_minutes=1,
            on_demand_node_minutes=1,
        )
        for hour in (datetime(2031, 5, 31, 23, tzinfo=UTC), datetime(2031, 6, 1, tzinfo=UTC))
    ]
    async with database.platform() as tx:
        assert await tx.insights.prepare_months(date(2031, 6, 30)) == 6
        assert await tx.insights.prepare_months(date(2031, 6, 30)) == 0
        await tx.insights.add_savings(hours)
        assert await tx.insights.prepare_months(date(2031, 5, 1)) == 1  # of prices; May's savings lie elsewhere already
        found = await tx.insights.savings(cluster.organization_id, since=hours[0].hour, until=after(9e9))
    assert found == tuple(hours)


FREE_OF_TENANTS = {
    "config.all",
    "config.get",
}
"""Queries of tables that belong to nobody."""


@pytest.mark.parametrize("aggregate", sorted(file.stem for file in SQL_FOLDER.glob("*.sql")))
def test_every_query_is_bound_to_its_tenant(aggregate: str) -> None:
    for query in load(aggregate).values():
        inserts_whole_rows = query.text.startswith("INSERT") and ":organization_id" not in query.text
        bound = "tenant" in query.parameters or "organization_id" in query.parameters
        assert query.platform_only or bound or query.name in FREE_OF_TENANTS or inserts_whole_rows, query.name


async def audited(database: PostgresDatabase, number: int = 3) -> "asyncpg.pgproto.pgproto.UUID":
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        await tx.audit.append([make_entry(organization.id, at=after(n)) for n in range(number)])
    return organization.id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET actor = 'nobody'",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        "TRUNCATE audit_checkpoints",
    ],
)
async def test_nobody_changes_the_audit_log(database: PostgresDatabase, owner: Owner, statement: str) -> None:
    await audited(database)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await owner.execute(statement)


@pytest.mark.parametrize("table", ["audit_logs", "audit_heads", "audit_checkpoints"])
async def test_the_service_may_not_even_try_to_change_the_audit_log(owner: Owner, table: str) -> None:
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        assert not await owner.fetchval("SELECT has_table_privilege($1, $2, $3)", ROLE, table, right)


async def test_a_row_that_does_not_follow_the_head_is_refused(database: PostgresDatabase, owner: Owner) -> None:
    organization_id = await audited(database)
    copy = (
        "INSERT INTO audit_logs (seq, id, organization_id, at, actor, event, resource_type, resource, outcome,"
        " previous_hash, hash) SELECT seq + $2, gen_random_uuid(), organization_id, at, actor, event, resource_type,"
        " resource, outcome, previous_hash, hash FROM audit_logs WHERE organization_id = $1 ORDER BY seq DESC LIMIT 1"
    )
    for step in (0, 1, 2):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await owner.execute(copy, organization_id, step)


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit_logs SET actor = 'nobody' WHERE organization_id = $1 AND seq = 2", 2),
        ("DELETE FROM audit_logs WHERE organization_id = $1 AND seq = 2", 2),
        ("DELETE FROM audit_logs WHERE organization_id = $1 AND seq = 1", 1),
        ("DELETE FROM audit_logs WHERE organization_id = $1 AND seq = 3", 3),
        ("UPDATE audit_logs SET hash = previous_hash WHERE organization_id = $1 AND seq = 3", 3),
    ],
)
async def test_verification_names_the_first_row_that_was_tampered_with(
    database: PostgresDatabase, owner: Owner, tampering: str, broken: int
) -> None:
    organization_id = await audited(database)
    await owner.execute("SET session_replication_role = replica")  # what a superuser can do: no trigger fires
    await owner.execute(tampering, organization_id)
    async with database.platform() as tx:
        report = await tx.audit.verify(organization_id)
    assert (report.sound, report.broken_seq) == (False, broken)
    assert report.problem


async def test_writers_of_one_chain_come_one_after_the_other(database: PostgresDatabase) -> None:
    organization_id = await audited(database, 1)

    async def write() -> None:
        async with database.tenant(organization_id) as tx:
            await tx.audit.append([make_entry(organization_id), make_entry(organization_id)])

    await asyncio.gather(*(write() for _ in range(10)))
    async with database.platform() as tx:
        report = await tx.audit.verify(organization_id)
    assert (report.sound, report.rows) == (True, 21)


async def test_two_polls_at_once_share_the_actions(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)
    async with database.single() as tx:
        await tx.actions.queue([make_action(cluster) for _ in range(30)])

    async def poll() -> list[object]:
        async with database.single() as tx:
            return [action.id for action in await tx.actions.take_pending(cluster.id, NOW)]

    taken = [action for batch in await asyncio.gather(*(poll() for _ in range(6))) for action in batch]
    assert len(taken) == len(set(taken)) == 30


async def test_of_two_hosts_that_keep_a_plan_at_once_one_is_refused(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)

    async def insert() -> bool:
        async with database.tenant(cluster.organization_id) as tx:
            return await tx.plans.insert(make_plan(cluster, 1))

    outcomes = await asyncio.gather(insert(), insert(), return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is True] == [True]
    assert sum(isinstance(outcome, RejectedError) for outcome in outcomes) == 1


async def test_the_body_of_a_plan_cannot_be_changed_by_the_service(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)
    async with database.platform_session() as session:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session._connection.execute("UPDATE plans SET body = '{}'")
    assert cluster


async def test_text_that_cannot_be_stored_is_refused_as_input(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)
    for body in ({"name": "nul \x00"}, {"name": "\ud800"}):
        with pytest.raises(RejectedError):
            async with database.single() as tx:
                await tx.inbox.accept([make_event(cluster, body=body)])


SHORT_WEEK = """
    INSERT INTO hibernation_schedules (cluster_id, organization_id, awake, time_zone, updated_at)
    SELECT id, organization_id, array_fill(true, ARRAY[167]), 'UTC', now() FROM clusters
"""
ACTION_WITHOUT_LIFE = """
    INSERT INTO agent_actions (id, organization_id, cluster_id, kind, payload, status, created_at, expires_at, nonce,
                               key_id, signature)
    SELECT id, organization_id, id, 'drain_node', '{}', 'pending', now(), now(), '', '', '' FROM clusters
"""


@pytest.mark.parametrize(
    "statement",
    [
        SHORT_WEEK,
        ACTION_WITHOUT_LIFE,
        "UPDATE clusters SET status = 'unheard of'",
        "UPDATE users SET email = 'Upper@Example.com'",
        "UPDATE users SET organization_role = NULL",
        "UPDATE node_templates SET is_default = true",
        "UPDATE organizations SET audit_retention_days = 1",
        "INSERT INTO savings_hourly SELECT organization_id, id, '2026-06-01 12:30Z', 1, 1, 1, 1 FROM clusters",
    ],
)
async def test_values_against_the_rules_are_refused(database: PostgresDatabase, owner: Owner, statement: str) -> None:
    await add_cluster(database)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await owner.execute(statement)


async def test_an_action_expires_after_five_minutes_unless_it_says_otherwise(owner: Owner) -> None:
    default = await owner.fetchval(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid"
        " AND a.attnum = d.adnum WHERE adrelid = 'agent_actions'::regclass AND attname = 'expires_at'"
    )
    assert default == "(now() + '00:05:00'::interval)"


def test_migrating_again_changes_nothing(database_url: str) -> None:
    assert current(database_url) == head() == migrate(database_url)


def test_two_migrations_at_once_wait_for_each_other(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_empty("migrated_twice")

    assert current(dsn) is None
    program = f"from adapters.postgres.migrate import migrate; migrate({dsn!r})"
    both = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in both] == [("", 0)] * 2
    assert current(dsn) == head()


def test_a_server_that_is_away_is_a_transient_error(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        migrate(f"postgresql://postgres@/postgres?host={tmp_path}")


async def test_an_owner_without_superuser_rights_is_enough(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_empty("managed")
    async with contextlib.AsyncExitStack() as stack:
        admin = await asyncpg.connect(dsn)
        stack.push_async_callback(admin.close)
        await admin.execute("CREATE ROLE keeper LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS")
        await admin.execute(f"GRANT {ROLE} TO keeper WITH ADMIN OPTION; ALTER DATABASE managed OWNER TO keeper")
        as_keeper = postgres_server.dsn("managed", user="keeper")
        assert await asyncio.to_thread(migrate, as_keeper) == head()
        database = await PostgresDatabase.connect(as_keeper)
        stack.push_async_callback(database.close)
        await seed_defaults(database, now=NOW)
        cluster = await add_cluster(database)
        async with database.tenant(cluster.organization_id) as tx:
            old = make_entry(cluster.organization_id, at=NOW - timedelta(days=400))
            await tx.audit.append([old, make_entry(cluster.organization_id)])
            assert len(await tx.audit.archive(cluster.organization_id, NOW)) == 1
            assert (await tx.audit.verify(cluster.organization_id)).sound
        async with database.platform() as tx:
            await tx.audit.append([make_entry(None)])
            assert await tx.insights.prepare_months(NOW.date()) > 0
            assert await tx.organizations.delete(cluster.organization_id)
        assert await admin.fetchval("SELECT count(*) FROM clusters") == 0


async def test_a_database_that_was_never_migrated_is_named(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_empty("never_migrated")
    database = await PostgresDatabase.connect(dsn)
    try:
        with pytest.raises(InvariantError):
            async with database.platform() as tx:
                await tx.config.all()
    finally:
        await database.close()


async def test_a_second_cluster_of_one_name_is_a_conflict(database: PostgresDatabase) -> None:
    cluster = await add_cluster(database)
    organization = await add_organization(database)
    await add_cluster(database, organization, name=cluster.name)
    with pytest.raises(ConflictError) as caught:
        await add_cluster(database, organization, name=cluster.name)
    assert caught.value.constraint == "clusters_organization_id_region_name_key"
