"""A preview shows who, what and when, the words, and the attachments' names; never an attachment."""

import base64

import pytest

from atp.v1 import quarantine_pb2 as wire
from cloud.portal import preview as module
from cloud.portal.preview import MAX_ATTACHMENTS, MAX_TEXT_BYTES, Body, Field, Note, Preview, preview, summary
from tests.unit.cloud.portal.letters import FIELDS, PNG, Letter, Piece, invoice, letter

THRESHOLD = 7
IMAGE = wire.PART_ROLE_INLINE_IMAGE
HTML = Piece(b'<p>Hi</p><img src="cid:logo">', content_type="text/html")


def picture(content: bytes = PNG, **changes: object) -> Piece:
    """An inline image as a device describes it."""
    values: dict[str, object] = {
        "content_type": "image/png",
        "role": IMAGE,
        "content_id": "logo",
        "encoding": "base64",
        "score": 0,
        "size": len(content),
    }
    return Piece(base64.b64encode(content), **(values | changes))  # type: ignore[arg-type]


def seen(message: Letter) -> Preview:
    return preview(message.manifest, message.content, THRESHOLD)


def test_the_facts_of_a_message() -> None:
    """From the device's decoded fields; sizes and score from the manifest."""
    view = seen(letter(Piece(b"Hello"), invoice()))
    assert (view.sender, view.to, view.subject) == ("Bob <bob@example.net>", "Alice <alice@example.com>", "Invoice 42")
    assert view.fields == tuple(Field(name, value) for name, value in FIELDS)
    assert view.bodies == (Body(is_html=False, content="Hello"),)
    assert view.score == 9
    assert view.notes == frozenset()


def test_a_second_from_is_shown_too() -> None:
    """A forger hopes that one reader sees the first and another the last."""
    assert (
        seen(letter(fields=(("From", "a@example.com"), ("from", "b@example.com")))).sender
        == "a@example.com, b@example.com"
    )


def test_attachments_are_names_types_sizes_and_scores() -> None:
    """In their order, with the mail around them; a part without a name is called by its type."""
    message = letter(
        Piece(b"Hello"),
        invoice("cod\u202eexe.pdf"),
        Piece(b"m", content_type="message/rfc822", role=wire.PART_ROLE_MESSAGE, name="fwd.eml", score=8),
        Piece(b"i", content_type="application/pdf", role=wire.PART_ROLE_ATTACHMENT, name="in.pdf", score=2, parent=3),
        Piece(b"s", content_type="application/pgp-signature", role=wire.PART_ROLE_SIGNATURE),
    )
    rows = seen(message).attachments
    assert [row.name for row in rows] == ["cod\ufffdexe.pdf", "fwd.eml", "in.pdf", "application/pgp-signature"]
    assert [row.is_malicious for row in rows] == [True, True, False, False]
    assert [row.score for row in rows] == [9, 8, 2, None]
    assert [row.inside for row in rows] == ["", "", "fwd.eml", ""]


def test_words_of_an_attached_message_are_not_this_ones() -> None:
    """They are the attachment's content."""
    message = letter(
        Piece(b"outer"),
        Piece(b"m", content_type="message/rfc822", role=wire.PART_ROLE_MESSAGE, score=1),
        Piece(b"inner", parent=2),
        Piece(b"<b>inner</b>", content_type="text/html", parent=2),
    )
    assert [body.content for body in seen(message).bodies] == ["outer"]


@pytest.mark.parametrize("changes", [{"score": 8}, {"in_zip": True}, {"alternate": True}])
def test_text_that_is_malicious_or_a_second_reading_is_not_shown(changes: dict[str, object]) -> None:
    """A text at or above the threshold is an attachment."""
    message = letter(Piece(b"evil", **changes))  # type: ignore[arg-type]
    assert seen(message).bodies == ()


