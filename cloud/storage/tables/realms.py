"""Realms, and their allowlists and blocklists."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, String, Table, UniqueConstraint

from cloud.storage.tables.metadata import Instant, metadata

realms = Table(
    "realms",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("settings", JSON, nullable=False),
    # Rises with every change of settings, lists or release keys: what devices compare.
    Column("policy_revision", BigInteger, nullable=False),
    Column("policy_changed_at", Instant, nullable=False),
)

list_entries = Table(
    "list_entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    # allow or block.
    Column("list", String(8), nullable=False),
    # An address, *@domain, or a domain; case-folded, domains as A-labels.
    Column("value", String(512), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("realm_id", "list", "value"),
)
