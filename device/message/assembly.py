"""From nodes to a Reading: roles, order, and of other readings only what the first has not shown already.

The tree decides the order (containers before their children, by where they stand), not the way in which the bytes arrived.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Final

from device.message.attachments import Traits, begins_like_a_file, role_of
from device.message.draft import Draft, Node
from device.message.fields import Header
from device.message.findings import AMBIGUOUS, Finding
from device.message.reading import HeaderField, MessageDigest, Part, Reading, Role, Span

_HIDING_CHARSETS: Final = (
    "utf-7",
    "utf7",
    "utf-16",
    "utf16",
    "utf-32",
    "utf32",
    "ucs-2",
    "iso-10646-ucs",
    "unicode-1-1-utf-7",
)
_OPAQUE: Final = {
    "application/pkcs7-mime": Finding.ENCRYPTED,
    "application/x-pkcs7-mime": Finding.ENCRYPTED,
    "application/pgp-encrypted": Finding.ENCRYPTED,
    "application/ms-tnef": Finding.TNEF,
    "application/vnd.ms-tnef": Finding.TNEF,
    "message/partial": Finding.PARTIAL,
    "message/external-body": Finding.EXTERNAL_BODY,
}


def assemble(draft: Draft, size: int, digest: MessageDigest) -> Reading:
    """The reading of a message that has ended."""
    nodes = draft.nodes
    several = any([node.alternate for node in nodes])
    # One reading alone finds its parts in the order in which they stand.
    ordered = list(_in_order(nodes)) if several else nodes
    _give_roles(ordered, draft.referred)
    kept = _showing_more(ordered) if several else ordered
    findings = set(draft.findings)
    for index, node in enumerate(kept):
        node.index = index
        findings.update(_findings_of(node))
        if node.alternate:
            findings.add(Finding.SEVERAL_READINGS)
    return Reading(
        size=size,
        fields=top_level_fields(draft.header),
        parts=tuple([_part(node) for node in kept]),
        ambiguous=not findings.isdisjoint(AMBIGUOUS),
        findings=tuple(sorted([finding.value for finding in findings])),
        digest=digest,
    )


def top_level_fields(header: Header | None) -> tuple[HeaderField, ...]:
    """The message's fields for whoever shows or changes them."""
    fields = () if header is None else header.fields
    return tuple([HeaderField(each.name, Span(each.start, each.end), each.value) for each in fields])


def _in_order(nodes: Iterable[Node]) -> Iterator[Node]:
    """Parents before their children, siblings by where they stand."""
    children: dict[int, list[Node]] = {}
    for node in nodes:
        children.setdefault(id(node.parent), []).append(node)

    def walk(parent: Node | None) -> Iterator[Node]:
        for node in sorted(children.get(id(parent), ()), key=_order):
            yield node
            yield from walk(node)

    return walk(None)


def _order(node: Node) -> tuple[bool, int, bool, int, bool, str, int, bytes]:
    """Siblings by where they stand; but the root is first, whatever other readings of the whole message there are."""
    return (
        node.parent is None and node.alternate,
        node.start,
        node.alternate,
        node.header.start,
        not node.container,
        node.encoding,
        -node.end,
        node.sha256,
    )


def _give_roles(ordered: Iterable[Node], referred: Container[str]) -> None:
    begun: set[int] = set()
    for node in ordered:
        siblings = id(node.parent)
        node.role = Role.CONTAINER if node.container else _role(node, referred, first_child=siblings not in begun)
        begun.add(siblings)


def _role(node: Node, referred: Container[str], *, first_child: bool) -> Role:
    declared, parent = node.declared, node.parent
    traits = Traits(
        content_type=declared.content_type,
        types=declared.types,
        parent_type="" if parent is None else parent.declared.content_type,
        first_child=first_child,
        named=bool(declared.names),
        attached=declared.attached,
        hiding_charset=declared.charset.startswith(_HIDING_CHARSETS),
        begins_like_a_file=begins_like_a_file(node.head),
        embedded=node.embedded,
        referred_to=bool(declared.content_id) and declared.content_id in referred,
    )
    return role_of(traits)


def _showing_more(ordered: list[Node]) -> list[Node]:
    """Every node of the first reading, and of the others those with a file that nothing before them shows."""
    seen = {node.sha256 for node in ordered if not node.alternate and node.role.inspected}
    wanted: set[int] = set()
    for node in ordered:
        if not node.alternate:
            wanted.add(id(node))
        elif node.role.inspected and node.size and node.sha256 not in seen:
            seen.add(node.sha256)
            wanted.update(id(each) for each in _lineage(node))
    return [node for node in ordered if id(node) in wanted]


def _lineage(node: Node | None) -> Iterator[Node]:
    """A node and what it stands in, outwards."""
    while node is not None:
        yield node
        node = node.parent


def _part(node: Node) -> Part:
    body, steps = node.place()
    inside = node.frame.owner is not None
    declared = node.declared
    return Part(
        parent=_parent(node),
        header=Span(body.start, body.start) if inside or node.embedded else node.header,
        body=body,
        content_type=declared.content_type,
        charset=declared.charset,
        transfer_encoding=node.encoding,
        name=declared.name,
        content_id=declared.content_id,
        role=node.role,
        size=node.size,
        sha256=node.sha256,
        alternate=node.alternate,
        steps=steps,
        enclosed=any([each.role is Role.MESSAGE for each in _lineage(node.parent)]),
    )


def _parent(node: Node) -> int | None:
    """Another reading of the whole message counts as part of the root: only the root has no parent."""
    if node.parent is None:
        return None if node.index == 0 else 0
    return node.parent.index


def _findings_of(node: Node) -> Iterable[Finding]:
    if node.container:
        return
    declared = node.declared
    yield from (_OPAQUE[kind] for kind in declared.types if kind in _OPAQUE and not _only_signed(node, kind))
    if declared.name.lower() == "winmail.dat":
        yield Finding.TNEF
    plain_text = declared.types <= {"text/plain", "text/html"} and not declared.names and not declared.attached
    if plain_text and declared.charset.startswith(_HIDING_CHARSETS):
        yield Finding.HIDING_CHARSET
    if plain_text and node.role is Role.ATTACHMENT and begins_like_a_file(node.head):
        yield Finding.FILE_IN_TEXT
    stray = node.parent is not None and node.parent.container and node.header.start == node.header.end == node.start
    if node.alternate and stray:
        yield Finding.STRAY_CONTENT


def _only_signed(node: Node, kind: str) -> bool:
    """S/MIME that signs and does not encrypt can be opened; its smime-type says so (RFC 8551, section 3.2.2)."""
    return kind.endswith("pkcs7-mime") and node.declared.name.lower().endswith(".p7c")
