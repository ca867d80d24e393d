"""Proposals and facts: say what matters, get plain defaults for the rest."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.market import Pool
from domain.plan import Reason
from domain.proposal import Module, Proposal, ProposedLaunch, RatedPool
from solvers.decision import DecisionPolicy, Facts, NodeState

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def make_pool(number: int = 1) -> Pool:
    return Pool(region="us-east-1", zone_id=f"use1-az{number}", instance_type="m5.large")


def rated(number: int = 1, risk: float = 0.05, price: float = 0.03) -> RatedPool:
    return RatedPool(pool=make_pool(number), price_usd_per_h=price, interruption_per_month=risk)


def make_launch(name: str = "new-1", **fields: Any) -> ProposedLaunch:
    defaults: dict[str, Any] = {
        "name": name,
        "template": "general",
        "spot": (rated(1), rated(2)),
        "on_demand": (RatedPool(pool=make_pool(1), price_usd_per_h=0.1),),
    }
    return ProposedLaunch(**(defaults | fields))


def make_proposal(id_: str = "p1", module: Module = Module.PACKING, **fields: Any) -> Proposal:
    defaults: dict[str, Any] = {
        "id": id_,
        "module": module,
        "observed_at": ago(10),
        "reason": Reason(code="test", text="because the test says so"),
        "saving_usd_per_h": 0.05,
        "evictions": 2,
    }
    return Proposal(**(defaults | fields))


def make_facts(*names: str, **fields: Any) -> Facts:
    nodes = {name: NodeState(template="general", price_usd_per_h=0.1) for name in names}
    return Facts(**({"nodes": nodes} | fields))


def make_policy(**fields: Any) -> DecisionPolicy:
    return DecisionPolicy(**({"window_share": 1.0} | fields))
