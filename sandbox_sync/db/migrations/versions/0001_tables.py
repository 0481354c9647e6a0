"""The tables of the practice half"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from projects.kit.database import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("hint", sa.JSON(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("retry_at", UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("handled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_event_handled_at"), "event", ["handled_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("blocks", sa.JSON(), nullable=False),
        sa.Column("stored_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "production_project",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label_config", sa.String(), nullable=False),
        sa.Column("guidelines", sa.String(), nullable=False),
        sa.Column("sampling", sa.String(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("task_count", sa.Integer(), nullable=False),
        sa.Column("looked_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reference",
        sa.Column("production_task_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("reference_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("production_task_id"),
    )
    op.create_index(
        op.f("ix_reference_annotation_id"), "reference", ["annotation_id"], unique=False
    )
    op.create_table(
        "snapshot",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("production_task_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("label_config", sa.String(), nullable=False),
        sa.Column("guidelines", sa.String(), nullable=False),
        sa.Column("guideline_version", sa.String(), nullable=False),
        sa.Column("suggestion", sa.JSON(), nullable=True),
        sa.Column("taken_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(
        op.f("ix_snapshot_production_task_id"), "snapshot", ["production_task_id"], unique=False
    )
    op.create_table(
        "trainee",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("left_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "lane",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trainee_id", sa.Integer(), nullable=False),
        sa.Column("production_project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sandbox_project_id", sa.Integer(), nullable=True),
        sa.Column("applied", sa.String(), nullable=False),
        sa.Column("seen", sa.String(), nullable=False),
        sa.Column("looked_until", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["production_project_id"],
            ["production_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["trainee_id"],
            ["trainee.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sandbox_project_id"),
        sa.UniqueConstraint("trainee_id", "production_project_id"),
    )
    op.create_table(
        "production_task",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("eligible_at", UtcTime(), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("looked_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["production_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_production_task_project_id"), "production_task", ["project_id"], unique=False
    )
    op.create_table(
        "practice_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("production_task_id", sa.Integer(), nullable=False),
        sa.Column("trainee_id", sa.Integer(), nullable=False),
        sa.Column("lane_id", sa.Integer(), nullable=False),
        sa.Column("sandbox_task_id", sa.Integer(), nullable=True),
        sa.Column("reserved_at", UtcTime(), nullable=False),
        sa.Column("attempted_at", UtcTime(), nullable=True),
        sa.Column("suggested_at", UtcTime(), nullable=True),
        sa.Column("skipped_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lane_id"],
            ["lane.id"],
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"],
            ["snapshot.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["trainee_id"],
            ["trainee.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("sandbox_task_id"),
        sa.UniqueConstraint("snapshot", "trainee_id"),
    )
    op.create_index(op.f("ix_practice_item_lane_id"), "practice_item", ["lane_id"], unique=False)
    op.create_index(
        op.f("ix_practice_item_production_task_id"),
        "practice_item",
        ["production_task_id"],
        unique=False,
    )
    op.create_index(op.f("ix_practice_item_snapshot"), "practice_item", ["snapshot"], unique=False)
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("agreement", sa.Double(), nullable=True),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("reference_answer", sa.JSON(), nullable=False),
        sa.Column("reference_at", UtcTime(), nullable=False),
        sa.Column("candidate_at", UtcTime(), nullable=False),
        sa.Column("compared_at", UtcTime(), nullable=False),
        sa.Column("withdrawn_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["practice_item.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("item_id"),
    )
    op.create_table(
        "submission",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("candidate_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("lead_time_seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["practice_item.id"],
        ),
        sa.PrimaryKeyConstraint("item_id"),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcTime(), nullable=False),
        sa.Column("answers_at", UtcTime(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparison.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("comparison_id", "revision"),
    )
    op.create_index(op.f("ix_feedback_state"), "feedback", ["state"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_feedback_state"), table_name="feedback")
    op.drop_table("feedback")
    op.drop_table("submission")
    op.drop_table("comparison")
    op.drop_index(op.f("ix_practice_item_snapshot"), table_name="practice_item")
    op.drop_index(op.f("ix_practice_item_production_task_id"), table_name="practice_item")
    op.drop_index(op.f("ix_practice_item_lane_id"), table_name="practice_item")
    op.drop_table("practice_item")
    op.drop_index(op.f("ix_production_task_project_id"), table_name="production_task")
    op.drop_table("production_task")
    op.drop_table("lane")
    op.drop_table("trainee")
    op.drop_index(op.f("ix_snapshot_production_task_id"), table_name="snapshot")
    op.drop_table("snapshot")
    op.drop_index(op.f("ix_reference_annotation_id"), table_name="reference")
    op.drop_table("reference")
    op.drop_table("production_project")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_event_handled_at"), table_name="event")
    op.drop_table("event")
