"""What clusters run and cost now, what they would have cost, and the way to what happened lately."""

from adapters.postgres.migrations.run import run_folder

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_folder("v0003")
