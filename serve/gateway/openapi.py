"""Writes the description of the API: ``python -m serve.gateway.openapi docs/openapi.json``."""

import json
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from adapters.settings import Settings
from serve.gateway.app import build
from serve.gateway.context import Gateway


def describe() -> dict[str, Any]:
    """The description, of an application that is never started. No setting of this machine shows in it."""
    return build(Settings.model_construct(), _never).openapi()


def text_of(description: dict[str, Any]) -> str:
    """The description as it is committed."""
    return json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _never() -> AbstractAsyncContextManager[Gateway]:
    raise RuntimeError("an application made for its description is not started")


def main() -> None:
    """Write the file that the command line names."""
    Path(sys.argv[1]).write_text(text_of(describe()), encoding="utf-8")


if __name__ == "__main__":
    main()
