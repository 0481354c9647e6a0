"""People at work, answers read under which config, what was shown empty and what was removed"""

import sqlalchemy as sa
from alembic import op

from projects.kit.database import UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("project") as table:
        table.add_column(
            sa.Column("skips_count", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("people", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("annotation") as table:
        table.add_column(
            sa.Column("skipped", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("publication") as table:
        table.add_column(
            sa.Column("abstained", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        table.add_column(sa.Column("pruning_at", UtcTime(), nullable=True))
        table.add_column(sa.Column("pruned_at", UtcTime(), nullable=True))
    op.create_index(
        op.f("ix_publication_project_task"), "publication", ["project_id", "task_id"], unique=False
    )
    with op.batch_alter_table("look") as table:
        table.add_column(sa.Column("config", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("look") as table:
        table.drop_column("config")
    op.drop_index(op.f("ix_publication_project_task"), table_name="publication")
    with op.batch_alter_table("publication") as table:
        for name in ("pruned_at", "pruning_at", "abstained"):
            table.drop_column(name)
    with op.batch_alter_table("annotation") as table:
        table.drop_column("skipped")
    with op.batch_alter_table("project") as table:
        for name in ("people", "skips_count"):
            table.drop_column(name)
