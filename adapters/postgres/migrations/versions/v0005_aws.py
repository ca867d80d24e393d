"""What discovery has found in customers' accounts, and how old the figures of the market are."""

from adapters.postgres.migrations.run import run_folder

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_folder("v0005")
