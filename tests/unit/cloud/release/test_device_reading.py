"""What the device reads of real mail, the cloud builds a release from: nothing that was inspected is lost or shown."""

from hashlib import sha256
from pathlib import Path

import pytest

from atp import release_pass
from cloud.release import repackage
from cloud.release.archive import encrypted_zip
from device.actions.quarantine import manifest
from device.inspection.decision import Decision, Reason, Verb
from device.message.content import digest_of
from device.message.envelope import Envelope, Recipient
from device.message.mime import Scanner
from tests.unit.cloud.release.test_repackage import AT, PASSWORD, RELEASE, content_of, parsed, unzipped

CORPORA = Path(__file__).parents[3] / "corpora"
MAILS = sorted(path for path in CORPORA.glob("mail-*/*") if path.suffix in (".msg", ".eml"))
ENVELOPE = Envelope(b"alice@example.org", (Recipient(b"bob@example.com"),))
HELD = Decision(Verb.QUARANTINE, Reason.MALICIOUS, 10)
UU = b"begin 644 a.exe\r\n#0V%T\r\n`\r\nend\r\n"
YENC = b"=ybegin line=128 size=3 name=a.exe\r\n\x6d\x8b\x9e\r\n=yend size=3\r\n"


def test_there_is_real_mail_to_read() -> None:
    assert len(MAILS) > 20


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in MAILS])
def test_every_file_of_a_real_mail_is_in_the_zip_whole(path: Path) -> None:
    content = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    draft, inspected = drafted(content)
    archive = encrypted_zip(draft.members, PASSWORD, AT) if draft.members else b""
    message = draft.message(archive, PASSWORD)
    release_pass.digest(message)
    if draft.members:
        files = unzipped(parsed(message))
        digests = {sha256(file).digest() for file in files.values()}
        assert files == {"original.eml": content} or inspected <= digests


@pytest.mark.parametrize("marked", [UU, YENC])
def test_a_file_in_text_is_found_by_one_side_and_cut_out_by_the_other(marked: bytes) -> None:
    header = b"From: a@example.org\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n"
    draft, _ = drafted(header + b"Hello\r\n" + marked + b"Bye\r\n")
    message = parsed(draft.message(b"", PASSWORD))
    assert [(member.name, member.content) for member in draft.members] == [("a.exe", b"Cat")]
    texts = [content_of(part) for part in message.walk() if part.get_content_type() == "text/plain"]
    assert texts[0] == b"Hello\r\nBye\r\n"


def drafted(content: bytes) -> tuple[repackage.Draft, set[bytes]]:
    """The release of a message as the device read it, and the digests of what belongs into the ZIP."""
    scanner = Scanner()
    scanner.feed(content)
    read = manifest("request-0123456789", ENVELOPE, scanner.close(), HELD, {}, 7, "", digest_of([content]))
    files = {part.sha256 for part in read.reading.parts if part.in_zip}
    return repackage.draft(read, content, RELEASE), files
