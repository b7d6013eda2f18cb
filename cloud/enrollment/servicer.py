"""EnrollmentService and DeviceService: wire messages stop here; what they ask for is done in the rooms behind."""

from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.timestamp_pb2 import Timestamp

from atp.v1 import device_pb2, device_pb2_grpc, enrollment_pb2, enrollment_pb2_grpc
from cloud.clock import Clock
from cloud.enrollment.authority import Authority
from cloud.enrollment.challenges import Challenges
from cloud.enrollment.devices import Devices
from cloud.enrollment.endpoints import Advertised
from cloud.enrollment.enrolment import Applicant, Enrolment, Membership
from cloud.enrollment.outsider import Outsider, Proof
from cloud.rpc import validation
from cloud.rpc.caller import caller
from cloud.rpc.rates import PeerRates

_NAME: Final = 64
_LICENCES: Final = 32
_TOKEN: Final = 256
_CERTIFICATE: Final = 16 * 1024
_SIGNATURE: Final = 256
_MOST_REVISION: Final = 2**63 - 1


class Introduction:
    """Tells a device who it is now, in the wire's words."""

    def __init__(self, authority: Authority, advertised: Advertised, clock: Clock) -> None:
        self._authority = authority
        self._advertised = advertised
        self._clock = clock

    def of(self, membership: Membership) -> enrollment_pb2.DeviceIdentity:
        """Chain, trust bundle, ids and endpoint for this membership."""
        device, certificate = membership.device, membership.certificate
        return enrollment_pb2.DeviceIdentity(
            device_id=device.id,
            realm_id=device.realm_id,
            realm_name=device.realm_name,
            authority=self._authority.name,
            generation=certificate.generation,
            chain_der=(certificate.der, self._authority.device_ca.public_bytes(Encoding.DER)),
            trust_bundle_der=(self._authority.root.public_bytes(Encoding.DER),),
            device_endpoint=self._advertised().device,
            server_time=_timestamp(self._clock()),
            not_after=_timestamp(certificate.not_after),
        )


class EnrollmentServicer(enrollment_pb2_grpc.EnrollmentServiceServicer):
    """The enrolment port: for whoever has a token, or a certificate that TLS refuses."""

    def __init__(
        self,
        authority: Authority,
        enrolment: Enrolment,
        outsider: Outsider,
        challenges: Challenges,
        introduction: Introduction,
        rates: PeerRates,
        clock: Clock,
    ) -> None:
        self._authority = authority
        self._enrolment = enrolment
        self._outsider = outsider
        self._challenges = challenges
        self._introduction = introduction
        self._rates = rates
        self._clock = clock

    async def Enroll(  # noqa: N802 - the wire's name
        self, request: enrollment_pb2.EnrollRequest, context: Any
    ) -> enrollment_pb2.EnrollResponse:
        """Spends a token. Safe to repeat with the same key within ten minutes."""
        self._rates.take(context.peer())
        membership = await self._enrolment.enrol(_applicant(request, context.peer()))
        return enrollment_pb2.EnrollResponse(identity=self._introduction.of(membership))

    async def GetTrustBundle(  # noqa: N802 - the wire's name
        self,
        request: enrollment_pb2.GetTrustBundleRequest,  # noqa: ARG002 - gRPC's signature
        context: Any,
    ) -> enrollment_pb2.GetTrustBundleResponse:
        """Public."""
        self._rates.take(context.peer())
        between = (self._authority.server_ca, self._authority.device_ca)
        return enrollment_pb2.GetTrustBundleResponse(
            roots_der=(self._authority.root.public_bytes(Encoding.DER),),
            intermediates_der=[each.public_bytes(Encoding.DER) for each in between],
        )

    async def Challenge(  # noqa: N802 - the wire's name
        self,
        request: enrollment_pb2.ChallengeRequest,  # noqa: ARG002 - gRPC's signature
        context: Any,
    ) -> enrollment_pb2.ChallengeResponse:
        """A nonce, good once and for one minute."""
        self._rates.take(context.peer())
        return enrollment_pb2.ChallengeResponse(nonce=self._challenges.issue())

    async def Diagnose(  # noqa: N802 - the wire's name
        self, request: enrollment_pb2.DiagnoseRequest, context: Any
    ) -> enrollment_pb2.DiagnoseResponse:
        """Why mutual TLS, or the gate behind it, would refuse the certificate."""
        self._rates.take(context.peer())
        error = self._outsider.diagnose(_proof(request))
        return enrollment_pb2.DiagnoseResponse(
            usable=error is None,
            reason="" if error is None else error.reason,
            explanation="" if error is None else error.sentence,
            next_step="" if error is None else error.next_step,
            server_time=_timestamp(self._clock()),
        )

    async def Recover(  # noqa: N802 - the wire's name
        self, request: enrollment_pb2.RecoverRequest, context: Any
    ) -> enrollment_pb2.RecoverResponse:
        """As Renew, upon a certificate that has ended."""
        self._rates.take(context.peer())
        membership = await self._outsider.recover(_proof(request), request.csr_der)
        return enrollment_pb2.RecoverResponse(identity=self._introduction.of(membership))


