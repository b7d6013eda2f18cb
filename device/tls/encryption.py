"""What a listener does about TLS: the policy, what clients are shown, and what the server has to prove."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from device.clock import system_clock
from device.errors import WrongSetting
from device.smtp.encrypting import Starttls
from device.tls.authority import InspectionAuthority, general_name, presenting
from device.tls.layer import HelloReader, Layer, hello_context
from device.tls.verification import ServerTrust, VerifyServer


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """As they come from the command line. Without a policy: inspect where there is something to show to clients, else strip.

    `implicit`: some clients begin with TLS.
    """

    policy: Starttls | None = None
    certificate: Path | None = None
    key: Path | None = None
    inspection_ca: Path | None = None
    verify_server: VerifyServer = VerifyServer.REQUIRE
    server_name: str | None = None
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class Encryption:
    """One listener's TLS. `present` gives the context for the name that a client means, `hellos` reads that name.

    Both, and `trust`, are None unless inspected.
    """

    policy: Starttls = Starttls.STRIP
    present: Callable[[str], ssl.SSLContext] | None = None
    trust: ServerTrust | None = None
    hellos: ssl.SSLContext | None = None
    server_name: str | None = None
    shows: str = ""

    def hello_reader(self) -> HelloReader:
        """For the beginning of one client's TLS."""
        assert self.hellos is not None
        return HelloReader(self.hellos)

    def for_client(self, name: str) -> Layer:
        """TLS for a client that means this name."""
        assert self.present is not None
        return Layer(self.present(name), server_side=True)

    def for_server(self, name: str) -> Layer:
        """TLS to the server of this name."""
        assert self.trust is not None
        return self.trust.layer(name)

    def verified(self, layer: Layer, name: str) -> bool:
        """Whether the server has proven to be that one; where policy allows it not to, the log says so."""
        assert self.trust is not None
        proven = self.trust.verified(layer, name, system_clock())
        if not proven and self.trust.verify is VerifyServer.ALLOW:
            structlog.get_logger().warning("server.not-verified", name=name)
        return proven

    def name_meant(self, by_client: str | None, server: str) -> str:
        """Whom a session is about: the client's SNI, else the configured name, else the server's address."""
        if by_client:
            return by_client.rstrip(".").lower()
        return self.server_name or server

    @property
    def warning(self) -> str | None:
        """What the person in charge must not overlook."""
        match self.policy:
            case Starttls.STRIP:
                return "STARTTLS is not offered: mail crosses this device unencrypted."
            case Starttls.PASS:
                return "TLS passes: what sessions encrypt is not inspected."
            case Starttls.INSPECT:
                return None

    @property
    def told(self) -> str:
        """For `srx show status`."""
        match self.policy:
            case Starttls.STRIP:
                return "strip (not offered: mail crosses this device unencrypted)"
            case Starttls.PASS:
                return "pass (encrypted sessions are not inspected)"
            case Starttls.INSPECT:
                assert self.trust is not None
                return f"inspect (clients see {self.shows}; server certificate: {self.trust.verify.value})"


PLAIN: Final = Encryption()
"""STARTTLS is not offered."""


def encryption(settings: TlsSettings) -> Encryption:
    """Loads what is needed. Raises WrongSetting."""
    _refuse_contradictions(settings)
    shown = settings.certificate or settings.inspection_ca
    policy = settings.policy or (Starttls.INSPECT if shown else Starttls.STRIP)
    if policy is Starttls.STRIP and settings.implicit:
        raise WrongSetting(
            "clients that begin with TLS (port 465, --tls-listen) can't be stripped of it",
            next_step="Name a certificate (--tls-certificate, --tls-key), --tls-inspection-ca, or --starttls pass.",
        )
    if policy is not Starttls.INSPECT:
        return Encryption(policy)
    trust = _trust(settings)
    shows = "the server's own certificate" if settings.certificate else "one of the inspection CA"
    return Encryption(policy, _presenter(settings), trust, hello_context(), settings.server_name, shows)


def _refuse_contradictions(settings: TlsSettings) -> None:
    if (settings.certificate is None) is not (settings.key is None):
        raise WrongSetting("a certificate needs its key", next_step="Name both: --tls-certificate and --tls-key.")
    if settings.certificate and settings.inspection_ca:
        raise WrongSetting(
            "clients can be shown the server's certificate or one of the inspection CA, not both",
            next_step="Leave out --tls-inspection-ca or --tls-certificate.",
        )
    if settings.policy is Starttls.INSPECT and not (settings.certificate or settings.inspection_ca):
        raise WrongSetting(
            "starttls can't be inspect without a certificate to show",
            next_step="Name the server's (--tls-certificate, --tls-key), or a folder for a CA: --tls-inspection-ca.",
        )
    if settings.server_name is not None:
        _check_name(settings.server_name)


def _check_name(name: str) -> None:
    try:
        general_name(name)
    except ValueError as error:
        raise WrongSetting(f"tls-server-name can't be {name}", next_step="It is a DNS name, in ASCII.") from error


def _trust(settings: TlsSettings) -> ServerTrust:
    try:
        return ServerTrust(settings.verify_server)
    except OSError as error:
        raise WrongSetting(
            f"the roots can't be used: {error}", next_step="SSL_CERT_FILE names a PEM file of certificates."
        ) from error


def _presenter(settings: TlsSettings) -> Callable[[str], ssl.SSLContext]:
    try:
        if settings.inspection_ca is not None:
            return InspectionAuthority(settings.inspection_ca, system_clock).context_for
        assert settings.certificate is not None
        context = presenting(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        what = settings.inspection_ca or settings.certificate
        raise WrongSetting(
            f"{what} can't be used: {error}", next_step="A PEM chain and the key that belongs to it are needed."
        ) from error
    return lambda _name: context
