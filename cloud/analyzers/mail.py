"""A mail as a file: its attachments, each as a file of its own.

The device has its own, stricter reading of the mail at hand; this one is for mails inside of archives and documents, and
for forwarded ones.
"""

import email.parser
import email.policy
from collections.abc import Iterator
from email.message import Message

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.vocabulary import MAIL_ATTACHMENT


class MailAnalyzer:
    """Takes .eml files apart."""

    name = "mail"

    def wants(self, file: File) -> bool:
        return file.kind.media_type == kinds.MAIL

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(file.content)
        for part in message.walk():
            budget.member()
            if part.is_multipart() or not _is_file(part):
                continue
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                budget.unpacked(len(content))
                yield MAIL_ATTACHMENT
                yield Child(_name(part), content)


def _is_file(part: "Message[str, str]") -> bool:
    return part.get_content_maintype() != "text" or bool(part.get_filename()) or part.get_content_subtype() == "html"


def _name(part: "Message[str, str]") -> str:
    return str(part.get_filename(""))
