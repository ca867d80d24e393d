"""The platform process: starts Ray, Serve, the application and the actors, and watches them.

Run by the supervisor as ``python -P -m serve.operations.platform``. It is told what to do by lines on its standard
input (the end of which means that the supervisor has died) and reports on its standard output. When Ray's daemons die
it ends, and the supervisor starts it again.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError

from actors import runtime
from actors.runtime import ActorSpec
from adapters.settings import Settings, load_settings
from domain.errors import RejectedError, SpotOptimizerError
from serve.operations import cluster
from serve.operations.application import application
from serve.operations.joining import check_nodes
from serve.operations.messages import Order, Report, Word, encode
from serve.operations.watch import Watch

LOOK_S = 1.0
"""How often the daemons of Ray are looked at."""
HEALTH_EVERY = 3
"""Everything else is looked at every so many looks."""
ANSWER_S = 120.0
"""How long the application may take to its first answer."""


class StopRequestedError(SpotOptimizerError):
    """The supervisor wants an end, or has ended."""


class Channel:
    """The line to the supervisor."""

    def __init__(self, out: int, orders: "queue.SimpleQueue[Order]") -> None:
        self._out = out
        self._orders = orders
        self._lock = threading.Lock()

    def tell(self, report: Report) -> None:
        """Send a report; a supervisor that has died hears nothing, and the end of its orders tells us so."""
        try:
            with self._lock:
                os.write(self._out, encode(report))
        except BrokenPipeError:
            return

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Report the beginning and the end of a step, with what it took."""
        self.tell(Report(word=Word.BEGUN, step=name))
        started_s = time.monotonic()
        yield
        self.tell(Report(word=Word.DONE, step=name, took_s=time.monotonic() - started_s))

    def wait(self, timeout_s: float | None = None) -> Order | None:
        """The next order, ``None`` when none came in time.

        Raises
        ------
        StopRequestedError
            When it is to stop.
        """
        try:
            order = self._orders.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if order is Order.STOP:
            raise StopRequestedError
        return order


def open_channel() -> Channel:
    """Take standard output for reports; what anything else prints goes to standard error from here on."""
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders.put,), name="orders", daemon=True).start()
    return Channel(out, orders)


def _listen(put: Callable[[Order], None]) -> None:
    for line in sys.stdin:
        put(Order(line.strip()))
    put(Order.STOP)


class Platform:
    """Everything in this process, in the order in which it is started.

    Parameters
    ----------
    settings
        Of the environment.
    channel
        To the supervisor.
    """

    def __init__(self, settings: Settings, channel: Channel) -> None:
        self._settings = settings
        self._channel = channel
        self._application = application()
        self._specs: tuple[ActorSpec, ...] = ()

    def start(self) -> None:
        """Start everything. The database may be prepared meanwhile; it is needed by the application and actors."""
        aside = cluster.load_serve_aside()
        with self._channel.step("Ray"):
            cluster.start_ray(self._settings)
            if self._settings.ray_address:
                check_nodes(self._settings)
        with self._channel.step("Serve"):
            aside.join()
            cluster.start_serve(self._settings)
        self._channel.wait()
        with self._channel.step("gateway"):
            cluster.deploy(self._application, self._settings)
            cluster.await_answer(self._application, self._settings, ANSWER_S)
        with self._channel.step("actors"):
            self._specs = _actors(self._settings)
            runtime.start_all(self._specs)
        self._channel.tell(Report(word=Word.READY))

    def watch(self) -> None:
        """Look and report until it is told to stop, or Ray has died."""
        url = cluster.probe_url(self._settings, self._application)
        eye = Watch(self._specs, self._application, url=url, local=not self._settings.ray_address)
        warming = _warm_up(self._settings)
        looks = 0
        while True:
            dead = [part.name for part in eye.daemons() if not part.healthy]
            if dead:
                raise RuntimeError(f"{' and '.join(dead)} died")
            if looks % HEALTH_EVERY == 0:
                self._channel.tell(Report(word=Word.HEALTH, parts=eye.look(), queues=eye.queues()))
            self._channel.wait(LOOK_S)
            _, warming = ray.wait(warming, num_returns=len(warming), timeout=0) if warming else ([], [])
            looks += 1

    def stop(self) -> None:
        """Stop everything in order: the application, actors, Ray."""
        with self._channel.step("gateway and Serve"):
            cluster.stop_serve(self._settings, self._application)
        with self._channel.step("actors"):
            known = [spec.name for spec in reversed(self._specs)]
            for name in (*known, *(name for name in runtime.names() if name not in known)):
                runtime.stop(name)
        with self._channel.step("Ray"):
            ray.shutdown()


def _actors(settings: Settings) -> tuple[ActorSpec, ...]:
    # Their solvers take three seconds to import: the gateway answers before that.
    from serve.operations import layout

    return layout.actors(settings)


def _warm_up(settings: Settings) -> list[Any]:
    from serve.operations import layout

    return layout.warm_up(settings)


def main() -> int:
    """Run the platform until it is told to stop; the exit code says whether trying again is of use."""
    channel = open_channel()
    try:
        platform = Platform(load_settings(), channel)
        try:
            platform.start()
            platform.watch()
        except StopRequestedError:
            platform.stop()
            channel.tell(Report(word=Word.STOPPED))
            return 0
    except RejectedError as err:
        channel.tell(Report(word=Word.FAILED, detail=str(err), final=True))
    except (SpotOptimizerError, RayError, RuntimeError, OSError) as err:
        channel.tell(Report(word=Word.FAILED, detail=f"{type(err).__name__}: {err}"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
