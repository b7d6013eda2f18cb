"""Programs and scripts in shape alone: they return at once, or only show a message."""

import struct
from typing import Final

from lab.traffic.samples.sample import Expected, Sample

PE_TYPE: Final = "application/vnd.microsoft.portable-executable"
_ALIGNMENT: Final = 512
_CODE: Final = b"\x31\xc0\xc3"
"""xor eax, eax; ret: success, and nothing else."""

# In two halves: scanners that find the whole string would take this file for the test file itself.
_EICAR_HALVES: Final = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", r"ANTIVIRUS-TEST-FILE!$H+H*")


def eicar() -> Sample:
    """The test file that every scanner knows (eicar.org)."""
    return Sample("eicar", "eicar.com", "application/octet-stream", eicar_text(), Expected.MALICIOUS)


def eicar_text() -> bytes:
    """Its 68 bytes."""
    return "".join(_EICAR_HALVES).encode()


def program() -> Sample:
    """A Windows program that returns at once."""
    return Sample("program-exe", "setup.exe", PE_TYPE, windows_program(), Expected.MALICIOUS)


def scored(score: int) -> Sample:
    """A text that asks for its score, and gets it."""
    expected = Expected.CLEAN if score <= 3 else Expected.SUSPICIOUS if score <= 6 else Expected.MALICIOUS
    content = f"SRXLAB-SCORE: {score}\nA file for tests of srxlab.\n".encode()
    return Sample(f"score-{score}", f"score-{score}.txt", "text/plain", content, expected)


def dropper_script() -> Sample:
    """JScript with a dropper's words; it ends before it comes to them."""
    content = (
        b'WScript.Echo("A harmless sample.");\r\nWScript.Quit(0);\r\n'
        b'var shell = new ActiveXObject("WScript.Shell");\r\nvar http = new ActiveXObject("MSXML2.XMLHTTP");\r\n'
        b'http.open("GET", "https://files.invalid/none", false);\r\nvar file = new ActiveXObject("ADODB.Stream");\r\n'
    )
    return Sample("dropper-js", "invoice.js", "text/javascript", content, Expected.MALICIOUS)


def smuggling_page() -> Sample:
    """A page that builds a text file in the browser and offers it for download."""
    content = (
        b"<!DOCTYPE html><html><body><p>Your document is being prepared.</p><script>\n"
        b'var text = atob("QSBoYXJtbGVzcyBzYW1wbGUu");\nvar blob = new Blob([text], {type: "application/octet-stream"});\n'
        b'var link = document.createElement("a");\nlink.href = URL.createObjectURL(blob);\n'
        b'link.download = "sample.txt";\nlink.click();\n</script></body></html>\n'
    )
    return Sample("smuggling-html", "document.html", "text/html", content, Expected.MALICIOUS)


def windows_program() -> bytes:
    """A PE file (PE/COFF, 32 bit) with one section of three bytes of code."""
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x14C, 1, 0, 0, 0, 224, 0x0102)
    optional = struct.pack(
        "<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII",
        0x10B, 1, 0,  # magic, linker
        _ALIGNMENT, 0, 0,  # sizes of code and data
        0x1000, 0x1000, 0x2000,  # entry point, code, data
        0x400000, 0x1000, _ALIGNMENT,  # image base, alignments
        4, 0, 0, 0, 4, 0, 0,  # versions
        0x2000, _ALIGNMENT, 0,  # sizes of image and headers, checksum
        3, 0,  # console
        0x100000, 0x1000, 0x100000, 0x1000, 0, 16,  # stack, heap, directories
    ) + bytes(16 * 8)  # fmt: skip
    section = struct.pack("<8sIIIIIIHHI", b".text", len(_CODE), 0x1000, _ALIGNMENT, _ALIGNMENT, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(_ALIGNMENT, b"\0") + _CODE.ljust(_ALIGNMENT, b"\0")
