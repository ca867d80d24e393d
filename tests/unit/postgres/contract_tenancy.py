"""What any database must do with organisations, people and tokens."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.postgres.failures import ConflictError
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database, RotationOutcome
from domain.errors import InvariantError, RejectedError
from domain.paging import PageRequest
from domain.templates import DEFAULT_TEMPLATES
from domain.tenancy import IdempotentResult, OneTimeToken, OrganizationRole, RefreshToken, TokenKind, User
from tests.unit.postgres.builders import (
    NOW,
    add_cluster,
    add_organization,
    after,
    digest,
    make_cluster,
    make_organization,
    make_user,
)


async def test_sign_up_makes_organisation_owner_and_default_templates(database: Database) -> None:
    organization = make_organization(flags={"beta": True})
    owner = make_user(organization)
    async with database.platform() as tx:
        await tx.organizations.sign_up(organization, owner)
    async with database.tenant(organization.id) as tx:
        assert await tx.organizations.get(organization.id) == organization
        assert await tx.users.by_email(owner.email) == owner
        templates = await tx.templates.of_organization(organization.id)
    assert {template.spec for template in templates} == set(DEFAULT_TEMPLATES)


async def test_sign_up_with_a_taken_address_leaves_nothing_behind(database: Database) -> None:
    taken, second = await add_organization(database), make_organization()
    async with database.platform() as tx:
        (owner,) = await tx.users.of_organization(taken.id)
    with pytest.raises(ConflictError):
        async with database.platform() as tx:
            await tx.organizations.sign_up(second, make_user(second, email=owner.email))
    async with database.platform() as tx:
        assert await tx.organizations.get(second.id) is None


async def test_a_tenant_sees_nothing_of_another_tenant(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    cluster = await add_cluster(database, other)
    async with database.tenant(mine.id) as tx:
        assert await tx.organizations.get(other.id) is None
        assert await tx.users.of_organization(other.id) == ()
        assert await tx.clusters.get(cluster.id) is None
        assert (await tx.clusters.page(other.id, PageRequest())).items == ()
        assert not await tx.clusters.delete(cluster.id)
        assert await tx.policies.get(cluster.id) is None


async def test_a_tenant_cannot_write_rows_of_another_tenant(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    with pytest.raises(InvariantError):
        async with database.tenant(mine.id) as tx:
            await tx.clusters.create(make_cluster(other.id))


async def test_what_belongs_to_the_platform_is_refused_to_a_tenant(database: Database) -> None:
    mine = await add_organization(database)
    with pytest.raises(InvariantError):
        async with database.tenant(mine.id) as tx:
            await tx.clusters.all_keys()


async def test_organisations_are_paged_newest_first_without_gap_or_repetition(database: Database) -> None:
    made = [await add_organization(database, created_at=after(number // 2)) for number in range(5)]
    found, request = [], PageRequest(limit=2)
    while True:
        async with database.platform() as tx:
            page = await tx.organizations.page(request)
        found += [organization.id for organization in page.items]
        if page.next is None:
            break
        request = replace(request, after=page.next)
    wanted = sorted(made, key=lambda organization: (organization.created_at, organization.id), reverse=True)
    assert found == [organization.id for organization in wanted]


async def test_flags_retention_and_suspension_are_kept(database: Database) -> None:
    organization = await add_organization(database)
    async with database.platform() as tx:
        assert await tx.organizations.set_flags(organization.id, {"lab": True}, NOW)
        assert await tx.organizations.set_audit_retention(organization.id, 120, NOW)
        assert await tx.organizations.suspend(organization.id, after(1))
        assert not await tx.organizations.suspend(organization.id, after(2))
        found = await tx.organizations.get(organization.id)
    assert found is not None
    assert (found.flags, found.audit_retention_days, found.suspended_at) == ({"lab": True}, 120, after(1))


async def test_a_retention_below_the_floor_is_refused(database: Database) -> None:
    organization = await add_organization(database)
    with pytest.raises(RejectedError):
        async with database.platform() as tx:
            await tx.organizations.set_audit_retention(organization.id, 10, NOW)


async def test_deleting_an_organisation_takes_all_it_has(database: Database) -> None:
    organization = await add_organization(database)
    cluster = await add_cluster(database, organization)
    async with database.platform() as tx:
        assert await tx.organizations.delete(organization.id)
        assert await tx.clusters.get(cluster.id) is None
        assert await tx.users.of_organization(organization.id) == ()
        assert not await tx.organizations.delete(organization.id)


async def test_a_new_password_voids_earlier_sessions(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        (owner,) = await tx.users.of_organization(organization.id)
        assert await tx.users.set_password(owner.id, "new", after(5))
        found = await tx.users.get(owner.id)
    assert found is not None
    assert (found.password_hash, found.password_changed_at) == ("new", after(5))


async def test_an_address_is_confirmed_once(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        (owner,) = await tx.users.of_organization(organization.id)
        assert await tx.users.confirm_email(owner.id, after(1))
        assert not await tx.users.confirm_email(owner.id, after(2))


async def test_the_last_owner_stays_until_there_is_another(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        (owner,) = await tx.users.of_organization(organization.id)
    with pytest.raises(RejectedError):
        async with database.tenant(organization.id) as tx:
            await tx.users.set_role(owner.id, OrganizationRole.MEMBER, NOW)
    async with database.tenant(organization.id) as tx:
        await tx.users.create(make_user(organization))
        assert await tx.users.remove(owner.id)


async def test_super_admins_are_counted_and_hidden_from_tenants(database: Database) -> None:
    organization, admin = await add_organization(database), make_user(None)
    async with database.platform() as tx:
        before = await tx.users.count_super_admins()
        await tx.users.create(admin)
        assert await tx.users.count_super_admins() == before + 1
    async with database.tenant(organization.id) as tx:
        assert await tx.users.by_email(admin.email) is None


async def session_of(database: Database) -> tuple[User, RefreshToken]:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        (owner,) = await tx.users.of_organization(organization.id)
        token = make_token(owner)
        await tx.tokens.start_family(token)
    return owner, token


def make_token(user: User, **fields: Any) -> RefreshToken:
    token_id = new_id()
    defaults: dict[str, Any] = {
        "id": token_id,
        "family_id": new_id(),
        "user_id": user.id,
        "organization_id": user.organization_id,
        "token_hash": digest(str(token_id)),
        "created_at": NOW,
        "expires_at": after(3600),
    }
    return RefreshToken(**(defaults | fields))


async def test_a_refresh_token_is_rotated_within_its_family(database: Database) -> None:
    owner, first = await session_of(database)
    second, third = make_token(owner), make_token(owner)
    async with database.platform() as tx:
        rotation = await tx.tokens.rotate(first.token_hash, second, after(1))
        assert rotation.outcome == RotationOutcome.ROTATED
        rotation = await tx.tokens.rotate(second.token_hash, third, after(2))
    assert rotation.outcome == RotationOutcome.ROTATED
    assert rotation.shown is not None
    assert rotation.shown.family_id == first.family_id


async def test_a_refresh_token_shown_twice_ends_the_session(database: Database) -> None:
    owner, first = await session_of(database)
    second = make_token(owner)
    async with database.platform() as tx:
        await tx.tokens.rotate(first.token_hash, second, after(1))
    async with database.platform() as tx:
        stolen = await tx.tokens.rotate(first.token_hash, make_token(owner), after(2))
        assert stolen.outcome == RotationOutcome.REUSED
        victim = await tx.tokens.rotate(second.token_hash, make_token(owner), after(3))
    assert victim.outcome == RotationOutcome.UNKNOWN


async def test_unknown_expired_and_revoked_refresh_tokens_open_nothing(database: Database) -> None:
    owner, first = await session_of(database)
    async with database.platform() as tx:
        for hash_, now in ((digest("never"), NOW), (first.token_hash, after(3600))):
            rotation = await tx.tokens.rotate(hash_, make_token(owner), now)
            assert rotation.outcome == RotationOutcome.UNKNOWN
        assert await tx.tokens.revoke_user(owner.id, NOW) == 1
        rotation = await tx.tokens.rotate(first.token_hash, make_token(owner), after(1))
    assert rotation.outcome == RotationOutcome.UNKNOWN


def make_reset(user: User, text: str, **fields: Any) -> OneTimeToken:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "kind": TokenKind.RESET,
        "token_hash": digest(text),
        "email": user.email,
        "user_id": user.id,
        "organization_id": user.organization_id,
        "created_at": NOW,
        "expires_at": after(60),
    }
    return OneTimeToken(**(defaults | fields))


async def test_a_one_time_token_is_redeemed_once_and_in_time(database: Database) -> None:
    owner, _ = await session_of(database)
    async with database.platform() as tx:
        await tx.tokens.issue(make_reset(owner, "one"))
        assert await tx.tokens.redeem(TokenKind.CONFIRM, digest("one"), NOW) is None
        redeemed = await tx.tokens.redeem(TokenKind.RESET, digest("one"), NOW)
        assert redeemed is not None
        assert redeemed.user_id == owner.id
        assert await tx.tokens.redeem(TokenKind.RESET, digest("one"), NOW) is None
        await tx.tokens.issue(make_reset(owner, "two"))
        assert await tx.tokens.redeem(TokenKind.RESET, digest("two"), after(60)) is None


async def test_a_new_token_voids_earlier_ones_of_its_kind(database: Database) -> None:
    owner, _ = await session_of(database)
    async with database.platform() as tx:
        await tx.tokens.issue(make_reset(owner, "old"))
        await tx.tokens.issue(make_reset(owner, "new"))
        assert await tx.tokens.redeem(TokenKind.RESET, digest("old"), NOW) is None
        assert await tx.tokens.redeem(TokenKind.RESET, digest("new"), NOW) is not None


async def test_a_repeated_request_hears_the_first_answer(database: Database) -> None:
    organization = await add_organization(database)
    first = IdempotentResult(
        organization_id=organization.id,
        key="k",
        request_hash=digest("r"),
        status=201,
        body=b"first",
        created_at=NOW,
        expires_at=after(60),
    )
    async with database.tenant(organization.id) as tx:
        assert await tx.tokens.remember(first) == first
        assert await tx.tokens.remember(replace(first, body=b"second")) == first
        assert await tx.tokens.recall(organization.id, "k", after(60)) is None
        late = replace(first, body=b"late", created_at=after(61), expires_at=after(90))
        assert await tx.tokens.remember(late) == late


async def test_expired_tokens_are_pruned(database: Database) -> None:
    owner, first = await session_of(database)
    async with database.platform() as tx:
        await tx.tokens.issue(make_reset(owner, "gone"))
        assert await tx.tokens.prune(after(60)) == 1
        assert await tx.tokens.prune(first.expires_at) == 1


async def test_a_transaction_that_fails_takes_everything_back(database: Database) -> None:
    organization = await add_organization(database)
    cluster = make_cluster(organization.id)

    async def create_and_fail() -> None:
        async with database.tenant(organization.id) as tx:
            await tx.clusters.create(cluster)
            assert await tx.clusters.get(cluster.id) is not None
            raise RuntimeError("the caller has changed its mind")

    with pytest.raises(RuntimeError):
        await create_and_fail()
    async with database.tenant(organization.id) as tx:
        assert await tx.clusters.get(cluster.id) is None
