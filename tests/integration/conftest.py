"""One running site for all integration tests that leave it running: each uses senders and recipients of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lab.site import Site
from lab.site import site as running_site
from tests.people import Administrator, Device, People


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A cloud, an enrolled device and a mail server: real processes on loopback."""
    folder: Path = tmp_path_factory.mktemp("site")
    async with running_site(folder) as made:
        yield made


@pytest.fixture
def people(site: Site) -> People:
    return People(site)


@pytest.fixture
def device(site: Site) -> Device:
    return Device(site)


@pytest_asyncio.fixture(loop_scope="session")
async def administrator(site: Site) -> AsyncIterator[Administrator]:
    """Whatever a test changes through this one is put back after it."""
    made = Administrator(site)
    yield made
    await made.put_back()
