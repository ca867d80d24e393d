"""The cluster during a replay: which nodes there are, and which pods are on them."""

from collections.abc import Iterable

from domain.workload import Pod
from solvers.checker.census import Census
from solvers.checker.site import Site


class Cluster:
    """Nodes and pods with every count the scheduler looks at kept up to date.

    Parameters
    ----------
    census
        Kinds of all pods that will ever be placed here.
    """

    def __init__(self, census: Census) -> None:
        self.census = census
        self.sites: dict[str, Site] = {}

    def add(self, site: Site) -> None:
        """A node appears."""
        self.sites[site.name] = site
        self._show(site)

    def drop(self, site: Site) -> None:
        """A node goes, with what is on it."""
        self._hide(site)
        del self.sites[site.name]

    def cordon(self, site: Site) -> None:
        """No new pods here. The taint that comes with it can change which nodes count as domains of a spread rule."""
        self._hide(site)
        site.cordoned = True
        self._show(site)

    def place(self, key: str, pod: Pod, *, site: Site) -> None:
        """A pod starts to run on a node, whatever the rules say."""
        site.pods[key] = pod
        self._charge(pod, site=site, by=1)
        self._count([pod], site=site, by=1)

    def take(self, key: str, site: Site) -> Pod:
        """A pod leaves its node."""
        pod = site.pods.pop(key)
        self._charge(pod, site=site, by=-1)
        self._count([pod], site=site, by=-1)
        return pod

    def _show(self, site: Site) -> None:
        for eligibility in self.census.eligibilities.values():
            eligibility.add(site)
        self._count(site.pods.values(), site=site, by=1)

    def _hide(self, site: Site) -> None:
        self._count(site.pods.values(), site=site, by=-1)
        for eligibility in self.census.eligibilities.values():
            eligibility.discard(site)

    def _count(self, pods: Iterable[Pod], *, site: Site, by: int) -> None:
        for pod in pods:
            for tally in self.census.kind(pod).counted_by:
                tally.shift(site, by)

    def _charge(self, pod: Pod, *, site: Site, by: int) -> None:
        for resource, amount in self.census.kind(pod).needs:
            site.used[resource] += by * amount
        for port in pod.host_ports:
            site.ports[port] += by
