"""Plan and check: the only way a plan leaves the solvers."""

from collections.abc import Callable

from domain.errors import InvariantError
from domain.market import Catalog
from domain.plan import Plan, Progress
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.checker import check_plan
from solvers.placement import Settings, as_from_scratch, plan_cluster, with_prices

MAX_TOLD = 3
"""Violations named in the error; the first ones are where it began."""


def checked_plan(
    snapshot: Snapshot,
    *,
    catalog: Catalog,
    policy: Policy,
    settings: Settings,
    clock: Callable[[], float],
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[Snapshot, Plan]:
    """Plan a cluster and have the independent checker judge the plan.

    Returns
    -------
    The snapshot that the plan is for (prices joined; without nodes when planned from scratch) and the plan.

    Raises
    ------
    InputError
        When the input cannot be planned.
    InvariantError
        When the plan breaks a rule: a bug of ours, never to be carried out.
    """
    plan = plan_cluster(
        snapshot, catalog=catalog, policy=policy, settings=settings, clock=clock, on_progress=on_progress
    )
    used = with_prices(as_from_scratch(snapshot) if settings.from_scratch else snapshot, catalog)
    violations = check_plan(used, catalog=catalog, policy=policy, plan=plan)
    if violations:
        told = "; ".join(violation.text for violation in violations[:MAX_TOLD])
        raise InvariantError(f"the plan breaks {len(violations)} rules and was thrown away: {told}")
    return used, plan
