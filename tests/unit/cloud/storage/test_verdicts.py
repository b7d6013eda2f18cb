"""Verdicts on disk: who is told what."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from cloud.analyzers.evidence import Evidence
from cloud.inspection.verdicts import Digest, RuleSet, Verdict
from cloud.quarantine.keys import KeyRing
from cloud.storage.engine import Database
from cloud.storage.tables.metadata import metadata
from cloud.storage.tables.realms import realms
from cloud.storage.tables.verdicts import pinned_verdicts, verdicts
from cloud.storage.verdicts import VerdictStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = RuleSet("rules-1")
ONE, TWO = Digest(b"1" * 32), Digest(b"2" * 32)
EVIDENCE = Evidence("archive", "archive.encrypted", 4, "A sentence.", ("secret-plan.txt",), unopened=True)


def verdict(digest: Digest = ONE, score: int = 4, rules: RuleSet = RULES) -> Verdict:
    return Verdict(digest, score, "application/zip", "archive", (EVIDENCE,), rules, unopened=True)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "state" / "cloud.db"
    path.parent.mkdir()
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine, [realms, verdicts, pinned_verdicts])
    with engine.begin() as connection:
        for realm in ("north", "south", "west"):
            row: dict[str, Any] = {"id": realm, "name": realm, "created_at": NOW, "settings": {}, "policy_revision": 1}
            connection.execute(insert(realms).values(row | {"policy_changed_at": NOW}))
    engine.dispose()
    opened = Database.open_sqlite(path)
    yield opened
    await opened.close()


@pytest.fixture
def store(database: Database, tmp_path: Path) -> VerdictStore:
    return VerdictStore(database, KeyRing.open(tmp_path / "master.key", tmp_path / "state"))


async def test_a_verdict_comes_back_whole(store: VerdictStore) -> None:
    await store.keep("north", verdict(), NOW)
    assert await store.known("north", [ONE], RULES, NOW) == [verdict()]


async def test_verdicts_come_in_the_order_of_the_question_and_unknown_ones_not_at_all(store: VerdictStore) -> None:
    await store.keep("north", verdict(ONE), NOW)
    await store.keep("north", verdict(TWO), NOW)
    found = await store.known("north", [TWO, Digest(b"3" * 32), ONE, TWO], RULES, NOW)
    assert [each.sha256 for each in found] == [TWO, ONE]


async def test_another_realm_is_told_nothing(store: VerdictStore) -> None:
    await store.keep("north", verdict(), NOW, shared=True)
    assert await store.known("south", [ONE], RULES, NOW) == []


async def test_realms_that_share_tell_each_other_and_nobody_else(store: VerdictStore) -> None:
    await store.keep("north", verdict(), NOW, shared=True)
    await store.keep("west", verdict(TWO), NOW)
    found = await store.known("south", [ONE, TWO], RULES, NOW, sharing=True)
    assert [each.sha256 for each in found] == [ONE]
    assert found[0].evidence == (EVIDENCE,)


async def test_a_realms_own_verdict_goes_before_a_shared_one(store: VerdictStore) -> None:
    await store.keep("west", verdict(score=2), NOW, shared=True)
    await store.keep("south", verdict(score=5), NOW)
    await store.keep("north", verdict(score=3), NOW, shared=True)
    assert [each.score for each in await store.known("south", [ONE], RULES, NOW, sharing=True)] == [5]


async def test_under_another_rule_set_a_verdict_is_none(store: VerdictStore) -> None:
    await store.keep("north", verdict(), NOW)
    assert await store.known("north", [ONE], RuleSet("rules-2"), NOW) == []


async def test_a_later_verdict_replaces_the_earlier(store: VerdictStore) -> None:
    await store.keep("north", verdict(score=5), NOW, expires_at=NOW + timedelta(minutes=1))
    await store.keep("north", verdict(score=2), NOW)
    assert [each.score for each in await store.known("north", [ONE], RULES, NOW + timedelta(days=1))] == [2]


async def test_a_passing_verdict_ends(store: VerdictStore) -> None:
    end = NOW + timedelta(minutes=30)
    await store.keep("north", verdict(), NOW, expires_at=end)
    assert await store.known("north", [ONE], RULES, end - timedelta(seconds=1))
    assert not await store.known("north", [ONE], RULES, end)


async def test_a_pinned_verdict_holds_in_its_realm_under_every_rule_set(store: VerdictStore) -> None:
    await store.keep("north", verdict(score=0), NOW)
    await store.pin("north", ONE, 10, "Made by a release.", NOW)
    for rules in (RULES, RuleSet("rules-2")):
        (found,) = await store.known("north", [ONE], rules, NOW)
        assert (found.score, found.rule_set, found.evidence[0].detail) == (10, rules, "Made by a release.")
    assert not await store.known("south", [ONE], RULES, NOW, sharing=True)


async def test_the_last_pin_counts_and_a_score_is_a_score(store: VerdictStore) -> None:
    await store.pin("north", ONE, 10, "First.", NOW)
    await store.pin("north", ONE, 0, "Second.", NOW)
    assert [each.score for each in await store.known("north", [ONE], RULES, NOW)] == [0]
    with pytest.raises(ValueError, match="0 to 10"):
        await store.pin("north", ONE, 11, "Third.", NOW)


async def test_old_verdicts_are_forgotten(store: VerdictStore) -> None:
    await store.keep("north", verdict(ONE), NOW)
    await store.keep("north", verdict(TWO), NOW + timedelta(days=2))
    assert await store.forget(NOW + timedelta(days=1)) == 1
    assert [each.sha256 for each in await store.known("north", [ONE, TWO], RULES, NOW)] == [TWO]


async def test_names_of_members_are_nowhere_in_the_database(
    store: VerdictStore, database: Database, tmp_path: Path
) -> None:
    await store.keep("north", verdict(), NOW)
    await database.scrub()
    content = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert b"application/zip" in content
    assert b"secret-plan" not in content
