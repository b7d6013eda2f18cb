"""Why a device is no member any more, and what it is told.

why           state         may it come back?
evicted       evicted       yes, with a new token
banned        banned        no: its serial number is refused in this realm until it is evicted instead
(by itself)   disenrolled   yes, with a new token
(a clone)     cloned        yes, with a new token: two machines held its key, and neither is believed
"""

from enum import StrEnum
from typing import Final

from atp.reasons import Reason
from cloud.enrollment.standing import DeviceState
from cloud.errors import Refused

_ENROL_AGAIN: Final = "Make a token (srx-cloud token create --realm NAME) and enrol again: srx enroll --replace URL."


class Revocation(StrEnum):
    """Why an administrator revokes a device."""

    EVICTED = "evicted"
    BANNED = "banned"

    @property
    def state(self) -> DeviceState:
        """What the device is from then on."""
        return DeviceState(self.value)


def refusal(state: DeviceState) -> Refused:
    """What a device that is no member is told, on every call and when its live calls are ended."""
    sentence, reason, next_step = _REFUSALS[state]
    return Refused(sentence, reason=reason, next_step=next_step, state=state)


_REFUSALS: Final = {
    DeviceState.DISENROLLED: ("this device has disenrolled", Reason.DEVICE_DISENROLLED, _ENROL_AGAIN),
    DeviceState.EVICTED: ("this device was evicted by an administrator", Reason.DEVICE_REVOKED, _ENROL_AGAIN),
    DeviceState.BANNED: (
        "this device was banned by an administrator",
        Reason.DEVICE_REVOKED,
        "Only an administrator can lift the ban: srx-cloud device revoke DEVICE --reason evicted.",
    ),
    DeviceState.CLONED: (
        "this device's key was used by two machines, so its certificates were revoked",
        Reason.DEVICE_REVOKED,
        "Find the other machine; then enrol again with a new token: srx enroll --replace URL.",
    ),
}
