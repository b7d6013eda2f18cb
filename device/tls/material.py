"""The TLS material in force: loaded at the start, and again whenever somebody says that there is newer on disk."""

from typing import Final

import structlog

from device.errors import WrongSetting
from device.tls.encryption import Encryption, TlsSettings, encryption

_STAYS: Final = "Mend it and reload again; until then the device goes on with what it had."


class Material:
    """Sessions keep what they began with. WrongSetting, where it can't be loaded at the start."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._current = encryption(settings)

    def current(self) -> Encryption:
        """For a session that begins now."""
        return self._current

    def reload(self) -> None:
        """Take certificate and key, or the CA, and the roots anew from disk. WrongSetting, and all stays as it was."""
        try:
            self._refuse_to_found_another_ca()
            self._current = encryption(self._settings)
        except WrongSetting as error:
            structlog.get_logger().error("tls.not-reloaded", error=error.sentence, next_step=_STAYS)
            raise WrongSetting(error.sentence, next_step=_STAYS) from error
        structlog.get_logger().info("tls.reloaded", policy=self._current.policy.value)

    def _refuse_to_found_another_ca(self) -> None:
        """A CA is made on first use; to find none any more is a mistake: no client would trust a new one."""
        folder = self._settings.inspection_ca
        if folder is not None and not (folder / "ca.pem").exists():
            raise WrongSetting(f"{folder} holds no ca.pem any more", next_step=_STAYS)
