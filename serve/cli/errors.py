"""What a command ends with: an exit code and, when it failed, one message that says what to do."""

import traceback
from collections.abc import Callable

import click

from domain.errors import InvariantError, RejectedError, TransientError

USAGE = 2
"""Bad input or options, as most commands use it."""
BUG = 70
"""``EX_SOFTWARE`` of sysexits.h."""
TEMPORARY = 75
"""``EX_TEMPFAIL``: the same command may work later."""
INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

_BUG_HINT = "this is a bug of spotopt, not of your input; run it again with --debug and report what it prints"


def exit_code_of(command: Callable[[], None], *, debug: bool) -> int:
    """Run a command and turn whatever ends it into an exit code; failures are told on stderr, in one line each."""
    try:
        command()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        return _fail("interrupted", code=INTERRUPTED)
    except click.ClickException as error:
        return _usage(error)
    except RejectedError as error:
        return _fail(f"error: {error}", code=USAGE)
    except TransientError as error:
        return _fail(f"error: {error}; try again", code=TEMPORARY)
    except InvariantError as error:
        return _bug(error, debug=debug)
    except Exception as error:  # noqa: BLE001  # one command is one request: nobody is left to handle it
        return _bug(error, debug=debug)
    return 0


def _usage(error: click.ClickException) -> int:
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"\nhint: {error.ctx.command_path} --help tells all options"
    return _fail(f"error: {error.format_message()}{hint}", code=USAGE)


def _bug(error: Exception, *, debug: bool) -> int:
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    return _fail(f"error: {type(error).__name__}: {error}\nhint: {_BUG_HINT}", code=BUG)


def _fail(message: str, *, code: int) -> int:
    click.echo(message, err=True)
    return code