class DeviceServicer(device_pb2_grpc.DeviceServiceServicer):
    """What an enrolled device does about itself."""

    def __init__(self, devices: Devices, enrolment: Enrolment, introduction: Introduction) -> None:
        self._devices = devices
        self._enrolment = enrolment
        self._introduction = introduction

    async def Renew(  # noqa: N802 - the wire's name
        self,
        request: device_pb2.RenewRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> device_pb2.RenewResponse:
        """A certificate of the next generation for a new key. Safe to repeat until it is used."""
        device = caller()
        present = self._devices.get(device.device_id)
        membership = await self._enrolment.renew(present, device.generation, request.csr_der, how="renewed")
        return device_pb2.RenewResponse(identity=self._introduction.of(membership))

    async def Disenroll(  # noqa: N802 - the wire's name
        self,
        request: device_pb2.DisenrollRequest,  # noqa: ARG002 - gRPC's signature
        context: Any,  # noqa: ARG002 - same
    ) -> device_pb2.DisenrollResponse:
        """Ends the membership; the device's other calls end at once."""
        await self._devices.disenrol(caller().device_id)
        return device_pb2.DisenrollResponse()

    async def Heartbeat(  # noqa: N802 - the wire's name
        self,
        request: device_pb2.HeartbeatRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> device_pb2.HeartbeatResponse:
        """The device is alive; the cloud's time."""
        version = validation.text("version", request.version, longest=_NAME)
        revision = validation.number("policy_revision", request.policy_revision, least=0, most=_MOST_REVISION)
        heard_at = await self._devices.heard_from(caller().device_id, version, revision)
        return device_pb2.HeartbeatResponse(server_time=_timestamp(heard_at))


def _applicant(request: enrollment_pb2.EnrollRequest, peer: str) -> Applicant:
    licences = validation.items("licences", request.licences, most=_LICENCES)
    return Applicant(
        token=validation.text("token", request.token, longest=_TOKEN),
        csr_der=request.csr_der,
        serial=validation.text("serial", request.serial, longest=_NAME, shortest=1),
        model=validation.text("model", request.model, longest=_NAME),
        version=validation.text("version", request.version, longest=_NAME),
        licences=tuple(validation.text("licences", each, longest=_NAME) for each in licences),
        device_time=validation.instant("device_time", request.device_time),
        peer=peer,
    )


def _proof(request: enrollment_pb2.DiagnoseRequest | enrollment_pb2.RecoverRequest) -> Proof:
    return Proof(
        certificate_der=validation.data("certificate_der", request.certificate_der, longest=_CERTIFICATE),
        nonce=validation.data("nonce", request.nonce, longest=_NAME),
        signature=validation.data("proof", request.proof, longest=_SIGNATURE),
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
