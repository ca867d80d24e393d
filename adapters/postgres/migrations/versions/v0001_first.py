"""All tables of the first release."""

from adapters.postgres.migrations.run import run_folder

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything."""
    run_folder("v0001")
