"""Rich text."""

import pytest

from tests.unit.cloud.analyzers.looking import seen

_EQUATION = "0105000002000000" + "0b000000" + b"Equation.3\0".hex() + "00000000" * 2 + "04000000" + "41424344"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{\\rtf1 hello}", set()),
        ("{\\rt hello}", {"rtf.odd-header"}),
        ("{\\rtf1 {\\object\\objupdate}}", {"rtf.auto-update"}),
        ("{\\rtf1 {\\*\\template https://a.invalid/x.dotm}}", {"office.external-template"}),
        ("{\\rtf1 {\\field{\\*\\fldinst DDEAUTO cmd}}}", {"office.dde"}),
    ],
)
def test_tricks_of_rich_text_are_seen(text: str, expected: set[str]) -> None:
    assert seen(text.encode()) == expected


def test_an_equation_object_is_seen_in_plain_and_in_pieces() -> None:
    whole = f"{{\\rtf1 {{\\object\\objemb{{\\*\\objdata {_EQUATION}}}}}}}"
    spaced = whole.replace(_EQUATION, " ".join(_EQUATION[at : at + 2] for at in range(0, len(_EQUATION), 2)))
    for text in (whole, spaced):
        assert {"rtf.object", "signature.rtf-equation"} <= seen(text.encode())
