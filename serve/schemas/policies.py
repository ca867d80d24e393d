"""Bodies and answers about clusters' policies: what a customer may set, with its bounds and units.

A body names the cluster and fields of one section. What is left out stays as it is, ``null`` goes back to the default.
"""

import difflib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StrictBool, StringConstraints, model_validator

from actors.cluster.records import Mode, RebalancePolicy
from adapters.catalog.book import baseline_book
from domain.fleet import PolicySection
from domain.market import Arch
from domain.policy import Allocation, Capacity
from serve.schemas.base import Answer, Body

CLUSTER = "7e1f3f0c-6c0e-4f3a-9a53-0f6f1f1a2b3c"
MOST_NAMES = 200
"""Families or namespaces in a list: more than any region has families."""


@cache
def _families() -> frozenset[str]:
    return frozenset(one.family for one in baseline_book().types.values())


def _known_family(name: str) -> str:
    """A family with a slip in its name would silently forbid all others."""
    if name not in _families():
        near = difflib.get_close_matches(name, sorted(_families()), n=1)
        raise ValueError(f"{name} is no instance family" + (f"; did you mean {near[0]}?" if near else ""))
    return name


Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Family = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$"), AfterValidator(_known_family)]
Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Advice(StrEnum):
    """What right-sizing does: nothing, or recommend requests."""

    OFF = "off"
    RECOMMENDATIONS = "recommendations"


def _example(fields: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": {"cluster_id": CLUSTER, **fields}})


class SectionBody(Body):
    """Fields of one section of a cluster's policy."""

    section: ClassVar[PolicySection]

    cluster_id: UUID

    @model_validator(mode="after")
    def _changes_something(self) -> "SectionBody":
        if self.model_fields_set == {"cluster_id"}:
            fields = ", ".join(name for name in type(self).model_fields if name != "cluster_id")
            raise ValueError(f"must set at least one of {fields}")
        return self

    @property
    def changes(self) -> Mapping[str, Any]:
        """The fields that are set, as they are stored."""
        return self.model_dump(mode="json", exclude={"cluster_id"}, exclude_unset=True)


class KarpenterBody(SectionBody):
    """Who launches nodes."""

    section = PolicySection.KARPENTER
    model_config = _example({"enabled": True})

    enabled: StrictBool | None = Field(
        None,
        description="whether Karpenter launches: plans are then carried out by what it may launch, and by drains. "
        "Otherwise we launch from the node group's own launch template",
    )


class StrategyBody(SectionBody):
    """What becomes of plans, and what nodes are bought."""

    section = PolicySection.STRATEGY
    model_config = _example({"mode": "approve"})

    mode: Mode | None = Field(
        None,
        description="`recommend`: plans are only shown. `approve`: a plan is carried out once somebody approves it. "
        "`automatic`: plans are carried out. Nodes that AWS takes are emptied in every mode",
    )
    rebalance: RebalancePolicy | None = Field(
        None,
        description="on a rebalance recommendation by AWS: `ignore` it, `cordon` the node, or `replace` it early",
    )
    allocation: Allocation | None = Field(
        None,
        description="by what Spot pools are chosen: `lowest-price` by price alone; with `price-capacity-optimized` a "
        "pool that is certain to be interrupted within a month counts as 5 % dearer, with `capacity-optimized` as 10 %",
    )
    capacity: Capacity | None = Field(
        None, description="what may be launched; left out: `mixed`, or `spot` where `fallback.on_demand` is false"
    )


class BinpackBody(SectionBody):
    """How eagerly nodes are emptied to save money."""

    section = PolicySection.BINPACK
    model_config = _example({"aggressiveness": 60})

    aggressiveness: Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)] | None = Field(
        None,
        description="0 to 100. At 40 a plan must save 2 % of the bill and 5 % of a node's price to touch it, at 0 1.7 "
        "times as much, at 100 anything",
    )
    eviction_cost_usd: Annotated[float, Field(strict=True, ge=0, le=1_000, allow_inf_nan=False)] | None = Field(
        None, description="USD per evicted pod: what one eviction is worth avoiding"
    )
    payback_h: Annotated[float, Field(strict=True, gt=0, le=8_760, allow_inf_nan=False)] | None = Field(
        None, description="hours within which a saving must have paid for its evictions"
    )


