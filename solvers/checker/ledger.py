"""Where violations are written down."""

from solvers.checker.violation import Rule, Violation


class Ledger:
    """Violations in the order in which they were found."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def note(self, rule: Rule, obj: str, *, text: str, step: int | None = None) -> None:
        """Write one down."""
        self._violations.append(Violation(rule=rule, obj=obj, step=step, text=text))

    def misplaced(self, pod: str, node: str, *, rule: Rule, why: str, step: int | None = None) -> None:
        """Write down that a pod may not go to a node."""
        self.note(rule, pod, text=f"pod {pod} may not be placed on node {node} ({rule}): {why}", step=step)

    def violations(self) -> tuple[Violation, ...]:
        """All so far."""
        return tuple(self._violations)
