"""The first tables"""

import sqlalchemy as sa
from alembic import op

from projects.kit.database import UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "annotation",
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=True),
        sa.Column("updated_at", UtcTime(), nullable=True),
        sa.Column("completed_by", sa.Integer(), nullable=True),
        sa.Column("lead_time_seconds", sa.Double(), nullable=True),
        sa.Column("usable", sa.Boolean(), nullable=False),
        sa.Column("ground_truth", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("shown", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("shown_as_of", UtcTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_index(op.f("ix_annotation_project_id"), "annotation", ["project_id"], unique=False)
    op.create_index(op.f("ix_annotation_task_id"), "annotation", ["task_id"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("drawn_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "task_id"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("handled_at", UtcTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_event_handled_at"), "event", ["handled_at"], unique=False)
    op.create_index(op.f("ix_event_project_id"), "event", ["project_id"], unique=False)
    op.create_table(
        "label",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("completed_by", sa.Integer(), nullable=True),
        sa.Column("lead_time_seconds", sa.Double(), nullable=True),
        sa.Column("ground_truth", sa.Boolean(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("suggested_version", sa.String(), nullable=True),
        sa.Column("suggested_confidence", sa.Double(), nullable=True),
        sa.Column("suggested_answer", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("suggestion_estimated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "task_id"),
    )
    op.create_table(
        "look",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("looked_at", UtcTime(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("trained_on", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Double(), nullable=True),
        sa.Column("held_out_low", sa.Double(), nullable=True),
        sa.Column("held_out_high", sa.Double(), nullable=True),
        sa.Column("held_out_n", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("first_change_at", UtcTime(), nullable=True),
        sa.Column("last_change_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("serving_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "number"),
    )
    op.create_index(op.f("ix_model_version_cause"), "model_version", ["cause"], unique=False)
    op.create_index(
        op.f("ix_model_version_project_id"), "model_version", ["project_id"], unique=False
    )
    op.create_table(
        "publish_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_publish_plan_project_id"), "publish_plan", ["project_id"], unique=False
    )
    op.create_table(
        "task",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "task_id"),
    )
    op.create_table(
        "training_mark",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("trained", sa.Integer(), nullable=False),
        sa.Column("forced", sa.Integer(), nullable=False),
        sa.Column("forced_done", sa.Integer(), nullable=False),
        sa.Column("first_change_at", UtcTime(), nullable=True),
        sa.Column("last_change_at", UtcTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "publication",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("mark_confidences", sa.JSON(), nullable=False),
        sa.Column("pushed_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["publish_plan.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "version", "task_id"),
    )
    op.create_index(op.f("ix_publication_plan_id"), "publication", ["plan_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_publication_plan_id"), table_name="publication")
    op.drop_table("publication")
    op.drop_table("training_mark")
    op.drop_table("task")
    op.drop_index(op.f("ix_publish_plan_project_id"), table_name="publish_plan")
    op.drop_table("publish_plan")
    op.drop_index(op.f("ix_model_version_project_id"), table_name="model_version")
    op.drop_index(op.f("ix_model_version_cause"), table_name="model_version")
    op.drop_table("model_version")
    op.drop_table("look")
    op.drop_table("label")
    op.drop_index(op.f("ix_event_project_id"), table_name="event")
    op.drop_index(op.f("ix_event_handled_at"), table_name="event")
    op.drop_table("event")
    op.drop_table("assignment")
    op.drop_index(op.f("ix_annotation_task_id"), table_name="annotation")
    op.drop_index(op.f("ix_annotation_project_id"), table_name="annotation")
    op.drop_table("annotation")
