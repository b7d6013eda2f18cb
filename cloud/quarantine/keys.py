"""The key ring: a master key wraps a key for each realm, a realm's key seals that realm's secrets and message keys.

    master key (outside the state) ──wraps──► realm key (keyring.json in the state) ──wraps──► message key (its row)

1. A master key is made for an empty state alone. A state whose key is missing or wrong does not start.
2. The key file is on disk before the ring that needs it.
3. Every wrapping is AES-256-GCM under a random 96-bit nonce; who and what for is associated data, so that a secret can't be
   moved to another realm or another purpose.
4. A new master key takes the old one's place in three steps, each of which may be the last before a power cut.

The service holds the state folder's lock, so this ring is its only writer.
"""

import base64
import binascii
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.errors import Conflict, Damaged
from cloud.quarantine.master_key import ENVIRONMENT_VARIABLE, decode_key, read_key_file, refuse_inside, write_key_file
from cloud.quarantine.sealing import KEY_BYTES, binding
from cloud.storage.durable import make_private_folder, replace_file

RandomBytes = Callable[[int], bytes]

_RING_FILE: Final = "keyring.json"
_SEALED_FOLDERS: Final = ("vault", "authority")
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
_CHECK: Final = binding("srxlab.check")


class KeyRing:
    """Seals and unseals for realms. Made by open()."""

    def __init__(self, master: bytes, ring_file: Path, random_bytes: RandomBytes) -> None:
        self._master = master
        self._ring_file = ring_file
        self._random = random_bytes
        self._realm_keys: dict[str, bytes] = {}

    @classmethod
    def open(cls, key_file: Path, state: Path, *, master_key: str = "", random_bytes: RandomBytes = os.urandom) -> Self:
        """The ring of that state folder; `master_key` (base64, from the environment) takes the key file's place.

        Raises Conflict for a state whose key is missing, wrong, open to others, or inside the state folder.
        """
        refuse_inside(key_file, state)
        ring_file = state / _RING_FILE
        if not ring_file.exists():
            return cls._first(key_file, ring_file, master_key, random_bytes)
        for key in _candidates(key_file, master_key):
            ring = cls(key, ring_file, random_bytes)
            if ring._load():
                ring._settle(key_file, from_file=not master_key)
                return ring
        raise Conflict(
            "the master key is not the one that this state was sealed with",
            next_step=f"Restore the right key to {key_file}, or put it into {ENVIRONMENT_VARIABLE}.",
        )

    def seal(self, realm_id: str, purpose: str, data: bytes) -> bytes:
        """Seal a small secret for that realm and that purpose alone."""
        return self._wrap(self._realm_key(realm_id), data, binding("srxlab.secret", realm_id, purpose))

    def unseal(self, realm_id: str, purpose: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Damaged where it was changed, or sealed for another realm or purpose."""
        key = self._realm_keys.get(realm_id)
        if key is None:
            raise Damaged("there is no key for that realm")
        return _unwrap(key, sealed, binding("srxlab.secret", realm_id, purpose))

    def new_key(self) -> bytes:
        """A new random key, for one message."""
        return self._random(KEY_BYTES)

    def rotate(self, key_file: Path) -> None:
        """Wrap all realm keys under a new master key, and keep that in the key file instead of the old one."""
        following = _following(key_file)
        key = self._random(KEY_BYTES)
        write_key_file(following, key)
        self._master = key
        self._save(self._realm_keys)
        following.replace(key_file)

    @classmethod
    def _first(cls, key_file: Path, ring_file: Path, master_key: str, random_bytes: RandomBytes) -> Self:
        """The ring of an empty state. A key file that is there already is of a first start that was killed: it is kept."""
        _refuse_used(ring_file)
        key = decode_key(master_key, ENVIRONMENT_VARIABLE) if master_key else read_key_file(key_file)
        if key is None:
            key = random_bytes(KEY_BYTES)
            write_key_file(key_file, key)
        ring = cls(key, ring_file, random_bytes)
        make_private_folder(ring_file.parent)
        ring._save({})
        return ring

    def _settle(self, key_file: Path, *, from_file: bool) -> None:
        """Finish a rotation that was cut short: the key that fits is the key file, and the other one goes."""
        following = _following(key_file)
        if from_file and following.exists():
            write_key_file(key_file, self._master)
            following.unlink()

    def _realm_key(self, realm_id: str) -> bytes:
        key = self._realm_keys.get(realm_id)
        if key is None:
            key = self.new_key()
            self._save({**self._realm_keys, realm_id: key})
            self._realm_keys[realm_id] = key
        return key

    def _load(self) -> bool:
        """Read the ring; whether the master key fits."""
        ring = _read_ring(self._ring_file)
        try:
            _unwrap(self._master, ring["check"], _CHECK)
        except Damaged:
            return False
        self._realm_keys = {
            realm: _unwrap(self._master, wrapped, binding("srxlab.realm", realm))
            for realm, wrapped in ring["realms"].items()
        }
        return True

    def _save(self, realm_keys: dict[str, bytes]) -> None:
        """Put these keys on disk. Nothing may be sealed with a key before this returned."""
        realms = {
            realm: _text(self._wrap(self._master, key, binding("srxlab.realm", realm)))
            for realm, key in realm_keys.items()
        }
        ring = {"version": 1, "check": _text(self._wrap(self._master, b"", _CHECK)), "realms": realms}
        replace_file(self._ring_file, json.dumps(ring, indent=1).encode())

    def _wrap(self, key: bytes, data: bytes, bound_to: bytes) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        return _VERSION + nonce + AESGCM(key).encrypt(nonce, data, bound_to)


def _unwrap(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    nonce, content = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if sealed[:1] != _VERSION or len(nonce) < _NONCE_BYTES:
        raise Damaged("this is not a sealed secret of a version that is known here")
    try:
        return AESGCM(key).decrypt(nonce, content, bound_to)
    except InvalidTag:
        raise Damaged("the sealed secret was changed, or belongs elsewhere") from None


def _candidates(key_file: Path, master_key: str) -> list[bytes]:
    """The keys that may fit: a rotation that was cut short leaves two. Raises Conflict where there is none."""
    if master_key:
        return [decode_key(master_key, ENVIRONMENT_VARIABLE)]
    found = [key for path in (key_file, _following(key_file)) if (key := read_key_file(path)) is not None]
    if not found:
        raise Conflict(
            f"the master key of this state is missing: there is no {key_file}",
            next_step=f"Restore that file, name another key file, or put the key into {ENVIRONMENT_VARIABLE}. "
            "Without it, nothing that was quarantined can be read.",
        )
    return found


def _following(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".next")


def _refuse_used(ring_file: Path) -> None:
    """Sealed content without its ring is a damaged state, not an empty one: a new key would only hide that."""
    folders = [ring_file.parent / name for name in _SEALED_FOLDERS]
    if any(folder.is_dir() and any(folder.iterdir()) for folder in folders):
        raise Conflict(
            f"the state has sealed content, but its {ring_file.name} is missing",
            next_step=f"Restore {ring_file} from your backup, or start with an empty state folder.",
        )


def _read_ring(path: Path) -> dict[str, Any]:
    """The ring's parts, still wrapped. Raises Conflict for a file that is no ring."""
    try:
        ring = json.loads(path.read_bytes())
        realms = {str(realm): base64.b64decode(wrapped) for realm, wrapped in ring["realms"].items()}
        return {"check": base64.b64decode(ring["check"]), "realms": realms}
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise Conflict(f"{path} is damaged", next_step="Restore it from your backup.") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
