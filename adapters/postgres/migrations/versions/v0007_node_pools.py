"""Actions on NodePools of Karpenter."""

from adapters.postgres.migrations.run import run_folder

revision = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Allow the new kinds of actions."""
    run_folder("v0007")
