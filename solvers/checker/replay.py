"""Replays the actions of a plan, step by step, and judges each as Kubernetes would.

One step, whose actions run at once, is taken apart in the worst order that is still fair:

1. its cordons hold;
2. its terminations are judged: the node is cordoned and the steps before have emptied it;
3. all its evicted pods leave;
4. they are placed, in the order of the actions, each judged against all placed so far;
5. its terminated nodes vanish (until then they count as domains), its launched nodes appear with their daemons. A
   launched node can therefore be a target from the next step on.

A replacement counts as ready when the next step begins, so budgets have their allowance back. What runs at the start is
taken as it is; only pods that the plan places are judged, when it places them. A broken rule is noted and the action
done all the same, so that one mistake is not reported many times over.
"""

from itertools import groupby

from domain.market import Catalog
from domain.plan import Action, ActionKind, Plan, PlannedNode
from domain.policy import Policy
from domain.snapshot import Snapshot
from domain.workload import Pod
from solvers.checker.census import Census
from solvers.checker.cluster import Cluster
from solvers.checker.eviction import EvictionRules
from solvers.checker.launch import LaunchRules
from solvers.checker.ledger import Ledger
from solvers.checker.pending import Pending
from solvers.checker.scheduler import node_rules, objections
from solvers.checker.site import Site, launched_site, running_site
from solvers.checker.violation import Rule


