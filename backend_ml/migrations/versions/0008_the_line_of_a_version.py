"""Confidence is put on a line that the random arm tells, kept with the version"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("model_version") as table:
        table.add_column(sa.Column("line_slope", sa.Double(), nullable=False, server_default="1"))
        table.add_column(sa.Column("line_offset", sa.Double(), nullable=False, server_default="0"))
        table.add_column(
            sa.Column("calibration_error_n", sa.Integer(), nullable=False, server_default="0")
        )
    op.execute("UPDATE model_version SET calibration_error_n = held_out_n")


def downgrade() -> None:
    with op.batch_alter_table("model_version") as table:
        table.drop_column("calibration_error_n")
        table.drop_column("line_offset")
        table.drop_column("line_slope")
