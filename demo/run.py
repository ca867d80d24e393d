"""The demo from its first step to its last: everything up, everything told, everything gone again."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import httpx

from actors.cluster.records import Mode
from demo import platform, typed
from demo.agents import Agents
from demo.person import Person
from demo.platform import Platform
from demo.screen import Account, Screen
from demo.world import PACE, TENANTS, WAITING, Pace
from domain.errors import RejectedError, TransientError
from serve.operations.ports import free_port

if TYPE_CHECKING:
    from demo.director import Home
    from demo.stage import Stage

AWS_PORT = 5_055
"""First port to try for the simulated AWS."""


async def run(screen: Screen, *, port: int, minutes: float | None, pace: Pace = PACE) -> None:
    """Run the demo until Ctrl-C, or for some minutes.

    Raises
    ------
    TransientError, RejectedError
        Something does not come up; the message says what.
    """
    with platform.folder() as folder, _stopped() as stop:
        demo = asyncio.create_task(_play(screen, folder, port=port, pace=pace), name="demo")
        waiting = asyncio.create_task(_wait(stop, minutes), name="end")
        try:
            await asyncio.wait({demo, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            screen.say("Stopping: agents, platform, clusters; nothing stays.")
            waiting.cancel()
            demo.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await _ended(demo)


async def _ended(demo: "asyncio.Task[None]") -> None:
    """See the demo to its end; what has gone wrong first is raised."""
    try:
        await demo
    except asyncio.CancelledError:
        return
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _play(screen: Screen, folder: Path, *, port: int, pace: Pace) -> None:
    """Everything, until cancelled."""
    aws_port = free_port("127.0.0.1", AWS_PORT)
    async with AsyncExitStack() as stack:
        begun = await stack.enter_async_context(
            platform.starting(folder, f"http://127.0.0.1:{aws_port}", port=port, on_step=screen.step)
        )
        # moto takes seconds to import, and the platform asks AWS nothing before somebody links an account.
        stages = await asyncio.to_thread(import_module, "demo.stage")
        stage: Stage = await stack.enter_async_context(
            stages.on_stage(pace, aws_port=aws_port, on_step=screen.step, on_event=screen.say)
        )
        running = await begun.ready()
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=running.url, trust_env=False))
        people = await _sign_up(screen, http, running)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(begun.outlive())
            accounts = await asyncio.gather(*(_link(screen, person, stage) for person in people))
            (waiting,) = stage.homes_of(WAITING)
            agents = Agents(tasks, running, kubernetes_url=stage.kubernetes_url, waiting=waiting)
            for person, account in zip(people, accounts, strict=True):
                for home in stage.homes_of(person.tenant):
                    cluster, key = await _connect(person, home, account=account)
                    agents.install(home, cluster, key)
                    if home.character.mode is Mode.AUTOMATIC:
                        tasks.create_task(_optimise(screen, person, cluster, name=home.character.name))
                    screen.say(f"{home.character.name}: connected, its agent starts ({home.character.story})")
            stage.director.open_market()
            screen.invite()
            with typed.listening(lambda line: _obey(line, screen, agents, stage=stage)):
                await asyncio.Event().wait()


def _obey(line: str, screen: Screen, agents: Agents, *, stage: "Stage") -> None:
    """Do what was typed."""
    match typed.understood(line):
        case typed.Installation(cluster=cluster, key=key):
            screen.say(f"{agents.install_by_id(cluster, key)}: its agent starts")
        case typed.Interruption(name=name) if not stage.director.interrupt(name):
            screen.say(f"No Spot node that AWS could take just now in {name or 'any cluster'}")
        case None:
            screen.say("Type interrupt, or interrupt and a cluster's name, or paste a Helm command of the portal")


async def _link(screen: Screen, person: Person, stage: "Stage") -> UUID:
    """Link the AWS account, and wait until what is in it has been found."""
    account = await person.link(stage.world)
    found = ", ".join(sorted(await person.discovered())) or "nothing yet"
    screen.say(f"{person.tenant.organization}: AWS account {person.tenant.account_id} linked, found there: {found}")
    return account


async def _sign_up(screen: Screen, http: httpx.AsyncClient, running: Platform) -> list[Person]:
    """Both customers, and what everybody signs in with on the screen."""
    people, accounts = [], [Account(who="admin", email=running.admin_email, password=running.admin_password)]
    for tenant in TENANTS:
        password = secrets.token_urlsafe(12)
        people.append(Person(http, tenant, password=password))
        await people[-1].sign_up()
        accounts.append(Account(who=tenant.organization, email=tenant.email, password=password))
    screen.where(running.url, accounts)
    return people


async def _connect(person: Person, home: "Home", *, account: UUID) -> tuple[UUID, str]:
    """Connect a cluster as its owner would; its id and the agent's key."""
    character = home.character
    cluster = await person.connect(character.name, character.region, account=account, mode=character.mode)
    return cluster, await person.install(cluster)


async def _optimise(screen: Screen, person: Person, cluster: UUID, *, name: str) -> None:
    """Nobody wants to wait for the first hourly look of a cluster that is looked after by itself."""
    try:
        await person.optimise(cluster)
    except (TransientError, RejectedError) as err:
        screen.say(f"{name} will be planned later: {err}")


async def _wait(stop: asyncio.Event, minutes: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(minutes * 60 if minutes is not None else None):
            await stop.wait()


@contextmanager
def _stopped() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM or a closed terminal sets."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
