"""A realm's policy as messages: whole, in order, none too large."""

from datetime import UTC, datetime

import pytest

from atp.identity import RealmId
from atp.v1 import policy_pb2
from cloud.policy.lists import MAX_ENTRIES, Lists
from cloud.policy.realm import Realm
from cloud.policy.realm_settings import RealmSettings
from cloud.policy.snapshot import MAX_MESSAGE, Policy, current, fits, messages

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def policy(lists: Lists = Lists(), **settings: object) -> Policy:  # noqa: B008 - frozen
    realm = Realm(RealmId("realm_1"), "acme", NOW, RealmSettings().changed(settings), 7, NOW)
    return Policy(realm, lists, {"k2": b"2" * 32, "k1": b"1" * 32})


def test_a_small_policy_is_head_entries_and_commit() -> None:
    """Settings, keys and revision stand in the head; each list follows; the commit names the same revision."""
    head, allow, block, commit = messages(
        policy(Lists(("a@example.com",), ("*@bad.example",)), action="tag-and-deliver", protected_domains="example.com")
    )
    assert head.snapshot.revision == commit.commit.revision == 7
    assert head.snapshot.changed_at.ToDatetime(tzinfo=UTC) == NOW
    assert head.snapshot.action == policy_pb2.MAIL_ACTION_TAG_AND_DELIVER
    assert head.snapshot.warning_headers.subject_prefix == "[Possible spam] "
    assert list(head.snapshot.protected_domains) == ["example.com"]
    assert [(key.key_id, key.public_key) for key in head.snapshot.release_keys] == [
        ("k1", b"1" * 32),
        ("k2", b"2" * 32),
    ]
    assert list(allow.entries.allow) == ["a@example.com"]
    assert list(block.entries.block) == ["*@bad.example"]


def test_empty_lists_need_no_message() -> None:
    """Head and commit are enough."""
    assert [each.WhichOneof("part") for each in messages(policy())] == ["snapshot", "commit"]


@pytest.mark.parametrize("length", [1, 40, 511])
def test_large_lists_come_in_pieces_that_fit_and_are_whole(length: int) -> None:
    """Both lists at their largest: no message over the limit, no entry lost, order kept, no needless pieces."""
    entries = tuple(f"{number:0>{max(length, 6)}}" for number in range(MAX_ENTRIES // (length // 40 + 1)))
    parts = list(messages(policy(Lists(entries, entries[:10]))))
    assert all(part.ByteSize() <= MAX_MESSAGE for part in parts)
    assert tuple(entry for part in parts for entry in part.entries.allow) == entries
    assert tuple(entry for part in parts for entry in part.entries.block) == entries[:10]
    assert len(parts) <= 4 + sum(len(entry) + 3 for entry in entries) // (MAX_MESSAGE - 1024)


def test_settings_that_would_fill_a_message_do_not_fit() -> None:
    """The head is one message, so its size is bounded where settings are set."""
    domains = ",".join(f"{number}.a-rather-long-domain-name.example" for number in range(20_000))
    assert not fits(RealmSettings().changed({"protected_domains": domains}))
    assert fits(RealmSettings())


def test_current_names_the_revision() -> None:
    """What is sent where nothing has changed."""
    assert current(9).current.revision == 9
