"""Which parts are attachments, and which of them a release puts into its ZIP.

    part                                                                  inspected  in the ZIP      role
    --------------------------------------------------------------------  ---------  --------------  -------------
    a multipart                                                           its parts  -               container
    message/rfc822                                                        yes        whole           message
    a detached signature, in a multipart/signed                           yes        no              signature
    an image that an HTML part refers to by its Content-ID                yes        no, it stays    inline-image
    delivery-status and other report parts, text/calendar; no name        yes        no              report
    a file inside plain text                                              yes        yes             embedded-file
    text/plain, text/html; no name, not disposed as an attachment         no         no              text
    text in a charset that hides ASCII, or that begins like a file        yes        yes             attachment
    anything else, and what some reader takes for anything else           yes        yes             attachment
    anything at or above the threshold                                                always

The first row that holds counts. Of an ambiguous message every reading is inspected, and a release hands out the whole original
instead of a ZIP of its parts.
"""

from collections.abc import Container
from typing import Final

from device.message.declared import MESSAGE_TYPES, Declared
from device.message.draft import Node
from device.message.reading import Part, Role

TEXT_TYPES: Final = frozenset({"text/plain", "text/html"})
_SIGNATURE_TYPES: Final = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
)
_REPORT_TYPES: Final = frozenset(
    {
        "message/delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
        "message/global-delivery-status",
        "message/global-disposition-notification",
        "message/global-headers",
        "message/tracking-status",
        "text/calendar",
        "text/rfc822-headers",
    }
)
_FILE_MAGIC: Final = (
    b"PK\x03\x04",
    b"%PDF-",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"MZ\x90\x00",
    b"MZ\x00\x00",
    b"\x7fELF",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\x1f\x8b\x08",
    b"MSCF",
    b"{\\rtf",
    b"ITSF",
    b"\x4c\x00\x00\x00\x01\x14\x02\x00",
)
MAGIC_LENGTH: Final = 8
"""Bytes of content that begins_like_a_file() needs."""


def role_of(node: Node, *, first_child: bool, referred: Container[str]) -> Role:
    """What a part that was found counts as, by the table; `referred` are the Content-IDs that HTML refers to."""
    declared, parent = node.declared, node.parent
    if node.container:
        return Role.CONTAINER
    if node.embedded:
        return Role.EMBEDDED_FILE
    if declared.content_type in MESSAGE_TYPES:
        return Role.MESSAGE
    signed = parent is not None and parent.declared.content_type == "multipart/signed"
    if signed and not first_child and declared.types <= _SIGNATURE_TYPES:
        return Role.SIGNATURE
    if declared.content_id and declared.content_id in referred and declared.image:
        return Role.INLINE_IMAGE
    return _by_name_and_type(declared, node.head)


def in_zip(part: Part, threshold: int, score: int | None) -> bool:
    """Whether a release puts the part into its ZIP; `score` is None where it was not asked for.

    What stands inside a message that goes in whole goes in with it.
    """
    if part.role is Role.CONTAINER or part.alternate:
        return False
    if score is not None and score >= threshold:
        return True
    return part.role in (Role.ATTACHMENT, Role.MESSAGE, Role.EMBEDDED_FILE) and not part.enclosed


def begins_like_a_file(head: bytes) -> bool:
    """Whether content begins as ZIP, PDF, OLE, PE and their like do, and no text."""
    return head.startswith(_FILE_MAGIC)


def _by_name_and_type(declared: Declared, head: bytes) -> Role:
    if declared.names or declared.attached or begins_like_a_file(head):
        return Role.ATTACHMENT
    if declared.types <= _REPORT_TYPES:
        return Role.REPORT
    if declared.types <= TEXT_TYPES and not declared.hiding_charset:
        return Role.TEXT
    return Role.ATTACHMENT