class FallbackBody(SectionBody):
    """When Spot is left for on-demand."""

    section = PolicySection.FALLBACK
    model_config = _example({"on_demand": True})

    on_demand: StrictBool | None = Field(
        None, description="whether nodes may be bought on demand where Spot has no room or is not worth it"
    )
    interruption_cost_h: Annotated[float, Field(strict=True, ge=0, le=8_760, allow_inf_nan=False)] | None = Field(
        None,
        description="what it costs you when AWS takes a node, in hours of its on-demand price. A node group is bought "
        "on demand while its best Spot pool, with what its interruptions cost, is dearer than that",
    )


class SpreadBody(SectionBody):
    """How much may be lost at once."""

    section = PolicySection.SPREAD
    model_config = _example({"max_pool_share": 0.3})

    max_pool_share: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None,
        description="share of the planned vCPUs in one Spot pool (an instance type in a zone), at most; 1: no limit",
    )
    max_loss_share: Share | None = Field(None, description="share of the vCPUs whose loss counts as a big one")
    max_loss_probability: Share | None = Field(
        None, description="probability per month of such a loss within two minutes, at most; 1: no limit"
    )


class RightsizeBody(SectionBody):
    """What is done about requests that do not fit what is used."""

    section = PolicySection.RIGHTSIZE
    model_config = _example({"mode": "recommendations"})

    mode: Advice | None = Field(None, description="whether memory is recommended to containers that ran out of it")


class BufferBody(SectionBody):
    """Room above what was used."""

    section = PolicySection.BUFFER
    model_config = _example({"percent": 25})

    percent: Annotated[float, Field(strict=True, ge=0, le=200, allow_inf_nan=False)] | None = Field(
        None, description="percent by which recommended memory exceeds what was used; 100 MiB at least"
    )


class ConstraintsBody(SectionBody):
    """What may be launched and done at all."""

    section = PolicySection.CONSTRAINTS
    model_config = _example({"families": ["m6i", "m7i", "c6i"], "architectures": ["amd64"]})

    families: Annotated[list[Family], Field(max_length=MOST_NAMES)] | None = Field(
        None, description="instance families of new nodes, such as `m6i`; empty: all"
    )
    architectures: Annotated[list[Arch], Field(max_length=2)] | None = Field(
        None, description="processor architectures of new nodes; empty: those that each node group runs already"
    )
    allow_burstable: StrictBool | None = Field(None, description="whether t3, t4g and the like may be launched")
    allow_bare_metal: StrictBool | None = Field(None, description="whether `.metal` types may be launched")
    max_concurrent_actions: Annotated[int, Field(strict=True, ge=1, le=100)] | None = Field(
        None, description="nodes worked upon at once, at most; left out, or above it: what the platform allows"
    )
    dry_run: StrictBool | None = Field(
        None, description="whether the agent only reports what it would do, for nodes that AWS takes as well"
    )


class ExclusionsBody(SectionBody):
    """What is left alone."""

    section = PolicySection.EXCLUSIONS
    model_config = _example({"namespaces": ["kube-system", "payments"]})

    namespaces: Annotated[list[Namespace], Field(max_length=MOST_NAMES)] | None = Field(
        None, description="namespaces whose pods are evicted only where a PodDisruptionBudget says how"
    )


BODIES: Mapping[PolicySection, type[SectionBody]] = {
    body.section: body
    for body in (
        KarpenterBody,
        StrategyBody,
        BinpackBody,
        FallbackBody,
        SpreadBody,
        RightsizeBody,
        BufferBody,
        ConstraintsBody,
        ExclusionsBody,
    )
}


class PolicyAnswer(Answer):
    """The policy of a cluster. What was never set is there with its default; ``version`` is 0 while nothing was."""

    cluster_id: UUID
    version: int
    updated_at: datetime | None
    sections: Mapping[PolicySection, Mapping[str, Any]]
    defaults: Mapping[PolicySection, Mapping[str, Any]]
