"""The schema of a scenario. Every field has its unit in its name, and a default that suits a first try."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .:_+-]*$")]

MOST_HOURS = 8_784.0
"""A leap year."""
MOST_PODS = 20_000
MOST_CLUSTERS = 1_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InstanceTypeSpec(_Part):
    """A type that the catalogue does not know, or knows at another price. What pods fit into is a little less."""

    vcpu: Annotated[int, Field(ge=1, le=1024)]
    memory_gib: Positive
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    on_demand_usd_per_h: Positive
    spot_usd_per_h: Positive


class Recorded(_Part):
    """A market as it was recorded.

    ``folder`` holds availability in the format of the SkyPilot spot traces. ``zones`` and ``types`` choose some of its
    pools. ``as_type`` gives all of them another instance type. ``from_h`` and ``until_h`` cut the recording. The first
    replication begins where that begins, further ones at random places of it. ``capacity`` is how many instances a pool
    has that was seen up, by default more than anybody asks for; recordings that count instances keep their counts.
    ``on_gap`` says what becomes of ticks that were not recorded: an error, or as the tick before them.
    """

    folder: str
    zones: list[str] = []
    types: list[str] = []
    as_type: str = ""
    from_h: NotNegative = 0.0
    until_h: Positive | None = None
    capacity: Annotated[int, Field(ge=1)] | None = None
    on_gap: Literal["refuse", "repair"] = "refuse"


class Generated(_Part):
    """A market that never was: fitted to a recording (``fitted_to``), or as the figures say.

    Pools go down after ``up_h`` on average, or when a burst takes them with others. For ``strain_h`` before that they
    are strained: they still have room, and nodes in them are taken at ``strain_per_h``.
    """

    types: Annotated[list[str], Field(min_length=1)]
    zones: Annotated[int, Field(ge=1, le=6)] = 3
    fitted_to: str = ""
    up_h: Positive = 200.0
    up_shape: Annotated[float, Field(ge=0.2, le=10)] = 1.0
    down_h: Positive = 2.0
    down_shape: Annotated[float, Field(ge=0.2, le=10)] = 1.0
    bursts_per_h: NotNegative = 0.0
    burst_share: Share = 0.5
    burst_over: Literal["zone", "type", "region"] = "zone"
    strain_h: NotNegative = 0.0
    strain_per_h: NotNegative = 0.0
    capacity: Annotated[int, Field(ge=1)] | None = None


class NoticeSpec(_Part):
    """How AWS warns; see `solvers.replay.market.Notice`."""

    ahead_s: Positive = 120.0
    delay_s: NotNegative = 5.0
    lost: Share = 0.0


class MarketSpec(_Part):
    """Where capacity and prices come from.

    ``interruption``: nodes that AWS takes one by one from pools that have room: ``advisor`` for the monthly
    probability of the Spot advisor, or a probability per month. ``prices``: a table of Spot prices over time, CSV with
    ``zone``, ``instance_type``, ``at`` (hours since the recording, or the generated market, began) and ``usd_per_h``,
    for every pool of the market; without it they stay as the catalogue has them.
    ``told``: what policies without a model are told of each pool's monthly risk: the advisor's word, or in a generated
    market the truth, so that what is done with a risk can be looked at apart from how well it is known.
    """

    recorded: Recorded | None = None
    generated: Generated | None = None
    interruption: Literal["advisor"] | Share = 0.0
    prices: str = ""
    told: Literal["advisor", "truth"] = "advisor"
    boot_s: NotNegative = 90.0
    notice: NoticeSpec = NoticeSpec()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.recorded is None) == (self.generated is None):
            raise ValueError("must have either 'recorded' or 'generated'")
        if self.told == "truth" and self.generated is None:
            raise ValueError("can tell the truth of a generated market only: nobody knows it of a recorded one")
        return self


class Deployment(_Part):
    """So many like pods, all the time. ``max_unavailable`` is that of its PodDisruptionBudget, absent without one."""

    name: Name
    replicas: Annotated[int, Field(ge=1, le=MOST_PODS)]
    cpu: Positive
    memory_gib: Positive
    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    max_unavailable: Annotated[int, Field(ge=0)] | None = None
    start_s: NotNegative = 20.0


class Arrivals(_Part):
    """Pods that come and go, from a list in the format of the openb traces (CSV, gzipped or not).

    ``first`` of them at most, their times divided by ``speed_up``; those that ask for GPUs are left out unless
    ``gpus`` is set. A pod larger than ``most_cpu`` or ``most_memory_gib`` is left out.
    """

    file: str
    first: Annotated[int, Field(ge=1, le=MOST_PODS)] = 500
    speed_up: Positive = 1.0
    gpus: bool = False
    most_cpu: Positive = 32.0
    most_memory_gib: Positive = 128.0


class Jobs(_Part):
    """One job with a deadline, on one instance at a time; restarting it anywhere takes ``changeover_h``.

    ``share_of_deadline`` is the work over the time for it (0..1). ``zones``: ``any`` may take whichever zone has room,
    ``one`` stays in the zone that the replication draws.
    """

    deadline_h: Positive = 60.0
    share_of_deadline: Annotated[float, Field(gt=0, le=1)] = 0.8
    changeover_h: NotNegative = 0.2
    zones: Literal["one", "any"] = "one"
    spot_price_share: Annotated[float, Field(gt=0, le=1)] = 0.3


class WorkloadSpec(_Part):
    """What runs: deployments and arrivals on clusters, or a job with a deadline."""

    deployments: list[Deployment] = []
    arrivals: Arrivals | None = None
    job: Jobs | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.job is None and not self.deployments and self.arrivals is None:
            raise ValueError("must have deployments, arrivals or a job")
        if self.job is not None and (self.deployments or self.arrivals):
            raise ValueError("has a job, which stands alone: put deployments and arrivals into another scenario")
        if sum(one.replicas for one in self.deployments) > MOST_PODS:
            raise ValueError(f"has more than {MOST_PODS} pods")
        return self


class PolicySpec(_Part):
    """A policy under a name. What is absent is as the scenario's ``ours`` says; other policies have no settings.

    ``label`` is what results call it, the policy's own name unless given.
    """

    policy: Literal[
        "ours", "on-demand", "karpenter", "cluster-autoscaler", "refill", "greedy", "uniform-progress", "omniscient"
    ]  # fmt: skip
    label: Name | None = None
    sharing: bool | None = None
    bus_delay_s: NotNegative | None = None
    model: bool | None = None
    max_loss_probability: Share | None = None
    max_loss_share: Share | None = None
    max_pool_share: Annotated[float, Field(gt=0, le=1)] | None = None
    risk_premium: NotNegative | None = None
    capacity: Literal["spot", "on-demand", "mixed"] | None = None
    optimise_every_h: Positive | None = None
    work_limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    routine_work_limit: Annotated[int, Field(ge=1, le=1000)] | None = None

    @property
    def name(self) -> str:
        """What results call it."""
        return self.label or self.policy


class Ours(_Part):
    """How our policy is run: planning, sharing of risk, the model of interruptions.

    ``bus_delay_s`` is from an interruption that one cluster sees to the flag that others heed. ``work_limit`` is the
    planner's for urgent plans, ``routine_work_limit`` for others, so that plans do not depend on the machine;
    ``plan_s`` is how long a plan takes in simulated time, ``agent_s`` how long the agent takes to hear and to act.
    ``model_file`` is another model than the carried one.
    """

    sharing: bool = True
    bus_delay_s: NotNegative = 0.1
    flag_ttl_s: Annotated[int, Field(ge=1)] = 1800
    model: bool = True
    model_file: str = ""
    capacity: Literal["spot", "on-demand", "mixed"] = "mixed"
    max_loss_share: Share = 0.5
    max_loss_probability: Share = 1.0
    max_pool_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    risk_premium: NotNegative = 0.1
    optimise_every_h: Positive = 6.0
    work_limit: Annotated[int, Field(ge=1, le=1000)] = 2
    routine_work_limit: Annotated[int, Field(ge=1, le=1000)] = 6
    plan_s: NotNegative = 2.0
    agent_s: NotNegative = 1.0


class Clusters(_Part):
    """Who is in the market: organisations, and clusters of each."""

    tenants: Annotated[int, Field(ge=1, le=MOST_CLUSTERS)] = 1
    per_tenant: Annotated[int, Field(ge=1, le=MOST_CLUSTERS)] = 1

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.tenants * self.per_tenant > MOST_CLUSTERS:
            raise ValueError(f"are more than {MOST_CLUSTERS} clusters")
        return self


class Scenario(_Part):
    """A batch of simulations. ``hours`` is the simulated time of one replication."""

    name: Name
    region: str
    hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = 168.0
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    types: dict[str, InstanceTypeSpec] = {}
    market: MarketSpec
    clusters: Clusters = Clusters()
    workload: WorkloadSpec
    ours: Ours = Ours()
    policies: Annotated[list[PolicySpec], Field(min_length=1, max_length=20)]
    baseline: str | None = None

    @model_validator(mode="after")
    def _policies_fit(self) -> Self:
        names = [policy.name for policy in self.policies]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"has two policies called {min(twice)!r}; give one a label of its own")
        if self.baseline is not None and self.baseline not in names:
            raise ValueError(f"baseline {self.baseline!r} is none of its policies: {', '.join(names)}")
        for_jobs = {"greedy", "uniform-progress", "omniscient"}
        for policy in self.policies:
            wrong = policy.policy not in {*for_jobs, "on-demand"} if self.workload.job else policy.policy in for_jobs
            if wrong:
                kind = "a job with a deadline" if self.workload.job else "clusters"
                raise ValueError(f"policy {policy.policy!r} is not made for {kind}")
        if self.workload.job is not None and self.workload.job.deadline_h > self.hours:
            raise ValueError(f"hours must reach the deadline of its job, {self.workload.job.deadline_h:g} h")
        return self

    @property
    def measured_against(self) -> str:
        """The policy that savings are measured against: the one named, else the first."""
        return self.baseline or self.policies[0].name
