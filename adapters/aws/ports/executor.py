"""The AWS half of carrying out a plan: launch, terminate, resize groups, detach volumes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from adapters.aws.ports.access import Permit
from domain.market import CapacityType, Pool
from domain.saga import InstanceState, InstanceView, LaunchAnswer, LaunchFailure
from domain.validate import require_utc

MOST_TOKEN = 64
"""Characters of a client token, by EC2's own limit."""

MOST_POOLS = 300
"""Pools of one launch, EC2's own limit for fleets."""


class Done(StrEnum):
    """How a change ended."""

    CHANGED = "changed"
    ALREADY = "already"
    """It was so before: asked a second time, or somebody else was faster."""
    DRY_RUN = "dry_run"
    """It would have been done; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRef:
    """A launch template and its version (a number; ``$Latest`` and ``$Default`` would change under a plan)."""

    id: str
    version: str

    def __post_init__(self) -> None:
        if not self.id.startswith("lt-") or not self.version.isdigit():
            raise ValueError(f"a launch template is named by id and number of version, not {self.id} {self.version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A pool that a launch may use, and the subnet of its zone. The first choice of on-demand launches comes first."""

    pool: Pool
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """Instances to be launched from a node group's own launch template, so that they join its cluster.

    Parameters
    ----------
    token
        Names this attempt: asked twice, launched once. An attempt with other choices needs another token, and so does
        a new attempt after a refusal.
    cluster_id
        Our id of the cluster; becomes a tag.
    count
        Instances wanted. Fewer is a normal outcome.
    tags
        Further tags of the instances, beside the cluster's id and the token (`domain.saga`).
    """

    token: str
    cluster_id: str
    template: TemplateRef
    choices: tuple[Choice, ...]
    count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (1 <= len(self.token) <= MOST_TOKEN and self.token.isascii()):
            raise ValueError(f"token must be 1 to {MOST_TOKEN} ASCII characters")
        if not 1 <= len(self.choices) <= MOST_POOLS:
            raise ValueError(f"a launch has 1 to {MOST_POOLS} choices, not {len(self.choices)}")
        if self.count < 1:
            raise ValueError(f"count must be at least 1, not {self.count}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOutcome:
    """What came of a launch: some instances, some refusals, or both; of a dry run neither."""

    done: Done
    answer: LaunchAnswer

    @property
    def exhausted(self) -> tuple[Pool, ...]:
        """Pools that had no room: these rest. Refusals by quota or permission say nothing about a pool."""
        return tuple(one.pool for one in self.answer.failures if one.failure is LaunchFailure.CAPACITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """An instance as EC2 sees it now. Of one that EC2 does not know, there is only the id.

    Parameters
    ----------
    stopped
        It is stopped or stopping: nothing runs on it, and it is still there. Its state is ``ENDING``.
    pool
        Absent where the zone has no id that we know.
    group
        Its Auto Scaling group, empty when it has none.
    cluster_names
        EKS clusters that its tags name.
    reason
        Why it changed its state, in EC2's words: ``Server.SpotInstanceTermination``.
    volumes
        Ids of attached volumes but the root's.
    """

    instance_id: str
    state: InstanceState
    stopped: bool = False
    pool: Pool | None = None
    capacity_type: CapacityType | None = None
    private_dns: str = ""
    group: str = ""
    cluster_names: tuple[str, ...] = ()
    reason: str = ""
    launched_at: datetime | None = None
    volumes: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(launched_at=self.launched_at)

    @property
    def ends(self) -> bool:
        """Whether it is ending or has ended for good."""
        return self.state in (InstanceState.ENDING, InstanceState.ENDED, InstanceState.ABSENT) and not self.stopped

    @property
    def view(self) -> InstanceView:
        """The same in the words of sagas."""
        return InstanceView(
            instance_id=self.instance_id,
            state=self.state,
            tags=self.tags,
            launched_at=self.launched_at,
            pool=self.pool,
            capacity_type=self.capacity_type,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRef:
    """Whose an instance is: our id of the cluster, and the name that EKS knows it by."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSize:
    """Size of an Auto Scaling group; ``desired`` lies between the limits."""

    min: int
    max: int
    desired: int

    def __post_init__(self) -> None:
        if not 0 <= self.min <= self.desired <= self.max:
            raise ValueError(f"0 <= min <= desired <= max must hold, not {self.min}, {self.desired}, {self.max}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """An Auto Scaling group: its size, its members by lifecycle state, the processes that are suspended."""

    name: str
    size: GroupSize
    members: Mapping[str, str]
    suspended: tuple[str, ...] = ()


Unmounted = Callable[[], Awaitable[bool]]
"""Whether nothing in the cluster uses a volume any more. EC2 cannot tell; whoever watches the cluster can."""


class Ec2Executor(Protocol):
    """Changes in one account and region. Each can be asked again: what is done already is not done twice.

    A change is put before the permit; where that refuses, or where ``permit`` is left out, it is tried as a dry run:
    EC2 checks rights and parameters and changes nothing, and for Auto Scaling, which knows no dry run, only our own
    checks are made. The outcome says so.

    All raise TransientError (retry: nothing is done twice), RejectedError (`failures` names what is wrong), and
    InvariantError where one token was used for two launches.
    """

    async def launch_spot(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch Spot instances in whichever of the pools are cheap and deep (price-capacity-optimized)."""

    async def launch_on_demand(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch on-demand instances in the first of the choices that have room."""

    async def terminate_instance(self, instance_id: str, *, cluster: ClusterRef, permit: Permit | None) -> Done:
        """Terminate an instance of this cluster. Its drain is over: that is the caller's word.

        Raises
        ------
        RejectedError
            It is not this cluster's, or a member of an Auto Scaling group, which would launch another in its place.
        """

    async def terminate_in_asg(self, instance_id: str, *, group: str, permit: Permit | None) -> Done:
        """Terminate a member of a group, and have the group want one less.

        Raises
        ------
        RejectedError
            It belongs to another group, is in a warm pool, or the group would fall below its minimum.
        """

    async def update_asg(self, group: str, size: GroupSize, *, permit: Permit | None) -> Done:
        """Set the size of a group.

        Raises
        ------
        GoneError
            There is no such group.
        """

    async def detach_volume(
        self, volume_id: str, *, instance_id: str, unmounted: Unmounted, permit: Permit | None
    ) -> Done:
        """Detach a volume once nothing uses it; never by force, and never the root volume.

        Raises
        ------
        TransientError
            It is still in use, or still detaching, after the time that a detach may take.
        RejectedError
            It hangs on another instance, or is a root volume.
        """

    async def describe(self, instance_ids: Sequence[str]) -> tuple[InstanceStatus, ...]:
        """How these instances stand, in this order."""

    async def find(self, tags: Mapping[str, str]) -> tuple[InstanceStatus, ...]:
        """Instances that carry all these tags and have not ended; an empty value stands for any."""

    async def group(self, name: str) -> GroupStatus:
        """How a group stands. Raises GoneError when there is none."""
