"""Create everything."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables of the first version."""
    op.create_table(
        "observations",
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("series", _NAME, nullable=False),
        sa.Column("period", sa.BigInteger, nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("vintage", sa.Date),
        sa.Column("assumed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("known_at", "series", "period", "source", name="pk_observations"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_observations_series_known_at_period_source",
        "observations",
        ["series", "known_at", "period", "source"],
    )
    op.create_table(
        "quarantine",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("series", _NAME, nullable=False),
        sa.Column("period", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("vintage", sa.Date),
        sa.Column("assumed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_quarantine"),
    )
    op.create_table(
        "texts",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("body_sha256", _NAME, nullable=False),
        sa.Column("published_at", sa.BigInteger, nullable=False),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_texts"),
        sa.UniqueConstraint("source", "key", "body_sha256", name="uq_texts_source_key_body_sha256"),
    )
    op.create_table(
        "alerts",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("ladder", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_alerts"),
    )
    op.create_table(
        "transitions",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("rule", _NAME, nullable=False),
        sa.Column("period", _NAME, nullable=False),
        sa.Column("change", _NAME, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_transitions"),
        sa.UniqueConstraint(
            "rule", "at", "period", "change", name="uq_transitions_rule_at_period_change"
        ),
    )
    op.create_index("ix_transitions_at_seq", "transitions", ["at", "seq"])
    op.create_table(
        "memos",
        sa.Column("key", _NAME, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_memos"),
    )
    op.create_table(
        "silences",
        sa.Column("id", _NAME, nullable=False),
        sa.Column("matcher", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("target_key", _NAME, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("episode", _NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("quiet", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("uncertain", sa.Boolean, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("owner", sa.Text),
        sa.Column("touched_at", sa.BigInteger),
        sa.Column("receipt", sa.Text),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    still_open = sa.text("due_at IS NOT NULL")
    for name, columns in (
        ("ix_outbox_due_at_seq", ["due_at", "seq"]),
        ("ix_outbox_expires_at", ["expires_at"]),
    ):
        op.create_index(
            name, "outbox", columns, sqlite_where=still_open, postgresql_where=still_open
        )
    op.create_index("ix_outbox_target_key_episode_seq", "outbox", ["target_key", "episode", "seq"])
