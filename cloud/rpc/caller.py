"""Who is calling: read from the client certificate alone, set by the interceptor, asked by the servicers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from atp.identity import DeviceId, RealmId
from cloud.errors import NotSignedIn

_current: ContextVar["Caller"] = ContextVar("caller")


@dataclass(frozen=True, slots=True)
class Caller:
    """A device of a realm, and which generation of its certificates it used."""

    realm_id: RealmId
    device_id: DeviceId
    generation: int


def caller() -> Caller:
    """The device whose call this task serves. Raises NotSignedIn where no certificate was shown."""
    try:
        return _current.get()
    except LookupError:
        raise NotSignedIn(
            "This call needs a device certificate.", next_step="Enrol the device: srx enroll URL."
        ) from None


@contextmanager
def acting_as(device: Caller) -> Iterator[None]:
    """Serve the calls of this block as that device; the interceptor's way in, and the tests'."""
    token = _current.set(device)
    try:
        yield
    finally:
        _current.reset(token)
