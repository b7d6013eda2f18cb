"""The mail path of a device with several worker processes: they carry the mail, the parent carries them."""

import asyncio
from typing import Any, Final

import structlog

from device.errors import DeviceError, NotReloaded
from device.interception.listener import Entrance
from device.settings import Settings
from device.telemetry.counters import summed
from device.workers.slot import Slot

log = structlog.get_logger()

_SPARE_SECONDS: Final = 10.0
"""For a worker's own end after its grace: last words to clients, its channel."""


class Workers:
    """As many as the settings say, one in each slot. They live in `tasks`, whose owner calls stop() before leaving it."""

    def __init__(self, settings: Settings, entrance: Entrance, tasks: asyncio.TaskGroup) -> None:
        self.entrance = entrance
        self._settings = settings
        self._tasks = tasks
        shares = [settings.share(index) for index in range(settings.workers)]
        self._slots = [Slot(number, share, entrance, tasks) for number, share in enumerate(shares, 1)]
        self._keeping: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        """Clients may come. Raises DeviceError where not one worker comes up; whoever failed beside others is tried again."""
        for slot in self._slots:
            await slot.bind()
        failures = [each for each in await asyncio.gather(*map(_filled, self._slots)) if each is not None]
        if len(failures) == len(self._slots):
            raise failures[0]
        for failure in failures:
            log.error("worker.not-started", reason=failure.reason, meaning=failure.sentence)
        self._keeping = [self._tasks.create_task(slot.keep_filled()) for slot in self._slots]
        await self.entrance.open()

    async def reload(self) -> None:
        """Replace the workers one after another by new ones, which read anew what is on disk. Raises NotReloaded."""
        async with self._reloading:
            for slot in self._slots:
                try:
                    await slot.fill()
                except DeviceError as error:
                    raise NotReloaded(
                        f"the device goes on as it was: {error.sentence}", next_step=error.next_step
                    ) from error

    async def counters(self) -> dict[str, int]:
        """Those of all workers together, and of all before them."""
        return summed(await asyncio.gather(*(slot.count() for slot in self._slots)))

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {"workers": [each for slot in self._slots for each in slot.told()]}

    def refreshed(self) -> None:
        """The identity on disk may be another one."""
        self._tell("refresh")

    def renewed(self) -> None:
        """The certificate was renewed."""
        self._tell("renewed")

    async def stop(self, grace_seconds: float) -> None:
        """No more clients; sessions in a transaction may end it within that time, and so may what is still to be settled."""
        for each in self._keeping:
            each.cancel()
        await asyncio.gather(*(slot.stop(2 * grace_seconds + _SPARE_SECONDS) for slot in self._slots))

    def close(self) -> None:
        """Nobody is left, also where the start has failed half-way."""
        for slot in self._slots:
            slot.end()

    def _tell(self, order: str) -> None:
        for slot in self._slots:
            slot.tell(order)


async def _filled(slot: Slot) -> DeviceError | None:
    """Why it is not filled; None: it is."""
    try:
        await slot.fill()
    except DeviceError as error:
        return error
    return None
