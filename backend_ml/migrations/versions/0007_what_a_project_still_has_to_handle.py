"""What a project has still to handle is found without going through all it ever handled"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("ix_event_of_project", "event", ["project_id", "handled_at"])
    op.drop_index("ix_event_project_id", table_name="event")


def downgrade() -> None:
    op.create_index("ix_event_project_id", "event", ["project_id"])
    op.drop_index("ix_event_of_project", table_name="event")
