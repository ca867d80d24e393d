"""``spotopt plan``: the main job."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from domain.documents.plan_json import cluster_of, plan_to_json
from domain.errors import InputError
from domain.market import Arch, Catalog
from domain.plan import Plan
from domain.policy import Capacity, Policy
from domain.snapshot import Snapshot
from serve.cli.cluster import Source, read_cluster
from serve.cli.engine import Engine, SolverOptions, real_engine
from serve.cli.interrupt import HurriedClock
from serve.cli.options import NAMES
from serve.cli.sense import refuse_policy_without_types
from serve.report import report_html
from serve.schemas.policy import load_policy
from serve.terminal.progress import SilentProgress, progress_for
from serve.terminal.result import print_result
from serve.words import plural

_KUBECTL = (
    "kubectl get nodes,pods,poddisruptionbudgets,deployments,replicasets,statefulsets,daemonsets,"
    "persistentvolumes,persistentvolumeclaims -A -o json | spotopt plan -"
)
_FILE = click.Path(dir_okay=False, path_type=Path)
_CAPACITIES = click.Choice([str(each) for each in Capacity])
_ARCHITECTURES = click.Choice([str(each) for each in Arch])

_SOURCE = (
    click.argument("files", nargs=-1, metavar="[FILE…|-]"),
    click.option("--context", metavar="NAME", help="Read the live cluster of this kubeconfig context."),
    click.option("--kubeconfig", type=_FILE, metavar="FILE", help="Where contexts are; implies a live cluster."),
    click.option("--region", metavar="REGION", help="AWS region, when the nodes do not tell it."),
    click.option("--zones", type=NAMES, default=(), metavar="A,B", help="Zones to launch in, by name or id."),
    click.option("--catalog", "catalog_file", type=_FILE, metavar="FILE", help="Prices that 'catalog refresh' wrote."),
    click.option("--from-scratch", is_flag=True, help="Plan the ideal fleet, ignoring what runs."),
)
_POLICY = (
    click.option(
        "--policy", "policy_file", type=_FILE, metavar="FILE", help="Policy in YAML; options below win over it."
    ),
    click.option("--capacity", type=_CAPACITIES, help="Capacity types that may be launched."),
    click.option(
        "--families", type=NAMES, default=(), metavar="M5,C6I", help="Instance families that may be launched."
    ),
    click.option(
        "--arch",
        type=_ARCHITECTURES,
        multiple=True,
        help="Processor architecture; may be repeated.",
    ),
    click.option("--max-pool-share", type=float, metavar="0..1", help="Largest share of vCPUs in one Spot pool."),
)
_SOLVER = (
    click.option(
        "--time-limit",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="Take the best plan after so long.",
    ),
    click.option(
        "--work-limit", type=click.IntRange(min=1), metavar="N", help="The same by work, equal on every machine."
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same plan."),
)
_OUTPUT = (
    click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object."),
    click.option("--output", "json_file", type=_FILE, metavar="FILE", help="Also write that JSON to a file."),
    click.option("--report", "report_file", type=_FILE, metavar="FILE", help="Write the HTML report."),
)


def _with(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """Options in the order in which help shows them."""

    def decorate(command: Any) -> Any:
        for option in reversed([each for group in groups for each in group]):
            command = option(command)
        return command

    return decorate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What to print and write."""

    as_json: bool
    json_file: Path | None
    report_file: Path | None


@click.command(epilog=f"\b\nThe usual way:\n  {_KUBECTL}")
@_with(_SOURCE, _POLICY, _SOLVER, _OUTPUT)
@click.pass_context
def plan(
    context_of_click: click.Context,
    files: tuple[str, ...],
    context: str | None,
    kubeconfig: Path | None,
    region: str | None,
    zones: tuple[str, ...],
    catalog_file: Path | None,
    from_scratch: bool,  # noqa: FBT001  # click hands options over by name
    policy_file: Path | None,
    capacity: str | None,
    families: tuple[str, ...],
    arch: tuple[str, ...],
    max_pool_share: float | None,
    time_limit: float,
    work_limit: int | None,
    seed: int,
    as_json: bool,  # noqa: FBT001
    json_file: Path | None,
    report_file: Path | None,
) -> None:
    """Plan a cluster: what to launch, move and remove, in order, and how good that is.

    FILE is Kubernetes JSON as kubectl prints it, - reads it from standard input.
    """
    source = Source(
        files=files,
        live=context is not None or kubeconfig is not None,
        context=context,
        kubeconfig=kubeconfig,
        region=region,
        zones=zones,
        catalog=catalog_file,
        from_scratch=from_scratch,
    )
    _refuse_unclear(source)
    overrides = {
        "capacity": Capacity(capacity) if capacity else None,
        "families": families,
        "architectures": tuple(Arch(name) for name in arch),
        "max_pool_share": max_pool_share,
    }
    policy = load_policy(policy_file, overrides=overrides)
    options = SolverOptions(time_limit_s=time_limit, work_limit=work_limit, seed=seed, from_scratch=from_scratch)
    outputs = Outputs(as_json=as_json, json_file=json_file, report_file=report_file)
    _refuse_unwritable(outputs)
    engine = context_of_click.find_object(Engine) or real_engine()
    _run(source, policy, options=options, outputs=outputs, engine=engine)


