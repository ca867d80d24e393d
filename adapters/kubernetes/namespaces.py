"""Which namespaces an affinity term applies to."""

from collections.abc import Iterable, Mapping

from adapters.kubernetes.fields import Field
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.selectors import label_selector, selects

_NAME_LABEL = "kubernetes.io/metadata.name"
"""Every namespace carries its name under this label, so selectors on it alone need no Namespace objects."""


class Namespaces:
    """Namespace labels, from Namespace objects or, without any, from the names that pods use."""

    def __init__(self, objects: Iterable[Field], *, used: Iterable[str], notes: Notes) -> None:
        labels: dict[str, Mapping[str, str]] = {name: {_NAME_LABEL: name} for name in used}
        described = {o["metadata"]["name"].required_text(): o["metadata"]["labels"].text_map() for o in objects}
        self._labels = labels | {name: {_NAME_LABEL: name} | own for name, own in described.items()}
        self._complete = bool(described)
        self._notes = notes

    def of_term(self, term: Field, *, own: str) -> tuple[str, ...] | None:
        """Names of the namespaces that a term of a pod in namespace ``own`` applies to, ``None`` for all."""
        listed = term["namespaces"].texts()
        selector = label_selector(term["namespaceSelector"])
        if selector is None:
            return tuple(sorted(set(listed))) or (own,)
        if not selector.requirements:
            return None
        if not self._complete and any(r.key != _NAME_LABEL for r in selector.requirements):
            self._notes.add("no Namespace in the input: a namespaceSelector is taken to select all, in namespace", own)
            return None
        selected = {name for name, labels in self._labels.items() if selects(selector, labels)}
        return tuple(sorted(selected | set(listed)))
