"""What a document asks of the world when it is opened: DDE fields, templates and objects that lie elsewhere.

DDE: ECMA-376 Part 1, 17.16.5.15 (DDEAUTO) and 18.14 (ddeLink). Relationships: Part 2, 9.3.
"""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Finding
from cloud.analyzers.office_container import ooxml_parts
from cloud.analyzers.vocabulary import DDE, EXTERNAL_OBJECT, EXTERNAL_TEMPLATE, XML_ENTITIES
from cloud.analyzers.xml_entities import defines_entities

_INSTRUCTION: Final = re.compile(
    rb"<w:instrText[^>]{0,200}>([^<]{0,4000})|<w:fldSimple[^>]{0,200}w:instr=\"([^\"]{0,4000})\""
)
_DDE_FIELD: Final = re.compile(rb"(?i)^\s*DDE(?:AUTO)?\s")
_DDE_LINK: Final = re.compile(
    rb"(?i)<ddeLink\b[^>]{0,400}ddeService=\"(?:cmd|powershell|mshta|wscript|rundll32|msexcel)"
)
_RELATIONSHIP: Final = re.compile(rb"<Relationship\b[^>]{0,4000}>")
_REMOTE: Final = re.compile(rb"(?i)Target=\"(?:(?:https?|ftp|mhtml|mk|ms-its):|file:(?!///?[a-z]:)|\\\\|//)[^\"]*\"")
"""A template on the author's own drive, file:///C:/…, is everyday."""

_FORMULA: Final = re.compile(
    rb"(?im)(?:^|[,;\t\"])[ ]*[=+@-][\w.\s]{0,40}(?:cmd|powershell|mshta|rundll32|wscript)[^\n]{0,10}\|"
)
_XML_FORMULA: Final = re.compile(rb"(?i)ss:Formula=\"=(?:cmd|powershell|mshta|msexcel|rundll32)[^\"]{0,40}\|")


def links_in_ooxml(content: bytes, budget: Budget) -> Iterator[Finding]:
    """Over all parts of a package."""
    for name, part in ooxml_parts(content, budget, ".rels"):
        yield from _links_in_relationships(name, part)
    for name, part in ooxml_parts(content, budget, ".xml"):
        if defines_entities(part):
            yield XML_ENTITIES.inside(name)
        if _asks_dde(part):
            yield DDE.inside(name)


def links_in_text(content: bytes) -> Iterator[Finding]:
    """In flat XML and in lists of values."""
    if _asks_dde(content) or _FORMULA.search(content) or _XML_FORMULA.search(content):
        yield DDE


def _asks_dde(part: bytes) -> bool:
    """A field's text may be split over many runs: they are put together before it is read."""
    instructions = [text or attribute for text, attribute in _INSTRUCTION.findall(part)]
    return (
        bool(_DDE_FIELD.search(b"".join(instructions)))
        or any(_DDE_FIELD.search(each) for each in instructions)
        or bool(_DDE_LINK.search(part))
    )


def _links_in_relationships(name: str, part: bytes) -> Iterator[Finding]:
    for relationship in _RELATIONSHIP.findall(part):
        if b'TargetMode="External"' not in relationship or not _REMOTE.search(relationship):
            continue
        if b"/attachedTemplate" in relationship:
            yield EXTERNAL_TEMPLATE.inside(name)
        elif b"/oleObject" in relationship or b"/frame" in relationship or b"/subDocument" in relationship:
            yield EXTERNAL_OBJECT.inside(name)
