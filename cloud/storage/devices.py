"""Devices and their certificates as they are kept; each change is noted in the audit log by the same transaction."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import DeviceId, RealmId
from cloud.enrollment.standing import Device, DeviceState, IssuedCertificate
from cloud.storage.audit import AuditEntry, add_entry
from cloud.storage.engine import Database
from cloud.storage.tables.enrollment import certificates, devices
from cloud.storage.tables.realms import realms
from cloud.storage.tokens import Spending, spend

KEPT_AFTER_EXPIRY: Final = timedelta(days=90)
"""How long an expired certificate is remembered: longer than Recover asks about any."""

_current = certificates.alias("current")
_previous = certificates.alias("previous")


class DeviceStore:
    """What is remembered of devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Device]:
        """Every device, members or not, in the order of enrolment."""
        async with self._database.reading() as connection:
            return [_device(row) for row in await connection.execute(_DEVICES.order_by(devices.c.enrolled_at))]

    async def by_id(self, device_id: DeviceId) -> Device | None:
        """The device of that id; None: unknown."""
        async with self._database.reading() as connection:
            return await _by_id(connection, device_id)

    async def generation_of(self, certificate_sha256: bytes) -> int | None:
        """Which certificate of its device this one is; None: none of ours, or long forgotten."""
        async with self._database.reading() as connection:
            query = select(certificates.c.generation).where(certificates.c.sha256 == certificate_sha256)
            return (await connection.execute(query)).scalar_one_or_none()

    async def banned(self, realm_id: RealmId, serial: str) -> bool:
        """Whether that serial number may not enrol in that realm."""
        async with self._database.reading() as connection:
            named = and_(devices.c.realm_id == realm_id, devices.c.serial == serial)
            return bool(await connection.scalar(select(exists().where(named, devices.c.state == DeviceState.BANNED))))

    async def realm_name(self, realm_id: RealmId) -> str:
        """The name of a realm that a token was made for."""
        async with self._database.reading() as connection:
            name: str = (await connection.execute(select(realms.c.name).where(realms.c.id == realm_id))).scalar_one()
        return name

    async def enrol(self, device: Device, spending: Spending, noted: AuditEntry) -> bool:
        """Spend the token and record the device with its certificate, all or nothing. False: the token is spent or expired."""
        async with self._database.writing() as connection:
            if not await spend(connection, spending):
                return False
            await connection.execute(insert(devices).values(**_columns(device)))
            await _record(connection, device.id, device.current)
            await add_entry(connection, noted)
        return True

    async def renew(self, device: Device, shown: int, new: IssuedCertificate, noted: AuditEntry) -> Device | None:
        """Make `new` the current certificate, the one of generation `shown` the one before.

        None: the device has changed since it was read (another renewal won, or it is no member any more).
        """
        async with self._database.writing() as connection:
            won = await connection.execute(
                update(devices)
                .where(_unchanged(device))
                .values(generation=new.generation, previous_generation=shown, first_used_at=None)
            )
            if won.rowcount != 1:
                return None
            long_ago = noted.at - KEPT_AFTER_EXPIRY
            await connection.execute(
                delete(certificates).where(
                    certificates.c.device_id == device.id,
                    certificates.c.not_after < long_ago,
                    certificates.c.generation < shown,
                )
            )
            await _record(connection, device.id, new)
            await add_entry(connection, noted)
            return await _by_id(connection, device.id)

    async def first_used(self, device_id: DeviceId, generation: int, at: datetime) -> None:
        """The device has used its newest certificate: the one before is void from now on. Safe to repeat."""
        unused = and_(devices.c.generation == generation, devices.c.first_used_at.is_(None))
        async with self._database.writing() as connection:
            await connection.execute(
                update(devices).where(devices.c.id == device_id, unused).values(first_used_at=at, last_seen_at=at)
            )

    async def change_state(self, device_id: DeviceId, state: DeviceState, noted: AuditEntry) -> None:
        """From now on the device is that."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(devices).where(devices.c.id == device_id).values(state=state, state_changed_at=noted.at)
            )
            await add_entry(connection, noted)

    async def heard_from(self, device_id: DeviceId, version: str, policy_revision: int, at: datetime) -> None:
        """The device is alive; what it runs, and which policy."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(devices)
                .where(devices.c.id == device_id)
                .values(version=version, policy_revision=policy_revision, last_seen_at=at)
            )


def _unchanged(device: Device) -> ColumnElement[bool]:
    """The row still has the certificates that the device was read with; its first use may have been noted since."""
    same = and_(
        devices.c.id == device.id,
        devices.c.state == DeviceState.ENROLLED,
        devices.c.generation == device.current.generation,
    )
    unused = devices.c.first_used_at.is_(None)
    return and_(same, or_(unused, devices.c.first_used_at == device.first_used_at))


async def _record(connection: AsyncConnection, device_id: DeviceId, certificate: IssuedCertificate) -> None:
    await connection.execute(
        insert(certificates).values(
            sha256=certificate.sha256,
            device_id=device_id,
            generation=certificate.generation,
            key_sha256=certificate.key_sha256,
            der=certificate.der,
            not_after=certificate.not_after,
        )
    )


def _columns(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "realm_id": device.realm_id,
        "serial": device.serial,
        "model": device.model,
        "version": device.version,
        "licences": list(device.licences),
        "state": device.state,
        "enrolled_at": device.enrolled_at,
        "state_changed_at": device.state_changed_at,
        "generation": device.current.generation,
        "policy_revision": device.policy_revision,
    }


_CERTIFICATE: Final = ("sha256", "generation", "key_sha256", "der", "not_after")


def _labelled(prefix: str, table: Any) -> list[ColumnElement[Any]]:
    return [table.c[name].label(f"{prefix}_{name}") for name in _CERTIFICATE]


_DEVICES: Final[Select[Any]] = (
    select(
        devices,
        realms.c.name.label("realm_name"),
        *_labelled("newest", _current),
        *_labelled("former", _previous),
    )
    .join(realms, realms.c.id == devices.c.realm_id)
    .join(_current, and_(_current.c.device_id == devices.c.id, _current.c.generation == devices.c.generation))
    .outerjoin(
        _previous,
        and_(_previous.c.device_id == devices.c.id, _previous.c.generation == devices.c.previous_generation),
    )
)


async def _by_id(connection: AsyncConnection, device_id: DeviceId) -> Device | None:
    row = (await connection.execute(_DEVICES.where(devices.c.id == device_id))).first()
    return None if row is None else _device(row)


def _device(row: Row[Any]) -> Device:
    current = _certificate(row, "newest")
    assert current is not None
    return Device(
        id=DeviceId(row.id),
        realm_id=RealmId(row.realm_id),
        realm_name=row.realm_name,
        serial=row.serial,
        model=row.model,
        version=row.version,
        licences=tuple(row.licences),
        state=DeviceState(row.state),
        enrolled_at=row.enrolled_at,
        state_changed_at=row.state_changed_at,
        current=current,
        previous=_certificate(row, "former"),
        first_used_at=row.first_used_at,
        last_seen_at=row.last_seen_at,
        policy_revision=row.policy_revision,
    )


def _certificate(row: Row[Any], prefix: str) -> IssuedCertificate | None:
    values = [getattr(row, f"{prefix}_{name}") for name in _CERTIFICATE]
    return None if values[0] is None else IssuedCertificate(*values)
