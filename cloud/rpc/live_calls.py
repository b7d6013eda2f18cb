"""The calls that are under way, by device: TLS looks at a certificate once, so ending a device means ending these.

Each call runs inside a scope that can be ended with an error: by revocation, by the certificate's own end, by shutdown.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from atp.identity import DeviceId
from cloud.errors import CloudError


@dataclass(eq=False, slots=True)
class _LiveCall:
    """One call. `error` is what its peer is told if it is ended; at its certificate's end, unless someone is earlier."""

    scope: asyncio.Timeout
    error: CloudError
    endless: bool
    task: asyncio.Task[object] | None = field(default_factory=asyncio.current_task)

    def end(self, error: CloudError) -> None:
        if not self.scope.expired():
            self.error = error
            self.scope.reschedule(asyncio.get_running_loop().time())


class LiveCalls:
    """Every device's calls of one process; belongs to its event loop."""

    def __init__(self) -> None:
        self._by_device: defaultdict[DeviceId, set[_LiveCall]] = defaultdict(set)

    @asynccontextmanager
    async def running(
        self, device_id: DeviceId, *, seconds: float, then: CloudError, endless: bool
    ) -> AsyncIterator[None]:
        """Run a call of that device in the block, for so many seconds at most; then it ends with that error.

        `endless` calls are those that wait for news: a shutdown ends them at once.
        """
        call: _LiveCall | None = None
        try:
            async with asyncio.timeout(max(seconds, 0.0)) as scope:
                call = _LiveCall(scope, then, endless)
                self._by_device[device_id].add(call)
                yield
        except TimeoutError:
            if call is None or not call.scope.expired():
                raise
            raise call.error from None
        finally:
            self._forget(device_id, call)

    def end(self, device_id: DeviceId, error: CloudError) -> int:
        """End every call of that device but the one that asks for it; how many."""
        calls = [call for call in self._by_device.get(device_id, ()) if call.task is not asyncio.current_task()]
        for call in calls:
            call.end(error)
        return len(calls)

    def end_endless(self, error: CloudError) -> None:
        """End every call that would wait for ever; the others may finish."""
        for call in [each for calls in self._by_device.values() for each in calls if each.endless]:
            call.end(error)

    def _forget(self, device_id: DeviceId, call: _LiveCall | None) -> None:
        calls = self._by_device.get(device_id, set())
        if call is not None:
            calls.discard(call)
        if not calls:
            self._by_device.pop(device_id, None)
