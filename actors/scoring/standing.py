"""How the scorer stands, for status and health pages. Loads no numerical library: whoever asks needs none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DRIFT_OVER = timedelta(days=7)
DRIFTED = 0.25
"""Population stability index above which a feature is commonly called drifted."""
LEAST_DROPS = 10
LATE_AFTER = timedelta(minutes=30)
"""Three ticks: features are older than the evidence that would change them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far the world has moved away from the model in production.

    Parameters
    ----------
    features
        Population stability index by feature at the last round, empty before there was one that tells.
    rounds, drops
        Rounds of the last seven days that have come out, and pools lost in them.
    log_loss, log_loss_of_the_mean
        Of the model per pool, and of always saying the realised rate; ``None`` without rounds.
    """

    features: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 0
    drops: int = 0
    log_loss: float | None = None
    log_loss_of_the_mean: float | None = None

    @property
    def worst(self) -> tuple[str, float]:
        """The feature that has moved most, and its index; no name and 0 when none is known."""
        return max(self.features.items(), key=lambda item: item[1], default=("", 0.0))

    @property
    def excess(self) -> float:
        """By how much the log loss lies above that of a constant; above 0 the model tells less than one.

        0 until enough was lost to tell: where nothing ever is, saying "never" cannot be beaten.
        """
        if self.drops < LEAST_DROPS or self.log_loss is None or self.log_loss_of_the_mean is None:
            return 0.0
        return self.log_loss - self.log_loss_of_the_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerStanding:
    """What the scorer serves with.

    Parameters
    ----------
    model
        Version of the model in production.
    by_trees
        False when it breaks its contract, and the prior serves in its place.
    registered_at
        When it came; ``None`` for the carried model before it was registered.
    read_at
        When this process read the registry last, which it does at each change.
    others
        Models beside it, for switches and shares.
    broken
        Versions that break their contract.
    ticked_at
        The last tick of the features.
    pools, in_use
        Spot pools known, and those that somebody runs nodes in.
    """

    process: int
    model: str
    by_trees: bool
    registered_at: datetime | None
    read_at: datetime
    others: int
    broken: Sequence[str]
    ticked_at: datetime
    now: datetime
    pools: int
    in_use: int
    drift: Drift

    @property
    def ails(self) -> str:
        """What an operator should look at, empty when all is well."""
        if self.broken:
            return f"{', '.join(self.broken)} breaks its contract: the prior serves in its place"
        if self.now - self.ticked_at > LATE_AFTER:
            return f"features stand still since {self.ticked_at:%Y-%m-%d %H:%M} UTC"
        if self.drift.excess > 0:
            return f"model {self.model} predicts worse than its mean rate would, over {self.drift.rounds} rounds"
        return ""

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        since = f" of {self.registered_at:%Y-%m-%d}" if self.registered_at else ""
        parts = [self.ails, f"model {self.model}{since}, read {self.read_at:%H:%M:%S}", self._drift()]
        return "; ".join(part for part in parts if part)

    @property
    def figures(self) -> dict[str, float]:
        """Small numbers worth showing."""
        return {
            "models_broken": float(len(self.broken)),
            "models_beside": float(self.others),
            "model_read_s_ago": round((self.now - self.read_at).total_seconds(), 1),
            "tick_s_ago": round((self.now - self.ticked_at).total_seconds(), 1),
            "pools": float(self.pools),
            "pools_in_use": float(self.in_use),
            "drift_most": self.drift.worst[1],
            "drift_rounds": float(self.drift.rounds),
            "log_loss_above_mean_rate": round(self.drift.excess, 4),
        }

    def _drift(self) -> str:
        name, index = self.drift.worst
        if not name:
            return "drift not known yet"
        return f"{name} has moved most ({index:.2f}{', drifted' if index > DRIFTED else ''})"
