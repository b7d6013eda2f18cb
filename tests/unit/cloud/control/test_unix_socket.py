"""The control socket: its owner's alone, under a path of any length, back after a kill."""

import os
import stat
from pathlib import Path

import pytest

from cloud.control.unix_socket import NAME, connect, listening, peer_user_id


def test_the_socket_is_for_its_owner_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    """0600 from the first moment on."""
    with listening(tmp_path):
        mode = (tmp_path / NAME).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert mode & 0o777 == 0o600
    assert not (tmp_path / NAME).exists()


def test_a_path_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    """unix(7) has room for 108 bytes; a state may lie deeper."""
    deep = tmp_path.joinpath(*["a-folder-with-a-rather-long-name"] * 8)
    deep.mkdir(parents=True)
    assert len(str(deep)) > 200
    with listening(deep) as door:
        connection = connect(deep)
        assert connection is not None
        accepted, _ = door.accept()
        assert peer_user_id(accepted) == os.geteuid()
        connection.close()
        accepted.close()


def test_a_socket_that_a_killed_service_left_is_no_service_and_no_obstacle(tmp_path: Path) -> None:
    """Nobody answers there; the next service takes its place."""
    with listening(tmp_path):
        os.link(tmp_path / NAME, tmp_path / "kept")
    (tmp_path / "kept").rename(tmp_path / NAME)
    assert connect(tmp_path) is None
    with listening(tmp_path):
        connection = connect(tmp_path)
        assert connection is not None
        connection.close()


def test_without_a_folder_there_is_nothing_to_ask(tmp_path: Path) -> None:
    """The caller decides what that means."""
    with pytest.raises(FileNotFoundError):
        connect(tmp_path / "none")
    assert connect(tmp_path) is None
