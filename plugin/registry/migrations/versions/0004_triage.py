"""Triage policies, decisions and switches; what the order tells; the fast lane."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("studies", sa.Column("order_facts", sa.JSON(), nullable=True))
    op.add_column("studies", _integer("order_urgency", "1"))
    op.add_column("studies", _integer("policy_urgency", "0"))
    op.add_column("jobs", _boolean("fast_lane"))
    op.add_column("jobs", _integer("triage_urgency", "0"))
    op.add_column("jobs", _boolean("wants_review"))
    op.create_table(
        "policies",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("activated_at", _TIME, nullable=False),
        sa.Column("activated_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_table(
        "triage_decisions",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _reference("triage_decisions", "study_id", "studies", _ID),
        _reference("triage_decisions", "job_id", "jobs", sa.String(length=36), nullable=True),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.Column("policy", sa.String(length=128), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("not_judged", sa.JSON(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triage_decisions")),
    )
    op.create_index(op.f("ix_triage_decisions_study_id"), "triage_decisions", ["study_id"])
    op.create_index(op.f("ix_triage_decisions_job_id"), "triage_decisions", ["job_id"])
    op.create_table(
        "switches",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _reference("switches", "destination_id", "destinations", _ID, nullable=True),
        sa.Column("off_since", _TIME, nullable=False),
        sa.Column("switched_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switches")),
    )
    op.create_index(op.f("ix_switches_destination_id"), "switches", ["destination_id"])


def _integer(name: str, value: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=value)


def _boolean(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _reference(
    table: str, name: str, target: str, kind: sa.types.TypeEngine[Any], *, nullable: bool = False
) -> sa.Column[Any]:
    constraint = op.f(f"fk_{table}_{name}_{target}")
    key = sa.ForeignKey(f"{target}.id", name=constraint, ondelete="CASCADE")
    return sa.Column(name, kind, key, nullable=nullable)
