"""The services of atp.v1: how a servicer is put on a server, and the name that health and reflection know it by."""

from collections.abc import Callable
from typing import Any, Final

import grpc

from atp.v1 import (
    device_pb2_grpc,
    enrollment_pb2_grpc,
    inspection_pb2_grpc,
    policy_pb2_grpc,
    quarantine_pb2_grpc,
    release_pb2_grpc,
    telemetry_pb2_grpc,
)

_SERVICES: Final[dict[str, tuple[type, Callable[[Any, Any], None]]]] = {
    "atp.v1.EnrollmentService": (
        enrollment_pb2_grpc.EnrollmentServiceServicer,
        enrollment_pb2_grpc.add_EnrollmentServiceServicer_to_server,
    ),
    "atp.v1.DeviceService": (
        device_pb2_grpc.DeviceServiceServicer,
        device_pb2_grpc.add_DeviceServiceServicer_to_server,
    ),
    "atp.v1.InspectionService": (
        inspection_pb2_grpc.InspectionServiceServicer,
        inspection_pb2_grpc.add_InspectionServiceServicer_to_server,
    ),
    "atp.v1.QuarantineService": (
        quarantine_pb2_grpc.QuarantineServiceServicer,
        quarantine_pb2_grpc.add_QuarantineServiceServicer_to_server,
    ),
    "atp.v1.PolicyService": (
        policy_pb2_grpc.PolicyServiceServicer,
        policy_pb2_grpc.add_PolicyServiceServicer_to_server,
    ),
    "atp.v1.ReleaseService": (
        release_pb2_grpc.ReleaseServiceServicer,
        release_pb2_grpc.add_ReleaseServiceServicer_to_server,
    ),
    "atp.v1.TelemetryService": (
        telemetry_pb2_grpc.TelemetryServiceServicer,
        telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server,
    ),
}


def put(servicer: object, server: grpc.aio.Server) -> str:
    """Serve it on this server; the full name of its service. Raises TypeError where it is a servicer of none of ours."""
    for name, (kind, add) in _SERVICES.items():
        if isinstance(servicer, kind):
            add(servicer, server)
            return name
    raise TypeError(f"{type(servicer).__name__} serves no service of atp.v1")
