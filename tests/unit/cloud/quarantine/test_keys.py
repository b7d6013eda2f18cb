"""The key ring: who holds the master key opens, nobody else does, and nothing starts on half a state."""

import base64
import json
import os
from pathlib import Path

import pytest

from cloud.errors import Conflict, Damaged
from cloud.quarantine.keys import KeyRing

MASTER = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "state.key"


def test_a_secret_opens_again_after_a_restart(key_file: Path, state: Path) -> None:
    sealed = KeyRing.open(key_file, state).seal("realm_1", "release-key", b"secret")
    assert KeyRing.open(key_file, state).unseal("realm_1", "release-key", sealed) == b"secret"


def test_the_key_file_is_its_owners_alone(key_file: Path, state: Path) -> None:
    KeyRing.open(key_file, state)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert (state / "keyring.json").stat().st_mode & 0o777 == 0o600


def test_neither_master_nor_realm_keys_stand_in_the_state(key_file: Path, state: Path) -> None:
    keys = [bytes([number]) * 32 for number in range(1, 3)]
    made = iter(keys)
    ring = KeyRing.open(key_file, state, random_bytes=lambda size: next(made) if size == 32 else os.urandom(size))
    ring.seal("realm_1", "purpose", b"secret")
    stored = (state / "keyring.json").read_bytes()
    for key in keys:
        assert key not in stored
        assert base64.b64encode(key) not in stored


@pytest.mark.parametrize(("realm", "purpose"), [("realm_2", "release-key"), ("realm_1", "other"), ("realm_3", "x")])
def test_a_secret_is_bound_to_realm_and_purpose(key_file: Path, state: Path, realm: str, purpose: str) -> None:
    ring = KeyRing.open(key_file, state)
    sealed = ring.seal("realm_1", "release-key", b"secret")
    ring.seal("realm_2", "release-key", b"other")
    with pytest.raises(Damaged):
        ring.unseal(realm, purpose, sealed)


def test_every_changed_byte_of_a_secret_is_found(key_file: Path, state: Path) -> None:
    ring = KeyRing.open(key_file, state)
    sealed = ring.seal("realm_1", "p", b"secret")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(Damaged):
            ring.unseal("realm_1", "p", bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(Damaged):
            ring.unseal("realm_1", "p", sealed[:length])


def test_the_same_secret_is_never_sealed_alike(key_file: Path, state: Path) -> None:
    ring = KeyRing.open(key_file, state)
    assert len({ring.seal("realm_1", "p", b"secret") for _ in range(50)}) == 50


def test_a_state_without_its_key_does_not_start(key_file: Path, state: Path) -> None:
    KeyRing.open(key_file, state)
    key_file.unlink()
    with pytest.raises(Conflict, match="missing") as refused:
        KeyRing.open(key_file, state)
    assert str(key_file) in refused.value.next_step + refused.value.sentence
    assert not key_file.exists()


def test_a_wrong_key_does_not_start(key_file: Path, state: Path) -> None:
    KeyRing.open(key_file, state)
    with pytest.raises(Conflict, match="not the one"):
        KeyRing.open(key_file, state, master_key=MASTER)


def test_the_environments_key_takes_the_files_place(key_file: Path, state: Path) -> None:
    sealed = KeyRing.open(key_file, state, master_key=MASTER).seal("realm_1", "p", b"secret")
    assert not key_file.exists()
    assert KeyRing.open(key_file, state, master_key=MASTER + "\n").unseal("realm_1", "p", sealed) == b"secret"


@pytest.mark.parametrize("text", ["short", MASTER[:-4], MASTER + MASTER, "\u00e4" * 44])
def test_a_text_that_is_no_key_is_refused_without_being_shown(key_file: Path, state: Path, text: str) -> None:
    with pytest.raises(Conflict) as refused:
        KeyRing.open(key_file, state, master_key=text)
    assert text not in refused.value.sentence + refused.value.next_step


def test_a_key_file_that_others_may_read_is_refused(key_file: Path, state: Path) -> None:
    KeyRing.open(key_file, state)
    key_file.chmod(0o640)
    with pytest.raises(Conflict, match="open to others") as refused:
        KeyRing.open(key_file, state)
    assert "chmod 600" in refused.value.next_step


@pytest.mark.parametrize("inside", ["state.key", "deep/er.key", "../state/x.key"])
def test_a_key_inside_the_state_is_refused(state: Path, inside: str) -> None:
    with pytest.raises(Conflict, match="inside the state"):
        KeyRing.open(state / inside, state)


def test_a_link_into_the_state_is_inside_it_too(tmp_path: Path, state: Path) -> None:
    state.mkdir()
    (tmp_path / "elsewhere").symlink_to(state)
    with pytest.raises(Conflict, match="inside the state"):
        KeyRing.open(tmp_path / "elsewhere" / "x.key", state)


@pytest.mark.parametrize("folder", ["vault", "authority"])
def test_sealed_content_without_a_ring_is_no_empty_state(key_file: Path, state: Path, folder: str) -> None:
    (state / folder / "something").mkdir(parents=True)
    with pytest.raises(Conflict, match=r"keyring\.json"):
        KeyRing.open(key_file, state)
    assert not key_file.exists()


def test_a_first_start_that_was_killed_after_the_key_file_goes_on_with_that_key(key_file: Path, state: Path) -> None:
    KeyRing.open(key_file, state)
    made = key_file.read_bytes()
    (state / "keyring.json").unlink()
    KeyRing.open(key_file, state)
    assert key_file.read_bytes() == made


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"check": 7, "realms": {}}', b"\xff\xfe"])
def test_a_damaged_ring_is_said_to_be_damaged(key_file: Path, state: Path, content: bytes) -> None:
    KeyRing.open(key_file, state)
    (state / "keyring.json").write_bytes(content)
    with pytest.raises(Conflict, match="damaged"):
        KeyRing.open(key_file, state)


