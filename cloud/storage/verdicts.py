"""Verdicts as they are kept: by realm, digest and rule set, the evidence sealed."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, Row, and_, case, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.analyzers.evidence import Evidence
from cloud.inspection.verdicts import Digest, RuleSet, Verdict
from cloud.storage.engine import Database
from cloud.storage.tables.verdicts import pinned_verdicts, verdicts

_HIGHEST: Final = 10


class Seals(Protocol):
    """Encrypts small things under a realm's key; quarantine's KeyRing is one."""

    def seal(self, realm_id: str, purpose: str, data: bytes) -> bytes: ...

    def unseal(self, realm_id: str, purpose: str, sealed: bytes) -> bytes: ...


class VerdictStore:
    """What is remembered of verdicts. `sharing` says whether the asking realm sees, and shows, verdicts of others that share."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    async def known(
        self, realm_id: str, digests: Sequence[Digest], rule_set: RuleSet, at: datetime, *, sharing: bool = False
    ) -> list[Verdict]:
        """The verdicts that this realm may know, in the order of the digests. A pinned one goes before any other."""
        async with self._database.reading() as connection:
            found = await self._judged(connection, realm_id, digests, rule_set, at, sharing=sharing)
            found |= await _pinned(connection, realm_id, digests, rule_set)
        return [found[digest] for digest in dict.fromkeys(digests) if digest in found]

    async def keep(
        self, realm_id: str, verdict: Verdict, at: datetime, *, shared: bool = False, expires_at: datetime | None = None
    ) -> None:
        """Remember what came of a file that this realm has submitted; a verdict of the same rule set is replaced."""
        row = {
            "realm_id": realm_id,
            "sha256": verdict.sha256,
            "rule_set": verdict.rule_set,
            "score": verdict.score,
            "content_type": verdict.content_type[:255],
            "category": verdict.category,
            "unopened": verdict.unopened,
            "evidence": self._seals.seal(realm_id, _purpose(verdict.sha256), _to_json(verdict.evidence)),
            "shared": shared,
            "decided_at": at,
            "expires_at": expires_at,
        }
        same = and_(
            verdicts.c.realm_id == realm_id,
            verdicts.c.sha256 == verdict.sha256,
            verdicts.c.rule_set == verdict.rule_set,
        )
        async with self._database.writing() as connection:
            await connection.execute(delete(verdicts).where(same))
            await connection.execute(insert(verdicts).values(row))

    async def pin(self, realm_id: str, sha256: bytes, score: int, reason: str, at: datetime) -> None:
        """Fix this realm's verdict on a file, whatever the analyzers think, under every rule set. The last pin counts."""
        if not 0 <= score <= _HIGHEST:
            raise ValueError(f"a score is 0 to {_HIGHEST}, not {score}")
        row = {"realm_id": realm_id, "sha256": sha256, "score": score, "reason": reason, "pinned_at": at}
        same = and_(pinned_verdicts.c.realm_id == realm_id, pinned_verdicts.c.sha256 == sha256)
        async with self._database.writing() as connection:
            await connection.execute(delete(pinned_verdicts).where(same))
            await connection.execute(insert(pinned_verdicts).values(row))

    async def forget(self, before: datetime) -> int:
        """Drop verdicts that were made before then; their files are examined again if they come back. How many there were."""
        async with self._database.writing() as connection:
            result = await connection.execute(delete(verdicts).where(verdicts.c.decided_at < before))
        return result.rowcount

    async def _judged(
        self,
        connection: AsyncConnection,
        realm_id: str,
        digests: Sequence[Digest],
        rule_set: RuleSet,
        at: datetime,
        *,
        sharing: bool,
    ) -> dict[Digest, Verdict]:
        own_last = case((verdicts.c.realm_id == realm_id, 1), else_=0)
        rows = await connection.execute(
            select(verdicts)
            .where(_answers(realm_id, digests, rule_set, at, sharing=sharing))
            .order_by(own_last, verdicts.c.realm_id)
        )
        return {Digest(row.sha256): self._verdict(row) for row in rows}

    def _verdict(self, row: Row[Any]) -> Verdict:
        digest = Digest(row.sha256)
        return Verdict(
            sha256=digest,
            score=row.score,
            content_type=row.content_type,
            category=row.category,
            evidence=_from_json(self._seals.unseal(row.realm_id, _purpose(digest), row.evidence)),
            rule_set=RuleSet(row.rule_set),
            unopened=row.unopened,
        )


def _answers(
    realm_id: str, digests: Sequence[Digest], rule_set: RuleSet, at: datetime, *, sharing: bool
) -> ColumnElement[bool]:
    own = verdicts.c.realm_id == realm_id
    return and_(
        verdicts.c.sha256.in_(digests),
        verdicts.c.rule_set == rule_set,
        or_(verdicts.c.expires_at.is_(None), verdicts.c.expires_at > at),
        or_(own, verdicts.c.shared.is_(True)) if sharing else own,
    )


async def _pinned(
    connection: AsyncConnection, realm_id: str, digests: Sequence[Digest], rule_set: RuleSet
) -> dict[Digest, Verdict]:
    rows = await connection.execute(
        select(pinned_verdicts).where(
            and_(pinned_verdicts.c.realm_id == realm_id, pinned_verdicts.c.sha256.in_(digests))
        )
    )
    return {Digest(row.sha256): Verdict.pinned(Digest(row.sha256), rule_set, row.score, row.reason) for row in rows}


def _purpose(sha256: Digest) -> str:
    return f"verdict {sha256.hex()}"


def _to_json(evidence: Iterable[Evidence]) -> bytes:
    rows = [[each.analyzer, each.name, each.weight, each.detail, each.path, each.unopened] for each in evidence]
    return json.dumps(rows, separators=(",", ":")).encode()


def _from_json(sealed: bytes) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(analyzer, name, weight, detail, tuple(path), unopened)
        for analyzer, name, weight, detail, path, unopened in json.loads(sealed)
    )
