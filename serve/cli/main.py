"""Entry point of ``spotopt``."""

import sys
from importlib.metadata import PackageNotFoundError, version

import click

from serve.cli.audit import audit
from serve.cli.catalog import catalog
from serve.cli.demo import demo
from serve.cli.doctor import doctor
from serve.cli.down import down
from serve.cli.errors import exit_code_of
from serve.cli.explain import explain
from serve.cli.model import model
from serve.cli.plan import plan
from serve.cli.seed import seed
from serve.cli.settings import settings
from serve.cli.simulate import simulate
from serve.cli.status import status
from serve.cli.up import up

_DISTRIBUTION = "spot-optimizer"


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown (not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(_version(), prog_name="spotopt", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of a bug.")
def spotopt(debug: bool) -> None:  # noqa: FBT001  # click hands options over by name
    """Plan Kubernetes clusters on AWS Spot capacity, and prove how good the plan is."""


spotopt.add_command(plan)
spotopt.add_command(explain)
spotopt.add_command(catalog)
spotopt.add_command(up)
spotopt.add_command(demo)
spotopt.add_command(status)
spotopt.add_command(down)
spotopt.add_command(doctor)
spotopt.add_command(settings)
spotopt.add_command(seed)
spotopt.add_command(audit)
spotopt.add_command(model)
spotopt.add_command(simulate)


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; returns its exit code and never raises."""
    debug = "--debug" in arguments
    # --debug may stand anywhere: whoever needs it has just seen a failure and appends it.
    rest = [argument for argument in arguments if argument != "--debug"]
    return exit_code_of(lambda: _call(rest), debug=debug)


def _call(arguments: list[str]) -> None:
    # A command that ends with an exit code of its own has it returned here.
    code = spotopt.main(arguments, prog_name="spotopt", standalone_mode=False)
    if isinstance(code, int) and code:
        raise click.exceptions.Exit(code)


def main() -> None:
    """Run ``spotopt`` with the arguments of the process."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
