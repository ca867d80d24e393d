"""Judges the text of a model: what runs in the sandbox (``python -m actors.lab.judge``), and what it says."""

import os
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from adapters.sandbox.confine import Limits, leave_network
from domain.errors import InputError

CALLED = "the model"
LIMITS = Limits()
NICENESS = 15
"""Judging steps back behind everything else on the machine (19 is the furthest)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found.

    Parameters
    ----------
    field, problem
        Why the model is refused, both empty when it is not.
    contract, families, trees
        Of a model that is taken: its contract's version, the families it knows, trees of each horizon.
    """

    field: str = ""
    problem: str = ""
    contract: str = ""
    families: tuple[str, ...] = ()
    trees: tuple[int, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether the model may be registered."""
        return not self.problem

    def to_bytes(self) -> bytes:
        """As it leaves the sandbox."""
        return orjson.dumps(asdict(self))

    @classmethod
    def of_bytes(cls, data: bytes) -> "Judgement":
        """Read what `to_bytes` wrote."""
        values: dict[str, Any] = orjson.loads(data)
        families, trees = tuple(values["families"]), tuple(values["trees"])
        return cls(
            field=values["field"],
            problem=values["problem"],
            contract=values["contract"],
            families=families,
            trees=trees,
        )


def judge(data: bytes) -> bytes:
    """Read and try a model: contract, sample rows, signs."""
    from solvers.interruption.model_file import parse_model

    try:
        model = parse_model(data, of=CALLED)
    except InputError as err:
        where = " ".join(part for part in (err.obj.removeprefix(CALLED).strip(", "), err.field) if part)
        return Judgement(field=where[:200], problem=err.problem[:500]).to_bytes()
    return Judgement(
        contract=model.contract.version,
        families=tuple(sorted(model.families))[:100],
        trees=tuple(head.forest.trees for head in model.heads),
    ).to_bytes()


def warm_up() -> None:
    """Load all that judging needs, compiled kernels included: nothing can be read from disk afterwards."""
    from adapters.traces.model_text import read_model_text
    from solvers.interruption.model_file import MAX_BYTES, parse_model

    data, called = read_model_text(most_bytes=MAX_BYTES)
    parse_model(data, of=called)


if __name__ == "__main__":
    alone = leave_network()
    os.nice(NICENESS)
    from adapters.sandbox.inside import serve_once

    warm_up()
    serve_once(judge, limits=LIMITS, apart=alone)
