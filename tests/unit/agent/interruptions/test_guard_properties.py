"""Whatever happens to nodes, in whatever order: what the guard must never do, and what it must have done."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.interruptions.notices import interruption_condition, rebalance_condition
from domain.wire.messages import AgentConfig
from tests.unit.agent.interruptions.test_guard import EKS, Post
from tests.unit.agent.twin import START, Cluster, TwinClock, instance_of, run

SPOT, FOREIGN = ("a", "b", "c", "d"), ("eks", "od", "karp")
GRACE_S = 10
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(
                st.sampled_from(["interrupt", "recommend", "lose", "revive", "touch"]),
                st.sampled_from([*SPOT, *FOREIGN]),
            ),
            st.tuples(st.sampled_from(["safe", "free", "restart"]), st.just("")),
        ),
        st.sampled_from([0.0, 0.5, 5.0, 20.0, 40.0]),
    ),
    max_size=14,
)


class Story:
    """A cluster with nodes of all kinds, a guard, and what happened to them."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        for name in SPOT:
            self.cluster.node(name)
        self.cluster.node("eks", labels=EKS)
        self.cluster.node("od", spot=False)
        karp = self.cluster.node("karp")
        karp["spec"]["taints"] = [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]
        for name in (*SPOT, *FOREIGN):
            self.cluster.workload(f"of-{name}", nodes=[name, name, "elsewhere"], grace_s=GRACE_S)
        self.post = Post(cluster=self.cluster)
        self.posts = [self.post]
        self.touched: set[str] = set()
        self.interrupted_at: dict[str, float] = {}
        self.safe_since: float | None = None
        self.safe_times: list[tuple[float, float]] = []

    async def play(self, op: str, name: str) -> None:
        now_s = TwinClock().monotonic()
        end = START + timedelta(seconds=now_s + 120)
        match op:
            case "interrupt" if name not in self.interrupted_at:
                self.interrupted_at[name] = now_s
                self.touched.add(name)
                now = TwinClock().now()
                self.post.set_condition(
                    name, interruption_condition("terminate", end, instance_id=instance_of(name), now=now)
                )
            case "recommend":
                condition = rebalance_condition(START, instance_id=instance_of(name), now=TwinClock().now())
                self.post.set_condition(name, condition)
            case "lose":
                self.touched.add(name)
                self.post.ready(name, "Unknown")
            case "revive":
                self.post.ready(name, "True")
            case "touch":
                self.post.show(name)
            case "safe" | "free":
                self.switch(on=op == "safe", now_s=now_s)
            case "restart":
                await self.restart()

    def switch(self, *, on: bool, now_s: float) -> None:
        if on == (self.safe_since is not None):
            return
        if self.safe_since is not None:
            self.safe_times.append((self.safe_since, now_s))
        self.safe_since = now_s if on else None
        self.post.guard.configure(AgentConfig(version=1, safe_mode=on))

    async def restart(self) -> None:
        """Another leads from here on; it knows the configuration from the start."""
        await self.post.close()
        self.post = Post(cluster=self.cluster)
        self.post.guard.configure(AgentConfig(version=1, safe_mode=self.safe_since is not None))
        self.posts.append(self.post)

    def check(self) -> None:
        safe = [*self.safe_times, *([(self.safe_since, 1e9)] if self.safe_since is not None else [])]
        for method, path, at_s in self.cluster.calls:
            if method != "GET":
                assert not any(begin + 0.1 < at_s < end for begin, end in safe), f"{method} {path} in safe mode"
        for pod in self.cluster.evicted:
            node = pod.removeprefix("of-").partition("-")[0]
            assert node in self.touched, f"{pod} was evicted, and nothing was said about {node}"
            assert node not in ("od", "karp") or node in self.interrupted_at
        told: Counter[str] = Counter(event["event_id"] for post in self.posts for event in post.sink.events)
        assert max(told.values(), default=0) <= len(self.posts)

    def check_end(self) -> None:
        """What was interrupted while nothing was in the way has been emptied in time."""
        for name, at_s in self.interrupted_at.items():
            was_safe = any(begin < at_s + 60 and end > at_s for begin, end in self.safe_times)
            if was_safe or self.safe_since is not None:
                continue
            for index in (0, 1):
                pod = f"of-{name}-{index}"
                assert self.cluster.ended.get(pod, 1e9) <= at_s + 120, f"{pod} was not saved"


@given(steps=STEPS)
@settings(max_examples=60)
def test_safe_mode_others_nodes_and_deadlines_are_respected_whatever_happens(steps: list[Any]) -> None:
    async def main() -> None:
        story = Story()
        await asyncio.sleep(0.1)
        for (op, name), wait_s in steps:
            await story.play(op, name)
            await asyncio.sleep(wait_s)
            story.check()
        await asyncio.sleep(130)
        story.check()
        story.check_end()
        await story.post.close()

    run(main())