def _run(source: Source, policy: Policy, *, options: SolverOptions, outputs: Outputs, engine: Engine) -> None:
    errors = Console(stderr=True)
    with progress_for(errors, quiet_unless_terminal=outputs.as_json) as progress:
        progress.say("reading the cluster")
        snapshot = read_cluster(source, engine)
        catalog = engine.load_catalog(snapshot.region, zones=snapshot.zones, path=source.catalog)
        refuse_policy_without_types(policy, catalog)
        progress.say(f"planning {plural(len(snapshot.nodes), 'node')}, {plural(len(snapshot.pods), 'pod')}")
        used, made = _plan(snapshot, catalog, policy=policy, options=options, engine=engine, progress=progress)
    notes = tuple(dict.fromkeys((*snapshot.notes, *catalog.notes, *made.notes)))
    _deliver(replace(made, notes=notes), used, catalog=catalog, policy=policy, outputs=outputs, errors=errors)


def _plan(
    snapshot: Snapshot,
    catalog: Catalog,
    *,
    policy: Policy,
    options: SolverOptions,
    engine: Engine,
    progress: SilentProgress,
) -> tuple[Snapshot, Plan]:
    with HurriedClock(engine.clock, say=progress.say) as clock:
        used, made = engine.plan(
            snapshot, catalog=catalog, policy=policy, options=options, clock=clock, on_progress=progress.update
        )
        if not clock.hurried:
            return used, made
        trace = tuple(replace(moment, seconds=clock.true_duration_s(moment.seconds)) for moment in made.trace)
        note = "planning was interrupted: this is the best plan found until then"
        seconds = clock.true_duration_s(made.seconds)
    return used, replace(made, seconds=seconds, trace=trace, notes=(note, *made.notes))


def _deliver(
    made: Plan, snapshot: Snapshot, *, catalog: Catalog, policy: Policy, outputs: Outputs, errors: Console
) -> None:
    text = plan_to_json(made, cluster=cluster_of(snapshot, catalog))
    if outputs.json_file:
        _write(outputs.json_file, text + "\n", option="--output")
    if outputs.report_file:
        page = report_html(made, snapshot=snapshot, catalog=catalog, policy=policy)
        _write(outputs.report_file, page, option="--report")
    if outputs.as_json:
        click.echo(text)
    else:
        print_result(
            Console(), made, snapshot=snapshot, loss_share=policy.max_loss_share, prices_as_of=str(catalog.as_of)
        )
    if outputs.report_file and (errors.is_terminal or not outputs.as_json):
        errors.print(f" Report: {outputs.report_file}", highlight=False, markup=False, soft_wrap=True)


def _refuse_unclear(source: Source) -> None:
    if source.live and source.files:
        raise InputError("--context", "", "reads a live cluster: give either it or files, not both")
    if source.live:
        return
    if not source.files:
        raise InputError(
            "FILE", "", f"is missing: give files, - for standard input, or --context; such as\n  {_KUBECTL}"
        )
    if "-" in source.files and sys.stdin.isatty():
        raise InputError("standard input", "", f"is a terminal: pipe the cluster into it, such as\n  {_KUBECTL}")


def _refuse_unwritable(outputs: Outputs) -> None:
    """Tell before planning, not after."""
    for option, path in (("--output", outputs.json_file), ("--report", outputs.report_file)):
        if path is not None and not path.absolute().parent.is_dir():
            raise InputError(option, "", f"{path} cannot be written: there is no folder {path.parent}")


def _write(path: Path, text: str, *, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(option, "", f"{path} cannot be written: {error.strerror}") from error
