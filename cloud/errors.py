"""The cloud's errors: one family, each with a stable reason, a sentence, a next step, and its wire status.

    CloudError                     INTERNAL              500   INTERNAL
    ├── InvalidRequest             INVALID_ARGUMENT      400   INVALID_REQUEST
    ├── NotFound                   NOT_FOUND             404   NOT_FOUND
    ├── Conflict                   FAILED_PRECONDITION   409   (given where it is raised)
    ├── TooLarge                   OUT_OF_RANGE          413   (given where it is raised)
    ├── Refused                    PERMISSION_DENIED     403   (given where it is raised)
    ├── NotSignedIn                UNAUTHENTICATED       401   (given where it is raised)
    ├── Busy                       RESOURCE_EXHAUSTED    429   RATE_LIMITED
    ├── OutOfResources             RESOURCE_EXHAUSTED    503   OUT_OF_RESOURCES
    ├── TooSlow                    DEADLINE_EXCEEDED     504   ANALYSIS_TIMEOUT
    ├── Damaged                    DATA_LOSS             500   INTERNAL
    └── ShuttingDown               UNAVAILABLE           503   SHUTTING_DOWN

The sentence and the next step go to whoever asked; `fields` go to the log alone. rpc/status.py and portal/app.py turn these
into answers: no other place knows a wire status.
"""

from typing import ClassVar

from atp.reasons import Reason


class CloudError(Exception):
    """Something that the caller is told about. `grpc_code` is a number of google.rpc.Code."""

    grpc_code: ClassVar[int] = 13
    http_status: ClassVar[int] = 500
    default_reason: ClassVar[Reason] = Reason.INTERNAL

    def __init__(
        self, sentence: str, *, next_step: str = "", reason: Reason | None = None, **fields: str | int
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step
        self.reason = self.default_reason if reason is None else reason
        self.fields = fields


class InvalidRequest(CloudError):
    """What was sent can't be taken, now or later."""

    grpc_code = 3
    http_status = 400
    default_reason = Reason.INVALID_REQUEST


class NotFound(CloudError):
    """There is no such thing in the caller's realm; whether there is one elsewhere is not told."""

    grpc_code = 5
    http_status = 404
    default_reason = Reason.NOT_FOUND


class Conflict(CloudError):
    """The thing is there, but not in a state that allows this."""

    grpc_code = 9
    http_status = 409
    default_reason = Reason.INVALID_REQUEST


class TooLarge(CloudError):
    """Beyond a limit that the policy names."""

    grpc_code = 11
    http_status = 413
    default_reason = Reason.FILE_TOO_LARGE


class Refused(CloudError):
    """The caller is known and may not."""

    grpc_code = 7
    http_status = 403
    default_reason = Reason.CALL_NOT_ALLOWED


class NotSignedIn(CloudError):
    """Nobody knows who the caller is."""

    grpc_code = 16
    http_status = 401
    default_reason = Reason.CERTIFICATE_REQUIRED


class Busy(CloudError):
    """Too many calls from one caller; worth trying again."""

    grpc_code = 8
    http_status = 429
    default_reason = Reason.RATE_LIMITED


class OutOfResources(CloudError):
    """Memory, disk or queue is full."""

    grpc_code = 8
    http_status = 503
    default_reason = Reason.OUT_OF_RESOURCES


class TooSlow(CloudError):
    """The answer did not come in time."""

    grpc_code = 4
    http_status = 504
    default_reason = Reason.ANALYSIS_TIMEOUT


class Damaged(CloudError):
    """What is on disk is not what was sealed there, or the key is not the one that sealed it."""

    grpc_code = 15


class ShuttingDown(CloudError):
    """The service is going down; another replica, or this one later, answers."""

    grpc_code = 14
    http_status = 503
    default_reason = Reason.SHUTTING_DOWN
