"""What was decided: one plan of action, and a reason for all that is not in it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.plan import Reason
from domain.proposal import Proposal
from domain.saga import NodePoolRequirement
from solvers.decision.facts import Fallback


class Rule(StrEnum):
    """Rules that decide. Stable words; docs/decisions-engine.md tells of each."""

    INTERRUPTED_FIRST = "interrupted_first"
    ONE_PLAN_PER_NODE = "one_plan_per_node"
    STABILITY_FIRST = "stability_first"
    BETTER_PROPOSAL = "better_proposal"
    STALE = "stale"
    UNKNOWN_NODE = "unknown_node"
    PROTECTED = "protected"
    ASLEEP = "asleep"
    RISKY_REPLACEMENT = "risky_replacement"
    NO_POOL = "no_pool"
    COOLDOWN = "cooldown"
    NO_GAIN = "no_gain"
    PAYBACK = "payback"
    CONCURRENCY = "concurrency"
    WINDOW = "window"
    KARPENTER = "karpenter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A proposal that is carried out.

    ``proposal`` has its launches as they are to be bought: without pools that are avoided, on demand where a template
    has fallen back. ``reason`` says why it is done, ``changes`` what was changed of it and why. ``payback_h`` is absent
    where it saves nothing: it is done for another reason then.
    """

    proposal: Proposal
    reason: Reason
    payback_h: float | None
    changes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A proposal that is not, the rule that decided, and the proposal, plan or node that it lost against.

    ``again_at`` is when the rule will not stand in its way any more, where that can be known.
    """

    proposal: str
    rule: Rule
    reason: Reason
    against: str = ""
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One plan of action: ``chosen`` in the order in which they are begun.

    ``fallbacks`` are to be kept and handed in with the facts of the next decision. ``node_pools`` are Karpenter's: they
    launch what is to be launched of their templates.
    """

    chosen: tuple[Chosen, ...]
    refused: tuple[Refusal, ...]
    fallbacks: tuple[Fallback, ...]
    node_pools: tuple[NodePoolRequirement, ...] = ()

    @property
    def saving_usd_per_h(self) -> float:
        """What it takes off the bill, negative when it costs."""
        return sum(one.proposal.saving_usd_per_h for one in self.chosen)
