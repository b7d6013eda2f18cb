"""`srx inspect`: every capture and message is read; samples are pinned, and checked against other readers.

tests/corpora/README.md says where the samples come from. Where the whole corpora lie beside the repository, they are read, too.
"""

import hashlib
import json
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.utils import rdpcap
from typer.testing import CliRunner, Result

from device.cli import app
from device.errors import UnreadableFile
from device.inspection.offline import Told, inspect
from device.interception.remarks import MEANING, Remark
from tests.wiretap import MAIL, MESSAGE, PDF, Wire, frames, pcap, pcapng, written

ROOT = Path(__file__).resolve().parents[4]
CORPORA = ROOT / "tests" / "corpora"
WHOLE_CORPORA = ROOT.parent / "shared" / "corpora"
LIMIT = 32 * 1024 * 1024

Pinned = list[tuple[str | None, list[str], list[tuple[str, str, int, str]], list[str]]]

ZEEK: dict[str, Pinned] = {
    "smtp.pcap": [
        (
            "gurpartap@patriots.in",
            ["raj_deol2002in@yahoo.co.in"],
            [("NEWS.txt", "text/plain", 10807, "ac04c5d2cd8fa9a2670c959806f5181a56b3e9bb1cc7da150af98ba074c86b55")],
            ["would ask the cloud: the score of 1 file decides", "tcp.retransmitted"],
        ),
        (
            "albert@example.com",
            ["ericlim220@yahoo.com", "felica4uu@hotmail.com", "davis_mark1@outlook.com"],
            [],
            ["would deliver: no-attachment", "tcp.unended"],
        ),
    ],
    "rfc3030-bdat-multipart-chunked.pcap": [
        (
            "zeek@localhost",
            ["root@localhost"],
            [("zeek-logo.png", "image/png", 2011, "de85e2b5b3664e82b758cf4fce54e972bc1f2aa40992368b3f8935a56d2a04cc")],
            ["would ask the cloud: the score of 1 file decides"],
        )
    ],
    "rfc3030-bdat-0-last.pcap": [
        ("zeek@localhost", ["root@localhost"], [], ["would deliver: no-attachment"]),
    ],
    "rfc3030-bdat-nonascii.pcap": [
        (
            "sender@localhost",
            ["recipient@localhost"],
            [("test.msg", "message/rfc822", 52, "520ed7a906a90a5d69a608109cda9f901ae62ca3accee7f8f81491c4876a2ca4")],
            ["would ask the cloud: the score of 1 file decides", "header.no-blank-line"],
        )
    ],
    "smtp-bdat-cmd-negative-chunk-size.pcap": [
        (None, [], [], ["smtp.no-message", "smtp.odd-line", "smtp.unreadable-chunk"]),
    ],
    "smtp-mail-transactions-invalid.pcap": [
        (
            "bob@example.org",
            ["alice@example.org"],
            [],
            ["would deliver: no-attachment", "header.no-blank-line", "header.no-field"],
        )
    ]
    * 2,
    "smtp-one-side-only.pcap": [
        (
            "robin@icir.org",
            [recipient],
            [],
            [
                "would deliver: no-attachment",
                "header.no-blank-line",
                "header.no-field",
                "smtp.replies-assumed",
                "tcp.unended",
            ],
        )
        for recipient in ("robin@icir.org", "rsommer@lbl.gov")
    ],
    "smtp-starttls.pcap": [(None, [], [], ["smtp.no-message", "tls.starttls"])],
}


def shown(told: Told) -> tuple[str | None, list[str], list[tuple[str, str, int, str]], list[str]]:
    one = told.inspected
    files = [(each.name, each.type, each.bytes, each.sha256) for each in one.attachments]
    return one.mail_from, list(one.rcpt_to), files, list(one.notes)


@pytest.mark.parametrize("name", ZEEK)
def test_a_capture_gives_what_it_gave(name: str) -> None:
    assert [shown(told) for told in inspect(CORPORA / "pcap-zeek" / name, LIMIT)] == ZEEK[name]


def test_each_capture_of_the_selection_is_pinned() -> None:
    assert {path.name for path in (CORPORA / "pcap-zeek").iterdir()} == set(ZEEK)


