"""Pages and SVG as files."""

import base64

import pytest

from cloud.analyzers.html_page import HtmlAnalyzer
from lab.traffic.samples.catalogue import sample
from tests.unit.cloud.analyzers.looking import children, found_by, seen, signs

_PAGE = b"<!DOCTYPE html><html><body>%s</body></html>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<p>hello</p>", set()),
        (b"<script>var a = 1; document.title = a;</script>", set()),
        (b"<script>document.write(unescape('%41'))</script>", {"html.obfuscated-script"}),
        (b'<form action="https://a.invalid/"><input type="password"></form>', {"html.password-form"}),
        (b'<form action="/login"><input type="password"></form>', set()),
    ],
)
def test_what_a_page_does_is_seen(body: bytes, expected: set[str]) -> None:
    assert signs(found_by(HtmlAnalyzer(), _PAGE % body)) == expected


def test_smuggling_is_seen() -> None:
    assert "html.smuggling" in seen(sample("smuggling-html").content)


def test_a_file_that_a_page_carries_is_examined() -> None:
    program = sample("program-exe").content
    found = found_by(HtmlAnalyzer(), _PAGE % (b"<script>x='" + base64.b64encode(program) + b"'</script>"))
    assert signs(found) == {"html.carries-file"}
    assert next(children(found))[1].startswith(b"MZ")


def test_an_image_with_script_is_seen() -> None:
    plain = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'
    scripted = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    assert seen(plain) == set()
    assert "html.script-in-image" in seen(scripted)
