"""From nodes to a Reading: roles, order, and of other readings only what the first has not shown already.

The tree decides the order (containers before their children, by where they stand), not the way in which the bytes arrived.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Final

from device.message.attachments import TEXT_TYPES, begins_like_a_file, role_of
from device.message.draft import Draft, Node
from device.message.findings import AMBIGUOUS, Finding
from device.message.reading import Part, Reading, Role, Span

_OPAQUE: Final = {
    "application/pkcs7-mime": Finding.ENCRYPTED,
    "application/x-pkcs7-mime": Finding.ENCRYPTED,
    "application/pgp-encrypted": Finding.ENCRYPTED,
    "application/ms-tnef": Finding.TNEF,
    "application/vnd.ms-tnef": Finding.TNEF,
    "message/partial": Finding.PARTIAL,
    "message/external-body": Finding.EXTERNAL_BODY,
}


def assemble(draft: Draft, size: int) -> Reading:
    """The reading of a message that has ended."""
    nodes = draft.nodes
    several = any(node.alternate for node in nodes)
    # One reading alone finds its parts in the order in which they stand.
    ordered = list(_in_order(nodes)) if several else nodes
    _give_roles(ordered, draft.referred)
    kept = _showing_more(ordered) if several else ordered
    findings = set(draft.findings)
    for index, node in enumerate(kept):
        node.index = index
        if not node.container:
            findings.update(_findings_of(node))
        if node.alternate:
            findings.add(Finding.SEVERAL_READINGS)
    return Reading(
        size=size,
        header=draft.header,
        parts=tuple([_part(node) for node in kept]),
        ambiguous=not findings.isdisjoint(AMBIGUOUS),
        findings=tuple(sorted([finding.value for finding in findings])),
    )


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
        node.role = role_of(node, first_child=siblings not in begun, referred=referred)
        begun.add(siblings)


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


def _lineage(node: Node) -> Iterator[Node]:
    """A node and what it stands in, outwards."""
    each: Node | None = node
    while each is not None:
        yield each
        each = each.parent


def _part(node: Node) -> Part:
    body, steps = node.place()
    inside = bool(steps)
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
        enclosed=_enclosed(node),
    )


def _enclosed(node: Node) -> bool:
    """Whether it stands inside a message/rfc822."""
    parent = node.parent
    while parent is not None:
        if parent.role is Role.MESSAGE:
            return True
        parent = parent.parent
    return False


def _parent(node: Node) -> int | None:
    """Another reading of the whole message counts as part of the root: only the root has no parent."""
    if node.parent is None:
        return None if node.index == 0 else 0
    return node.parent.index


def _findings_of(node: Node) -> Iterator[Finding]:
    declared = node.declared
    for kind in declared.types:
        if kind in _OPAQUE and not _only_signed(node, kind):
            yield _OPAQUE[kind]
    if declared.name.lower() == "winmail.dat":
        yield Finding.TNEF
    if declared.types <= TEXT_TYPES and not declared.names and not declared.attached:
        if declared.hiding_charset:
            yield Finding.HIDING_CHARSET
        if node.role is Role.ATTACHMENT and begins_like_a_file(node.head):
            yield Finding.FILE_IN_TEXT
    if node.alternate and _stray(node):
        yield Finding.STRAY_CONTENT


def _stray(node: Node) -> bool:
    """Whether it stands in a multipart, outside of its parts."""
    return node.parent is not None and node.parent.container and node.header.start == node.header.end == node.start


def _only_signed(node: Node, kind: str) -> bool:
    """S/MIME that signs and does not encrypt can be opened; its smime-type says so (RFC 8551, section 3.2.2)."""
    return kind.endswith("pkcs7-mime") and node.declared.name.lower().endswith(".p7c")
