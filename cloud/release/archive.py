"""The ZIP of a release: AES-256 as WinZip and 7-Zip write it. Its salts come from the system, so no two are alike.

Source: WinZip's AES encryption specification (AE-2).
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pyzipper

from cloud.release.members import Member

_BITS: Final = 256
_EARLIEST: Final = datetime(1980, 1, 1)  # noqa: DTZ001 - ZIP knows no zones, and no earlier time


def encrypted_zip(members: Sequence[Member], password: str, at: datetime) -> bytes:
    """The members in order, each compressed and encrypted; `at` is their time of change."""
    target = io.BytesIO()
    with pyzipper.AESZipFile(target, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setencryption(pyzipper.WZ_AES, nbits=_BITS)
        archive.setpassword(password.encode())
        for member in members:
            archive.writestr(_entry(archive, member.name, at), member.content)
    return target.getvalue()


def _entry(archive: pyzipper.AESZipFile, name: str, at: datetime) -> pyzipper.AESZipFile:
    entry = archive.zipinfo_cls(filename=name, date_time=max(at.replace(tzinfo=None), _EARLIEST).timetuple()[:6])
    entry.compress_type = pyzipper.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
