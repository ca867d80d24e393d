"""AWS and Kubernetes of the demo, in this process: accounts filled, clusters in motion, the market played."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from demo import cloud
from demo.aws.fill import customer
from demo.aws.world import World, served
from demo.director import Director, Home
from demo.kubernetes.cluster import Cluster
from demo.kubernetes.http import KubernetesServer
from demo.serving import serving
from demo.world import TENANTS, WAITING, Owner, Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What there is before anybody has heard of the platform; ``kubernetes_url`` is where the clusters' APIs are.

    Nothing is taken and no price moves before the director opens the market.
    """

    world: World
    homes: tuple[Home, ...]
    director: Director
    kubernetes_url: str

    def homes_of(self, owner: Owner) -> tuple[Home, ...]:
        """The clusters in an account."""
        return tuple(home for home in self.homes if home.owner is owner)


@asynccontextmanager
async def on_stage(
    pace: Pace, *, aws_port: int, on_step: Callable[[str, float], None], on_event: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Everything in motion until the block ends.

    Parameters
    ----------
    on_step
        Told of each step that is done, and how many seconds it took.
    on_event
        Told of each interruption, in a sentence.
    """
    world, loop = World(), asyncio.get_running_loop()
    with served(world, port=aws_port) as aws_url:
        began = loop.time()
        homes = await _fill(aws_url)
        director = Director(world, homes, pace, now=_now, on_event=on_event)
        director.step()
        clusters = {home.character.name: home.cluster for home in homes}
        async with serving(KubernetesServer(clusters)) as kubernetes_url:
            lives = [
                asyncio.create_task(director.run()),
                *(asyncio.create_task(one.run()) for one in clusters.values()),
            ]
            on_step("simulated AWS and six clusters", loop.time() - began)
            try:
                yield Stage(world=world, homes=homes, director=director, kubernetes_url=kubernetes_url)
            finally:
                for life in lives:
                    life.cancel()
                await asyncio.gather(*lives, return_exceptions=True)


async def _fill(aws_url: str) -> tuple[Home, ...]:
    """The accounts with their clusters, as they were before anybody connected them."""
    homes: list[Home] = []
    for owner in (*TENANTS, WAITING):
        signed_in = await asyncio.to_thread(customer, aws_url, owner.account_id)
        for character in owner.clusters:
            await asyncio.to_thread(cloud.fill, signed_in, character)
            cluster = Cluster(character.name, secrets.token_urlsafe(24), _now)
            cluster.add(*character.objects())
            homes.append(Home(owner=owner, character=character, cluster=cluster))
    return tuple(homes)


def _now() -> datetime:
    return datetime.now(UTC)
