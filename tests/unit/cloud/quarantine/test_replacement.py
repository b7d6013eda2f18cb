"""The replacement: what people need to know, and nothing that an attacker may put into it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp.v1 import quarantine_pb2 as wire
from cloud.policy.realm_settings import RealmSettings, ReleaseOption
from cloud.quarantine.replacement import Facts, ReplacementWriter, web_address
from tests.unit.cloud.quarantine.world import ATTACHMENT, SUBJECT, manifest_for, sample

LINK = "https://portal.example.net/m/" + "t" * 43
WRITER = ReplacementWriter()
EVIL = 'x"><script>alert(1)</script>\r\nBcc: all@example.org\r\n\r\n<a href="http://evil.example.com/">http://evil.example.com/</a>'


def facts(**changes: object) -> Facts:
    plain = Facts(
        manifest=manifest_for(sample()),
        settings=RealmSettings(),
        link=LINK,
        expires_at=datetime(2026, 3, 31, 12, tzinfo=UTC),
        message_id="msg_1.replacement@example.org",
        date=datetime(2026, 3, 1, 12, tzinfo=UTC),
        notice_domain="cloud.example.net",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def with_settings(**values: object) -> Facts:
    return facts(settings=RealmSettings().changed(values))


def spoiled(text: str) -> Facts:
    """The attacker's text wherever the held message has a say."""
    manifest = manifest_for(sample())
    for field in manifest.reading.fields:
        field.display = text
    manifest.reading.parts[2].name = text
    manifest.reading.parts[2].content_type = text
    manifest.envelope.mail_from = text.encode()
    manifest.reading.findings.append(text)
    return facts(manifest=manifest)


def parsed(of: Facts) -> EmailMessage:
    message = message_from_bytes(WRITER.write(of), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def bodies(of: Facts) -> tuple[str, str]:
    message = parsed(of)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def check_frame(content: bytes) -> None:
    """CRLF alone, 7-bit, no line that a relay would break, no dot line that matters."""
    assert content.isascii()
    assert b"\0" not in content
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
    assert max(len(line) for line in content.split(b"\r\n")) <= 76


def test_it_says_who_sent_what_and_why_and_where_to_look() -> None:
    for body in bodies(facts()):
        for said in (
            "mallory@example.com",
            SUBJECT,
            ATTACHMENT,
            "4 KB",
            "threat score 10",
            "10 of 10",
            LINK,
            "31 March 2026",
        ):
            assert said in body
        assert "release it or delete it" in " ".join(body.split())


def test_its_header_is_its_own() -> None:
    message = parsed(with_settings(notice_address="quarantine@example.org", replacement_subject="Malware Detected."))
    assert message["Subject"] == "Malware Detected."
    assert message["From"].addresses[0].addr_spec == "quarantine@example.org"
    assert message["To"] == "undisclosed-recipients:;"
    assert message["Message-ID"] == "<msg_1.replacement@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert message.get_content_type() == "multipart/alternative"
    assert message["MIME-Version"] == "1.0"


def test_no_envelope_recipient_is_shown() -> None:
    content = WRITER.write(facts())
    assert b"bob@example.org" not in content
    assert b"eve@example.org" not in content


def test_the_same_facts_give_the_same_bytes() -> None:
    assert WRITER.write(facts()) == ReplacementWriter().write(facts())
    assert WRITER.write(facts()) != WRITER.write(facts(message_id="msg_2.replacement@example.org"))


def test_it_is_safe_to_relay() -> None:
    check_frame(WRITER.write(facts()))


def test_where_the_administrator_releases_it_says_so() -> None:
    for body in bodies(with_settings(release_option=ReleaseOption.ADMINISTRATOR)):
        assert "press Request release to ask the administrator for it, or delete it yourself." in " ".join(body.split())


def test_a_blocklisted_message_is_not_called_malicious() -> None:
    manifest = manifest_for(sample())
    manifest.reason = wire.HOLD_REASON_BLOCKLISTED
    for body in bodies(facts(manifest=manifest)):
        assert "blocklist" in body
        assert "threat score of the message" not in body


def test_an_ambiguous_message_is_explained() -> None:
    manifest = manifest_for(sample())
    manifest.reading.ambiguous = True
    for body in bodies(facts(manifest=manifest)):
        assert "in different ways" in body


def test_what_the_realm_configures_is_said_in_its_words() -> None:
    words = {"replacement_message": "Ein Brief <wurde> angehalten.", "replacement_link_text": "Zur Quarantäne"}
    text, html = bodies(with_settings(**words, replacement_subject="Schädliche Post 邮件"))
    assert "Ein Brief <wurde> angehalten." in text
    assert "Ein Brief &lt;wurde&gt; angehalten." in html
    assert "Zur Quarantäne</a>" in html
    assert parsed(with_settings(replacement_subject="Schädliche Post 邮件"))["Subject"] == "Schädliche Post 邮件"


def test_words_that_the_realm_leaves_out_leave_no_gap() -> None:
    text, html = bodies(with_settings(replacement_message="", replacement_link_text="", replacement_subject=""))
    assert text.startswith("From:")
    assert "View the message" in text
    assert "<p></p>" not in html


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://www.example.com/learn?more=1&x=2", True),
        ("http://intranet.example.org/", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT://example.com/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("//example.com/", False),
        ("https:", False),
        ("https://exa mple.com/", False),
        ("https://[::1", False),
        ("https://example.com/ä", False),
        ("", False),
    ],
)
def test_only_web_addresses_are_linked_to_learn_more(url: str, shown: bool) -> None:
    assert web_address(url) == (url if shown else "")
    text, html = bodies(with_settings(learn_more_url=url))
    assert ("Learn more" in text) is shown
    assert ("Learn more" in html) is shown


