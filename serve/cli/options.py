"""Kinds of option values."""

import click


class CommaList(click.ParamType[tuple[str, ...]]):
    """``m5,c6i``: names separated by commas, at least one."""

    name = "names"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split, without blanks; an empty name is a mistake."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name; give names separated by commas, such as m5,c6i", param, ctx)
        return tuple(dict.fromkeys(names))


NAMES = CommaList()
