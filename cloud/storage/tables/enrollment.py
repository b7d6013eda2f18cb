"""One-time tokens, devices, and every certificate that a device was given."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from cloud.storage.tables.metadata import Instant, metadata

enrolment_tokens = Table(
    "enrolment_tokens",
    metadata,
    # The half that may be logged.
    Column("id", String(12), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    # SHA-256 of the other half: 256 random bits need no slow hash.
    Column("secret_hash", LargeBinary(32), nullable=False),
    # The one serial number that may use it; null: any.
    Column("serial", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("spent_at", Instant),
    # The device that it became, and SHA-256 of that device's first public key: who may ask for the same answer again.
    Column("spent_by", String(64)),
    Column("spent_key", LargeBinary(32)),
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("serial", String(64), nullable=False),
    Column("model", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("licences", JSON, nullable=False),
    # enrolled, disenrolled, evicted, banned or cloned.
    Column("state", String(16), nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("state_changed_at", Instant, nullable=False),
    # The newest certificate, the one before it, and when the newest was first used: from then on the one before is void.
    Column("generation", Integer, nullable=False),
    Column("previous_generation", Integer),
    Column("first_used_at", Instant),
    Column("last_seen_at", Instant),
    Column("policy_revision", BigInteger, nullable=False),
    Index(None, "realm_id", "serial"),
)

certificates = Table(
    "certificates",
    metadata,
    # SHA-256 of the DER.
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("device_id", ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    # SHA-256 of the SubjectPublicKeyInfo.
    Column("key_sha256", LargeBinary(32), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("not_after", Instant, nullable=False),
    UniqueConstraint("device_id", "generation"),
)
