"""Errors as the wire tells them: google.rpc.Status with ErrorInfo, RetryInfo and BadRequest.

    ErrorInfo     reason and domain, always; metadata next_step where there is one
    RetryInfo     where the same call may succeed later
    BadRequest    where one field is at fault

The sentence goes to the caller, `fields` to the log alone. What is not a CloudError becomes INTERNAL, and an id by which
the log can be searched is all that is told.
"""

from collections.abc import Iterator
from typing import Final

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from atp.reasons import DOMAIN
from cloud.errors import Busy, CloudError, OutOfResources, ShuttingDown
from cloud.rpc.validation import InvalidField

DETAILS_KEY: Final = "grpc-status-details-bin"
"""Where gRPC carries a google.rpc.Status beside its own code and text."""

_RETRY_SECONDS: Final[dict[type[CloudError], int]] = {Busy: 5, OutOfResources: 10, ShuttingDown: 1}


def status_of(error: CloudError) -> Status:
    """The error, for the wire."""
    status = Status(code=error.grpc_code, message=error.sentence)
    for detail in _details(error):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def unexpected(incident: str) -> CloudError:
    """What a caller is told of an error that is a fault of ours."""
    return CloudError(
        f"something went wrong in the cloud; its log says more under {incident}",
        next_step=f"Search the cloud's log for {incident}.",
        incident=incident,
    )


def _details(error: CloudError) -> Iterator[Message]:
    metadata = {"next_step": error.next_step} if error.next_step else {}
    yield ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    seconds = next((wait for kind, wait in _RETRY_SECONDS.items() if isinstance(error, kind)), None)
    if seconds is not None:
        yield RetryInfo(retry_delay=Duration(seconds=seconds))
    if isinstance(error, InvalidField):
        violation = BadRequest.FieldViolation(field=error.field, description=error.sentence)
        yield BadRequest(field_violations=[violation])
