"""Sending mail as clients do: the standard library's smtplib, off the loop."""

import asyncio
import smtplib

from cloud.address import Address


async def send(server: Address, sender: str, recipients: list[str], message: bytes) -> tuple[int, str]:
    """Send one message in a session of its own; the last reply's code and text, whatever it was."""
    return await asyncio.to_thread(_send, server, sender, recipients, message)


def _send(server: Address, sender: str, recipients: list[str], message: bytes) -> tuple[int, str]:
    with smtplib.SMTP(server.host, server.port, local_hostname="client.example.com", timeout=60) as client:
        try:
            client.ehlo()
            client.mail(sender)
            for recipient in recipients:
                client.rcpt(recipient)
            code, said = client.data(message)
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, str(refused.smtp_error)
    return code, said.decode("utf-8", "replace")
