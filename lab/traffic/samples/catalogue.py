"""All samples, by key. Each is made when it is asked for."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from lab.traffic.samples import archives, documents, programs
from lab.traffic.samples.sample import Sample

SAMPLES: Final[Mapping[str, Callable[[], Sample]]] = MappingProxyType(
    {
        "clean-pdf": documents.clean_pdf,
        "clean-docx": documents.clean_docx,
        "clean-xlsx": documents.clean_xlsx,
        "clean-zip": archives.clean_zip,
        "image-png": documents.image,
        "quiet-macro-docm": documents.quiet_macro_document,
        "scripted-pdf": documents.scripted_pdf,
        "encrypted-zip": archives.encrypted_zip,
        "macro-docm": documents.macro_document,
        "template-docx": documents.external_template_document,
        "launching-pdf": documents.launching_pdf,
        "eicar": programs.eicar,
        "eicar-zip": archives.eicar_zip,
        "program-exe": programs.program,
        "dropper-js": programs.dropper_script,
        "smuggling-html": programs.smuggling_page,
        "double-extension-zip": archives.disguised_program,
        "reversed-name-zip": archives.reversed_name,
        "traversal-zip": archives.traversal_zip,
        "flat-bomb-zip": archives.flat_bomb,
        "nested-zip": archives.nested_bomb,
        "overlapping-zip": archives.overlapping_bomb,
        **{f"score-{score}": partial(programs.scored, score) for score in range(11)},
    }
)
"""How each sample is made."""


def sample(key: str) -> Sample:
    """The sample of that key. Raises KeyError."""
    return SAMPLES[key]()
