"""What listens, and what does not when something else can't."""

from pathlib import Path
from socket import socket
from typing import NoReturn

import pytest

from cloud import http_server
from cloud.address import Address
from cloud.doors import BoundEndpoints, Doors
from cloud.errors import Conflict, ShuttingDown
from cloud.inspection.pipeline import Pipeline
from cloud.inspection.verdicts import RuleSet
from cloud.inspection.workers import Workers
from cloud.portal.base_url import BaseUrl
from cloud.rooms import Rooms
from cloud.settings import Settings


def doors(rooms: Rooms, settings: Settings, endpoints: BoundEndpoints) -> Doors:
    pipeline = Pipeline(Workers(processes=1), rooms.verdicts, RuleSet("none"), rooms.clock)
    return Doors(settings, rooms, pipeline, BaseUrl.parse("http://localhost:1"), endpoints, mail_host="localhost")


async def test_where_http_can_not_start_no_device_is_answered_either(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left that listens for devices and stops for nobody."""
    monkeypatch.setattr(http_server.HttpServer, "startup", no_http)
    endpoints = BoundEndpoints(settings)
    with http_server.bound(settings.portal_listen) as portal_door, pytest.raises(ExceptionGroup) as failed:
        async with doors(rooms, settings, endpoints).open(portal_door):
            pytest.fail("it opened")
    assert failed.group_contains(OSError, match="no HTTP")
    with pytest.raises(ShuttingDown):
        endpoints()


async def no_http(*_: object, **__: object) -> NoReturn:
    raise OSError("no HTTP")


async def test_where_a_port_is_taken_http_is_not_left_open(rooms: Rooms, settings: Settings, tmp_path: Path) -> None:
    with http_server.bound(Address.parse("127.0.0.1:0")) as taken, http_server.bound(settings.portal_listen) as portal:
        place, port = portal.getsockname(), taken.getsockname()[1]
        given = {"state": str(tmp_path), "enrolment_listen": "127.0.0.1:0", "device_listen": f"127.0.0.1:{port}"}
        busy = Settings.read(given, {})
        with pytest.raises(ExceptionGroup) as failed:
            async with doors(rooms, busy, BoundEndpoints(busy)).open(portal):
                pytest.fail("it opened")
    assert failed.group_contains(Conflict, match=str(port))
    with socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(place)
