"""Archives: honest ones, ones that hide a program, ones that can't be opened, and small bombs (none unpacks to over 64 MiB)."""

import io
import struct
import zlib
from typing import Final

import pyzipper

from lab.traffic.samples.documents import pdf
from lab.traffic.samples.packages import zip_of
from lab.traffic.samples.programs import eicar_text, windows_program
from lab.traffic.samples.sample import Expected, Sample

ZIP: Final = "application/zip"
_MIB: Final = 1024 * 1024
_BOMB_MIB: Final = 48
_NESTED: Final = 10
_OVERLAPPING: Final = 40


def clean_zip() -> Sample:
    """Two documents."""
    content = zip_of({"report.pdf": pdf("The report."), "notes.txt": b"Nothing to note.\n"})
    return Sample("clean-zip", "documents.zip", ZIP, content, Expected.CLEAN)


def disguised_program() -> Sample:
    """A program under a name that looks like a document's."""
    content = zip_of({"invoice.pdf.exe": windows_program()})
    return Sample("double-extension-zip", "invoice.zip", ZIP, content, Expected.MALICIOUS)


def reversed_name() -> Sample:
    """A program whose name reads as .jpg where the override mark is obeyed."""
    content = zip_of({"photo_\u202egpj.exe": windows_program()})
    return Sample("reversed-name-zip", "photo.zip", ZIP, content, Expected.MALICIOUS)


def eicar_zip() -> Sample:
    """EICAR, two archives deep."""
    content = zip_of({"inner.zip": zip_of({"eicar.com": eicar_text()})})
    return Sample("eicar-zip", "archive.zip", ZIP, content, Expected.MALICIOUS)


def traversal_zip() -> Sample:
    """A member that wants to lie two folders higher."""
    content = zip_of({"../../startup/readme.txt": b"A harmless sample.\n"})
    return Sample("traversal-zip", "files.zip", ZIP, content, Expected.MALICIOUS)


def encrypted_zip(password: bytes = b"sample") -> Sample:
    """A text behind a password (AES-256). Its bytes are others each time: the salt is random."""
    packed = io.BytesIO()
    with pyzipper.AESZipFile(packed, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password)
        archive.writestr("secret.txt", b"A harmless sample.\n")
    return Sample("encrypted-zip", "secret.zip", ZIP, packed.getvalue(), Expected.SUSPICIOUS, unopened=True)


def flat_bomb() -> Sample:
    """48 MiB of zeros in 48 KB."""
    content = zip_of({"zeros.bin": bytes(_BOMB_MIB * _MIB)})
    return Sample("flat-bomb-zip", "photos.zip", ZIP, content, Expected.MALICIOUS, unopened=True)


def nested_bomb() -> Sample:
    """Ten archives, each in the next."""
    content = b"A harmless sample.\n"
    for level in range(_NESTED):
        content = zip_of({f"level-{level}.zip" if level else "sample.txt": content})
    return Sample("nested-zip", "nested.zip", ZIP, content, Expected.MALICIOUS, unopened=True)


def overlapping_bomb() -> Sample:
    """Forty members that are the same bytes (the idea: "A better zip bomb", Fifield 2019; here they unpack to 2.5 MiB)."""
    text = b"\n" * (64 * 1024)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(text) + deflater.flush()
    sizes = (zlib.crc32(text), len(packed), len(text))
    name = b"a"
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 8, 0, 33, *sizes, len(name), 0) + name + packed
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, *sizes, len(name), 0, 0, 0, 0, 0, 0) + name
    directory = entry * _OVERLAPPING
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, _OVERLAPPING, _OVERLAPPING, len(directory), len(local), 0)
    return Sample("overlapping-zip", "pictures.zip", ZIP, local + directory + end, Expected.MALICIOUS)
