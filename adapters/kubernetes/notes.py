"""Remarks on what was left out or assumed, counted so that a thousand pods make one line."""


class Notes:
    """Collects remarks; the same remark on several objects becomes one line with a count and an example."""

    def __init__(self) -> None:
        self._examples: dict[str, dict[str, None]] = {}

    def add(self, remark: str, example: str = "") -> None:
        """Remember a remark, and the object it is about when there is one."""
        examples = self._examples.setdefault(remark, {})
        if example:
            examples[example] = None

    def lines(self) -> tuple[str, ...]:
        """The remarks in the order in which each first came up."""
        return tuple(self._line(remark, list(examples)) for remark, examples in self._examples.items())

    @staticmethod
    def _line(remark: str, examples: list[str]) -> str:
        if not examples:
            return remark
        if len(examples) == 1:
            return f"{remark}: {examples[0]}"
        return f"{remark}: {len(examples)}, such as {examples[0]}"
