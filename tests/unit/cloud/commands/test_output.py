"""What people see: nothing that others wrote can steer their terminal."""

import json
import sys
from dataclasses import dataclass

import pytest

from cloud.commands.output import print_error, print_json, print_line, print_table, printable
from cloud.errors import NotFound


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Grüße", "plain Grüße"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("exe.\u202egnp", "exe.\\u202egnp"),
        ("\x9b2J", "\\x9b2J"),
    ],
)
def test_controls_are_written_out(text: str, shown: str) -> None:
    """Escape sequences, line ends, direction marks."""
    assert printable(text) == shown


@dataclass(frozen=True, slots=True)
class Result:
    name: str


def test_nothing_that_is_printed_holds_a_control(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, tables, JSON and errors alike; markup is no markup."""
    evil = "\x1b]0;title\x07[red]x[/red]\u202e"
    print_line(evil)
    print_table(("NAME", "MANY"), [(evil, (evil, evil))])
    print_json(Result(evil))
    print_error(NotFound(evil, next_step=evil), as_json=True)
    out, err = capsys.readouterr()
    assert all(character.isprintable() or character == "\n" for character in out + err)
    assert "[red]x[/red]" in out


def test_an_error_is_json_for_programs_and_a_sentence_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output and on standard error."""
    print_error(NotFound("there is none", next_step="Make one."), as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["reason"] == "NOT_FOUND"
    assert err == "srx-cloud: there is none\nMake one.\n"


def test_an_id_is_never_folded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a narrow terminal, beside longer cells: it is to be copied."""
    identity = "dev_Ci4jFwARUsE-jiWZWYPSKA-0123456789"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    print_table(("DEVICE", "A", "B", "C", "D"), [(identity, *["some longer text in a cell"] * 4)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{identity} ")
    assert max(map(len, lines[1:])) <= 80
