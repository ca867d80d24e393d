"""One way to write a value as bytes, so that two machines that hold the same value hash and sign the same bytes.

JSON with sorted keys, no white space, UTF-8. Written by Python's own encoder: sorted keys and shortest numbers are what
every language's JSON library can produce, so an agent need not be written in Python.
"""

import json
from typing import Any

KubeObject = dict[str, Any]
"""A Kubernetes object as JSON gives it."""


def canonical_json(value: object) -> bytes:
    """The canonical bytes of a JSON value.

    Raises
    ------
    ValueError
        When the value is no JSON: a number that is not finite, a key that is no string, half a surrogate pair, a type
        that JSON does not know.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError) as err:
        raise ValueError(f"is no JSON value: {err}") from err
