"""The two ports that devices know: enrolment (TLS, no client certificate) and device (mutual TLS).

Two server objects, since grpcio knows no optional client certificate, and one server with two ports shows every service on
both. Each has the gate in front, and health and reflection beside its services.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from cloud.errors import Conflict
from cloud.rpc import services
from cloud.rpc.gate import Gate

MESSAGE_BYTES: Final = 1024 * 1024
"""The largest message either way; files and snapshots come in pieces."""

OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # A request's headers: gRPC's own plus nothing of ours.
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    # Half-open sockets: no handshake takes longer, and dead peers are found by our own pings.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Devices ping every 30 s, idle or not; a flood of pings closes the connection.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.http2.max_ping_strikes", 3),
    # Rapid reset (CVE-2023-44487): few streams a connection; a reset stream counts until its handler is gone, and every
    # fourth reset must be answered by a ping before new streams are taken.
    ("grpc.max_concurrent_streams", 100),
    ("grpc.http2.ping_on_rst_stream_percent", 25),
    ("grpc.server.max_pending_requests", 500),
    ("grpc.server.max_pending_requests_hard_limit", 1_000),
    # A port that is taken is an error, not a share of someone else's devices.
    ("grpc.so_reuseport", 0),
)

_ENROLMENT_CONNECTIONS: Final = 512
_DEVICE_CONNECTIONS: Final = 4_096
_IDLE_MS: Final = 5 * 60 * 1000
"""Nobody has business on the enrolment port for long."""

_log = structlog.get_logger()


class Shown(Protocol):
    """A private key and a chain, both PEM."""

    @property
    def key_pem(self) -> bytes: ...

    @property
    def chain_pem(self) -> bytes: ...


class Leaf(Protocol):
    """What a server shows; asked at every handshake, from gRPC's threads."""

    def credentials(self) -> Shown:
        """In force now."""


@dataclass(frozen=True, slots=True)
class RpcAddresses:
    """Where to listen, HOST:PORT each; IPv6 in brackets, port 0 for any free one."""

    enrolment: str
    device: str


@dataclass(frozen=True, slots=True)
class RpcPorts:
    """Where the servers listen."""

    enrolment: int
    device: int


@dataclass(frozen=True, slots=True)
class Door:
    """One port: what it shows, which clients it lets in (PEM of what signs them; None: any), what it serves."""

    leaf: Leaf
    clients: bytes | None
    servicers: Sequence[object]


class RpcServers:
    """Both servers. Made in a running loop; start() once, then stop()."""

    def __init__(self, gate: Gate, enrolment: Door, device: Door) -> None:
        self._gate = gate
        idle = ("grpc.max_connection_idle_ms", _IDLE_MS)
        most = "grpc.max_allowed_incoming_connections"
        self._enrolment = _Server(gate, enrolment, ((most, _ENROLMENT_CONNECTIONS), idle))
        self._device = _Server(gate, device, ((most, _DEVICE_CONNECTIONS),))

    async def start(self, addresses: RpcAddresses) -> RpcPorts:
        """Listen and serve. Raises Conflict where an address cannot be had; then nothing listens."""
        ports = RpcPorts(self._enrolment.bind(addresses.enrolment), self._device.bind(addresses.device))
        await self._enrolment.start()
        await self._device.start()
        _log.info("rpc.started", enrolment_port=ports.enrolment, device_port=ports.device)
        return ports

    async def stop(self, grace: float) -> None:
        """Take no new calls, end those that wait for news, give the others `grace` seconds, then cancel them."""
        self._gate.close()
        async with asyncio.TaskGroup() as stopping:
            stopping.create_task(self._enrolment.stop(grace))
            stopping.create_task(self._device.stop(grace))
        _log.info("rpc.stopped")


class _Server:
    """One gRPC server behind one door."""

    def __init__(self, gate: Gate, door: Door, limits: tuple[tuple[str, int], ...]) -> None:
        self._server = grpc.aio.server(interceptors=(gate,), options=(*OPTIONS, *limits))
        self._door = door
        self._health = health.HealthServicer()
        self._names = [services.put(servicer, self._server) for servicer in door.servicers]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*self._names, HEALTH, reflection.SERVICE_NAME), self._server)

    def bind(self, address: str) -> int:
        try:
            return self._server.add_secure_port(address, _credentials(self._door))
        except RuntimeError as error:
            raise Conflict(
                f"cannot listen on {address}", next_step="Is another service using it? Choose another address."
            ) from error

    async def start(self) -> None:
        await self._server.start()
        for name in self._names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)


def _credentials(door: Door) -> grpc.ServerCredentials:
    """Asked anew for each handshake, so that a renewed leaf is shown without a restart."""

    def shown_now() -> grpc.ServerCertificateConfiguration:
        shown = door.leaf.credentials()
        return grpc.ssl_server_certificate_configuration(
            [(shown.key_pem, shown.chain_pem)], root_certificates=door.clients
        )

    return grpc.dynamic_ssl_server_credentials(
        shown_now(), shown_now, require_client_authentication=door.clients is not None
    )
