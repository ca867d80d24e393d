"""Many replications: cut into batches, given to whoever computes, kept as they come.

A batch is computed again when it was not kept, and is the same then: nothing else has to be remembered. Which worker
computes it, and in which order batches end, changes no byte of the results.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from adapters.runs import Manifest, RunFolder, digest_of_files
from adapters.runs.folder import SUMMARY
from adapters.runs.manifest import packages
from adapters.scenarios.model import Scenario
from solvers.replay.paired import Comparison

BATCH = 4
"""Replications of one task: long enough that handing it over costs nothing, short enough to lose little when killed."""

Row = dict[str, Any]
OnDone = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Some replications of a scenario. Crosses process boundaries: the scenario goes as JSON.

    ``digest`` is of the data: what a process has read of other data at the same place is of no use.
    """

    scenario: str
    data: str
    digest: str
    batch: int
    first: int
    last: int


class Workers(Protocol):
    """Computes batches, in any order."""

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[int, list[Row]]]:
        """Numbers of batches with their rows, as they end.

        Raises
        ------
        RejectedError
            When the scenario names what is not there, or does not fit together.
        TransientError
            When processes died again and again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """A run: a scenario with its data, and how often it is played."""

    scenario: Scenario
    data: Path
    replications: int
    batch: int = BATCH

    @property
    def number(self) -> int:
        """Batches in all."""
        return -(-self.replications // self.batch)

    def manifest(self) -> Manifest:
        """What the run is made of."""
        return Manifest(
            scenario=self.scenario.model_dump(mode="json"), replications=self.replications, batch=self.batch,
            data=digest_of_files(self.data, files_of(self.scenario)), packages=packages(),
        )  # fmt: skip

    def orders(self, done: frozenset[int]) -> Iterator[Order]:
        """What is still to be done."""
        text, data = self.scenario.model_dump_json(), str(self.data.resolve())
        digest = orjson.dumps(digest_of_files(self.data, files_of(self.scenario))).decode()
        for number in range(self.number):
            if number not in done:
                first = number * self.batch
                last = min(first + self.batch, self.replications)
                yield Order(scenario=text, data=data, digest=digest, batch=number, first=first, last=last)


def files_of(scenario: Scenario) -> tuple[str, ...]:
    """Files and folders of the data folder that a scenario names."""
    market, arrivals = scenario.market, scenario.workload.arrivals
    named = [
        market.recorded.folder if market.recorded else "", market.generated.fitted_to if market.generated else "",
        market.prices, arrivals.file if arrivals else "", scenario.ours.model_file,
    ]  # fmt: skip
    return tuple(name for name in named if name)


def simulate(batches: Batches, folder: Path, workers: Workers, *, on_done: OnDone) -> Comparison:
    """Run what is not done yet, then write results and summary.

    Parameters
    ----------
    on_done
        Told how many of how many replications are done, also of those that an earlier run has done.

    Raises
    ------
    InputError
        When the folder holds another run, or something that the scenario names is missing or wrong.
    """
    run = RunFolder(folder, batches.manifest())
    done = {number for number in run.done() if number < batches.number}
    on_done(_replications(len(done), batches), batches.replications)
    for number, rows in workers.run(batches.orders(frozenset(done))):
        run.keep(number, rows)
        done.add(number)
        on_done(_replications(len(done), batches), batches.replications)
    run.write_results(batches.number)
    found = compared(run.rows(batches.number), baseline=batches.scenario.measured_against)
    run.write(SUMMARY, orjson.dumps(summary(found, batches), option=orjson.OPT_INDENT_2))
    return found


def compared(rows: Iterable[Row], *, baseline: str) -> Comparison:
    """Rows by replication, as they were written."""
    found = Comparison(baseline)
    held: list[Row] = []
    for row in rows:
        if held and held[0]["replication"] != row["replication"]:
            found.add(held)
            held = []
        held.append(row)
    if held:
        found.add(held)
    return found


def summary(found: Comparison, batches: Batches) -> dict[str, Any]:
    """All figures as JSON; an interval that has no end is absent."""
    return {
        "scenario": batches.scenario.name,
        "replications": found.replications,
        "hours": batches.scenario.hours,
        "baseline": found.baseline,
        "policies": {
            policy: {name: _plain(found, policy, name) for name in found.measures()} for policy in found.policies()
        },
    }


def _plain(found: Comparison, policy: str, name: str) -> dict[str, float | None]:
    figure = found.figure(policy, name)
    values = {
        "mean": figure.mean, "half_width": figure.half_width, "difference": figure.difference,
        "difference_half_width": figure.difference_half_width,
    }  # fmt: skip
    return {key: value if abs(value) != float("inf") else None for key, value in values.items()}


def _replications(batches_done: int, batches: Batches) -> int:
    return min(batches_done * batches.batch, batches.replications)
