"""Where members of archives may not be written."""

import pytest

from cloud.analyzers.member_paths import signs_of_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("folder/file.txt", set()),
        ("a..b/c..txt", set()),
        ("console.txt", set()),
        ("/etc/cron.d/job", {"archive.absolute-path"}),
        ("\\\\host\\share\\x", {"archive.absolute-path"}),
        ("C:\\Windows\\x.dll", {"archive.absolute-path"}),
        ("../x", {"archive.traversal"}),
        ("a/../../x", {"archive.traversal"}),
        ("a\\..\\..\\x", {"archive.traversal"}),
        ("a/.. /x", {"archive.traversal"}),
        ("CON", {"archive.device-name"}),
        ("folder/nul.txt", {"archive.device-name"}),
        ("/../lpt1", {"archive.absolute-path", "archive.traversal", "archive.device-name"}),
    ],
)
def test_a_path_that_leaves_its_folder_is_seen(name: str, expected: set[str]) -> None:
    assert {sign.name for sign in signs_of_path(name)} == expected
