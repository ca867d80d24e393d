"""What has changed between two looks at an account. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.aws.ports.discovery import Found, FoundCluster, FoundInstance, ScalingGroup

Item = TypeVar("Item")
Key = TypeVar("Key", str, tuple[str, str])

_FACTS_OF_CLUSTER = ("status", "kubernetes_version", "endpoint", "vpc_id", "node_groups")
_FACTS_OF_INSTANCE = ("instance_type", "zone", "capacity_type", "state", "scaling_group", "node_group", "volumes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Generic[Item]):
    """Something that is there in both looks, and differs in these facts."""

    before: Item
    after: Item
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Generic[Item]):
    """What came, what went, what is not as it was; each in order of its key."""

    added: tuple[Item, ...] = ()
    removed: tuple[Item, ...] = ()
    changed: tuple[Changed[Item], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDifference:
    """What has changed in a cluster that is there in both looks."""

    name: str
    region: str
    instances: Difference[FoundInstance]
    scaling_groups: Difference[ScalingGroup]

    def __bool__(self) -> bool:
        return bool(self.instances or self.scaling_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDifference:
    """What has changed in an account: clusters, and within those that stayed."""

    clusters: Difference[FoundCluster]
    within: tuple[ClusterDifference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.clusters or self.within)


def diff(before: Found | None, after: Found) -> AccountDifference:
    """Compare two looks at one account.

    Regions that were blind in the later look are left out: what was not seen has not gone.
    """
    old = {c.key: c for c in before.clusters if c.region not in after.blind} if before else {}
    new = {c.key: c for c in after.clusters}
    within = (_within(old[key], new[key]) for key in sorted(old.keys() & new.keys()))
    return AccountDifference(
        clusters=_compare(old, new, facts=_FACTS_OF_CLUSTER),
        within=tuple(difference for difference in within if difference),
    )


def _within(old: FoundCluster, new: FoundCluster) -> ClusterDifference:
    return ClusterDifference(
        name=new.name,
        region=new.region,
        instances=_compare(
            _by(old.instances, lambda one: one.id), _by(new.instances, lambda one: one.id), facts=_FACTS_OF_INSTANCE
        ),
        scaling_groups=_compare(
            _by(old.scaling_groups, lambda group: group.name),
            _by(new.scaling_groups, lambda group: group.name),
            facts=("size", "template", "subnets", "instance_types", "suspended"),
        ),
    )


def _compare(old: Mapping[Key, Item], new: Mapping[Key, Item], *, facts: Iterable[str]) -> Difference[Item]:
    pairs = ((old[key], new[key]) for key in sorted(old.keys() & new.keys()))
    differing = ((a, b, tuple(f for f in facts if getattr(a, f) != getattr(b, f))) for a, b in pairs)
    return Difference(
        added=tuple(new[key] for key in sorted(new.keys() - old.keys())),
        removed=tuple(old[key] for key in sorted(old.keys() - new.keys())),
        changed=tuple(Changed(before=a, after=b, facts=names) for a, b, names in differing if names),
    )


def _by(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, Item]:
    return {key(item): item for item in items}
