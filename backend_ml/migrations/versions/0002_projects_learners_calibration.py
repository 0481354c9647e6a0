"""What is known of a project; which learner made a version, and how calibrated it is"""

import sqlalchemy as sa
from alembic import op

from projects.kit.database import UtcTime

revision = "0002"
down_revision = "0001"

FIRST_LEARNERS = {"intent": "choice_linear", "details": "span_crf"}
"""The learners of the versions that there were before this."""


def upgrade() -> None:
    op.create_table(
        "project",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("config", sa.String(), nullable=False),
        sa.Column("config_problem", sa.String(), nullable=True),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("rolled_back_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("project_id"),
    )
    with op.batch_alter_table("model_version") as table:
        table.add_column(sa.Column("learner", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("reason", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("calibration_error", sa.Double(), nullable=True))
        table.add_column(sa.Column("calibration_error_low", sa.Double(), nullable=True))
        table.add_column(sa.Column("calibration_error_high", sa.Double(), nullable=True))
        table.add_column(
            sa.Column("full_fit_labels", sa.Integer(), nullable=False, server_default="0")
        )
        table.add_column(sa.Column("tracked", sa.String(), nullable=True))
    versions = sa.table("model_version", sa.column("kind"), sa.column("learner"))
    for kind, learner in FIRST_LEARNERS.items():
        op.execute(sa.update(versions).where(versions.c.kind == kind).values(learner=learner))


def downgrade() -> None:
    with op.batch_alter_table("model_version") as table:
        for name in (
            "tracked",
            "full_fit_labels",
            "calibration_error_high",
            "calibration_error_low",
            "calibration_error",
            "reason",
            "learner",
        ):
            table.drop_column(name)
    op.drop_table("project")
