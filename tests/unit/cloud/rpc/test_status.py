"""Errors of the wire say what programs may rely on, and nothing that is for the log alone."""

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from atp.reasons import DOMAIN, Reason
from cloud.errors import Busy, CloudError, NotFound, OutOfResources, ShuttingDown
from cloud.rpc.status import status_of, unexpected
from cloud.rpc.validation import InvalidField


def details(error: CloudError) -> list[Message]:
    """The details of its status, unpacked."""
    found: list[Message] = []
    for packed in status_of(error).details:
        for kind in (ErrorInfo, RetryInfo, BadRequest):
            if packed.Is(kind.DESCRIPTOR):
                detail: Message = kind()
                packed.Unpack(detail)
                found.append(detail)
    return found


def test_reason_domain_and_next_step_are_told_and_fields_are_not() -> None:
    error = NotFound("there is no such message", next_step="List them.", message_id="msg_secret")
    status = status_of(error)
    assert (status.code, status.message) == (5, "there is no such message")
    assert details(error) == [ErrorInfo(reason=Reason.NOT_FOUND, domain=DOMAIN, metadata={"next_step": "List them."})]
    assert b"msg_secret" not in status.SerializeToString()


def test_what_may_succeed_later_says_when() -> None:
    for error in (Busy("x"), OutOfResources("x"), ShuttingDown("x")):
        (retry,) = [each for each in details(error) if isinstance(each, RetryInfo)]
        assert retry.retry_delay.seconds > 0
    assert len(details(NotFound("x"))) == 1


def test_a_field_at_fault_is_named() -> None:
    (violation,) = details(InvalidField("sha256", "32 bytes are expected"))[1:]
    assert isinstance(violation, BadRequest)
    assert [each.field for each in violation.field_violations] == ["sha256"]


def test_a_fault_of_ours_tells_an_id_and_nothing_else() -> None:
    error = unexpected("inc_1")
    assert status_of(error).code == 13
    assert "inc_1" in error.sentence
    assert details(error)[0] == ErrorInfo(
        reason=Reason.INTERNAL, domain=DOMAIN, metadata={"next_step": "Search the cloud's log for inc_1."}
    )
