"""Shortcuts."""

import struct

import pytest

from tests.unit.cloud.analyzers.looking import seen

_HAS_RELATIVE_PATH, _HAS_ARGUMENTS, _IS_UNICODE = 0x08, 0x20, 0x80


def shortcut(path: str = "", arguments: str = "") -> bytes:
    """A .lnk with a relative path and arguments ([MS-SHLLINK] 2.1, 2.4)."""
    flags = _IS_UNICODE | (_HAS_RELATIVE_PATH if path else 0) | (_HAS_ARGUMENTS if arguments else 0)
    header = struct.pack(
        "<I16sIIQQQIIIHHII",
        0x4C, bytes.fromhex("0114020000000000c000000000000046"), flags, 0x20, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
    )  # fmt: skip
    strings = b"".join(struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in (path, arguments) if text)
    return header + strings + bytes(4)


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        (".\\report.docx", "", {"shortcut.present"}),
        ("..\\Windows\\System32\\cmd.exe", "/c dir", {"shortcut.present", "shortcut.command"}),
        (".\\viewer.exe", "\\\\host\\share\\x.dll", {"shortcut.present", "shortcut.remote"}),
        (".\\viewer.exe", "a" + " " * 60 + "b", {"shortcut.present", "shortcut.padded-arguments"}),
    ],
)
def test_what_a_double_click_would_do_is_seen(path: str, arguments: str, expected: set[str]) -> None:
    assert seen(shortcut(path, arguments)) == expected


def test_arguments_are_examined_as_a_file() -> None:
    content = shortcut("..\\powershell.exe", "powershell -w hidden -nop -enc " + "QUFB" * 20)
    assert "signature.powershell-encoded" in seen(content)


def test_a_link_to_a_share_is_seen() -> None:
    assert "shortcut.remote" in seen(b"[InternetShortcut]\r\nURL=file://host.invalid/share/x.exe\r\n")
    assert seen(b"[InternetShortcut]\r\nURL=https://example.com/\r\n") == {"shortcut.present"}


def test_a_cut_shortcut_never_breaks_the_examination() -> None:
    content = shortcut(".\\a.exe", "b")
    for end in range(20, len(content), 7):
        assert "shortcut.present" in seen(content[:end])
