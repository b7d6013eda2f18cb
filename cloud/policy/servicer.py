"""PolicyService: the policy in force, then each change as it is committed, for as long as the device listens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog

from atp.identity import RealmId
from atp.v1 import policy_pb2, policy_pb2_grpc
from cloud.errors import ShuttingDown
from cloud.policy.broadcast import Heard, PolicyBroadcast
from cloud.policy.editor import PolicyEditor
from cloud.policy.snapshot import current, messages
from cloud.rpc.caller import Caller, caller

SIGN_OF_LIFE_SECONDS: Final = 30.0

_FURTHEST_AHEAD: Final = 1_000_000
"""How far a device may be ahead of us and be believed: a restored backup lost that many changes at most."""

_log = structlog.get_logger()

Snapshot = tuple[policy_pb2.WatchPolicyResponse, ...]


class PolicyServicer(policy_pb2_grpc.PolicyServiceServicer):
    """Watches of all devices. A snapshot is read and built once a revision, whatever the number of devices that wait for it."""

    def __init__(
        self, editor: PolicyEditor, broadcast: PolicyBroadcast, *, sign_of_life: float = SIGN_OF_LIFE_SECONDS
    ) -> None:
        self._editor = editor
        self._broadcast = broadcast
        self._sign_of_life = sign_of_life
        self._latest: dict[RealmId, tuple[int, Snapshot]] = {}
        self._building = asyncio.Lock()

    async def WatchPolicy(  # noqa: N802 - the wire's name
        self,
        request: policy_pb2.WatchPolicyRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> AsyncIterator[policy_pb2.WatchPolicyResponse]:
        """The policy in force unless the device has it, then every change; a sign of life in between."""
        device = caller()
        sent = request.have_revision
        with self._broadcast.watch(device.realm_id) as watch:
            await self._catch_up(device, sent)
            heard = Heard.CHANGE
            while heard is not Heard.END:
                revision, snapshot = await self._in_force(device.realm_id)
                for message in snapshot if revision > sent else (current(revision),):
                    yield message
                sent = max(sent, revision)
                heard = await watch.next(self._sign_of_life)
        raise ShuttingDown("the cloud is going down", next_step="The device connects again by itself.")

    async def _catch_up(self, device: Caller, have: int) -> None:
        """Revisions only rise, so a cloud that is behind its devices (a restored backup) goes beyond them first."""
        ahead = have - await self._editor.revision(device.realm_id)
        if ahead <= 0:
            return
        _log.warning("policy.device_ahead", realm=device.realm_id, device=device.device_id, have=have, ahead=ahead)
        if ahead <= _FURTHEST_AHEAD:
            await self._editor.overtake(device.realm_id, have)

    async def _in_force(self, realm_id: RealmId) -> tuple[int, Snapshot]:
        async with self._building:
            revision = await self._editor.revision(realm_id)
            known = self._latest.get(realm_id)
            if known is not None and known[0] == revision:
                return known
            policy = await self._editor.policy(realm_id)
            built = (policy.realm.policy_revision, tuple(messages(policy)))
            self._latest[realm_id] = built
            return built
