"""Kubernetes quantities (``1500m``, ``1.5Gi``, ``1e3``) as exact numbers.

Source: Kubernetes API conventions, ``resource.Quantity`` (read 2026-10).
"""

import re
from decimal import ROUND_CEILING, Decimal

_SUFFIX: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(1 << 10),
    "Mi": Decimal(1 << 20),
    "Gi": Decimal(1 << 30),
    "Ti": Decimal(1 << 40),
    "Pi": Decimal(1 << 50),
    "Ei": Decimal(1 << 60),
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)")
_MAX = Decimal(1 << 63)
"""Kubernetes caps a quantity at 2**63 - 1; anything above is a mistake."""


def parse_quantity(value: str | int | float) -> Decimal:
    """The exact value of a non-negative Kubernetes quantity.

    Raises
    ------
    ValueError
        When it is malformed, negative, or beyond what Kubernetes can hold; the message says which.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is not a quantity")
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a quantity such as 500m, 1.5Gi or 1e3")
    number, exponent, suffix = match.groups()
    result = Decimal(number + (exponent or "")) * _SUFFIX[suffix or ""]
    if result < 0:
        raise ValueError(f"{value!r} is negative")
    if result >= _MAX:
        raise ValueError(f"{value!r} is larger than any quantity can be")
    return result


def parse_mcpu(value: str | int | float) -> int:
    """CPU in thousandths of a core, rounded up as Kubernetes does."""
    return _ceil(parse_quantity(value) * 1000)


def parse_units(value: str | int | float) -> int:
    """Bytes or whole devices, rounded up as Kubernetes does."""
    return _ceil(parse_quantity(value))


def _ceil(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))
