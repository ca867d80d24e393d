"""What the demo shows: its steps, where to look, and what to try."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import orjson
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from demo.world import WAITING

THINGS_TO_TRY = """\
1. [b]Watch the hive mind.[/b] Sign in as Ada in one window and as Ben in another. Within two minutes AWS takes a Spot
   node of one of them; type [b]interrupt[/b] here and it does so at once. Both see the pool flagged, and new nodes of
   either avoid it.
2. [b]Carry out a plan.[/b] As Ada, open the cluster ml-training, choose “Optimise now”, look at the moves and their
   reasons, approve, and watch each step until the nodes have gone and the bill is smaller.
3. [b]Connect a cluster.[/b] Sign up as somebody new, link the AWS account [b]{account}[/b], choose the cluster
   {cluster} that is found there, and paste the Helm command that you are shown into this terminal.
4. [b]Pull the brake.[/b] As admin, switch on safe mode: plans are still made, and nothing is changed any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody's way in."""

    who: str
    email: str
    password: str


class Screen(Protocol):
    """Shows what happens."""

    def say(self, text: str) -> None:
        """Something has happened."""

    def step(self, name: str, took_s: float) -> None:
        """A step is done."""

    def where(self, url: str, accounts: Sequence[Account]) -> None:
        """Where to look, and how to sign in."""

    def invite(self) -> None:
        """Everything runs: what to try."""


class TextScreen:
    """For people. Lines stay, so that they can be read in a log too."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s = time.monotonic()

    def say(self, text: str) -> None:
        """Something has happened."""
        self._console.print(f"[dim]{time.monotonic() - self._began_s:5.1f} s[/dim]  {escape(text)}", highlight=False)

    def step(self, name: str, took_s: float) -> None:
        """A step is done."""
        self.say(f"{name} ({took_s:.1f} s)")

    def where(self, url: str, accounts: Sequence[Account]) -> None:
        """Where to look, and how to sign in."""
        table = Table(box=None, pad_edge=False)
        for title in ("sign in as", "e-mail", "password"):
            table.add_column(title)
        for one in accounts:
            table.add_row(one.who, one.email, one.password)
        self._console.print(Panel(table, title=f"[b]{url}[/b]", title_align="left", expand=False))

    def invite(self) -> None:
        """What to try."""
        (cluster,) = WAITING.clusters
        things = THINGS_TO_TRY.format(account=WAITING.account_id, cluster=cluster.name)
        self._console.print(Panel(things, title="Four things to try", title_align="left", expand=False))
        self.say("Ctrl-C ends it and leaves nothing behind.")


class JsonScreen:
    """For programs: one JSON object a line."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Something has happened."""
        self._line({"event": "note", "text": text})

    def step(self, name: str, took_s: float) -> None:
        """A step is done."""
        self._line({"event": "done", "step": name, "took_s": round(took_s, 3)})

    def where(self, url: str, accounts: Sequence[Account]) -> None:
        """Where to look, and how to sign in."""
        self._line({"event": "where", "url": url, "accounts": [asdict(one) for one in accounts]})

    def invite(self) -> None:
        """Everything runs."""
        self._line({"event": "ready"})

    def _line(self, content: dict[str, object]) -> None:
        self._console.out(orjson.dumps(content).decode(), highlight=False)
