"""The hive mind in simulated time: the production registry, and a bus that takes as long as one wants."""

from collections.abc import Callable
from dataclasses import dataclass

from actors.risk.evidence import Evidence
from actors.risk.flags import ALL, FlagChange
from actors.risk.state import RiskRegistry
from actors.risk.tenant import RiskSettings
from solvers.replay.agenda import Agenda

OWN_DELAY_S = 0.1
"""From an interruption to the flag in the cluster that saw it: its organisation's own flags take no bus."""

Hear = Callable[[FlagChange], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    organisation: str
    hear: Hear


class Hive:
    """One registry with all who hear of its flags. Without sharing, each organisation has a hive of its own.

    Parameters
    ----------
    bus_delay_s
        From evidence to the flag in clusters of other organisations.
    """

    def __init__(self, agenda: Agenda, *, ttl_s: int, bus_delay_s: float) -> None:
        self.registry = RiskRegistry(settings=RiskSettings(ttl_s=ttl_s))
        self._agenda, self._bus_delay_s = agenda, bus_delay_s
        self._members: list[_Member] = []

    def join(self, organisation: str, hear: Hear) -> None:
        """Have a cluster told of what is flagged for its organisation."""
        self._members.append(_Member(organisation=organisation, hear=hear))

    def observe(self, evidence: Evidence) -> None:
        """Take evidence in; who is to know of new flags hears of them when the bus has brought them."""
        for change in self.registry.observe(evidence).changes:
            for member in self._members:
                if change.scope not in (ALL, member.organisation):
                    continue
                own = member.organisation == evidence.organisation
                delay_s = min(OWN_DELAY_S, self._bus_delay_s) if own else self._bus_delay_s
                self._agenda.at(self._agenda.now_s + delay_s, _told, (member, change))


def _told(subject: tuple[_Member, FlagChange]) -> None:
    member, change = subject
    member.hear(change)
