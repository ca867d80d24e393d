"""The checker on random clusters: its counts against a plain recount, and plans that must pass."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.snapshot import Snapshot
from solvers.checker import Rule, check_plan
from solvers.checker.census import Census
from solvers.checker.cluster import Cluster
from solvers.checker.scheduler import objections
from solvers.checker.site import running_site
from tests.builders import make_plan
from tests.strategies import Case, clusters
from tests.unit.checker.recount import admits, broken


class Twin:
    """A cluster of the checker and the snapshot that it stands for, changed together."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.pods = {pod.key: pod for pod in snapshot.pods}
        self.cluster = Cluster(Census(snapshot.pods))
        for node in snapshot.nodes:
            self.cluster.add(running_site(node))
        for pod in snapshot.pods:
            if pod.node_name:
                self.cluster.place(pod.key, pod, site=self.cluster.sites[pod.node_name])

    def move(self, key: str, home: str) -> None:
        pod = next(pod for pod in self.snapshot.pods if pod.key == key)
        if pod.node_name:
            self.cluster.take(key, self.cluster.sites[pod.node_name])
        if home:
            self.cluster.place(key, self.pods[key], site=self.cluster.sites[home])
        pods = tuple(replace(p, node_name=home) if p.key == key else p for p in self.snapshot.pods)
        self.snapshot = replace(self.snapshot, pods=pods)

    def cordon(self, name: str) -> None:
        self.cluster.cordon(self.cluster.sites[name])
        nodes = tuple(replace(n, cordoned=True) if n.name == name else n for n in self.snapshot.nodes)
        self.snapshot = replace(self.snapshot, nodes=nodes)

    def drop(self, name: str) -> None:
        for pod in self.snapshot.pods:
            if pod.node_name == name:
                self.move(pod.key, "")
        self.cluster.drop(self.cluster.sites[name])
        nodes = tuple(node for node in self.snapshot.nodes if node.name != name)
        self.snapshot = replace(self.snapshot, nodes=nodes)

    def disagreements(self) -> list[str]:
        found = []
        for pod in (pod for pod in self.snapshot.pods if not pod.node_name):
            for node in self.snapshot.nodes:
                site = self.cluster.sites[node.name]
                counted = {rule for rule, _ in objections(self.cluster, self.pods[pod.key], site=site)}
                expected = broken(self.snapshot, pod, node=node)
                if counted != expected:
                    found.append(f"{pod.key} on {node.name}: {sorted(counted)}, recounted {sorted(expected)}")
        return found


@given(case=clusters(), data=st.data())
def test_the_counts_agree_with_a_recount_after_every_change(case: Case, data: st.DataObject) -> None:
    twin = Twin(case.snapshot)
    for _ in range(data.draw(st.integers(1, 12))):
        names = [node.name for node in twin.snapshot.nodes]
        pods = [pod.key for pod in twin.snapshot.pods]
        change = data.draw(st.sampled_from(("move", "move", "move", "move", "cordon", "drop")))
        if change == "move" and pods:
            twin.move(data.draw(st.sampled_from(pods)), data.draw(st.sampled_from(["", *names])))
        elif change == "cordon" and names:
            twin.cordon(data.draw(st.sampled_from(names)))
        elif change == "drop" and names:
            twin.drop(data.draw(st.sampled_from(names)))
    assert twin.disagreements() == []


def scheduled_by_hand(snapshot: Snapshot) -> tuple[dict[str, str], list[str]]:
    """Homes of pending pods when they are placed one by one where the recount admits them, and those left over."""
    homes: dict[str, str] = {}
    waiting = [pod for pod in snapshot.pods if not pod.node_name]
    progress = True
    while progress:
        progress = False
        for pod in [pod for pod in waiting if pod.key not in homes]:
            home = next((node.name for node in snapshot.nodes if admits(snapshot, pod, node)), "")
            if home:
                progress = True
                homes[pod.key] = home
                pods = tuple(replace(p, node_name=home) if p.key == pod.key else p for p in snapshot.pods)
                snapshot = replace(snapshot, pods=pods)
    return homes, [pod.key for pod in waiting if pod.key not in homes]


@given(case=clusters())
def test_a_plan_that_only_lets_the_scheduler_place_what_fits_passes(case: Case) -> None:
    homes, left = scheduled_by_hand(case.snapshot)
    plan = make_plan(case.snapshot, placed=homes, unschedulable=left)
    assert check_plan(case.snapshot, catalog=case.catalog, policy=case.policy, plan=plan) == ()


@given(case=clusters(admit=admits), data=st.data())
def test_a_plan_that_leaves_out_a_pod_that_fits_is_refused(case: Case, data: st.DataObject) -> None:
    homes, left = scheduled_by_hand(case.snapshot)
    if not homes:
        return
    forgotten = data.draw(st.sampled_from(sorted(homes)))
    rest = {key: home for key, home in homes.items() if key != forgotten}
    lost = make_plan(case.snapshot, placed=rest, unschedulable=left)
    violations = check_plan(case.snapshot, catalog=case.catalog, policy=case.policy, plan=lost)
    assert (Rule.POD_LOST, forgotten) in {(violation.rule, violation.obj) for violation in violations}
