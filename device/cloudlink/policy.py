"""The cloud's half of the policy: watched, applied whole, and kept on disk across restarts.

Revisions only rise. What is kept belongs to one authority and realm: after enrolling elsewhere it is not read.
"""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import Final

import grpc
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf import json_format

from atp.v1 import policy_pb2
from device.cloudlink.channel import CloudChannel
from device.cloudlink.faults import CloudFault, fault_of
from device.enrollment.identity import Identity
from device.inspection.policy import Action, CloudPolicy, WarningHeaders

log = structlog.get_logger()

_RETRY_SECONDS: Final = 1.0
_ACTIONS: Final = MappingProxyType(
    {
        policy_pb2.MAIL_ACTION_QUARANTINE: Action.QUARANTINE,
        policy_pb2.MAIL_ACTION_TAG_AND_DELIVER: Action.TAG_AND_DELIVER,
        policy_pb2.MAIL_ACTION_PERMIT: Action.PERMIT,
    }
)


class PolicyKeeper:
    """The policy in force. `current` is replaced as a whole, so whoever took it keeps a consistent one.

    `trouble` is the reason why the cloud can't be watched just now; empty while it is. Where several processes watch, the one
    that `keeps` writes the file.
    """

    def __init__(self, file: Path, channel: CloudChannel, *, keeps: bool = True) -> None:
        self._file = file
        self._keeps = keeps
        self._channel = channel
        self.current = CloudPolicy()
        self.connected = False
        self.trouble = ""
        self._call: grpc.aio.Call | None = None

    def load(self) -> None:
        """Take up what was kept, if it is whole and of this realm; else there is none yet."""
        self.current = CloudPolicy()
        identity = self._channel.identity
        if identity is None:
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, json_format.ParseError):
            kept = json.loads(self._file.read_text())
            if kept["whose"] == _whose(identity):
                snapshot = json_format.ParseDict(kept["snapshot"], policy_pb2.PolicySnapshot())
                entries = json_format.ParseDict(kept["lists"], policy_pb2.ListEntries())
                self.current = _policy(snapshot, entries)

    async def run(self) -> None:
        """Watch for ever; a cloud that is away is tried again, and the policy kept meanwhile."""
        while True:
            try:
                await self._watch()
            except grpc.aio.AioRpcError as error:
                self._lost(fault_of(error))
            except CloudFault as fault:
                self._lost(fault)
            except asyncio.CancelledError:
                # grpc.aio raises it for a call that was cancelled here, too: by watch_anew().
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                continue
            self.connected = False
            await asyncio.sleep(_RETRY_SECONDS)

    def watch_anew(self) -> None:
        """Watch over the channel's present identity: the certificate was renewed, or the device enrolled elsewhere."""
        if self._call is not None:
            self._call.cancel()

    def _lost(self, fault: CloudFault) -> None:
        """Said once for each reason, not with every attempt."""
        if fault.reason != self.trouble:
            log.warning("policy.not-watched", reason=fault.reason, revision=self.current.revision)
        self.trouble = fault.reason

    async def _watch(self) -> None:
        identity = self._channel.identity
        call = self._channel.stubs.policy.WatchPolicy(
            policy_pb2.WatchPolicyRequest(have_revision=self.current.revision)
        )
        self._call = call
        snapshot = policy_pb2.PolicySnapshot()
        entries = policy_pb2.ListEntries()
        async for answer in call:
            self.connected, self.trouble = True, ""
            match answer.WhichOneof("part"):
                case "snapshot":
                    snapshot, entries = answer.snapshot, policy_pb2.ListEntries()
                case "entries":
                    entries.MergeFrom(answer.entries)
                case "commit" if answer.commit.revision == snapshot.revision:
                    self._apply(snapshot, entries, identity)

    def _apply(
        self, snapshot: policy_pb2.PolicySnapshot, entries: policy_pb2.ListEntries, identity: Identity | None
    ) -> None:
        """A whole snapshot has come: let it be in force, and keep it. One that can't be understood changes nothing."""
        if snapshot.revision <= self.current.revision or identity is None or identity is not self._channel.identity:
            return
        try:
            self.current = _policy(snapshot, entries)
        except (KeyError, ValueError) as error:
            log.warning("policy.not-understood", revision=snapshot.revision, error=type(error).__name__)
            return
        log.info("policy.applied", revision=self.current.revision, action=self.current.action.value)
        if not self._keeps:
            return
        try:
            _write(self._file, _kept(snapshot, entries, identity))
        except OSError as error:
            log.warning("policy.not-kept", revision=snapshot.revision, error=error.strerror)


def _whose(identity: Identity) -> str:
    return f"{identity.authority}/{identity.realm_id}"


def _kept(
    snapshot: policy_pb2.PolicySnapshot, entries: policy_pb2.ListEntries, identity: Identity
) -> dict[str, object]:
    return {
        "whose": _whose(identity),
        "snapshot": json_format.MessageToDict(snapshot),
        "lists": json_format.MessageToDict(entries),
    }


def _policy(snapshot: policy_pb2.PolicySnapshot, entries: policy_pb2.ListEntries) -> CloudPolicy:
    warning = snapshot.warning_headers
    return CloudPolicy(
        revision=snapshot.revision,
        action=_ACTIONS[snapshot.action],
        warning_headers=WarningHeaders(warning.x_distribution, warning.x_spam_flag, warning.subject_prefix),
        recommended_threshold=snapshot.recommended_threshold,
        max_file_size=snapshot.limits.max_file_size,
        allow=frozenset(entries.allow),
        block=frozenset(entries.block),
        release_keys=MappingProxyType(
            {key.key_id: Ed25519PublicKey.from_public_bytes(key.public_key) for key in snapshot.release_keys}
        ),
        protected_domains=frozenset(snapshot.protected_domains),
        allow_by_header_recipients=snapshot.allow_by_header_recipients,
        inspect_html_bodies=snapshot.inspect_html_bodies,
    )


def _write(file: Path, value: dict[str, object]) -> None:
    """Whole or not at all: a new file, flushed to disk, takes the old one's name."""
    staged = file.with_suffix(".new")
    with staged.open("w") as out:
        json.dump(value, out)
        out.flush()
        os.fsync(out.fileno())
    staged.replace(file)
