"""Lua scripts from files: what must happen in one step."""

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """The text of ``lua/{name}.lua``."""
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
