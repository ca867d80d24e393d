"""A batch of simulations from Python, cell by cell: read, change, run, look, ask the rows.

python examples/simulations/compare.py
"""

# %% A scenario from a file, shorter and with one policy more
from pathlib import Path

import click
import pyarrow.parquet as pq

from actors.simulation.batch import Batches, simulate
from actors.simulation.fanout import InProcess
from adapters.scenarios import read_scenario

POLICIES = "policies=[on-demand, karpenter, ours, {policy: ours, label: quarter a pool, max_pool_share: 0.25}]"
scenario = read_scenario(Path(__file__).with_name("web-shop.yaml"), changes=("hours=72", POLICIES))

# %% Run it here; what is done already is not done again (RayWorkers(2) in place of InProcess() takes two cores)
folder = Path("runs/compare")
batches = Batches(scenario=scenario, data=Path(), replications=6)
found = simulate(batches, folder, InProcess(), on_done=lambda done, total: click.echo(f"{done} of {total}"))

# %% Means with their intervals, and differences to the baseline paired within replications
for policy in found.policies():
    saving, lost = found.figure(policy, "saving"), found.figure(policy, "lost_pod_min")
    click.echo(f"{policy:16} saves {saving.mean:.1%} ± {saving.half_width:.1%}, loses {lost.mean:.0f} pod-minutes")

# %% All rows, for questions of one's own: which market was the hardest for us?
rows = pq.read_table(folder / "results.parquet").to_pylist()
hardest = max((row for row in rows if row["policy"] == "ours"), key=lambda row: row["interruptions"])
click.echo(
    f"replication {hardest['replication']}: {hardest['interruptions']} interruptions, {hardest['cost_usd']:.2f} USD"
)
