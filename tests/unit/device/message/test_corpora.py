"""Mail of the world: every message is read without a crash, the same whole and cut.

A sample is pinned, and checked against the standard library's parser. tests/corpora/README.md says where the messages come from.
Where the whole corpora lie beside the repository, they are read as well.
"""

import hashlib
import random
from collections.abc import Callable, Iterable
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path

import pytest

from device.message.content import decoded
from device.message.reading import Part, Reading, Role
from device.message.second_opinion import with_second_opinion

ROOT = Path(__file__).resolve().parents[4]
CORPORA = ROOT / "tests" / "corpora"
WHOLE_CORPORA = ROOT.parent / "shared" / "corpora"


def mails(folder: Path) -> list[Path]:
    return sorted([*folder.glob("mail-*/*.eml"), *folder.glob("mail-*/*.msg")])


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def check(
    message: bytes, scan: Callable[[bytes], Reading], scan_pieces: Callable[[bytes, Iterable[int]], Reading]
) -> Reading:
    reading = scan(message)
    chance = random.Random(len(message))
    for _ in range(3):
        cuts = sorted(chance.randrange(len(message) + 1) for _ in range(20))
        assert scan_pieces(message, cuts) == reading
    assert scan_pieces(message, range(1, len(message))) == reading
    for part in with_second_opinion(message, reading).parts:
        if part.role is not Role.CONTAINER:
            assert hashlib.sha256(b"".join(decoded(message, part))).digest() == part.sha256
    return reading


@pytest.mark.parametrize("path", mails(CORPORA), ids=name)
def test_every_message_is_read_the_same_whole_and_cut(
    path: Path, scan: Callable[[bytes], Reading], scan_pieces: Callable[[bytes, Iterable[int]], Reading]
) -> None:
    message = path.read_bytes()
    check(message, scan, scan_pieces)
    check(message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), scan, scan_pieces)


@pytest.mark.skipif(not WHOLE_CORPORA.is_dir(), reason="../shared/corpora does not lie beside the repository")
def test_the_whole_corpora_are_read_the_same_whole_and_cut(
    scan: Callable[[bytes], Reading], scan_pieces: Callable[[bytes, Iterable[int]], Reading]
) -> None:
    for path in mails(WHOLE_CORPORA):
        check(path.read_bytes(), scan, scan_pieces)


def shown(part: Part) -> tuple[str, str, str, int, str]:
    return part.role.value, part.content_type, part.name, part.size, part.sha256.hex()[:16]


PINNED: dict[str, list[tuple[str, str, str, int, str]]] = {
    "mail-ruby/attachment_pdf.eml": [
        ("attachment", "application/pdf", "broken.pdf", 1026, "c7d1b9b20df8a2bf"),
    ],
    "mail-ruby/attachment_pdf_lf.eml": [
        ("attachment", "application/pdf", "broken.pdf", 1026, "c7d1b9b20df8a2bf"),
    ],
    "mail-ruby/attachment_message_rfc822.eml": [
        ("message", "message/rfc822", "ForwardedMessage.eml", 3781, "0f2620525dd3aea0"),
        ("attachment", "application/pdf", "broken.pdf", 1026, "c7d1b9b20df8a2bf"),
    ],
    "mail-ruby/attachment_with_base64_encoded_name.eml": [
        ("attachment", "application/pdf", "This is a test.pdf", 399, "3edf4dcb7f2569a4"),
    ],
    "mail-ruby/multi_charset_japanese_attachment_long_name.eml": [
        ("attachment", "text/plain", "かきくけこ" * 5 + ".txt", 18, "ce6a091472e812ce"),
    ],
    "mail-ruby/report_530.eml": [
        ("report", "message/delivery-status", "", 387, "42f7de0606eae642"),
        ("report", "text/rfc822-headers", "", 1663, "f625c45e93027e42"),
    ],
    "mail-ruby/sig_only_email.eml": [
        ("signature", "application/pgp-signature", "signature.asc", 197, "ef1f6e969c4d11b8"),
    ],
    "mail-ruby/email_with_similar_boundaries.eml": [
        ("attachment", "application/octetstream", "LOGO.png", 3, "d0a188436fbb0f25"),
    ],
    "mail-mime4j/multi-2gifs.msg": [
        ("attachment", "image/gif", "3d-compress.gif", 419, "de136334ea0d8b56"),
        ("attachment", "image/gif", "3d-eye.gif", 357, "7ea1645e4a5115a5"),
    ],
    "mail-mime4j/multi-2gifs-base64.msg": [
        ("message", "message/rfc822", "", 2374, "5a78221ecafb4df0"),
        ("attachment", "image/gif", "3d-compress.gif", 419, "de136334ea0d8b56"),
        ("attachment", "image/gif", "3d-eye.gif", 357, "7ea1645e4a5115a5"),
    ],
    "mail-mime4j/mp-msg-rfc822.msg": [
        ("message", "message/rfc822", "", 3972, "2eb8400bf300a11d"),
    ],
    "mail-mime4j/uu-zeegee.msg": [
        ("embedded-file", "application/octet-stream", "up.gif", 110, "3714b7bf6df15c3f"),
        ("embedded-file", "application/octet-stream", "zeegee.gif", 4834, "2ecf8cdc2d1a976d"),
    ],
    "mail-mime4j/double-bound.msg": [
        ("attachment", "image/gif", "3d-eye.gif", 357, "7ea1645e4a5115a5"),
    ],
}


@pytest.mark.parametrize("path", PINNED)
def test_a_sample_gives_what_it_gave(path: str, scan: Callable[[bytes], Reading]) -> None:
    reading = scan((CORPORA / path).read_bytes())
    assert [shown(part) for part in reading.inspected] == PINNED[path]


WELL_FORMED = [
    "mail-ruby/attachment_pdf.eml",
    "mail-ruby/attachment_pdf_lf.eml",
    "mail-ruby/attachment_with_base64_encoded_name.eml",
    "mail-ruby/sig_only_email.eml",
    "mail-ruby/two_from_in_message.eml",
    "mail-mime4j/multi-2gifs.msg",
    "mail-mime4j/multi-nested.msg",
]


@pytest.mark.parametrize("path", WELL_FORMED)
def test_well_formed_mail_has_the_files_that_the_standard_library_finds(
    path: str, scan: Callable[[bytes], Reading]
) -> None:
    message = (CORPORA / path).read_bytes()
    leaves = [leaf for leaf in message_from_bytes(message, policy=compat32).walk() if not leaf.is_multipart()]
    contents = [leaf.get_payload(decode=True) for leaf in leaves]
    wanted = {hashlib.sha256(content).digest() for content in contents if isinstance(content, bytes)}
    found = {part.sha256 for part in scan(message).parts}
    assert wanted <= found
