"""The rig and the mail server of the release's tests: notices take the same way."""

from tests.unit.cloud.release.conftest import rig, server

__all__ = ["rig", "server"]
