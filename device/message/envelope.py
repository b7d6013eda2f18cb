"""The envelope of one mail transaction.

Source: RFC 5321, section 2.3.1.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT: its path without angle brackets, and its ESMTP parameters as received."""

    path: bytes
    parameters: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL and the RCPTs that the server accepted. `mail_from` is without angle brackets, empty for the null path."""

    mail_from: bytes
    recipients: tuple[Recipient, ...]
    mail_parameters: tuple[bytes, ...] = ()

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The recipients' paths, in order."""
        return tuple(recipient.path for recipient in self.recipients)