def test_an_attackers_text_adds_no_field_no_markup_and_no_link() -> None:
    before, after = parsed(facts()), parsed(spoiled(EVIL))
    assert after.keys() == before.keys()
    text, html = bodies(spoiled(EVIL))
    assert "<script" not in html
    assert re.findall(r'href="([^"]*)"', html) == [LINK]
    assert "http://evil" not in text + html
    assert "\nBcc:" not in text


def test_text_that_reorders_itself_is_straightened() -> None:
    text, html = bodies(spoiled("invoice\u202efdp.exe\u2066\u200b\x00\x1b[31m"))
    assert not set("\u202e\u2066\u200b\x00\x1b") & set(text + html)


def test_a_list_of_attachments_has_an_end() -> None:
    manifest = manifest_for(sample())
    for index in range(3, 60):
        manifest.reading.parts.add(index=index, parent=0, role=wire.PART_ROLE_ATTACHMENT, name=f"file-{index}.bin")
    for body in bodies(facts(manifest=manifest)):
        assert body.count(".bin") == 19
        assert "and 38 more" in body


def test_neither_texts_nor_second_readings_are_listed() -> None:
    manifest = manifest_for(sample())
    manifest.reading.parts.add(index=3, parent=0, role=wire.PART_ROLE_ATTACHMENT, name="again.docm", alternate=True)
    manifest.reading.parts.add(index=4, parent=0, role=wire.PART_ROLE_ATTACHMENT, content_type="image/png", size=7)
    for body in bodies(facts(manifest=manifest)):
        assert "again.docm" not in body
        assert "(no name, image/png) (7 bytes)" in body


@pytest.mark.parametrize("domain", ["localhost", "x" * 60 + "." + "y" * 60 + ".example.org"])
def test_any_domain_of_ours_can_stand_in_it(domain: str) -> None:
    message = parsed(facts(notice_domain=domain, message_id=f"msg_1.replacement@{domain}"))
    assert message["From"].addresses[0].addr_spec == f"quarantine@{domain}"
    assert message["Message-ID"] == f"<msg_1.replacement@{domain}>"


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(max_size=300), subject=st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=200)
)
def test_whatever_the_text_the_frame_holds(text: str, subject: str) -> None:
    hostile = replace(
        spoiled(text.encode("utf-8", "replace").decode()),
        settings=RealmSettings().changed({"replacement_subject": subject}),
    )
    content = WRITER.write(hostile)
    check_frame(content)
    message = message_from_bytes(content, policy=policy.default)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert message.keys() == parsed(facts()).keys()
