"""Mails as files."""

from email.message import EmailMessage

from lab.traffic.samples.packages import zip_of
from lab.traffic.samples.programs import eicar_text
from tests.unit.cloud.analyzers.looking import examine, seen


def mail(*names: str) -> bytes:
    message = EmailMessage()
    message["From"] = "a@example.org"
    message["To"] = "b@example.net"
    message["Subject"] = "Files"
    message.set_content("See the files.")
    for name in names:
        message.add_attachment(eicar_text(), maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def test_attachments_are_examined() -> None:
    evidence = examine(mail("eicar.com")).evidence
    assert ("signature.eicar", ("eicar.com",)) in {(each.name, each.path) for each in evidence}


def test_a_mail_in_an_archive_is_taken_apart() -> None:
    evidence = examine(zip_of({"forwarded.eml": mail("eicar.com")})).evidence
    assert ("signature.eicar", ("forwarded.eml", "eicar.com")) in {(each.name, each.path) for each in evidence}


def test_a_mail_without_files_has_nothing() -> None:
    assert seen(mail()) == set()
