"""Who the server is: required to be proven, looked at, or not asked for."""

import os
import ssl
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from device.tls.layer import Layer


class VerifyServer(StrEnum):
    """`require`: no session without proof. `allow`: without proof it goes on, and the log says so. `off`: not looked at."""

    REQUIRE = "require"
    ALLOW = "allow"
    OFF = "off"


class ServerTrust:
    """Contexts for the server's leg, TLS 1.2 and newer. Roots are OpenSSL's (SSL_CERT_FILE, SSL_CERT_DIR name others).

    OSError, where SSL_CERT_FILE can't be read.
    """

    def __init__(self, verify: VerifyServer) -> None:
        self.verify = verify
        self._context = ssl.create_default_context()
        if named := os.environ.get("SSL_CERT_FILE"):
            # OpenSSL by itself takes a file that it can't read for one without roots.
            self._context.load_verify_locations(cafile=named)
        self._context.options |= ssl.OP_NO_RENEGOTIATION
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        if verify is not VerifyServer.REQUIRE:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE

    def layer(self, name: str) -> Layer:
        """TLS to the server of that name; it goes to the server as SNI unless it is an address."""
        return Layer(self._context, server_side=False, server_name=name)

    def verified(self, layer: Layer, name: str, now: datetime) -> bool:
        """After the handshake: whether the server has proven to be the one of that name."""
        match self.verify:
            case VerifyServer.REQUIRE:
                return True
            case VerifyServer.OFF:
                return False
            case VerifyServer.ALLOW:
                # OpenSSL has looked roots up, whatever it then let pass; what it found is in the context now.
                return _proves(layer.peer_chain, self._context.get_ca_certs(binary_form=True), name, now)


def _proves(chain: list[bytes], roots: list[bytes], name: str, now: datetime) -> bool:
    """Whether the chain leads from one of the roots to a server's certificate of that name."""
    if not chain or not roots:
        return False
    try:
        own, *between = [x509.load_der_x509_certificate(each) for each in chain]
        store = Store([x509.load_der_x509_certificate(each) for each in roots])
        verifier = PolicyBuilder().store(store).time(now).build_server_verifier(_subject(name))
        verifier.verify(own, between)
    except (VerificationError, ValueError):
        return False
    return True


def _subject(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
