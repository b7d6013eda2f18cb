"""Foreign HTML made safe to look at: structure and words stay, whatever acts, loads, styles or leads away goes.

An allowlist, applied by nh3 (ammonia, html5ever): what is not named here does not exist. The frame that shows the result
has a sandbox and a policy of its own; neither relies on the other.

    links       are text: the words, then the address in brackets, so that a person sees where it would have led
    images      only those that the message carries itself, by Content-ID, as data: URIs that our caller made
    styles      none at all: CSS can load, and can cover what we say around the message
"""

import html
import re
from collections.abc import Mapping
from typing import Final

import nh3

MAX_OPENINGS: Final = 12_000
"""Tags that are looked at. The parser's time grows with the square of the nesting: 10,000 deep take 0.2 s, 100,000 take 40."""

MAX_IMAGE_CHARACTERS: Final = 4 * 1024 * 1024
"""Of all data: URIs together: one image may be referred to a thousand times."""

_MAX_SHOWN_URL: Final = 300

# fmt: off
_TAGS: Final = frozenset({
    "a", "abbr", "address", "article", "b", "bdi", "blockquote", "br", "caption", "center", "cite", "code", "col",
    "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "footer", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre", "q", "s",
    "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
})
# fmt: on

# Their content is no text of the message: it goes with them.
# fmt: off
_GONE_WITH_CONTENT: Final = frozenset({
    "applet", "audio", "canvas", "embed", "frameset", "head", "iframe", "map", "math", "noembed", "noframes",
    "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title", "video", "xmp",
})
# fmt: on

_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"lang"},
    "a": {"href"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
}
_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel", "cid"})
_LINK: Final = re.compile(r'<a(?: href="([^"]*)")?>|</a>')


def is_too_long(source: str) -> bool:
    """Whether safe_html() looks at a part of it alone."""
    return source.count("<") > MAX_OPENINGS


def safe_html(source: str, images: Mapping[str, str]) -> str:
    """HTML that does nothing. `images` maps a Content-ID (no angle brackets) to the data: URI that stands for it."""
    cleaned = nh3.clean(
        _within_limit(source),
        tags=set(_TAGS),
        clean_content_tags=set(_GONE_WITH_CONTENT),
        attributes=_ATTRIBUTES,
        attribute_filter=_Addresses(images),
        url_schemes=set(_SCHEMES),
        url_relative="deny",
        generic_attribute_prefixes=set(),
        strip_comments=True,
        link_rel=None,
    )
    return _without_links(cleaned)


class _Addresses:
    """Decides over each attribute: an image's source becomes its data: URI or nothing."""

    def __init__(self, images: Mapping[str, str]) -> None:
        self._images = images
        self._left = MAX_IMAGE_CHARACTERS

    def __call__(self, _element: str, attribute: str, value: str) -> str | None:
        return self._image(value) if attribute == "src" else value

    def _image(self, source: str) -> str | None:
        if source[:4].lower() != "cid:":
            return None
        uri = self._images.get(source[4:], "")
        if not uri or len(uri) > self._left:
            return None
        self._left -= len(uri)
        return uri


def _within_limit(source: str) -> str:
    if not is_too_long(source):
        return source
    return "<".join(source.split("<", MAX_OPENINGS + 1)[: MAX_OPENINGS + 1])


def _without_links(cleaned: str) -> str:
    """Links as text. What comes in is the sanitiser's own output: each < is a tag of the list, attributes stand in quotes."""
    open_links: list[str] = []

    def replaced(tag: re.Match[str]) -> str:
        if tag[0] != "</a>":
            open_links.append(html.unescape(tag[1] or ""))
            return ""
        address = open_links.pop() if open_links else ""
        return f" [{html.escape(address[:_MAX_SHOWN_URL])}]" if address else ""

    return _LINK.sub(replaced, cleaned)
