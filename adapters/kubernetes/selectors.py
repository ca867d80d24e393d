"""Label selectors and node selector terms."""

from collections.abc import Iterable, Mapping

from adapters.kubernetes.fields import Field, shown
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement

_LABEL_OPERATORS = frozenset({Operator.IN, Operator.NOT_IN, Operator.EXISTS, Operator.DOES_NOT_EXIST})
_NODE_OPERATORS = frozenset(Operator)
_NAME_OPERATORS = frozenset({Operator.IN, Operator.NOT_IN})


def label_selector(field: Field) -> LabelSelector | None:
    """A ``LabelSelector``, ``None`` when absent."""
    if not field.present:
        return None
    labels = sorted(field["matchLabels"].text_map().items())
    equal = [Requirement(key=key, operator=Operator.IN, values=(value,)) for key, value in labels]
    rest = [_requirement(entry, _LABEL_OPERATORS) for entry in field["matchExpressions"].each()]
    return LabelSelector(requirements=tuple(equal + rest))


def with_label_keys(
    selector: LabelSelector | None, labels: Mapping[str, str], *, match: Iterable[str], mismatch: Iterable[str] = ()
) -> LabelSelector | None:
    """Merge ``matchLabelKeys`` and ``mismatchLabelKeys``: the pod's own values of these labels, where it has them.

    The API server writes the merged requirement into the selector as well, so one that is there is not added twice.
    """
    if selector is None:
        return None
    merged = list(selector.requirements)
    for operator, wanted in ((Operator.IN, match), (Operator.NOT_IN, mismatch)):
        for key in wanted:
            requirement = Requirement(key=key, operator=operator, values=(labels.get(key, ""),))
            if key in labels and requirement not in merged:
                merged.append(requirement)
    return LabelSelector(requirements=tuple(merged))


def node_terms(field: Field) -> tuple[NodeTerm, ...]:
    """The ``nodeSelectorTerms`` of a required node affinity, none when the affinity is absent.

    Raises
    ------
    InputError
        When the affinity is there without a term, or a term is malformed.
    """
    if not field.present:
        return ()
    terms = tuple(_node_term(term) for term in field["nodeSelectorTerms"].each())
    if not terms:
        raise field["nodeSelectorTerms"].error("must hold at least one term")
    return terms


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects something with these labels; an absent one selects nothing."""
    return selector is not None and all(_holds(requirement, labels) for requirement in selector.requirements)


def _node_term(term: Field) -> NodeTerm:
    labels = tuple(_requirement(entry, _NODE_OPERATORS) for entry in term["matchExpressions"].each())
    names = tuple(_name_requirement(entry) for entry in term["matchFields"].each())
    return NodeTerm(labels=labels, names=names)


def _name_requirement(field: Field) -> Requirement:
    if field["key"].required_text() != "metadata.name":
        raise field["key"].error(f"must be metadata.name, the only field of a node, not {shown(field['key'].value)}")
    return _requirement(field, _NAME_OPERATORS)


def _requirement(field: Field, allowed: frozenset[Operator]) -> Requirement:
    key = field["key"].required_text()
    field["operator"].required_text()
    operator = field["operator"].one_of(Operator, Operator.IN)
    if operator not in allowed:
        raise field["operator"].error(f"must be one of {', '.join(sorted(allowed))} here, not {operator}")
    values = field["values"].texts()
    _check_values(field["values"], operator, values=values)
    return Requirement(key=key, operator=operator, values=values)


def _check_values(field: Field, operator: Operator, *, values: tuple[str, ...]) -> None:
    if operator in (Operator.IN, Operator.NOT_IN) and not values:
        raise field.error(f"must not be empty for operator {operator}")
    if operator in (Operator.EXISTS, Operator.DOES_NOT_EXIST) and values:
        raise field.error(f"must be empty for operator {operator}")
    if operator in (Operator.GT, Operator.LT) and not (len(values) == 1 and _is_integer(values[0])):
        raise field.error(f"must hold one whole number for operator {operator}")


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            return value is not None and value in requirement.values
        case Operator.NOT_IN:
            return value is None or value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None
        case _:
            return False
