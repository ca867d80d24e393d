"""Selectors as Kubernetes writes them. Data only: who judges them (solver, checker) does so on its own."""

from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    """Operators of label requirements; ``GT`` and ``LT`` exist for nodes only."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One ``matchExpressions`` entry. ``values`` is empty for Exists and DoesNotExist, one integer for Gt and Lt."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        values = f" ({', '.join(self.values)})" if self.values else ""
        return f"{self.key} {self.operator}{values}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSelector:
    """``matchLabels`` and ``matchExpressions``, all of which must hold. Empty selects all; absent is ``None``."""

    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTerm:
    """One term of a required node affinity: all requirements must hold. A term with none matches no node.

    ``labels`` are ``matchExpressions``; ``names`` are ``matchFields`` on ``metadata.name``.
    """

    labels: tuple[Requirement, ...] = ()
    names: tuple[Requirement, ...] = ()
