"""The one way in: judge a plan against what it was made from."""

from domain.market import Catalog
from domain.plan import Plan
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.checker.ledger import Ledger
from solvers.checker.limits import judge_costs, judge_limits
from solvers.checker.outcome import judge_outcome
from solvers.checker.replay import Replay
from solvers.checker.violation import Violation


def check_plan(snapshot: Snapshot, *, catalog: Catalog, policy: Policy, plan: Plan) -> tuple[Violation, ...]:
    """Every rule that a plan breaks, as kube-scheduler, the Eviction API and the policy would judge it.

    Shares no code with the solver that made the plan. For a plan from scratch, give the snapshot that it stands for:
    no nodes, every pod pending.

    Parameters
    ----------
    snapshot, catalog, policy
        What the plan was made from.
    plan
        The plan to judge. It may hold any nonsense: unknown names are violations, not errors.

    Returns
    -------
    tuple of Violation
        In the order of the replay, then those of the final state; empty when the plan is good.

    Notes
    -----
    See `solvers.checker.replay` for what one step means, `solvers.checker.pending` for pods that no action places, and
    `solvers.checker.limits` for costs and limits. What is broken before the plan begins is no fault of the plan.
    """
    ledger = Ledger()
    replay = Replay(snapshot, catalog=catalog, policy=policy, plan=plan, ledger=ledger)
    replay.run()
    judge_outcome(snapshot, plan=plan, replay=replay, ledger=ledger)
    judge_costs(snapshot, plan=plan, ledger=ledger)
    judge_limits(snapshot, catalog=catalog, policy=policy, plan=plan, ledger=ledger)
    return ledger.violations()
