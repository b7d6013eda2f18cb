"""A realm's policy as the messages that WatchPolicy sends: the snapshot, its lists in pieces, and the commit marker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from atp.v1 import policy_pb2
from cloud.policy.lists import ListName, Lists
from cloud.policy.realm import Realm
from cloud.policy.realm_settings import Action, RealmSettings

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of one message on the wire."""

# Field number and length of one entry (at most 512 bytes, so two bytes of varint), and the frame around all of them.
_ENTRY_OVERHEAD: Final = 3
_FRAME: Final = 64

_ACTIONS: Final = {
    Action.QUARANTINE: policy_pb2.MAIL_ACTION_QUARANTINE,
    Action.TAG_AND_DELIVER: policy_pb2.MAIL_ACTION_TAG_AND_DELIVER,
    Action.PERMIT: policy_pb2.MAIL_ACTION_PERMIT,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a realm's devices are told. `release_keys`: Ed25519 public keys by key id."""

    realm: Realm
    lists: Lists
    release_keys: Mapping[str, bytes]


def messages(policy: Policy) -> Iterator[policy_pb2.WatchPolicyResponse]:
    """The snapshot, whole, each message at most MAX_MESSAGE bytes."""
    yield policy_pb2.WatchPolicyResponse(snapshot=_head(policy))
    for name in ListName:
        for entries in _pieces(policy.lists.named(name)):
            yield policy_pb2.WatchPolicyResponse(entries=policy_pb2.ListEntries(**{name.value: entries}))
    yield policy_pb2.WatchPolicyResponse(commit=policy_pb2.PolicyCommit(revision=policy.realm.policy_revision))


def current(revision: int) -> policy_pb2.WatchPolicyResponse:
    """Nothing has changed since that revision."""
    return policy_pb2.WatchPolicyResponse(current=policy_pb2.PolicyCurrent(revision=revision))


def fits(settings: RealmSettings) -> bool:
    """Whether these settings leave room for keys and times in one message; the lists come in pieces anyway."""
    return _settings_part(settings).ByteSize() <= MAX_MESSAGE // 2


def _head(policy: Policy) -> policy_pb2.PolicySnapshot:
    head = _settings_part(policy.realm.settings)
    head.revision = policy.realm.policy_revision
    changed_at = Timestamp()
    changed_at.FromDatetime(policy.realm.policy_changed_at)
    head.changed_at.CopyFrom(changed_at)
    head.release_keys.extend(
        policy_pb2.ReleaseKey(key_id=key_id, public_key=key) for key_id, key in sorted(policy.release_keys.items())
    )
    return head


def _settings_part(settings: RealmSettings) -> policy_pb2.PolicySnapshot:
    return policy_pb2.PolicySnapshot(
        action=_ACTIONS[settings.action],
        warning_headers=policy_pb2.WarningHeaders(
            x_distribution=settings.x_distribution,
            x_spam_flag=settings.x_spam_flag,
            subject_prefix=settings.subject_prefix,
        ),
        recommended_threshold=settings.recommended_threshold,
        limits=policy_pb2.SubmissionLimits(max_file_size=settings.max_file_size),
        protected_domains=settings.protected_domains,
        allow_by_header_recipients=settings.allow_by_header_recipients,
        inspect_html_bodies=settings.inspect_html_bodies,
    )


def _pieces(entries: tuple[str, ...]) -> Iterator[list[str]]:
    """The entries in order, in pieces that fit a message."""
    piece: list[str] = []
    size = _FRAME
    for entry in entries:
        cost = len(entry.encode()) + _ENTRY_OVERHEAD
        if size + cost > MAX_MESSAGE:
            yield piece
            piece, size = [], _FRAME
        piece.append(entry)
        size += cost
    if piece:
        yield piece
