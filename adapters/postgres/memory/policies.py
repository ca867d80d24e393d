"""Twins of templates, policies and snapshots."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository
from adapters.postgres.repositories.templates import IS_DEFAULT
from domain.errors import RejectedError
from domain.fleet import DEFAULT_POLICY, Cluster, ClusterPolicy, PolicySection
from domain.templates import StoredTemplate
from domain.work import StoredSnapshot, StoredState


class MemoryTemplates(MemoryRepository):
    """Twin of `Templates`."""

    async def create(self, template: StoredTemplate) -> None:
        """Add a template."""
        mine = (template.organization_id, template.spec.name)
        self._view.refuse_twin(StoredTemplate, lambda t: (t.organization_id, t.spec.name) == mine, "name")
        if template.spec.is_default:
            self._clear_default(template.organization_id, template.created_at)
        self._view.insert_new(template.id, template)

    async def get(self, template_id: UUID) -> StoredTemplate | None:
        """One template."""
        return self._view.get(StoredTemplate, template_id)

    async def of_organization(self, organization_id: UUID) -> tuple[StoredTemplate, ...]:
        """Templates of an organisation, by name."""
        own = self._view.all(StoredTemplate, lambda template: template.organization_id == organization_id)
        return tuple(sorted(own, key=lambda template: template.spec.name))

    async def make_default(self, template_id: UUID, now: datetime) -> bool:
        """Make one the default of its organisation."""
        found = self._view.get(StoredTemplate, template_id)
        if found is None:
            return False
        self._clear_default(found.organization_id, now)
        self._view.put(template_id, replace(found, spec=replace(found.spec, is_default=True), updated_at=now))
        return True

    async def delete(self, template_id: UUID) -> bool:
        """Delete a template."""
        found = self._view.get(StoredTemplate, template_id)
        if found is not None and found.spec.is_default:
            raise RejectedError(IS_DEFAULT)
        return self._view.drop(StoredTemplate, template_id)

    def _clear_default(self, organization_id: UUID, now: datetime) -> None:
        for old in self._view.all(StoredTemplate, lambda t: t.organization_id == organization_id and t.spec.is_default):
            self._view.put(old.id, replace(old, spec=replace(old.spec, is_default=False), updated_at=now))


class MemoryPolicies(MemoryRepository):
    """Twin of `Policies`."""

    async def get(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The policy of a cluster."""
        cluster = self._view.get(Cluster, cluster_id)
        if cluster is None:
            return None
        stored = self._view.get(ClusterPolicy, cluster_id)
        if stored is None:
            return ClusterPolicy(
                cluster_id=cluster_id, organization_id=cluster.organization_id, sections=dict(DEFAULT_POLICY)
            )
        return replace(
            stored, sections={name: {**DEFAULT_POLICY[name], **own} for name, own in stored.sections.items()}
        )

    async def locked(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The same; transactions of the twin do not wait for each other."""
        return await self.get(cluster_id)

    async def set_section(
        self, cluster_id: UUID, section: PolicySection, changes: Mapping[str, object], *, now: datetime
    ) -> ClusterPolicy | None:
        """Set fields of one section and hear the whole."""
        policy = await self.get(cluster_id)
        if policy is None:
            return None
        stored = self._view.get(ClusterPolicy, cluster_id)
        own = stored.sections if stored is not None else {name: {} for name in PolicySection}
        section_now = {name: value for name, value in {**own[section], **changes}.items() if value is not None}
        sections = {**own, section: section_now}
        self._view.put(cluster_id, replace(policy, sections=sections, version=policy.version + 1, updated_at=now))
        return await self.get(cluster_id)


class MemorySnapshots(MemoryRepository):
    """Twin of `Snapshots`."""

    async def put(self, snapshot: StoredSnapshot) -> bool:
        """Keep a snapshot unless a newer one is kept already."""
        last = self._view.get(StoredSnapshot, snapshot.cluster_id)
        if last is not None and last.observed_at > snapshot.observed_at:
            return False
        self._view.put(snapshot.cluster_id, snapshot)
        return True

    async def get(self, cluster_id: UUID) -> StoredSnapshot | None:
        """The last snapshot."""
        return self._view.get(StoredSnapshot, cluster_id)

    async def put_state(self, state: StoredState) -> bool:
        """Keep a state whose version follows the stored one."""
        last = self._view.get(StoredState, state.cluster_id)
        if state.version != (last.version if last else 0) + 1:
            return False
        self._view.put(state.cluster_id, state)
        return True

    async def get_state(self, cluster_id: UUID) -> StoredState | None:
        """The stored state."""
        return self._view.get(StoredState, cluster_id)
