"""That a project has new answers is told again and again, on one row"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("told", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("event", sa.Column("begun", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("event", "begun")
    op.drop_column("event", "told")
