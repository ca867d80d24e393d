"""Figures for charts and reports, and what Stripe tells."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import columns_of, page, page_values, read, values_of
from domain.insight import Recommendation, RecommendationStatus, SavingsHour, StripeEvent, Subscription
from domain.paging import Page, PageRequest

SQL = load("insights")


class PostgresInsights(Repository):
    """`adapters.postgres.ports.Insights`."""

    __slots__ = ()

    async def add_savings(self, hours: Sequence[SavingsHour]) -> None:
        """Keep hours."""
        if hours:
            await self._session.run(SQL["add_savings"], columns_of(hours))

    async def prepare_months(self, today: date) -> int:
        """Make partitions of this month and the next two."""
        (row,) = await self._session.rows(SQL["prepare_months"], {"today": today})
        return int(row["made"])

    async def savings(
        self, organization_id: UUID, *, since: datetime, until: datetime, cluster_id: UUID | None = None
    ) -> tuple[SavingsHour, ...]:
        """Hours, oldest first."""
        values = {"organization_id": organization_id, "since": since, "until": until, "cluster_id": cluster_id}
        return await self._session.all(SavingsHour, SQL["savings"], values)

    async def recommend(self, recommendations: Sequence[Recommendation]) -> None:
        """Keep advice."""
        if recommendations:
            values = columns_of(recommendations)
            await self._session.run(SQL["supersede"], values)
            await self._session.run(SQL["recommend"], values)

    async def recommendations(self, cluster_id: UUID, request: PageRequest) -> Page[Recommendation]:
        """Open advice, newest first."""
        rows = await self._session.rows(SQL["recommendations"], {"cluster_id": cluster_id, **page_values(request)})
        return page(rows, request, to=partial(read, Recommendation))

    async def resolve(self, recommendation_id: UUID, status: RecommendationStatus, now: datetime) -> bool:
        """Note what became of open advice."""
        values = {"recommendation_id": recommendation_id, "status": status, "now": now}
        return await self._session.run(SQL["resolve"], values) > 0

    async def receive(self, event: StripeEvent) -> bool:
        """Keep a notice of Stripe once."""
        return await self._session.run(SQL["receive"], values_of(event)) > 0

    async def subscribe(self, subscription: Subscription) -> None:
        """Keep how a subscription stands."""
        await self._session.run(SQL["subscribe"], values_of(subscription))

    async def subscription(self, organization_id: UUID) -> Subscription | None:
        """How it stands."""
        return await self._session.one(Subscription, SQL["subscription"], {"organization_id": organization_id})
