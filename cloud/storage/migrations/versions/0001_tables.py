"""All tables, as they are first released. Explicit: what is released stays, whatever cloud/storage/tables says later."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table; those that others refer to come first."""
    _make_realms()
    _make_audit()
    _make_telemetry()
    _make_enrollment()
    _make_verdicts()
    _make_quarantine()
    _make_acts()
    _make_portal()
    _make_release()
    _make_passes()
    _make_notices()


def _make_realms() -> None:
    op.create_table(
        "realms",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("policy_revision", sa.BigInteger(), nullable=False),
        sa.Column("policy_changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_realms"),
        sa.UniqueConstraint("name", name="uq_realms_name"),
    )
    op.create_table(
        "list_entries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("list", sa.String(length=8), nullable=False),
        sa.Column("value", sa.String(length=512), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_list_entries_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_list_entries"),
        sa.UniqueConstraint("realm_id", "list", "value", name="uq_list_entries_realm_id_list_value"),
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sa.UniqueConstraint("previous", name="uq_audit_previous"),
    )
    op.create_index("ix_audit_realm_id", "audit", ["realm_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_refuses_{act.lower()} BEFORE {act} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
            )


def _make_telemetry() -> None:
    op.create_table(
        "device_counters",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_device_counters_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device_id", name="pk_device_counters"),
    )
    op.create_table(
        "device_events",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_device_events_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name="pk_device_events"),
        sa.UniqueConstraint("device_id", "event_id", name="uq_device_events_device_id_event_id"),
    )
    op.create_index("ix_device_events_realm_id", "device_events", ["realm_id", "number"], unique=False)


def _make_enrollment() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("licences", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("state_changed_at", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("previous_generation", sa.Integer(), nullable=True),
        sa.Column("first_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("policy_revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_devices_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
    )
    op.create_index("ix_devices_realm_id_serial", "devices", ["realm_id", "serial"], unique=False)
    op.create_table(
        "enrolment_tokens",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("spent_at", sa.BigInteger(), nullable=True),
        sa.Column("spent_by", sa.String(length=64), nullable=True),
        sa.Column("spent_key", sa.LargeBinary(length=32), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_enrolment_tokens_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_tokens"),
    )
    op.create_table(
        "certificates",
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("key_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_certificates_device_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sha256", name="pk_certificates"),
        sa.UniqueConstraint("device_id", "generation", name="uq_certificates_device_id_generation"),
    )


def _make_verdicts() -> None:
    op.create_table(
        "pinned_verdicts",
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("pinned_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_pinned_verdicts_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("realm_id", "sha256", name="pk_pinned_verdicts"),
    )
    op.create_table(
        "verdicts",
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("rule_set", sa.String(length=64), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("content_type", sa.String(length=255), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("unopened", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_verdicts_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("realm_id", "sha256", "rule_set", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_shared", "verdicts", ["sha256", "rule_set", "shared"], unique=False)


def _make_quarantine() -> None:
    op.create_table(
        "held_messages",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("envelope_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("mail_from", sa.Text(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("client_address", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("blob", sa.String(length=160), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("announced_at", sa.BigInteger(), nullable=True),
        sa.Column("act_id", sa.String(length=64), nullable=True),
        sa.Column("acted_at", sa.BigInteger(), nullable=True),
        sa.Column("acted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_held_messages_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_held_messages"),
    )
    op.create_index("ix_held_messages_expires_at", "held_messages", ["expires_at"], unique=False)
    op.create_index("ix_held_messages_realm_id_received_at", "held_messages", ["realm_id", "received_at"], unique=False)
    op.create_index("ix_held_messages_realm_id_sha256", "held_messages", ["realm_id", "sha256"], unique=False)


def _make_acts() -> None:
    op.create_table(
        "acts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("dispatched_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["held_messages.id"], name="fk_acts_message_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_acts"),
    )
    op.create_index("ix_acts_dispatched_at", "acts", ["dispatched_at"], unique=False)
    op.create_index("ix_acts_message_id", "acts", ["message_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reply_code", sa.String(length=16), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["held_messages.id"], name="fk_attempts_message_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint("device_id", "request_id", name="uq_attempts_device_id_request_id"),
    )
    op.create_index("ix_attempts_message_id", "attempts", ["message_id"], unique=False)


def _make_portal() -> None:
    op.create_table(
        "message_links",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_message_links_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_message_links"),
    )
    op.create_index("ix_message_links_expires_at", "message_links", ["expires_at"], unique=False)
    op.create_table(
        "portal_sessions",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_portal_sessions_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_portal_sessions"),
    )
    op.create_index("ix_portal_sessions_expires_at", "portal_sessions", ["expires_at"], unique=False)
    op.create_index("ix_portal_sessions_message_id", "portal_sessions", ["message_id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_sign_in_links_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in_links"),
    )
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"], unique=False)


def _make_release() -> None:
    op.create_table(
        "release_keys",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_release_keys_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_release_keys"),
    )
    op.create_index("ix_release_keys_realm_id", "release_keys", ["realm_id"], unique=False)
    op.create_table(
        "releases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_releases_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_finished_at", "releases", ["finished_at"], unique=False)
    op.create_index("ix_releases_realm_id_message_id", "releases", ["realm_id", "message_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("release_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_reply", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], name="fk_deliveries_release_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("release_id", "position", name="pk_deliveries"),
    )


def _make_passes() -> None:
    op.create_table(
        "passes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.SmallInteger(), nullable=False),
        sa.Column("minted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["release_keys.id"], name="fk_passes_key_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_passes_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_passes"),
    )
    op.create_index("ix_passes_expires_at", "passes", ["expires_at"], unique=False)
    op.create_table(
        "pass_leases",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("pass_id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("left", sa.SmallInteger(), nullable=False),
        sa.Column("leased_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["pass_id"], ["passes.id"], name="fk_pass_leases_pass_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_pass_leases"),
        sa.UniqueConstraint("device_id", "request_id", name="uq_pass_leases_device_id_request_id"),
    )
    op.create_index("ix_pass_leases_pass_id", "pass_leases", ["pass_id"], unique=False)


def _make_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("realm_id", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("act_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["realm_id"], ["realms.id"], name="fk_notices_realm_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_realm_id_created_at", "notices", ["realm_id", "created_at"], unique=False)
    op.create_index("ix_notices_state", "notices", ["state"], unique=False)
    op.create_table(
        "notice_messages",
        sa.Column("notice_id", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_notice_messages_notice_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notice_id", "message_id", name="pk_notice_messages"),
    )
