"""Builders of small histories, forests and models."""

from datetime import UTC, datetime

import numpy as np

from solvers.interruption.calibration import KNOTS, MARGIN_LIMIT, CalibrationTable
from solvers.interruption.contract import V1_0
from solvers.interruption.history import History, SeenPool
from solvers.interruption.model_file import format_model
from solvers.interruption.prior import Prior, fit_prior

PER_MONTH = (0.025, 0.075, 0.125, 0.175, 0.39)
ZONES = ("us-east-1a", "us-east-1b", "us-west-2a")


def pool(zone: str = "us-east-1a", instance_type: str = "p3.2xlarge", *, accelerators: int = 1) -> SeenPool:
    return SeenPool(region=zone[:-1], zone=zone, instance_type=instance_type, accelerators=accelerators)


def history(up: object, *, tick_s: float = 600.0, zones: tuple[str, ...] = ZONES, **known: object) -> History:
    states = np.atleast_2d(np.array(up, dtype=bool))
    pools = tuple(pool(zone) for zone in zones[: len(states)])
    start = known.pop("start", datetime(2023, 2, 15, 22, 0, tzinfo=UTC))
    return History(name="made", pools=pools, up=states, tick_s=tick_s, start=start, **known)


def flicker(ticks: int, *, pools: int = 3, seed: int = 0) -> np.ndarray:
    """Pools that come and go, each at rates of its own."""
    random = np.random.default_rng(seed)
    up = np.zeros((pools, ticks), dtype=bool)
    state = np.ones(pools, dtype=bool)
    for tick in range(ticks):
        leave = random.random(pools) < np.linspace(0.01, 0.06, pools)
        come = random.random(pools) < 0.05
        state = np.where(state, ~leave, come)
        up[:, tick] = state
    return up


def tree(
    feature: str = "age_h", *, limit: float = 2.0, leaves: tuple[float, float] = (-1.0, -3.0), decision: int = 10
) -> str:
    return (
        f"num_leaves=2\nnum_cat=0\nsplit_feature={V1_0.index(feature)}\nthreshold={limit}\ndecision_type={decision}\n"
        f"left_child=-1\nright_child=-2\nleaf_value={leaves[0]} {leaves[1]}\nis_linear=0\nshrinkage=1\n"
    )


def forest_text(*trees: str, names: tuple[str, ...] = V1_0.names, objective: str = "binary sigmoid:1") -> str:
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={len(names) - 1}\nobjective={objective}\nfeature_names={' '.join(names)}\n"
        f"feature_infos={' '.join(['[0:1]'] * len(names))}\n"
    )
    blocks = "".join(f"\nTree={at}\n{each}" for at, each in enumerate(trees or (tree(),)))
    return f"{head}{blocks}\n\nend of trees\n"


def table() -> CalibrationTable:
    p = 1 / (1 + np.exp(-np.linspace(-MARGIN_LIMIT, MARGIN_LIMIT, KNOTS)))
    return CalibrationTable(method="none", probability=p, low=p * 0.9, high=np.minimum(p * 1.1, 1.0))


def prior() -> Prior:
    return fit_prior([], interruption_per_month=PER_MONTH)


def model_text(forest: str | None = None) -> str:
    texts = dict.fromkeys(V1_0.horizons_h, forest or forest_text())
    tables = dict.fromkeys(V1_0.horizons_h, table())
    return format_model(texts, tables, contract=V1_0, families=["p3"], prior=prior(), about={"recordings": []})