def test_a_file_inside_of_text_is_cut_out() -> None:
    """What uuencode and yEnc wrap stands in the text's own bytes."""
    file = b"begin 644 evil.exe\r\nM1234\r\nend\r\n"
    message = letter(
        Piece(b"before\r\n" + file + b"after"),
        Piece(
            file, role=wire.PART_ROLE_EMBEDDED_FILE, name="evil.exe", score=9, within=1, parent=1, encoding="uuencode"
        ),
    )
    assert seen(message).bodies == (Body(is_html=False, content="before\nafter"),)


def test_a_text_is_left_out_where_its_file_lies_elsewhere() -> None:
    """Then nobody can tell which of its bytes are the file's."""
    message = letter(
        Piece(b"YmVnaW4gNjQ0", encoding="base64"),
        Piece(b"begin", role=wire.PART_ROLE_EMBEDDED_FILE, name="evil.exe", score=9, parent=1),
    )
    view = seen(message)
    assert view.bodies == ()
    assert Note.TEXT_LEFT_OUT in view.notes


def test_own_pictures_are_shown_in_the_html() -> None:
    """As data: URIs, of the type that their bytes say."""
    view = seen(letter(HTML, picture(content_type="image/x-whatever")))
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in view.bodies[0].content
    assert Note.PICTURES_LEFT_OUT not in view.notes


@pytest.mark.parametrize(
    "shown",
    [
        picture(score=THRESHOLD),
        picture(score=None),
        picture(in_zip=True),
        picture(alternate=True, parent=2),
        picture(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", content_type="image/svg+xml"),
        picture(b"<html>", content_type="image/png"),
        picture(size=module.MAX_IMAGE_BYTES + 1),
        picture(encoding="uuencode"),
    ],
    ids=["malicious", "not scored", "for the ZIP", "second reading", "SVG", "HTML", "too large", "odd encoding"],
)
def test_pictures_that_are_not_shown(shown: Piece) -> None:
    """The page says so, unless it is a second reading of another part."""
    view = seen(letter(HTML, shown, Piece(b"x")))
    assert "data:" not in view.bodies[0].content
    assert (Note.PICTURES_LEFT_OUT in view.notes) is not shown.alternate


def test_an_ambiguous_message_shows_plain_text_alone() -> None:
    """No HTML, no picture, and the reason."""
    view = seen(letter(Piece(b"Hello"), HTML, picture(), ambiguous=True))
    assert view.bodies == (Body(is_html=False, content="Hello"),)
    assert {Note.AMBIGUOUS, Note.TEXT_LEFT_OUT} <= view.notes


def test_long_text_is_cut() -> None:
    """To far more than anyone reads."""
    view = seen(letter(Piece(b"x" * (MAX_TEXT_BYTES + 1))))
    assert len(view.bodies[0].content) == MAX_TEXT_BYTES
    assert Note.CUT in view.notes


def test_many_parts_are_bounded() -> None:
    """Bodies and rows; what is more is said."""
    view = seen(letter(*[Piece(b"x")] * 50, *[invoice()] * (MAX_ATTACHMENTS + 1)))
    assert len(view.bodies) == module.MAX_BODIES
    assert len(view.attachments) == MAX_ATTACHMENTS
    assert {Note.CUT, Note.MORE_ATTACHMENTS} <= view.notes


def test_a_reading_that_makes_no_sense_shows_nothing_wrong() -> None:
    """Circles, parents that are not there, ranges beyond the end or backwards."""
    message = letter(
        Piece(b"in a circle", parent=2),
        Piece(b"also", parent=1),
        Piece(b"orphan", parent=99),
        Piece(b"far"),
        Piece(b"back"),
    )
    parts = message.manifest.reading.parts
    parts[4].body.end = 10**12
    parts[5].body.start, parts[5].body.end = 50, 10
    assert seen(message).bodies[0].content == "orphan"


def test_a_list_shows_subject_and_malicious_names() -> None:
    """Three of them, and how many more."""
    message = letter(
        *[invoice(f"{number}.exe") for number in range(5)],
        Piece(b"x", role=wire.PART_ROLE_ATTACHMENT, name="ok.pdf", score=0),
    )
    row = summary(message.manifest, THRESHOLD)
    assert (row.subject, row.malicious, row.more) == ("Invoice 42", ("0.exe", "1.exe", "2.exe"), 2)
