"""The service's doors, wired: what listens for devices and browsers, and which room answers whom."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette

from atp.identity import RealmId
from cloud import http_server
from cloud.enrollment.admission import Admission
from cloud.enrollment.challenges import Challenges
from cloud.enrollment.endpoints import Endpoints
from cloud.enrollment.enrolment import Enrolment
from cloud.enrollment.outsider import Outsider
from cloud.enrollment.server_leaf import ServerLeaf
from cloud.enrollment.servicer import DeviceServicer, EnrollmentServicer, Introduction
from cloud.errors import ShuttingDown
from cloud.inspection.pipeline import Pipeline
from cloud.inspection.servicer import InspectionServicer
from cloud.policy.lists import ListName
from cloud.policy.servicer import PolicyServicer
from cloud.portal.app import make_app
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import Links
from cloud.quarantine.reception import Reception
from cloud.quarantine.servicer import QuarantineServicer
from cloud.release.passwords import Passwords
from cloud.release.servicer import ReleaseServicer
from cloud.rooms import Rooms
from cloud.rpc.gate import Gate
from cloud.rpc.rates import PeerRates
from cloud.rpc.server import Door, RpcAddresses, RpcPorts, RpcServers
from cloud.settings import Settings
from cloud.storage.passes import PassStore
from cloud.storage.sessions import SessionStore
from cloud.telemetry.servicer import TelemetryServicer

_RPC_GRACE_SECONDS: Final = 15.0


class BoundEndpoints:
    """Where devices reach the service: not known before gRPC has bound its ports."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._ports: RpcPorts | None = None

    def __call__(self) -> Endpoints:
        """Raises ShuttingDown before the ports are bound."""
        if self._ports is None:
            raise ShuttingDown("the service is still starting", next_step="Try again in a moment.")
        return Endpoints(self._host, self._ports.enrolment, self._ports.device)

    def bind(self, ports: RpcPorts) -> None:
        """GRPC listens there."""
        self._ports = ports


class Doors:
    """Everything that comes from outside comes through here. Made once the rooms are open."""

    def __init__(
        self,
        settings: Settings,
        rooms: Rooms,
        pipeline: Pipeline,
        portal: BaseUrl,
        endpoints: BoundEndpoints,
        *,
        mail_host: str,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._pipeline = pipeline
        self._portal = portal
        self._endpoints = endpoints
        self._mail_host = mail_host

    @asynccontextmanager
    async def open(self, portal_door: socket) -> AsyncIterator[None]:
        """Serve for the length of the block. At its end both kinds of callers finish what is under way, at the same time."""
        servers = self._servers()
        addresses = RpcAddresses(str(self._settings.enrolment_listen), str(self._settings.device_listen))
        async with http_server.answering(self._pages(), portal_door) as http:
            self._endpoints.bind(await servers.start(addresses))
            try:
                yield
            finally:
                http.stop()
                self._rooms.broadcast.end()
                await servers.stop(_RPC_GRACE_SECONDS)

    def _servers(self) -> RpcServers:
        """Both gRPC servers behind one gate."""
        rooms = self._rooms
        admission = Admission(rooms.authority.name, rooms.devices, rooms.device_store, rooms.clock)
        enrolment = Enrolment(
            rooms.authority, rooms.tokens, rooms.devices, rooms.device_store, rooms.clock, rooms.new_id
        )
        introduction = Introduction(rooms.authority, self._endpoints, rooms.clock)
        return RpcServers(
            Gate(admission, rooms.live, rooms.clock, rooms.new_id),
            self._enrolment_door(admission, enrolment, introduction),
            self._device_door(enrolment, introduction),
        )

    def _enrolment_door(self, admission: Admission, enrolment: Enrolment, introduction: Introduction) -> Door:
        rooms = self._rooms
        challenges = Challenges(rooms.clock)
        outsider = Outsider(rooms.authority, admission, enrolment, challenges, rooms.clock)
        rates = PeerRates(rooms.clock)
        servicer = EnrollmentServicer(
            rooms.authority, enrolment, outsider, challenges, introduction, rates, rooms.clock
        )
        # The root is sent too: a device that enrols compares it with the pin in its URL.
        above = (rooms.authority.server_ca, rooms.authority.root)
        return Door(ServerLeaf(rooms.authority, self._hosts(), rooms.clock, above=above), None, (servicer,))

    def _device_door(self, enrolment: Enrolment, introduction: Introduction) -> Door:
        rooms = self._rooms
        servicers = (
            DeviceServicer(rooms.devices, enrolment, introduction),
            InspectionServicer(self._pipeline, rooms.realms),
            QuarantineServicer(self._reception()),
            PolicyServicer(rooms.policy, rooms.broadcast),
            ReleaseServicer(PassStore(rooms.database), rooms.clock, rooms.new_id),
            TelemetryServicer(rooms.events, rooms.clock),
        )
        leaf = ServerLeaf(rooms.authority, self._hosts(), rooms.clock, above=(rooms.authority.server_ca,))
        return Door(leaf, rooms.authority.device_ca.public_bytes(Encoding.PEM), servicers)

    def _reception(self) -> Reception:
        rooms = self._rooms
        return Reception(
            rooms.held,
            rooms.vault,
            rooms.custody,
            rooms.realms,
            Links(rooms.links, self._portal, clock=rooms.clock),
            rooms.clock,
            rooms.new_id,
            notice_domain=self._mail_host,
        )

    def _hosts(self) -> tuple[str, ...]:
        """The names and addresses that the servers' certificates are good for."""
        listening = (self._settings.enrolment_listen, self._settings.device_listen)
        return (self._settings.host, *(each.host for each in listening if not each.everywhere))

    def _pages(self) -> Starlette:
        rooms = self._rooms
        return make_app(
            custody=rooms.custody,
            realms=rooms.realms,
            links=rooms.links,
            sessions=SessionStore(rooms.database),
            base_url=self._portal,
            clock=rooms.clock,
            new_id=rooms.new_id,
            releases=rooms.releases,
            block_sender=self._block_sender,
            release_password=Passwords(rooms.releases, rooms.keys, secrets.choice).of_message,
        )

    async def _block_sender(self, realm_id: RealmId, address: str) -> None:
        """The console's button: in force at the devices at once."""
        await self._rooms.policy.add_entries(realm_id, ListName.BLOCK, (address,))
