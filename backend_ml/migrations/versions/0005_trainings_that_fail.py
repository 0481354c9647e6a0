"""A training that fails again and again is tried less and less often"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("training_mark") as table:
        table.add_column(
            sa.Column("fit_failures", sa.Integer(), nullable=False, server_default="0")
        )
        table.add_column(sa.Column("fit_failed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("training_mark") as table:
        table.drop_column("fit_failed_at")
        table.drop_column("fit_failures")
