"""What the cloud answers about identity: an identity that holds together, or an error that a person can act on."""

from collections.abc import Iterable
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from atp.identity import DeviceId, NotAnIdentity, RealmId
from atp.reasons import DOMAIN, Reason
from atp.v1 import enrollment_pb2
from device.enrollment.identity import Identity
from device.errors import ClockWrong, CloudNotTrusted, CloudUnreachable, DeclinedByCloud, EnrolmentError

_SILENT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


def identity_of(
    told: enrollment_pb2.DeviceIdentity, *, key_pem: bytes, serial: str, enrolment_endpoint: str
) -> Identity:
    """The identity that the cloud gave for this key. Raises CloudNotTrusted where its parts do not belong together."""
    try:
        identity = Identity(
            device_id=DeviceId(told.device_id),
            realm_id=RealmId(told.realm_id),
            realm_name=told.realm_name,
            authority=told.authority,
            generation=told.generation,
            serial=serial,
            endpoint=told.device_endpoint,
            enrolment_endpoint=enrolment_endpoint,
            key_pem=key_pem,
            chain_pem=_pem(told.chain_der),
            trust_bundle_pem=_pem(told.trust_bundle_der),
        )
        type(identity.name).parse(identity.name.uri())
        identity.check()
    except (ValueError, NotAnIdentity, EnrolmentError) as error:
        raise CloudNotTrusted(
            "the cloud's answer does not hold together", next_step="Are cloud and device of the same version?"
        ) from error
    return identity


def error_of(error: grpc.aio.AioRpcError, endpoint: str) -> EnrolmentError:
    """What a failed call means for a person. The cloud's own reason and next step are kept where it gave some."""
    info = _error_info(error)
    if info is None:
        return _without_reason(error, endpoint)
    sentence, next_step = error.details() or info.reason, info.metadata.get("next_step", "")
    if info.reason == Reason.CLOCK_SKEW:
        return ClockWrong(sentence, next_step=next_step)
    return DeclinedByCloud(info.reason, sentence, next_step=next_step)


def _without_reason(error: grpc.aio.AioRpcError, endpoint: str) -> EnrolmentError:
    """No word of the cloud's: it is away, or TLS failed, which looks the same."""
    if error.code() in _SILENT:
        return CloudUnreachable(
            f"there is no answer from {endpoint}",
            next_step="Is the cloud running (srx-cloud serve), and is there a way to it?",
        )
    return DeclinedByCloud(error.code().name, f"{endpoint} answers something else than a cloud of this kind would")


def _error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    status = rpc_status.from_call(error)
    for detail in () if status is None else status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return info
    return None


def _pem(certificates: Iterable[bytes]) -> bytes:
    return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in certificates)