def test_a_realm_key_is_not_used_before_it_is_on_disk(key_file: Path, state: Path) -> None:
    """Else what it seals could not be opened after the next start."""
    ring = KeyRing.open(key_file, state)
    (state / "keyring.json.new").mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="directory"):
            ring.seal("realm_1", "p", b"secret")


def test_after_a_rotation_the_old_master_key_opens_nothing(key_file: Path, state: Path) -> None:
    ring = KeyRing.open(key_file, state)
    sealed = ring.seal("realm_1", "p", b"secret")
    old = key_file.read_text()
    ring.rotate(key_file)
    assert KeyRing.open(key_file, state).unseal("realm_1", "p", sealed) == b"secret"
    with pytest.raises(Conflict, match="not the one"):
        KeyRing.open(key_file, state, master_key=old)


@pytest.mark.parametrize("ring_is_new", [False, True])
def test_a_rotation_that_was_cut_short_ends_at_the_next_start(key_file: Path, state: Path, ring_is_new: bool) -> None:
    """Two key files are left: the ring says which of them counts."""
    ring = KeyRing.open(key_file, state)
    sealed = ring.seal("realm_1", "p", b"secret")
    old_ring, old_key = (state / "keyring.json").read_bytes(), key_file.read_bytes()
    ring.rotate(key_file)
    following = key_file.with_name(key_file.name + ".next")
    following.write_bytes(key_file.read_bytes())
    following.chmod(0o600)
    key_file.write_bytes(old_key)
    if not ring_is_new:
        (state / "keyring.json").write_bytes(old_ring)
    assert KeyRing.open(key_file, state).unseal("realm_1", "p", sealed) == b"secret"
    assert not following.exists()
    assert (key_file.read_bytes() != old_key) is ring_is_new


def test_a_realms_wrapped_key_is_bound_to_its_realm(key_file: Path, state: Path) -> None:
    ring = KeyRing.open(key_file, state)
    ring.seal("realm_1", "p", b"one")
    ring.seal("realm_2", "p", b"two")
    stored = json.loads((state / "keyring.json").read_text())
    stored["realms"] = {"realm_1": stored["realms"]["realm_2"], "realm_2": stored["realms"]["realm_1"]}
    (state / "keyring.json").write_text(json.dumps(stored))
    with pytest.raises(Damaged):
        KeyRing.open(key_file, state)
