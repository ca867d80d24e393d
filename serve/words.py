"""Figures as people read them, the same in the terminal and in the report."""

from datetime import timedelta

from domain.market import CapacityType
from domain.plan import Plan, Risk
from domain.units import GIB, MCPU_PER_CPU, monthly

MINUS = "\N{MINUS SIGN}"
RARE = 1e-4
"""Probabilities below are told as "less than": the model is no more exact than that."""

DAYS_PER_MONTH = 30.4
_EVEN_CHANCE = 0.5


def usd(amount: float, *, digits: int = 2) -> str:
    """``$1,234.50``, with a real minus sign; an amount that rounds to nothing has no sign."""
    text = f"{abs(amount):,.{digits}f}"
    negative = amount < 0 and float(text.replace(",", "")) > 0
    return f"{MINUS if negative else ''}${text}"


def usd_per_h(rate: float | None) -> str:
    """A rate in USD per hour with the digits it deserves: cents from a dollar on, hundredths of a cent below."""
    if rate is None:
        return "unknown"
    return usd(rate, digits=2 if abs(rate) >= 1 or rate == 0 else 4)


def usd_per_month(rate_usd_per_h: float) -> str:
    """The same rate over a month of 730 hours, in whole dollars from $100 on."""
    amount = monthly(rate_usd_per_h)
    return usd(amount, digits=0 if abs(amount) >= 100 else 2)


def percent(share: float, *, digits: int = 0) -> str:
    """``0.125`` as ``13 %`` (12.5 % with one digit)."""
    text = f"{abs(share) * 100:.{digits}f}"
    return f"{MINUS if share < 0 and float(text) > 0 else ''}{text} %"


def gap_text(gap: float) -> str:
    """A gap, with more digits the smaller it is."""
    if gap < 0.00005:
        return "0 %"
    return percent(gap, digits=2 if gap < 0.1 else 1)


def saving_share(plan: Plan) -> float:
    """The saving as a share of the bill, 0 when nothing is paid now."""
    return plan.saving_usd_per_h / plan.cost_usd_per_h if plan.cost_usd_per_h > 0 else 0.0


def plural(count: int, noun: str, *, nouns: str = "") -> str:
    """``1 node``, ``2 nodes``, ``1,000 nodes``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``1 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def cpus(mcpu: float) -> str:
    """Thousandths of a CPU as CPUs."""
    return f"{mcpu / MCPU_PER_CPU:.4g}"


def gibibytes(amount_bytes: float) -> str:
    """Bytes as GiB."""
    return f"{amount_bytes / GIB:.4g} GiB"


def bought(capacity_type: CapacityType) -> str:
    """How an instance is bought, as people call it."""
    return "Spot" if capacity_type == CapacityType.SPOT else "on-demand"


def interruptions(risk: Risk) -> str:
    """How often AWS is expected to take a node back."""
    expected = risk.interruptions_per_month
    if expected < RARE:
        return "none expected"
    if expected >= 1.95:
        return f"about {expected:,.0f} nodes a month"
    if expected >= 0.95:
        return "about one node a month"
    months = 1 / expected
    if months < 2:
        return f"about one node in {round(months * DAYS_PER_MONTH)} days"
    return f"about one node in {months:,.0f} months"


def big_loss(risk: Risk) -> str:
    """How likely one event takes a large share of the capacity at once."""
    probability = risk.loss_probability_per_month
    if probability <= 0:
        return "cannot happen"
    if probability < RARE:
        return "less than once in 10,000 months"
    if probability >= _EVEN_CHANCE:
        return f"{percent(probability)} in any month"
    return f"about once in {1 / probability:,.0f} months"


def spot_share(risk: Risk) -> str:
    """The part of the fleet that is Spot."""
    return "no Spot" if risk.spot_share <= 0 else f"{percent(risk.spot_share)} of vCPUs"


def largest_pool(risk: Risk) -> str:
    """The pool that holds most of the vCPUs, and how much of them."""
    if not risk.largest_pool:
        return "none"
    return f"{percent(risk.largest_pool_share)} in {risk.largest_pool}"


def risk_rows(plan: Plan, *, loss_share: float) -> list[tuple[str, str, str]]:
    """Risk before and after: what, before, after."""
    before, after = plan.risk_before, plan.risk_after
    return [
        ("Nodes taken back by AWS", interruptions(before), interruptions(after)),
        (f"Losing over {percent(loss_share)} of vCPUs at once", big_loss(before), big_loss(after)),
        ("Spot", spot_share(before), spot_share(after)),
        ("Largest Spot pool", largest_pool(before), largest_pool(after)),
    ]


def proof_sentence(plan: Plan) -> str:
    """What the bound says, in plain words."""
    if plan.lower_bound_usd_per_h <= 0:
        return "Nothing has to run, so there is nothing to prove."
    bound = f"${plan.lower_bound_usd_per_h:,.2f} per hour"
    if plan.gap < 0.00005:
        return (
            f"Proven: no fleet that the policy allows runs these pods for less than {bound}. This plan costs just that."
        )
    sentence = f"Proven: no fleet that the policy allows runs these pods for less than {bound}."
    return f"{sentence} This plan is at most {gap_text(plan.gap)} dearer than the cheapest there can be."
