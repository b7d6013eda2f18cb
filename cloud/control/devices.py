"""Devices of a realm: listed, revoked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from atp.identity import DeviceId
from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.enrollment.revocation import Revocation
from cloud.enrollment.standing import Device, DeviceState
from cloud.errors import NotFound


@dataclass(frozen=True, slots=True)
class ListDevices:
    """`realm` may be None where there is only one."""

    realm: str | None


@dataclass(frozen=True, slots=True)
class RevokeDevice:
    """Evicted: it may come back with a new token. Banned: its serial number may not."""

    realm: str | None
    device: str
    reason: Revocation


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device as it is shown. `policy_revision` is what it had in force when it was last heard from."""

    id: str
    realm: str
    serial: str
    model: str
    version: str
    status: DeviceState
    enrolled_at: datetime
    last_seen_at: datetime | None
    certificate_ends_at: datetime
    generation: int
    policy_revision: int


@dataclass(frozen=True, slots=True)
class DevicesView:
    """A realm's devices in the order of enrolment, and the policy revision that they should have."""

    realm: str
    policy_revision: int
    devices: tuple[DeviceView, ...]


async def _list(administration: Administration, params: ListDevices) -> DevicesView:
    realm = await administration.realm(params.realm)
    devices = administration.devices.list(realm.id)
    return DevicesView(realm.name, realm.policy_revision, tuple(_view(each) for each in devices))


async def _revoke(administration: Administration, params: RevokeDevice) -> DeviceView:
    device = administration.devices.get(DeviceId(params.device))
    if params.realm is not None and device.realm_id != (await administration.realm(params.realm)).id:
        raise NotFound("there is no such device in that realm", next_step="srx-cloud device list shows them.")
    return _view(await administration.devices.revoke(device.id, params.reason, actor=administration.operator))


def _view(device: Device) -> DeviceView:
    return DeviceView(
        id=device.id,
        realm=device.realm_name,
        serial=device.serial,
        model=device.model,
        version=device.version,
        status=device.state,
        enrolled_at=device.enrolled_at,
        last_seen_at=device.last_seen_at,
        certificate_ends_at=device.current.not_after,
        generation=device.current.generation,
        policy_revision=device.policy_revision,
    )


LIST: Final = Operation("device.list", ListDevices, DevicesView, _list)
REVOKE: Final = Operation("device.revoke", RevokeDevice, DeviceView, _revoke)
