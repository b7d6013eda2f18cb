"""XML that defines entities: files that grow without end when they are read, or pull in files of the reader's. Pure.

Nothing that Office writes declares any (ECMA-376 Part 2, 9.1.2, forbids document type definitions in parts).
"""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding
from cloud.analyzers.vocabulary import XML_ENTITIES

_HEAD: Final = 64 * 1024
_NESTED: Final = re.compile(rb"<!ENTITY\s+[\w.%-]+\s+[\"'][^\"']{0,4000}[&%][\w.-]+;")
_EXTERNAL: Final = re.compile(rb"<!ENTITY\s+(?:%\s+)?[\w.-]+\s+(?:SYSTEM|PUBLIC)\b")
_XML_TYPES: Final = frozenset({"text/xml", "application/xml", "image/svg+xml", "application/xhtml+xml"})


class XmlAnalyzer:
    """Looks at document type definitions."""

    name = "xml"

    def wants(self, file: File) -> bool:
        return file.kind.media_type in _XML_TYPES

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:  # noqa: ARG002 - a bounded search
        if defines_entities(file.content):
            yield XML_ENTITIES


def defines_entities(content: bytes) -> bool:
    """Entities made of entities, or fetched from elsewhere; a plain abbreviation is honest."""
    head = content[:_HEAD]
    return bool(_NESTED.search(head) or _EXTERNAL.search(head))
