"""Who is signed in: the person and the organisation behind a session, looked up at most every few seconds."""

from dataclasses import dataclass
from uuid import UUID

from adapters.clock import Clock
from adapters.postgres.ports import Database
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from serve.auth.changes import AuthChange, Subject
from serve.auth.remembered import Remembered

REMEMBERED_S = 5.0
REMEMBERED_PEOPLE = 10_000

RANKS = {
    OrganizationRole.VIEWER: 0,
    OrganizationRole.MEMBER: 1,
    OrganizationRole.ADMIN: 2,
    OrganizationRole.OWNER: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with the organisation they belong to; super admins belong to none."""

    user: User
    organization: Organization | None

    @property
    def may_enter(self) -> bool:
        """Whether they may do anything at all."""
        suspended = self.organization is not None and self.organization.suspended_at is not None
        return self.user.disabled_at is None and not suspended

    @property
    def is_super_admin(self) -> bool:
        """Whether they run the platform."""
        return self.user.role is UserRole.SUPER_ADMIN

    def has(self, role: OrganizationRole) -> bool:
        """Whether they may do in their organisation what this role may."""
        own = self.user.organization_role
        return own is not None and RANKS[own] >= RANKS[role]


class People:
    """Finds people by id."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._people: Remembered[UUID, Person] = Remembered(
            self._find, clock, ttl_s=REMEMBERED_S, capacity=REMEMBERED_PEOPLE
        )

    async def get(self, user_id: UUID) -> Person | None:
        """Somebody, ``None`` when there is nobody of this id."""
        return await self._people.get(user_id)

    def changed(self, change: AuthChange) -> None:
        """Forget whom the change concerns."""
        if change.subject is Subject.USER:
            self._people.forget(lambda person: person.user.id == change.id)
        elif change.subject is Subject.ORGANIZATION:
            self._people.forget(lambda person: person.user.organization_id == change.id)

    def clear(self) -> None:
        """Forget everybody."""
        self._people.clear()

    async def _find(self, user_id: UUID) -> Person | None:
        async with self._database.platform() as tx:
            user = await tx.users.get(user_id)
            if user is None:
                return None
            home = user.organization_id
            organization = await tx.organizations.get(home) if home is not None else None
            return Person(user=user, organization=organization)
