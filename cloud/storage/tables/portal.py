"""The portal's links and sessions. Secrets stand here as SHA-256 digests alone: who reads the table can't use any."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table

from cloud.storage.tables.metadata import Instant, metadata

# Several links of one message are valid side by side: each replacement mail carries its own.
message_links = Table(
    "message_links",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

# An administrator's way in; gone once it was used.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

# What a browser's cookie stands for: one message of a realm (a recipient), or the whole realm (an administrator).
portal_sessions = Table(
    "portal_sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), nullable=False),
    # Absent for an administrator.
    Column("message_id", String(64), nullable=True, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)
