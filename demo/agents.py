"""The real agents of the clusters, each a process, started again when it ends, as its pod would be."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from demo import platform
from demo.children import child
from demo.clusters.workloads import AGENT
from demo.platform import Platform

if TYPE_CHECKING:
    from demo.director import Home

END_S = 10.0
AGAIN_S = 5.0
"""From the end of an agent that nobody has asked to end to the next one."""

COLLECTION_S = 10
"""An agent measures every 30 s in earnest; who watches a demo waits for nothing."""


class Agents:
    """What Helm does in earnest.

    Parameters
    ----------
    tasks
        The agents live as long as this group does.
    kubernetes_url
        Where the APIs of the simulated clusters are.
    waiting
        The cluster that nobody has connected: what is installed under an unknown id is installed there.
    """

    def __init__(self, tasks: asyncio.TaskGroup, running: Platform, *, kubernetes_url: str, waiting: "Home") -> None:
        self._tasks, self._running, self._kubernetes_url, self._waiting = tasks, running, kubernetes_url, waiting
        self._homes: dict[UUID, Home] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}

    def install(self, home: "Home", cluster: UUID, key: str) -> None:
        """Start the agent of a cluster; one that was installed before is replaced."""
        name = home.character.name
        self._homes[cluster] = home
        if (former := self._lives.pop(name, None)) is not None:
            former.cancel()
        self._lives[name] = self._tasks.create_task(self._live(home, cluster, key), name=f"agent of {name}")

    def install_by_id(self, cluster: UUID, key: str) -> str:
        """Start the agent of a cluster that the platform knows by this id; the cluster's name."""
        home = self._homes.get(cluster, self._waiting)
        self.install(home, cluster, key)
        return home.character.name

    async def _live(self, home: "Home", cluster: UUID, key: str) -> None:
        """Until cancelled."""
        name = home.character.name
        token = self._running.folder / f"{name}.token"
        token.write_text(home.cluster.token)
        token.chmod(0o600)
        own = {
            "CLUSTER_ID": str(cluster),
            "API_TOKEN": key,
            "POD_NAME": f"{name}-agent",
            "KUBE_API_URL": f"{self._kubernetes_url}/{name}",
            "KUBE_TOKEN_FILE": str(token),
        }
        log = self._running.folder / f"agent-{name}.log"
        while True:
            async with child("agent", environment=self._environment(own), log=log, end_s=END_S) as process:
                await process.ended()
            await asyncio.sleep(AGAIN_S)

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        same = {
            "API_URL": self._running.url,
            "NAMESPACE": AGENT,
            "PORT": "0",
            "COLLECTION_INTERVAL": str(COLLECTION_S),
        }
        return {**platform.clean_environment(self._running.folder), **same, **own}
