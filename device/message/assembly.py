"""From nodes to a Reading: roles, order, and of other readings only what the first has not shown already.

The tree decides the order (containers before their children, by where they stand), not the way in which the bytes arrived.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from device.message.attachments import Traits, begins_like_a_file, role_of
from device.message.draft import Draft, Node
from device.message.fields import Header
from device.message.findings import AMBIGUOUS, Finding
from device.message.reading import HeaderField, Part, Reading, Role, Sha256, Span

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


def assemble(draft: Draft, size: int, sha256: Sha256) -> Reading:
    """The reading of a message that has ended."""
    tree = _Tree(draft)
    kept = tree.kept()
    index = {id(node): place for place, node in enumerate(kept)}
    findings = set(draft.findings)
    findings.update(finding for node in kept for finding in _findings_of(node, tree.role(node)))
    if any(node.alternate for node in kept):
        findings.add(Finding.SEVERAL_READINGS)
    return Reading(
        size=size,
        sha256=sha256,
        fields=top_level_fields(draft.header),
        parts=tuple(tree.part(node, index) for node in kept),
        ambiguous=not findings.isdisjoint(AMBIGUOUS),
        findings=tuple(sorted(finding.value for finding in findings)),
    )


def top_level_fields(header: Header | None) -> tuple[HeaderField, ...]:
    """The message's fields for whoever shows or changes them."""
    fields = () if header is None else header.fields
    return tuple([HeaderField(each.name, Span(each.start, each.end), each.value) for each in fields])


class _Tree:
    """The nodes by parent, and what each counts as."""

    def __init__(self, draft: Draft) -> None:
        self._children: dict[int, list[Node]] = {}
        self._several = any(node.alternate for node in draft.nodes)
        for node in draft.nodes:
            self._children.setdefault(id(node.parent), []).append(node)
        for children in self._children.values():
            children.sort(key=_order)
        self._first = {id(children[0]) for children in self._children.values()}
        self._referred = frozenset(draft.referred)
        self._roles = {id(node): self._role(node) for node in draft.nodes}

    def role(self, node: Node) -> Role:
        return self._roles[id(node)]

    def kept(self) -> list[Node]:
        """Every node of the first reading, and of the others those with a file that nothing before them shows."""
        if not self._several:
            return list(self._walk(None))
        seen = {node.sha256 for node in self._walk(None) if not node.alternate and self.role(node).inspected}
        wanted: set[int] = set()
        for node in self._walk(None):
            if not node.alternate:
                wanted.add(id(node))
            elif self.role(node).inspected and node.size and node.sha256 not in seen:
                seen.add(node.sha256)
                wanted.update(id(each) for each in _lineage(node))
        return [node for node in self._walk(None) if id(node) in wanted]

    def part(self, node: Node, index: dict[int, int]) -> Part:
        body, steps = node.place()
        inside = node.frame.owner is not None
        return Part(
            parent=self._parent(node, index),
            header=Span(body.start, body.start) if inside or node.embedded else node.header,
            body=body,
            content_type=node.declared.content_type,
            charset=node.declared.charset,
            transfer_encoding=node.encoding,
            name=node.declared.name,
            content_id=node.declared.content_id,
            role=self.role(node),
            size=node.size,
            sha256=node.sha256,
            alternate=node.alternate,
            steps=steps,
            enclosed=any(self.role(each) is Role.MESSAGE for each in _lineage(node) if each is not node),
        )

    def _parent(self, node: Node, index: dict[int, int]) -> int | None:
        """Another reading of the whole message counts as part of the root: only the root has no parent."""
        if node.parent is None:
            return None if index[id(node)] == 0 else 0
        return index[id(node.parent)]

    def _walk(self, parent: Node | None) -> Iterator[Node]:
        for node in self._children.get(id(parent), ()):
            yield node
            yield from self._walk(node)

    def _role(self, node: Node) -> Role:
        if node.container:
            return Role.CONTAINER
        declared = node.declared
        parent = node.parent
        traits = Traits(
            content_type=declared.content_type,
            types=declared.types,
            parent_type="" if parent is None else parent.declared.content_type,
            first_child=id(node) in self._first,
            named=bool(declared.names),
            attached=declared.attached,
            hiding_charset=declared.charset.startswith(_HIDING_CHARSETS),
            begins_like_a_file=begins_like_a_file(node.head),
            embedded=node.embedded,
            referred_to=declared.content_id in self._referred and bool(declared.content_id),
        )
        return role_of(traits)


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


def _lineage(node: Node) -> Iterator[Node]:
    """A node and what it stands in, outwards."""
    each: Node | None = node
    while each is not None:
        yield each
        each = each.parent


def _findings_of(node: Node, role: Role) -> Iterable[Finding]:
    if node.container:
        return
    declared = node.declared
    yield from (_OPAQUE[kind] for kind in declared.types if kind in _OPAQUE and not _only_signed(node, kind))
    if declared.name.lower() == "winmail.dat":
        yield Finding.TNEF
    plain_text = declared.types <= {"text/plain", "text/html"} and not declared.names and not declared.attached
    if plain_text and declared.charset.startswith(_HIDING_CHARSETS):
        yield Finding.HIDING_CHARSET
    if plain_text and role is Role.ATTACHMENT and begins_like_a_file(node.head):
        yield Finding.FILE_IN_TEXT
    stray = node.parent is not None and node.parent.container and node.header.start == node.header.end == node.start
    if node.alternate and stray:
        yield Finding.STRAY_CONTENT


def _only_signed(node: Node, kind: str) -> bool:
    """S/MIME that signs and does not encrypt can be opened; its smime-type says so (RFC 8551, section 3.2.2)."""
    return kind.endswith("pkcs7-mime") and node.declared.name.lower().endswith(".p7c")
