"""The platform: ``spotopt up`` as a user runs it, in a folder of its own, with the simulated AWS in place of AWS."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.folder import DataFolder
from demo.aws.requests import ADVISOR_PATH
from demo.children import Child, child
from demo.world import PLATFORM_ACCOUNT
from domain.errors import TransientError
from serve.operations.environment import ray_folder
from serve.operations.ports import free_port

END_S = 60.0
"""How long the platform may take to end; five seconds are usual."""

FOREIGN = re.compile("^(SPOTOPT_|AWS_|RAY_|DATABASE_URL$|REDIS_URL$)")
"""Variables of the caller's that the demo must not follow: it would find a real platform, or a real account."""


SCRATCH = "tmp"
"""For temporary files of all processes: some of Ray's leave theirs behind when they are ended."""

SMALL: Mapping[str, str] = {
    "SPOTOPT_GATEWAY_REPLICAS": "1",
    "SPOTOPT_GATEWAY_REPLICAS_MAX": "2",
    "SPOTOPT_CLUSTER_HOSTS": "1",
    "SPOTOPT_EVENT_CONSUMERS": "1",
    "SPOTOPT_PLAN_TIME_LIMIT_S": "10",
}
"""Five clusters need no second process of anything, and two cores have agents and AWS to carry too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A running platform."""

    url: str
    admin_email: str
    admin_password: str
    folder: Path


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one run, and what the platform keeps outside of it; both are gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="spotopt-demo-"))
    (path / SCRATCH).mkdir()
    try:
        yield path
    finally:
        ray = ray_folder(DataFolder(path)).parent
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(ray, ignore_errors=True)


def clean_environment(path: Path) -> dict[str, str]:
    """The caller's environment without anything that leads to a real service; temporary files go into the folder."""
    kept = {name: text for name, text in os.environ.items() if not FOREIGN.match(name)}
    return kept | {"TMPDIR": str(path / SCRATCH)}


@asynccontextmanager
async def starting(
    path: Path, aws_url: str, *, port: int, on_step: Callable[[str, float], None]
) -> AsyncIterator["Starting"]:
    """Have the platform start; it ends with the block.

    Parameters
    ----------
    port
        First HTTP port to try.
    on_step
        Told of each step that is done, and how many seconds it took.
    """
    http_port = free_port("127.0.0.1", port)
    options = ["--data-dir", str(path), "--port", str(http_port)]
    options += ["--dashboard-port", str(free_port("127.0.0.1", 8265)), "--json"]
    async with child(
        *("serve.cli.main", "up", *options),
        environment=_environment(path, aws_url),
        log=path / "demo-up.log",
        end_s=END_S,
        speaks=True,
    ) as process:
        begun = Starting(process, path, f"http://127.0.0.1:{http_port}", on_step)
        # It speaks as long as it lives, so somebody must listen.
        listening = asyncio.create_task(begun.listen(), name="platform")
        try:
            yield begun
        finally:
            listening.cancel()


class Starting:
    """A platform on its way up."""

    def __init__(self, process: Child, path: Path, url: str, on_step: Callable[[str, float], None]) -> None:
        self._process, self._path, self._url, self._on_step = process, path, url, on_step
        self._admin: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()

    async def ready(self) -> Platform:
        """Wait until it answers.

        Raises
        ------
        TransientError
            It never does; the message holds the end of its log.
        """
        email, password = await self._admin
        return Platform(url=self._url, admin_email=email, admin_password=password, folder=self._path)

    async def outlive(self) -> None:
        """Wait until it ends by itself, which it should not; raises TransientError then."""
        await self._ended.wait()
        raise TransientError(f"the platform has ended:\n{self._process.last_words()}")

    async def listen(self) -> None:
        """Hear what it says until it ends."""
        admin = ("", "")
        async for event in self._process.events():
            match event["event"]:
                case "done" if not self._admin.done():
                    self._on_step(str(event["step"]), float(str(event["took_s"])))
                case "password":
                    admin = (str(event["email"]), str(event["password"]))
                case "ready":
                    self._admin.set_result(admin)
        self._ended.set()
        if not self._admin.done():
            problem = f"the platform did not come up:\n{self._process.last_words()}"
            self._admin.set_exception(TransientError(problem))


def _environment(path: Path, aws_url: str) -> dict[str, str]:
    aws = {
        "SPOTOPT_AWS_ENDPOINT_URL": aws_url,
        "SPOTOPT_AWS_ADVISOR_URL": aws_url + ADVISOR_PATH,
        "SPOTOPT_AWS_ACCOUNT_ID": PLATFORM_ACCOUNT,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return {**clean_environment(path), **SMALL, **aws}