class Replay:
    """A cluster on its way from the snapshot to the end of a plan."""

    def __init__(self, snapshot: Snapshot, *, catalog: Catalog, policy: Policy, plan: Plan, ledger: Ledger) -> None:
        self._snapshot = snapshot
        self._plan = plan
        self._policy = policy
        self._ledger = ledger
        self._launch_rules = LaunchRules(snapshot, catalog=catalog, policy=policy)
        self._eviction_rules = EvictionRules(snapshot, policy)
        self._new = {node.name: node for node in plan.nodes if not node.existing}
        self.launched: set[str] = set()
        self.terminated: set[str] = set()
        self.cluster = Cluster(Census((*snapshot.pods, *snapshot.daemonsets)))
        for node in snapshot.nodes:
            self.cluster.add(running_site(node))
        for pod in snapshot.pods:
            if pod.node_name:
                self.cluster.place(pod.key, pod, site=self.cluster.sites[pod.node_name])
        self._pending = Pending(snapshot, plan=plan, cluster=self.cluster, ledger=ledger)

    def run(self) -> None:
        """Go through all steps, then place the pending pods that are left."""
        self._look_at_order()
        for step, actions in groupby(self._plan.actions, key=lambda action: action.step):
            self._step(step, list(actions))
        for name in self._new.keys() - self.launched:
            self._ledger.note(Rule.LAUNCH_MISSING, name, text=f"planned node {name} is never launched")
        self._pending.place_all()

    def _look_at_order(self) -> None:
        seen: set[int] = set()
        step = min((action.step for action in self._plan.actions), default=0)
        for action in self._plan.actions:
            if action.id in seen:
                self._blame(action, Rule.ACTION_ID, f"action id {action.id} appears twice")
            if action.step < step:
                self._blame(action, Rule.STEP_ORDER, f"step {action.step} comes after step {step}")
            if not (action.reason.code and action.reason.text):
                self._blame(action, Rule.REASON, f"action {action.id} has no reason")
            if (action.kind is ActionKind.EVICT) != bool(action.pod and action.target):
                self._blame(action, Rule.ACTION_SHAPE, "an eviction names pod and target, no other action does")
            seen.add(action.id)
            step = max(step, action.step)

    def _step(self, step: int, actions: list[Action]) -> None:
        self._eviction_rules.next_step()
        touched = {action.node for action in actions}
        if len(touched) > self._policy.max_concurrent_actions:
            most = self._policy.max_concurrent_actions
            text = f"step {step} touches {len(touched)} nodes at once, at most {most} are allowed"
            self._ledger.note(Rule.CONCURRENCY, "plan", text=text, step=step)
        by_kind = {kind: [a for a in actions if a.kind is kind] for kind in ActionKind}
        for action in by_kind[ActionKind.CORDON]:
            self._cordon(action)
        doomed = [site for action in by_kind[ActionKind.TERMINATE] for site in self._terminate(action)]
        moving = [(action, pod) for action in by_kind[ActionKind.EVICT] for pod in self._evict(action)]
        for action, pod in moving:
            self._place(action, pod)
        for site in doomed:
            self.cluster.drop(site)
        for action in by_kind[ActionKind.LAUNCH]:
            self._launch(action)

    def _cordon(self, action: Action) -> None:
        site = self._site(action)
        if site is not None:
            self.cluster.cordon(site)

    def _terminate(self, action: Action) -> list[Site]:
        site = self._site(action)
        if site is None or site.name in self.terminated:
            return []
        if not site.cordoned:
            self._blame(action, Rule.TERMINATE_UNCORDONED, f"node {site.name} is terminated but not cordoned")
        if site.do_not_disrupt:
            self._blame(action, Rule.TERMINATE_PROTECTED, f"node {site.name} must stay: {site.do_not_disrupt}")
        left = [key for key, pod in site.pods.items() if not (pod.is_daemon or pod.is_mirror)]
        if left:
            self._blame(action, Rule.TERMINATE_OCCUPIED, f"node {site.name} is terminated with {', '.join(left)} on it")
        self.terminated.add(site.name)
        return [site]

    def _evict(self, action: Action) -> list[Pod]:
        site = self._site(action)
        if site is None or action.pod not in site.pods:
            self._blame(action, Rule.EVICT_UNKNOWN, f"pod {action.pod} is not on node {action.node}")
            return []
        pod = site.pods[action.pod]
        if not site.cordoned:
            self._blame(action, Rule.EVICT_UNCORDONED, f"pod {pod.key} is evicted but node {site.name} is not cordoned")
        for rule, why in self._eviction_rules.findings(pod, site):
            self._blame(action, rule, f"pod {pod.key} may not be evicted from node {site.name} ({rule}): {why}")
        return [self.cluster.take(action.pod, site)]

    def _place(self, action: Action, pod: Pod) -> None:
        site = self.cluster.sites.get(action.target)
        if site is None:
            text = f"pod {pod.key} is sent to node {action.target}, which does not exist at that step"
            self._blame(action, Rule.EVICT_TARGET, text)
            return
        found = objections(self.cluster, pod, site=site)
        if found and self._pending.place_what_fits():
            found = objections(self.cluster, pod, site=site)
        for rule, why in found:
            self._ledger.misplaced(pod.key, site.name, rule=rule, why=why, step=action.step)
        self.cluster.place(pod.key, pod, site=site)

    def _launch(self, action: Action) -> None:
        node = self._new.get(action.node)
        if node is None:
            self._blame(action, Rule.LAUNCH_UNPLANNED, f"node {action.node} is launched but not among the new nodes")
        elif node.name in self.cluster.sites or node.name in self.launched:
            self._blame(action, Rule.LAUNCH_TWICE, f"node {node.name} is launched but exists already")
        else:
            for rule, why in self._launch_rules.findings(node):
                self._blame(action, rule, f"node {node.name} cannot be launched ({rule}): {why}")
            self._start(action, node)

    def _start(self, action: Action, node: PlannedNode) -> None:
        site = launched_site(node)
        self.launched.add(node.name)
        self.cluster.add(site)
        for daemon in self._snapshot.daemonsets:
            if runs_on(daemon, site):
                self.cluster.place(f"daemon {daemon.key}", daemon, site=site)
        short = [resource for resource in site.used if site.free(resource) < 0]
        if short:
            text = f"node {node.name} is too small for its daemons ({Rule.DAEMON_ROOM}): {', '.join(short)}"
            self._blame(action, Rule.DAEMON_ROOM, text)

    def _site(self, action: Action) -> Site | None:
        site = self.cluster.sites.get(action.node)
        if site is None and action.kind is not ActionKind.EVICT:
            self._blame(action, Rule.UNKNOWN_NODE, f"node {action.node} does not exist at that step")
        return site

    def _blame(self, action: Action, rule: Rule, text: str) -> None:
        self._ledger.note(rule, action.pod or action.node, text=text, step=action.step)


def runs_on(daemon: Pod, site: Site) -> bool:
    """Whether a daemonset puts a pod on a node, which depends on labels and taints only."""
    return not any(node_rules(daemon, site))
