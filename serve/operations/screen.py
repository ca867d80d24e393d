"""How ``spotopt up`` and ``down`` show what they do: a live list, plain lines, or JSON lines."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol

import orjson
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from serve.operations.board import Where
from serve.words import duration

REFRESHES_PER_S = 8


class Screen(Protocol):
    """Shows steps and what happens."""

    def begun(self, step: str) -> None:
        """A step has begun."""

    def done(self, step: str, took_s: float, detail: str = "") -> None:
        """A step is done."""

    def say(self, text: str) -> None:
        """Something has happened."""

    def password(self, email: str, password: str) -> None:
        """The first admin's password, shown this once."""

    def ready(self, where: Where, took_s: float) -> None:
        """Everything runs."""

    def close(self) -> None:
        """Nothing more comes."""


class JsonScreen:
    """One JSON object a line.

    Parameters
    ----------
    write
        Writes a line, which has no end yet.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def begun(self, step: str) -> None:
        """A step has begun."""
        self._line({"event": "begun", "step": step})

    def done(self, step: str, took_s: float, detail: str = "") -> None:
        """A step is done."""
        self._line({"event": "done", "step": step, "took_s": round(took_s, 3), "detail": detail})

    def say(self, text: str) -> None:
        """Something has happened."""
        self._line({"event": "note", "text": text})

    def password(self, email: str, password: str) -> None:
        """The first admin's password, shown this once."""
        self._line({"event": "password", "email": email, "password": password})

    def ready(self, where: Where, took_s: float) -> None:
        """Everything runs."""
        self._line({"event": "ready", "took_s": round(took_s, 3), "where": asdict(where)})

    def close(self) -> None:
        """Nothing more comes."""

    def _line(self, content: dict[str, object]) -> None:
        self._write(orjson.dumps(content).decode())


class PlainScreen:
    """A line for each step that is done, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begun(self, step: str) -> None:
        """Tells when it is done."""

    def done(self, step: str, took_s: float, detail: str = "") -> None:
        """A step is done."""
        self.say(f"{duration(took_s):>8}  {step}{f': {detail}' if detail else ''}")

    def say(self, text: str) -> None:
        """Something has happened."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def password(self, email: str, password: str) -> None:
        """The first admin's password, shown this once."""
        for line in password_lines(email, password):
            self.say(line)

    def ready(self, where: Where, took_s: float) -> None:
        """Everything runs."""
        self.say("\n".join(ready_lines(where, took_s)))

    def close(self) -> None:
        """Nothing more comes."""


class LiveScreen(PlainScreen):
    """A list of steps that is drawn anew while they are under way.

    Parameters
    ----------
    console
        A terminal.
    clock
        Seconds.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        self._clock = clock
        self._began: dict[str, float] = {}
        self._spinner = Spinner("dots")
        self._live: Live | None = None

    def begun(self, step: str) -> None:
        """A step has begun."""
        self._began[step] = self._clock()
        if self._live is None:
            self._live = Live(self, console=self._console, refresh_per_second=REFRESHES_PER_S, transient=True)
            self._live.start()

    def done(self, step: str, took_s: float, detail: str = "") -> None:
        """A step is done: its line stays, above those that are under way."""
        self._began.pop(step, None)
        line = Text(" ✓ ", style="green").append(step, style="default").append(f"  {duration(took_s)}", style="dim")
        self._console.print(line.append(f"  {detail}" if detail else "", style="dim"), soft_wrap=True)
        if not self._began:
            self.close()

    def close(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def ready(self, where: Where, took_s: float) -> None:
        """Everything runs."""
        self.close()
        first, *rest = ready_lines(where, took_s)
        self._console.print(Text(first, style="bold green"))
        self._console.print("\n".join(rest), highlight=False, markup=False, soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 1))
        now = self._clock()
        for step, began in self._began.items():
            table.add_row("", self._spinner, step, Text(duration(now - began), style="dim"))
        yield table


def ready_lines(where: Where, took_s: float) -> list[str]:
    """Where everything is, and how to stop it."""
    rows = (
        ("portal and API", where.url),
        ("API documents", where.docs),
        ("Ray dashboard", where.dashboard),
        ("data folder", where.data_dir),
        ("logs", where.logs),
        ("stop", "Ctrl-C, or spotopt down"),
    )
    return [f"\nReady after {duration(took_s)}", *(f"  {name:<15} {text}" for name, text in rows if text)]


def password_lines(email: str, password: str) -> list[str]:
    """The admin's password, in a frame of empty lines so that nobody misses it."""
    return ["", f"  The first admin is {email}, password {password}", "  It is shown this once: keep it now.", ""]


def screen_for(console: Console, *, as_json: bool) -> Screen:
    """What suits where the output goes."""
    if as_json:
        return JsonScreen(lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)
