"""Gold, appeals, quiet hours, practice time, projects added by hand, changed configs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from projects.kit.database import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "committed_answer",
        sa.Column("annotation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("production_task_id", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.Column("committed_at", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("annotation_id"),
    )
    op.create_table(
        "frozen_data",
        sa.Column("production_task_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data_digest", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("begun_at", UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", UtcTime(), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("frozen_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("production_task_id"),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("blocks", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("retry_at", UtcTime(), nullable=False),
        sa.Column("not_before", UtcTime(), nullable=True),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "delivery",
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("held_by", sa.String(), nullable=True),
        sa.Column("held_until", UtcTime(), nullable=True),
        sa.Column("failing_since", UtcTime(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("told_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("email"),
    )
    op.create_table(
        "sending_pause",
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("method"),
    )
    op.create_table(
        "production_worker",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("said_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "config_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("production_project_id", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["production_project_id"],
            ["production_project.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "gold_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("production_project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("snapshot", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source_key", sa.String(), nullable=True),
        sa.Column("in_queue", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.Column("retired_why", sa.String(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["production_project_id"],
            ["production_project.id"],
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"],
            ["snapshot.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("snapshot"),
        sa.UniqueConstraint("source_key"),
    )
    op.create_table(
        "gold_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gold_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gold_id"],
            ["gold_item.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gold_id", "revision"),
    )
    op.create_table(
        "lane_project",
        sa.Column("sandbox_project_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lane_id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.Column("looked_until", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lane_id"],
            ["lane.id"],
        ),
        sa.PrimaryKeyConstraint("sandbox_project_id"),
    )
    op.create_table(
        "practice_time",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trainee_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("annotation_id", sa.Integer(), nullable=False),
        sa.Column("annotation_at", UtcTime(), nullable=False),
        sa.Column("lead_time_seconds", sa.Double(), nullable=False),
        sa.Column("active_seconds", sa.Double(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["practice_item.id"],
        ),
        sa.ForeignKeyConstraint(
            ["trainee_id"],
            ["trainee.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("annotation_id", "annotation_at"),
    )
    op.create_table(
        "appeal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("comparison_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("trainee_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("filed_at", UtcTime(), nullable=False),
        sa.Column("ruling", sa.String(), nullable=True),
        sa.Column("ruled_by", sa.String(), nullable=True),
        sa.Column("ruled_at", UtcTime(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparison.id"],
        ),
        sa.ForeignKeyConstraint(
            ["trainee_id"],
            ["trainee.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("comparison_id", "revision"),
    )
    # Neither database takes a column and its foreign key in one step of Alembic without
    # rebuilding the table, which SQLite refuses while other tables refer to it.
    op.execute("ALTER TABLE feedback ADD COLUMN notice_id INTEGER REFERENCES notice (id)")
    op.execute("ALTER TABLE practice_item ADD COLUMN gold_id INTEGER REFERENCES gold_item (id)")
    op.add_column(
        "comparison",
        sa.Column("reference_source", sa.String(), nullable=False, server_default="production"),
    )
    op.add_column("feedback", sa.Column("not_before", UtcTime(), nullable=True))
    op.add_column("lane", sa.Column("paused_at", UtcTime(), nullable=True))
    op.add_column("lane", sa.Column("generation", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("practice_item", sa.Column("sandbox_project_id", sa.Integer(), nullable=True))
    op.add_column("practice_item", sa.Column("looked_at", UtcTime(), nullable=True))
    op.add_column(
        "practice_item", sa.Column("answer_count", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("practice_item", sa.Column("expired_at", UtcTime(), nullable=True))
    op.add_column("practice_item", sa.Column("revealed_at", UtcTime(), nullable=True))
    op.add_column("practice_item", sa.Column("reveal_prediction_id", sa.Integer(), nullable=True))
    op.add_column("practice_item", sa.Column("revealed_revision", sa.Integer(), nullable=True))
    op.add_column("practice_item", sa.Column("instead_of", sa.Integer(), nullable=True))
    op.add_column(
        "production_project", sa.Column("title", sa.String(), nullable=False, server_default="")
    )
    op.add_column(
        "production_project", sa.Column("policy", sa.JSON(), nullable=False, server_default="{}")
    )
    op.add_column(
        "production_project", sa.Column("settings", sa.JSON(), nullable=False, server_default="{}")
    )
    op.add_column("production_project", sa.Column("added_at", UtcTime(), nullable=True))
    op.add_column("production_project", sa.Column("removed_at", UtcTime(), nullable=True))
    op.add_column(
        "production_project",
        sa.Column("derived_with", sa.String(), nullable=False, server_default=""),
    )
    op.add_column("snapshot", sa.Column("sources", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "submission", sa.Column("regions", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column(
        "submission", sa.Column("revision", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("trainee", sa.Column("ended_by", sa.String(), nullable=True))
    op.add_column("trainee", sa.Column("paused_at", UtcTime(), nullable=True))
    op.add_column(
        "trainee", sa.Column("time_zone", sa.String(), nullable=False, server_default="UTC")
    )
    op.add_column("trainee", sa.Column("quiet_from", sa.Integer(), nullable=True))
    op.add_column("trainee", sa.Column("quiet_until", sa.Integer(), nullable=True))
    op.add_column(
        "trainee", sa.Column("digest", sa.String(), nullable=False, server_default="each")
    )
    op.add_column(
        "trainee", sa.Column("digest_at", sa.Integer(), nullable=False, server_default="1020")
    )
    _index()
    _fill()


def _index() -> None:
    """How the new tables are looked into."""
    op.create_index(
        op.f("ix_committed_answer_production_task_id"),
        "committed_answer",
        ["production_task_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_committed_answer_worker_id"), "committed_answer", ["worker_id"], unique=False
    )
    op.create_index(op.f("ix_frozen_data_retry_at"), "frozen_data", ["retry_at"], unique=False)
    op.create_index(op.f("ix_frozen_data_missing"), "frozen_data", ["missing"], unique=False)
    op.create_index(op.f("ix_notice_state"), "notice", ["state"], unique=False)
    op.create_index(
        op.f("ix_config_change_production_project_id"),
        "config_change",
        ["production_project_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_gold_item_production_project_id"),
        "gold_item",
        ["production_project_id"],
        unique=False,
    )
    op.create_index(op.f("ix_lane_project_lane_id"), "lane_project", ["lane_id"], unique=False)
    op.create_index(op.f("ix_practice_time_day"), "practice_time", ["day"], unique=False)
    op.create_index(
        op.f("ix_practice_time_trainee_id"), "practice_time", ["trainee_id"], unique=False
    )
    op.create_index(op.f("ix_appeal_comparison_id"), "appeal", ["comparison_id"], unique=False)
    op.create_index(op.f("ix_appeal_trainee_id"), "appeal", ["trainee_id"], unique=False)
    op.create_index(op.f("ix_feedback_notice_id"), "feedback", ["notice_id"], unique=False)
    op.create_index(op.f("ix_practice_item_gold_id"), "practice_item", ["gold_id"], unique=False)


def _fill() -> None:
    """What the new columns and tables say about what is there already."""
    op.execute(
        "UPDATE practice_item SET sandbox_project_id = (SELECT lane.sandbox_project_id FROM lane"
        " WHERE lane.id = practice_item.lane_id) WHERE sandbox_task_id IS NOT NULL"
    )
    op.execute(
        "UPDATE practice_item SET answer_count = 1 WHERE id IN (SELECT item_id FROM submission)"
    )
    # Everything is looked at once more, so that every worker's answer is stored.
    op.execute("UPDATE production_project SET looked_until = NULL")
    op.execute(
        "INSERT INTO lane_project (sandbox_project_id, lane_id, generation, made_at, looked_until)"
        " SELECT sandbox_project_id, id, 1, CURRENT_TIMESTAMP, looked_until FROM lane"
        " WHERE sandbox_project_id IS NOT NULL"
    )


def downgrade() -> None:
    _drop_indexes()
    op.drop_column("comparison", "reference_source")
    op.drop_column("feedback", "not_before")
    op.drop_column("feedback", "notice_id")
    op.drop_column("lane", "paused_at")
    op.drop_column("lane", "generation")
    op.drop_column("practice_item", "sandbox_project_id")
    op.drop_column("practice_item", "gold_id")
    op.drop_column("practice_item", "looked_at")
    op.drop_column("practice_item", "answer_count")
    op.drop_column("practice_item", "expired_at")
    op.drop_column("practice_item", "revealed_at")
    op.drop_column("practice_item", "reveal_prediction_id")
    op.drop_column("practice_item", "revealed_revision")
    op.drop_column("practice_item", "instead_of")
    op.drop_column("production_project", "title")
    op.drop_column("production_project", "policy")
    op.drop_column("production_project", "settings")
    op.drop_column("production_project", "added_at")
    op.drop_column("production_project", "removed_at")
    op.drop_column("production_project", "derived_with")
    op.drop_column("snapshot", "sources")
    op.drop_column("submission", "regions")
    op.drop_column("submission", "revision")
    op.drop_column("trainee", "ended_by")
    op.drop_column("trainee", "paused_at")
    op.drop_column("trainee", "time_zone")
    op.drop_column("trainee", "quiet_from")
    op.drop_column("trainee", "quiet_until")
    op.drop_column("trainee", "digest")
    op.drop_column("trainee", "digest_at")
    op.drop_table("appeal")
    op.drop_table("frozen_data")
    op.drop_table("practice_time")
    op.drop_table("lane_project")
    op.drop_table("gold_revision")
    op.drop_table("gold_item")
    op.drop_table("config_change")
    op.drop_table("production_worker")
    op.drop_table("sending_pause")
    op.drop_table("delivery")
    op.drop_table("notice")
    op.drop_table("committed_answer")


def _drop_indexes() -> None:
    op.drop_index(op.f("ix_committed_answer_production_task_id"), table_name="committed_answer")
    op.drop_index(op.f("ix_committed_answer_worker_id"), table_name="committed_answer")
    op.drop_index(op.f("ix_notice_state"), table_name="notice")
    op.drop_index(op.f("ix_config_change_production_project_id"), table_name="config_change")
    op.drop_index(op.f("ix_gold_item_production_project_id"), table_name="gold_item")
    op.drop_index(op.f("ix_lane_project_lane_id"), table_name="lane_project")
    op.drop_index(op.f("ix_practice_time_day"), table_name="practice_time")
    op.drop_index(op.f("ix_practice_time_trainee_id"), table_name="practice_time")
    op.drop_index(op.f("ix_appeal_comparison_id"), table_name="appeal")
    op.drop_index(op.f("ix_appeal_trainee_id"), table_name="appeal")
    op.drop_index(op.f("ix_feedback_notice_id"), table_name="feedback")
    op.drop_index(op.f("ix_practice_item_gold_id"), table_name="practice_item")
    op.drop_index(op.f("ix_frozen_data_retry_at"), table_name="frozen_data")
    op.drop_index(op.f("ix_frozen_data_missing"), table_name="frozen_data")
