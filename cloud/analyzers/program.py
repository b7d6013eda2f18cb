"""Programs: Windows executables and libraries through pefile; of others it is enough to know that they are programs.

[PE/COFF] for headers; the entropy of a section (Shannon, bits a byte) tells packed code from plain code.
"""

from collections.abc import Iterator
from typing import Any, Final

import pefile

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding, Sign
from cloud.analyzers.kinds import Category
from cloud.analyzers.vocabulary import (
    INSTALLER,
    JAVA_PROGRAM,
    LIBRARY,
    MOBILE_PROGRAM,
    PROGRAM,
    PROGRAM_APPENDED,
    PROGRAM_IMPORTS,
    PROGRAM_LIES,
    PROGRAM_PACKED,
)

_PACKED_ENTROPY: Final = 7.2
_SMALL_SECTION: Final = 1024
_PACKERS: Final = (b"UPX", b".aspack", b".adata", b".MPRESS", b".themida", b".vmp", b".petite", b".nsp", b"FSG!")
_INJECTING: Final = ({b"VirtualAllocEx", b"WriteProcessMemory", b"CreateRemoteThread"},)
_APPENDED_FROM: Final = 4096


class ProgramAnalyzer:
    """What runs by itself."""

    name = "program"

    def wants(self, file: File) -> bool:
        return (
            file.kind.category in {Category.EXECUTABLE, Category.ELF, Category.JAVA, Category.MOBILE}
            and file.kind.media_type != kinds.SHORTCUT
        ) or file.kind.media_type in {kinds.MSI, kinds.CHM}

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        budget.check_time()
        match file.kind.category:
            case Category.JAVA:
                yield JAVA_PROGRAM
            case Category.MOBILE:
                yield MOBILE_PROGRAM
            case Category.OS_PACKAGE:
                yield INSTALLER
            case _ if file.kind.media_type == kinds.PE:
                yield from _windows_program(file.content)
            case _:
                yield PROGRAM


def _windows_program(content: bytes) -> Iterator[Sign]:
    try:
        program = pefile.PE(data=content, fast_load=True)
    except pefile.PEFormatError:
        # It says that it is one; that it can't be read as one doesn't make it safer.
        yield PROGRAM
        yield PROGRAM_LIES
        return
    with program:
        yield LIBRARY if program.is_dll() else PROGRAM
        if _is_packed(program):
            yield PROGRAM_PACKED
        if _lies(program, len(content)):
            yield PROGRAM_LIES
        start = program.get_overlay_data_start_offset()
        if start is not None and len(content) - start > _APPENDED_FROM:
            yield PROGRAM_APPENDED
        if any(wanted <= _imports(program) for wanted in _INJECTING):
            yield PROGRAM_IMPORTS


def _is_packed(program: Any) -> bool:
    return any(
        section.Name.startswith(_PACKERS)
        or (section.SizeOfRawData > _SMALL_SECTION and section.get_entropy() > _PACKED_ENTROPY and _is_code(section))
        for section in program.sections
    )


def _is_code(section: Any) -> bool:
    return bool(section.Characteristics & 0x20000000)


def _lies(program: Any, size: int) -> bool:
    """Sections that reach past the end of the file, an entry point in none of them, none at all."""
    entry = program.OPTIONAL_HEADER.AddressOfEntryPoint
    past_the_end = any(section.PointerToRawData + section.SizeOfRawData > size for section in program.sections)
    homeless = entry != 0 and not any(section.contains_rva(entry) for section in program.sections)
    return past_the_end or homeless or not program.sections


def _imports(program: Any) -> set[bytes]:
    program.parse_data_directories(directories=[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
    libraries = getattr(program, "DIRECTORY_ENTRY_IMPORT", [])
    return {each.name for library in libraries for each in library.imports if each.name}
