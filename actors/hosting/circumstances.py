"""What a cluster's state knows that decisions are made by."""

from actors.cluster.records import Going
from actors.cluster.state import ClusterState
from actors.hosting.policies import decision_limits
from actors.planning.order import Circumstances
from domain.commands import EvidenceKind
from domain.market import Pool
from domain.policy import Policy
from domain.proposal import Module


def circumstances_of(
    state: ClusterState, policy: Policy, *, resting: frozenset[Pool], karpenter: bool = False
) -> Circumstances:
    """The circumstances of a plan that is asked for now."""
    runs = state.executions.values()
    going = {name: _module(one) for name, one in state.going.items() if one.replace}
    under_way = {one.node for run in runs if not run.stopping for one in run.brief.removes}
    return Circumstances(
        going=going,
        covered=frozenset(going) & under_way,
        busy={node: str(run.brief.generation) for run in runs for node in sorted(run.brief.nodes)},
        resting=resting,
        karpenter=karpenter,
        past=state.past,
        limits=decision_limits(policy, state.settings),
    )


def _module(going: Going) -> Module:
    return Module.REBALANCE if going.kind is EvidenceKind.REBALANCE else Module.INTERRUPTION
