"""All devices, in memory: every call asks, and a database would be asked too often.

The store is written first, then the memory: what is believed here has happened. Ending a device ends its live calls.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from atp.identity import DeviceId, RealmId
from cloud.clock import Clock
from cloud.enrollment.revocation import Revocation, refusal
from cloud.enrollment.standing import Device, DeviceState
from cloud.errors import CloudError, NotFound
from cloud.storage.audit import AuditEntry
from cloud.storage.devices import DeviceStore

SEEN_WITHIN: Final = timedelta(minutes=1)
"""How exact `last_seen_at` is: a device that calls all the time is written down once in that span."""

_log = structlog.get_logger()


class Live(Protocol):
    """The calls that are under way."""

    def end(self, device_id: DeviceId, error: CloudError) -> int:
        """End every call of that device but the one that asks for it; how many."""


class Devices:
    """What every device is now. load() before the first question."""

    def __init__(self, store: DeviceStore, live: Live, clock: Clock) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._by_id: dict[DeviceId, Device] = {}

    async def load(self) -> None:
        """Read all devices; again later, it also ends the calls of those that another replica has ended."""
        known = self._by_id
        self._by_id = {device.id: device for device in await self._store.all()}
        for device_id in known.keys() - self._by_id.keys():
            self._live.end(device_id, refusal(DeviceState.EVICTED))
        for device in self._by_id.values():
            if device.state is not DeviceState.ENROLLED:
                self._live.end(device.id, refusal(device.state))

    def find(self, device_id: DeviceId) -> Device | None:
        """The device of that id; None: unknown."""
        return self._by_id.get(device_id)

    def get(self, device_id: DeviceId) -> Device:
        """The device of that id. Raises NotFound."""
        device = self._by_id.get(device_id)
        if device is None:
            raise NotFound("there is no such device", next_step="srx-cloud device list --realm NAME shows them.")
        return device

    def list(self, realm_id: RealmId) -> tuple[Device, ...]:
        """The realm's devices, members or not, in the order of enrolment."""
        found = (device for device in self._by_id.values() if device.realm_id == realm_id)
        return tuple(sorted(found, key=lambda device: device.enrolled_at))

    def put(self, device: Device) -> None:
        """The store has recorded this of a new or renewed device; one that was ended meanwhile stays ended."""
        present = self._by_id.get(device.id)
        if present is not None and present.state is not DeviceState.ENROLLED:
            device = replace(device, state=present.state, state_changed_at=present.state_changed_at)
        self._by_id[device.id] = device

    async def revoke(self, device_id: DeviceId, why: Revocation, *, actor: str = "administrator") -> Device:
        """End the device's membership and its live calls; all its certificates with it. Raises NotFound."""
        return await self._end(self.get(device_id), why.state, "device.revoked", actor)

    async def disenrol(self, device_id: DeviceId) -> None:
        """The device ends its own membership."""
        await self._end(self.get(device_id), DeviceState.DISENROLLED, "device.disenrolled", device_id)

    async def suspect(self, device: Device, generation: int) -> None:
        """Someone shows a certificate that this device cannot have any more: believe neither, and raise the alarm."""
        _log.critical("device.cloned", device_id=device.id, realm_id=device.realm_id, serial=device.serial)
        await self._end(device, DeviceState.CLONED, "device.cloned", "cloud", shown_generation=generation)

    async def used(self, device: Device, at: datetime) -> None:
        """The device has used its newest certificate for the first time: the one before it is void."""
        await self._store.first_used(device.id, device.current.generation, at)
        self._refresh(device.id, device.current.generation, at)

    async def seen(self, device: Device) -> None:
        """The device has made a call."""
        await self._note(device, device, self._clock())

    async def heard_from(self, device_id: DeviceId, version: str, policy_revision: int) -> datetime:
        """The device says what it runs, and which policy; the time at which that was heard."""
        now, present = self._clock(), self.get(device_id)
        await self._note(present, replace(present, version=version, policy_revision=policy_revision), now)
        return now

    async def _note(self, present: Device, said: Device, now: datetime) -> None:
        """Note what is new. Memory first, here alone: of many calls at the same time one writes, and the others don't wait."""
        if said == present and present.last_seen_at is not None and abs(now - present.last_seen_at) < SEEN_WITHIN:
            return
        self._by_id[present.id] = replace(said, last_seen_at=now)
        await self._store.heard_from(present.id, said.version, said.policy_revision, now)

    def _refresh(self, device_id: DeviceId, generation: int, at: datetime) -> None:
        """Note the first use, unless a renewal came in between."""
        present = self._by_id.get(device_id)
        if present is not None and present.current.generation == generation and present.first_used_at is None:
            self._by_id[device_id] = replace(present, first_used_at=at, last_seen_at=at)

    async def _end(self, device: Device, state: DeviceState, what: str, actor: str, **more: str | int) -> Device:
        now = self._clock()
        fields = {"device_id": device.id, "serial": device.serial, "state": state, **more}
        await self._store.change_state(device.id, state, AuditEntry(now, what, device.realm_id, actor, fields))
        ended = replace(self.get(device.id), state=state, state_changed_at=now)
        self._by_id[device.id] = ended
        calls = self._live.end(device.id, refusal(state))
        _log.warning(what, device_id=device.id, realm_id=device.realm_id, state=state, ended_calls=calls)
        return ended
