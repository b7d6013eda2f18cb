"""Who may call what. A method without a line here is refused to everyone; a test walks all descriptors of atp.v1."""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class CallerKind(Enum):
    """Anyone: the call itself proves what it must (a token, a signature), or tells only what is public. Device: a member."""

    ANYONE = auto()
    DEVICE = auto()


RULES: Final[Mapping[str, CallerKind]] = MappingProxyType(
    {
        "/atp.v1.EnrollmentService/Enroll": CallerKind.ANYONE,
        "/atp.v1.EnrollmentService/GetTrustBundle": CallerKind.ANYONE,
        "/atp.v1.EnrollmentService/Challenge": CallerKind.ANYONE,
        "/atp.v1.EnrollmentService/Diagnose": CallerKind.ANYONE,
        "/atp.v1.EnrollmentService/Recover": CallerKind.ANYONE,
        "/atp.v1.DeviceService/Renew": CallerKind.DEVICE,
        "/atp.v1.DeviceService/Disenroll": CallerKind.DEVICE,
        "/atp.v1.DeviceService/Heartbeat": CallerKind.DEVICE,
        "/atp.v1.InspectionService/LookupVerdicts": CallerKind.DEVICE,
        "/atp.v1.InspectionService/SubmitFile": CallerKind.DEVICE,
        "/atp.v1.QuarantineService/StoreMessage": CallerKind.DEVICE,
        "/atp.v1.QuarantineService/SettleMessage": CallerKind.DEVICE,
        "/atp.v1.PolicyService/WatchPolicy": CallerKind.DEVICE,
        "/atp.v1.ReleaseService/RedeemPass": CallerKind.DEVICE,
        "/atp.v1.ReleaseService/SettlePass": CallerKind.DEVICE,
        "/atp.v1.TelemetryService/Report": CallerKind.DEVICE,
        # Which services there are, and whether they serve: told to whoever passed the port's own TLS.
        "/grpc.health.v1.Health/Check": CallerKind.ANYONE,
        "/grpc.health.v1.Health/List": CallerKind.ANYONE,
        "/grpc.health.v1.Health/Watch": CallerKind.ANYONE,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": CallerKind.ANYONE,
    }
)
