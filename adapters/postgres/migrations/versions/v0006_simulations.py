"""Simulations that customers have asked for, and what of each is done."""

from adapters.postgres.migrations.run import run_folder

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_folder("v0006")
