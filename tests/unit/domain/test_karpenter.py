"""Disruption budgets of NodePools at a time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.karpenter.budgets import allowed_disruptions
from domain.karpenter.requirements import labels_of_type

MONDAY_NOON = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)

BUDGETS: dict[str, tuple[list[dict[str, Any]], int]] = {
    "none": ([], 50),
    "share-rounded-up": ([{"nodes": "5%"}], 3),
    "least": ([{"nodes": "10%"}, {"nodes": "2"}], 2),
    "other-reason": ([{"nodes": "0", "reasons": ["Drifted", "Empty"]}], 50),
    "our-reason": ([{"nodes": "1", "reasons": ["Underutilized"]}], 1),
    "in-its-window": ([{"nodes": "0", "schedule": "0 9 * * mon-fri", "duration": "8h"}], 0),
    "out-of-its-window": ([{"nodes": "0", "schedule": "0 9 * * mon-fri", "duration": "3h"}], 50),
    "at-the-weekend": ([{"nodes": "0", "schedule": "0 9 * * 6,0", "duration": "8h"}], 50),
    "since-yesterday": ([{"nodes": "0", "schedule": "@weekly", "duration": "40h30m"}], 0),
    "every-quarter": ([{"nodes": "0", "schedule": "*/15 * * * *", "duration": "1m"}], 0),
    "from-step": ([{"nodes": "0", "schedule": "29/30 12 ? jun *", "duration": "5m"}], 0),
    "day-or-weekday": ([{"nodes": "0", "schedule": "0 12 15 * mon", "duration": "1h"}], 0),
    "another-day": ([{"nodes": "0", "schedule": "0 12 15 * *", "duration": "1h"}], 50),
    "unreadable-counts": ([{"nodes": "0", "schedule": "0 99 * * *", "duration": "1h"}], 0),
    "unreadable-duration-counts": ([{"nodes": "0", "schedule": "@daily", "duration": "soon"}], 0),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_the_most_restrictive_budget_in_force_counts(name: str) -> None:
    budgets, allowed = BUDGETS[name]
    pool = {"spec": {"disruption": {"budgets": budgets}}}
    assert allowed_disruptions(pool, nodes=50, now=MONDAY_NOON)[0] == allowed


@pytest.mark.parametrize(
    ("name", "category", "generation"),
    [("m6i.2xlarge", "m", "6"), ("p4de.24xlarge", "p", "4"), ("inf2.xlarge", "inf", "2"), ("u-6tb1.metal", "u", "")],
)
def test_the_name_of_a_type_tells_labels(name: str, category: str, generation: str) -> None:
    labels = labels_of_type(name)
    told = (labels["karpenter.k8s.aws/instance-category"], labels["karpenter.k8s.aws/instance-generation"])
    assert told == (category, generation)
