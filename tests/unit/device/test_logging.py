"""Lines for people: one event each, whatever a sender wrote into its fields."""

import pytest

from device.logging import line


def logged(**fields: object) -> str:
    return line(
        None, "info", {"timestamp": "2026-01-02T03:04:05Z", "level": "info", "event": "mail.delivered", **fields}
    )


def test_a_line_names_time_level_event_and_fields() -> None:
    assert logged(score=3, client="192.0.2.1").split() == [
        "2026-01-02T03:04:05Z",
        "[info",
        "]",
        "mail.delivered",
        "score=3",
        "client=192.0.2.1",
    ]


@pytest.mark.parametrize("value", ["a\nb", "a b", "a=1 event=mail.blocked", '"', "\x1b[2J", "\u202e", "ä", "'", "\\n"])
def test_a_value_can_neither_end_the_line_nor_pass_for_another_field(value: str) -> None:
    """A sender chooses its address; what it holds must not become a second line, a field or a terminal's command."""
    shown = logged(mail_from=value)
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.endswith(f"mail_from={value!a}")
