"""The vault on a real disk: content comes back to its own place, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.errors import Damaged
from cloud.quarantine.held import Sealed
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.sealing import CHUNK
from cloud.quarantine.vault import Place, Vault
from cloud.storage.blobs import LocalBlobs

HERE = Place("realm_1", "msg_1")
THERE = Place("realm_1", "msg_2")
ELSEWHERE = Place("realm_2", "msg_1")


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vault"


@pytest.fixture
def vault(tmp_path: Path, blobs: Path) -> Vault:
    return open_vault(tmp_path)


def open_vault(folder: Path) -> Vault:
    keys = KeyRing.open(folder / "state.key", folder / "state")
    return Vault(LocalBlobs.open(folder / "state" / "vault"), keys)


async def pieces(content: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("manifest_size", [0, 10, CHUNK, 900_000])
@pytest.mark.parametrize("content_size", [0, 1, CHUNK - 4, 1_500_000])
async def test_manifest_and_content_come_back(vault: Vault, manifest_size: int, content_size: int) -> None:
    manifest, content = b"m" * manifest_size, b"c" * content_size
    sealed = await vault.store(HERE, manifest, pieces(content))
    assert await vault.open(HERE, sealed) == (manifest, content)
    assert await vault.manifest(HERE, sealed) == manifest


async def test_the_manifest_is_read_without_the_content(vault: Vault, blobs: Path) -> None:
    sealed = await vault.store(HERE, b"manifest", pieces(b"c" * 2_000_000))
    path = blobs / sealed.blob
    path.write_bytes(path.read_bytes()[:1_500_000])
    assert await vault.manifest(HERE, sealed) == b"manifest"
    with pytest.raises(Damaged):
        await vault.open(HERE, sealed)


async def test_another_messages_blob_does_not_open(vault: Vault, blobs: Path) -> None:
    """Swapped on disk, in either direction."""
    mine = await vault.store(HERE, b"mine", pieces(b"a" * 1000))
    other = await vault.store(THERE, b"other", pieces(b"b" * 1000))
    first, second = (blobs / mine.blob).read_bytes(), (blobs / other.blob).read_bytes()
    (blobs / mine.blob).write_bytes(second)
    (blobs / other.blob).write_bytes(first)
    for place, sealed in ((HERE, mine), (THERE, other)):
        with pytest.raises(Damaged):
            await vault.open(place, sealed)


@pytest.mark.parametrize("place", [THERE, ELSEWHERE, Place("realm_9", "msg_1")])
async def test_blob_and_key_together_do_not_open_elsewhere(vault: Vault, place: Place) -> None:
    """Row and blob copied to another message or realm."""
    sealed = await vault.store(HERE, b"manifest", pieces(b"content"))
    await vault.store(ELSEWHERE, b"x", pieces(b"x"))
    with pytest.raises(Damaged):
        await vault.open(place, sealed)


async def test_a_missing_blob_is_damage(vault: Vault) -> None:
    sealed = await vault.store(HERE, b"manifest", pieces(b"content"))
    await vault.remove(sealed.blob)
    await vault.remove(sealed.blob)
    with pytest.raises(Damaged):
        await vault.open(HERE, sealed)


async def test_without_the_master_key_a_copy_of_the_state_opens_nothing(vault: Vault, tmp_path: Path) -> None:
    sealed = await vault.store(HERE, b"manifest", pieces(b"content"))
    thief = tmp_path / "thief"
    thief.mkdir()
    (thief / "state").mkdir()
    (thief / "state" / "keyring.json").write_bytes((tmp_path / "state" / "keyring.json").read_bytes())
    with pytest.raises(Exception, match="master key"):
        open_vault(thief)
    (thief / "state" / "keyring.json").unlink()
    with pytest.raises(Damaged):
        await open_vault(thief).open(HERE, sealed)


async def test_what_the_content_raises_comes_out_and_nothing_is_kept(vault: Vault, blobs: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"c" * 3_000_000
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        await vault.store(HERE, b"manifest", broken())
    assert files(blobs) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_mutation_of_the_blob_opens(tmp_path: Path, data: st.DataObject) -> None:
    """Cut, doubled, flipped or moved: never other content than what was stored, and never as if it were whole."""
    vault = open_vault(tmp_path)
    sealed = await vault.store(HERE, b"manifest", pieces(b"0123456789" * 30_000))
    path = tmp_path / "state" / "vault" / sealed.blob
    original = path.read_bytes()
    start = data.draw(st.integers(0, len(original) - 1))
    end = data.draw(st.integers(start, len(original)))
    put = data.draw(st.sampled_from([b"", b"\0", original[start:end] * 2, original[start:end][::-1]]))
    changed = original[:start] + put + original[end:]
    path.write_bytes(changed)
    if changed == original:
        assert (await vault.open(HERE, sealed))[0] == b"manifest"
        return
    with pytest.raises(Damaged):
        await vault.open(HERE, sealed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 60), mask=st.integers(1, 255))
async def test_no_mutation_of_the_wrapped_key_opens(tmp_path: Path, position: int, mask: int) -> None:
    vault = open_vault(tmp_path)
    sealed = await vault.store(HERE, b"manifest", pieces(b"content"))
    changed = bytearray(sealed.wrapped_key)
    changed[position] ^= mask
    with pytest.raises(Damaged):
        await vault.open(HERE, Sealed(sealed.blob, bytes(changed)))
