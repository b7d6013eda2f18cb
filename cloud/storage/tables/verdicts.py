"""Verdicts: what each realm has submitted and what came of it, and the verdicts that somebody fixed.

These columns are readable with the database alone; the evidence, which names members of archives, is sealed.
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, SmallInteger, String, Table, Text

from cloud.storage.tables.metadata import Instant, metadata

verdicts = Table(
    "verdicts",
    metadata,
    # A row for each realm that submitted the file: a realm is answered by its own rows, or the database would tell what
    # others received.
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    # Rules and analyzers of the verdict; under others it is none.
    Column("rule_set", String(64), primary_key=True),
    Column("score", SmallInteger, nullable=False),
    Column("content_type", String(255), nullable=False),
    Column("category", String(32), nullable=False),
    Column("unopened", Boolean, nullable=False),
    # JSON under the realm's key, bound to the file's digest.
    Column("evidence", LargeBinary, nullable=False),
    # Whether realms that share verdicts may see it: the submitting realm shared, too.
    Column("shared", Boolean, nullable=False),
    Column("decided_at", Instant, nullable=False),
    # Set where the same file may come out otherwise another time; after it, the row is no answer.
    Column("expires_at", Instant),
    Index("ix_verdicts_shared", "sha256", "rule_set", "shared"),
)

pinned_verdicts = Table(
    "pinned_verdicts",
    metadata,
    Column("realm_id", ForeignKey("realms.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", LargeBinary(32), primary_key=True),
    Column("score", SmallInteger, nullable=False),
    # A sentence for a person.
    Column("reason", Text, nullable=False),
    Column("pinned_at", Instant, nullable=False),
)
