"""Fills a migrated database with what the service needs from the first moment on, and checks that it is there."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from argon2 import PasswordHasher

from adapters.catalog.book import Book, baseline_book
from adapters.postgres.ids import new_id
from adapters.postgres.pool import PostgresDatabase
from adapters.postgres.queries import load
from adapters.postgres.repositories.insights import PostgresInsights
from adapters.postgres.repositories.users import PostgresUsers
from adapters.postgres.rows import values_of
from adapters.postgres.seed_rows import columns, reference_rows
from adapters.postgres.session import Session
from domain.config import DEFAULT_CONFIG
from domain.fleet import DEFAULT_POLICY
from domain.templates import DEFAULT_TEMPLATES
from domain.tenancy import User, UserRole

SQL = load("seed")
CHECKS = load("verify")
PASSWORD_BYTES = 18
"""144 bits: beyond guessing, and 24 characters to copy."""

ADMIN_EMAIL = "admin@localhost.localdomain"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOutcome:
    """What a seed did: rows put or changed by query, and the admin it made.

    ``admin_password`` is known here and nowhere else; empty when there was a super admin already.
    """

    changed: Mapping[str, int]
    admin_email: str = ""
    admin_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCheck:
    """One check. ``kind`` is ``count``, ``nulls`` or ``foreign key``; ``wanted`` says what passes."""

    kind: str
    name: str
    found: int
    wanted: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """All checks of the seeded rows."""

    checks: tuple[SeedCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is amiss."""
        return all(check.passed for check in self.checks)


async def seed(
    database: PostgresDatabase, *, now: datetime, admin_email: str = ADMIN_EMAIL, book: Book | None = None
) -> SeedOutcome:
    """Put all reference rows, defaults and the first super admin. Running it again changes nothing.

    What has been changed since stays: settings by an admin, prices younger than the catalogue's.

    Parameters
    ----------
    book
        The catalogue; the carried one by default.
    """
    rows = await asyncio.to_thread(lambda: reference_rows(book or baseline_book()))
    changed: dict[str, int] = {}
    async with database.platform_session() as session:
        await session.rows(SQL["lock"])
        for name, part in rows.items():
            changed[name] = await session.run(SQL[name], columns(part))
        changed |= await _put_defaults(session, now)
        changed["prepare_months"] = await PostgresInsights(session).prepare_months(now.date())
        password = await _first_admin(session, admin_email, now)
    return SeedOutcome(changed=changed, admin_email=admin_email if password else "", admin_password=password)


async def seed_defaults(database: PostgresDatabase, *, now: datetime) -> None:
    """Put defaults and settings only: what transactions of the service cannot do without."""
    async with database.platform_session() as session:
        await _put_defaults(session, now)


async def verify(database: PostgresDatabase) -> SeedReport:
    """Check counts, nulls and foreign keys of what was seeded. Reads only."""
    async with database.platform_session() as session:
        checks = [
            SeedCheck(
                kind=row["kind"],
                name=row["name"],
                found=row["found"],
                wanted=_wanted(row["least"], row["most"]),
                passed=row["least"] <= row["found"] and (row["most"] is None or row["found"] <= row["most"]),
            )
            for row in await session.rows(CHECKS["checks"])
        ]
        missing = await session.rows(CHECKS["missing_config"], {"keys": list(DEFAULT_CONFIG)})
    name = "settings that are missing" + "".join(f" {row['key']}" for row in missing)
    checks.append(SeedCheck(kind="count", name=name, found=len(missing), wanted="0", passed=not missing))
    return SeedReport(checks=tuple(checks))


async def _put_defaults(session: Session, now: datetime) -> dict[str, int]:
    config = [{"key": key, "value": d.value, "description": d.description} for key, d in DEFAULT_CONFIG.items()]
    policies = [{"section": str(section), "value": value} for section, value in DEFAULT_POLICY.items()]
    templates = [await session.run(SQL["put_template"], values_of(spec)) for spec in DEFAULT_TEMPLATES]
    return {
        "put_config": await session.run(SQL["put_config"], {**columns(config), "now": now}),
        "put_policies": await session.run(SQL["put_policies"], columns(policies)),
        "put_templates": sum(templates),
    }


async def _first_admin(session: Session, email: str, now: datetime) -> str:
    users = PostgresUsers(session)
    if await users.count_super_admins():
        return ""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    admin = User(
        id=new_id(),
        email=email,
        password_hash=await asyncio.to_thread(PasswordHasher().hash, password),
        role=UserRole.SUPER_ADMIN,
        email_confirmed_at=now,
        password_changed_at=now,
        created_at=now,
        updated_at=now,
    )
    await users.create(admin)
    return password


def _wanted(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"
