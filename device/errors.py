"""The device's errors: one family, each with a stable reason, a sentence, and what to do next.

    DeviceError
    ├── WrongSetting       a flag, a variable or a key that can't be that value
    ├── NotRunning         a command needs the running device, and there is none
    ├── CannotIntercept    this machine doesn't let the device stand in the path
    ├── CannotTap          this machine doesn't let the device watch an interface
    ├── WorkerFailed       a worker process did not come up; the sentence is its own, where it had one
    ├── NotReloaded        what is on disk can't be taken up; what was in force stays so
    ├── UnreadableFile     a file to inspect that can't be read, or is damaged
    └── EnrolmentError     this device is not, or cannot become, what it wants to be to the cloud
        ├── NotAUrl            the text is no enrolment URL
        ├── AlreadyEnrolled    there is an identity, and nobody said to replace it
        ├── NotEnrolled        there is none
        ├── IdentityDamaged    there is one, and it cannot be used
        ├── CloudUnreachable   nobody answers there
        ├── CloudNotTrusted    somebody answers, and it is not the cloud that the URL or the identity names
        ├── ClockWrong         this machine's time is off, so that no certificate can be judged
        └── DeclinedByCloud    the cloud said no; its reason is one of atp.reasons

The sentence and the next step are for the person who typed the command; `fields` go to the log alone. What goes wrong with
the cloud while mail flows is another family (device.cloudlink.faults): it becomes a fallback, not a message to a person.
"""

from atp.reasons import Reason


class DeviceError(Exception):
    """Something that the person at the device is told about."""

    reason: str = "DEVICE_ERROR"

    def __init__(self, sentence: str, *, next_step: str = "", **fields: str | int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step
        self.fields = fields


def first_of(several: BaseExceptionGroup[DeviceError]) -> DeviceError:
    """The error that ended a start; task groups have wrapped it."""
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DeviceError)
    return error


class WrongSetting(DeviceError):
    """A setting that can't be that value; the sentence names it and where it stood."""

    reason = "WRONG_SETTING"


class NotRunning(DeviceError):
    """There is no running device on this state folder."""

    reason = "NOT_RUNNING"


class CannotIntercept(DeviceError):
    """The kernel, the privilege or a tool for it is missing; the sentence says which."""

    reason = "CANNOT_INTERCEPT"


class CannotTap(DeviceError):
    """The privilege is missing, or the interface has gone."""

    reason = "CANNOT_TAP"


class WorkerFailed(DeviceError):
    """One of several worker processes did not come up."""

    reason = "WORKER_FAILED"


class NotReloaded(DeviceError):
    """The running device could not take up what is on disk, and goes on with what it had."""

    reason = "NOT_RELOADED"


class UnreadableFile(DeviceError):
    """A file to inspect is not there, may not be read, or is no whole capture."""

    reason = "UNREADABLE_FILE"


class EnrolmentError(DeviceError):
    """Something about who this device is to the cloud."""

    reason = "ENROLMENT_ERROR"


class NotAUrl(EnrolmentError):
    """The text is no enrolment URL; the sentence says which part is wrong, and never repeats the token."""

    reason = "NOT_A_URL"


class AlreadyEnrolled(EnrolmentError):
    """This device is a member of a realm already."""

    reason = "ALREADY_ENROLLED"


class NotEnrolled(EnrolmentError):
    """This device is no member of any realm."""

    reason = "NOT_ENROLLED"


class IdentityDamaged(EnrolmentError):
    """What is kept of the identity cannot be read, or does not fit together."""

    reason = "IDENTITY_DAMAGED"


class CloudUnreachable(EnrolmentError):
    """There is no answer from the cloud's address."""

    reason = "CLOUD_UNREACHABLE"


class CloudNotTrusted(EnrolmentError):
    """Whoever answers cannot prove to be the cloud: a wrong address, a new cloud under an old name, or someone in between."""

    reason = "CLOUD_NOT_TRUSTED"


class ClockWrong(EnrolmentError):
    """Certificates cannot be judged by this machine's clock."""

    reason = "CLOCK_WRONG"


class DeclinedByCloud(EnrolmentError):
    """The cloud's own answer; `reason` is the wire's."""

    def __init__(self, reason: Reason | str, sentence: str, *, next_step: str = "", **fields: str | int) -> None:
        super().__init__(sentence, next_step=next_step, **fields)
        self.reason = str(reason)
