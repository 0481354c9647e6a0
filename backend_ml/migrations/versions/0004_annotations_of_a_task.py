"""Which tasks are open is asked often: the annotations of a task are found by one index"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_annotation_of_task", "annotation", ["project_id", "task_id"])


def downgrade() -> None:
    op.drop_index("ix_annotation_of_task", "annotation")