def test_scapy_and_the_standard_library_find_the_same_attachment() -> None:
    """A reader that shares no code with ours: dissected packets sorted by number, DATA to the dot, email's parser."""
    said = {
        (packet[TCP].seq - 1) % 2**32: bytes(packet[TCP].payload)
        for packet in rdpcap(str(CORPORA / "pcap-zeek" / "smtp.pcap"))
        if TCP in packet and packet[IP].src == "10.10.1.4" and packet[IP].len > 20 + packet[TCP].dataofs * 4
    }
    stream, first = bytearray(), min(said)
    for number in sorted(said):
        stream[number - first : number - first + len(said[number])] = said[number]
    body = bytes(stream)[stream.index(b"DATA\r\n") + 6 : stream.index(b"\r\n.\r\n")].replace(b"\r\n..", b"\r\n.")
    named = [part for part in message_from_bytes(body, policy=compat32).walk() if part.get_filename()]
    contents = [part.get_payload(decode=True) for part in named]
    expected = ZEEK["smtp.pcap"][0][2]
    assert [(part.get_filename(), part.get_content_type()) for part in named] == [entry[:2] for entry in expected]
    assert [hashlib.sha256(each).hexdigest() for each in contents if isinstance(each, bytes)] == [expected[0][3]]


@pytest.mark.skipif(not WHOLE_CORPORA.is_dir(), reason="../shared/corpora does not lie beside the repository")
def test_every_file_of_the_whole_corpora_runs_through() -> None:
    """Captures, messages, and whatever else lies there: each has something to say, and none crashes."""
    paths = [path for kind in ("pcap", "mail") for path in sorted(WHOLE_CORPORA.glob(f"{kind}-*/*"))]
    assert len(paths) > 100
    for path in paths:
        assert list(inspect(path, LIMIT)), path


@pytest.mark.skipif(not WHOLE_CORPORA.is_dir(), reason="../shared/corpora does not lie beside the repository")
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("smtp-file-data-01_input.pcap", [("J.txt", 16384)]),
        ("mime_smtp-mime-encap-8649-baseline_input.pcap", [("malware.exe", 32)]),
        ("smtp-startssl_input.pcap", []),
    ],
)
def test_a_capture_beside_the_repository_gives_what_it_gave(name: str, files: list[tuple[str, int]]) -> None:
    found = [
        each for told in inspect(WHOLE_CORPORA / "pcap-suricata" / name, LIMIT) for each in told.inspected.attachments
    ]
    assert [(each.name, each.bytes) for each in found] == files


def srx(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)])


def test_json_is_one_object_a_message(tmp_path: Path) -> None:
    eml, capture = tmp_path / "a.eml", written(tmp_path, Wire().segments([*MAIL[:-2], *MAIL[3:]]))
    eml.write_bytes(MESSAGE)
    lines = [json.loads(line) for line in srx("--json", eml, capture).stdout.splitlines()]
    attachment = {
        "name": "a.pdf",
        "type": "application/pdf",
        "bytes": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
    }
    said = {"attachments": [attachment], "notes": ["would ask the cloud: the score of 1 file decides"]}
    heard = {"file": str(capture), "mail_from": "a@example.com", "rcpt_to": ["b@example.net"], **said}
    assert lines == [{"file": str(eml), "mail_from": None, "rcpt_to": [], **said}, heard, heard]


def test_text_says_who_with_whom_what_and_why(tmp_path: Path) -> None:
    lost = [each for each in Wire().segments(MAIL, size=60) if b"hello" not in each.payload]
    text = srx(written(tmp_path, lost)).stdout
    assert "(192.0.2.1:40000 → 198.51.100.25:25)" in text
    assert "<a@example.com> → <b@example.net>" in text
    assert f"- smtp.hole: {MEANING[Remark.HOLE]}" in text


def test_a_capture_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    for content in (pcap(frames(Wire().segments(MAIL))), pcapng(frames(Wire().segments(MAIL)))):
        path.write_bytes(content)
        assert [told.inspected.mail_from for told in inspect(path, LIMIT)] == ["a@example.com"]


def test_a_capture_without_smtp_says_so(tmp_path: Path) -> None:
    (told,) = inspect(written(tmp_path, []), LIMIT)
    assert told.inspected.notes == (Remark.NO_SMTP,)


def test_a_capture_that_was_cut_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, Wire().segments(MAIL))
    path.write_bytes(path.read_bytes()[:-5])
    (told,) = inspect(path, LIMIT)
    assert Remark.CAPTURE_CUT in told.inspected.notes


def test_more_than_the_device_takes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(MESSAGE)
    (told,) = inspect(path, len(MESSAGE) - 1)
    assert told.inspected.notes == ("would refuse: 552 5.3.4 Message size exceeds the limit", "smtp.too-big")
    assert "would ask" in srx("--max-message-size", "1024", path).stdout


def test_one_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(MESSAGE)
    result = srx(tmp_path / "missing.eml", path)
    assert "a.pdf" in result.stdout
    assert isinstance(result.exception, UnreadableFile)
    assert "missing.eml can't be read: No such file or directory" in result.exception.sentence


def test_each_remark_has_its_sentence() -> None:
    assert set(MEANING) == set(Remark)
