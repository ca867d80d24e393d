"""Models with their bytes, what they predicted, how that came out, and who is served by which."""

from adapters.postgres.migrations.run import run_folder

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    run_folder("v0004")
