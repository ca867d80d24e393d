"""Plans on their way into the world, and every step of them."""

from adapters.postgres.migrations.run import run_folder

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_folder("v0002")
