"""What was odd in a message, by stable names that logs, events and the console use.

    name                           what was seen                                                          two messages?
    -----------------------------  ---------------------------------------------------------------------  -------------
    mime.limit                     a limit was passed; nothing was read beyond (Reading.exceeded)         -
    mime.several-readings          some reader sees a file that another does not                          yes
    mime.second-opinion            the standard library's parser sees a file that the scanner does not    yes
    header.bare-cr                 CR without LF in a header                                              unsure
    header.bare-lf                 LF without CR in a header whose message ends its lines with CRLF       unsure
    header.nul                     NUL in a header                                                        unsure
    header.blank-before-colon      white space between a field's name and its colon                       -
    header.blank-fold              a folded line of nothing but white space                               unsure
    header.odd-name                a field's name holds characters that no name holds                     unsure
    header.no-field                a line that is no field                                                unsure
    header.no-blank-line           a part that ends within its header                                     unsure
    mime.no-version                Content- fields without MIME-Version                                   -
    mime.duplicate-content-type    several Content-Type fields                                            unsure
    mime.duplicate-encoding        several Content-Transfer-Encoding fields                               unsure
    mime.duplicate-disposition     several Content-Disposition fields                                     unsure
    mime.odd-content-type          a Content-Type that readers may read in several ways                   unsure
    mime.odd-encoding              a Content-Transfer-Encoding that is none of the known ones             unsure
    mime.encoded-container         a multipart or message with an encoding that RFC 2046 forbids it       unsure
    mime.no-boundary               a multipart that names no boundary                                     unsure
    mime.several-boundaries        a multipart whose boundary may be read in several ways                 unsure
    mime.odd-boundary-line         a boundary with something behind it                                    unsure
    mime.bare-line-end             a boundary between bare CR or LF                                       unsure
    mime.missing-end               a multipart without its last boundary                                  -
    mime.after-end                 a boundary after the last one                                          unsure
    mime.stray-content             what stands before the first or after the last boundary holds a file   unsure
    mime.names-differ              a part has several file names                                          -
    mime.odd-name                  a file name was changed to be shown safely                             -
    mime.hiding-charset            text in a charset that hides ASCII (UTF-7, UTF-16, UTF-32)             -
    mime.file-in-text              a part that calls itself text begins like a PDF, ZIP, OLE or PE file   -
    mime.embedded-file             a file inside plain text (uuencode, yEnc)                              -
    mime.encrypted                 S/MIME or PGP content that can't be opened                             -
    mime.tnef                      Outlook's own wrapping (winmail.dat)                                   -
    mime.partial                   a piece of a message that is put together elsewhere                    -
    mime.external-body             content that stands elsewhere                                          -
    base64.garbage                 characters that base64 does not have                                   unsure
    base64.padding-inside          padding, and content behind it                                         unsure
    base64.missing-padding         base64 that stops within its last four characters                      -
    quoted-printable.malformed     = without two hexadecimal digits, or white space at a line's end       unsure
    uuencode.malformed             a line that is no uuencode, or no end                                  -
    yenc.malformed                 yEnc without its end                                                   -

"yes": Reading.ambiguous. "unsure": readers may differ here; where they do, mime.several-readings stands beside it, and where
the scanner has found no difference itself, the standard library's parser is asked (second_opinion).
"""

from enum import StrEnum
from typing import Final


class Finding(StrEnum):
    """One oddity; the table is this module's docstring."""

    LIMIT = "mime.limit"
    SEVERAL_READINGS = "mime.several-readings"
    SECOND_OPINION = "mime.second-opinion"
    BARE_CR = "header.bare-cr"
    BARE_LF = "header.bare-lf"
    NUL = "header.nul"
    BLANK_BEFORE_COLON = "header.blank-before-colon"
    BLANK_FOLD = "header.blank-fold"
    ODD_FIELD_NAME = "header.odd-name"
    NO_FIELD = "header.no-field"
    NO_BLANK_LINE = "header.no-blank-line"
    NO_VERSION = "mime.no-version"
    DUPLICATE_TYPE = "mime.duplicate-content-type"
    DUPLICATE_ENCODING = "mime.duplicate-encoding"
    DUPLICATE_DISPOSITION = "mime.duplicate-disposition"
    ODD_TYPE = "mime.odd-content-type"
    ODD_ENCODING = "mime.odd-encoding"
    ENCODED_CONTAINER = "mime.encoded-container"
    NO_BOUNDARY = "mime.no-boundary"
    SEVERAL_BOUNDARIES = "mime.several-boundaries"
    ODD_BOUNDARY_LINE = "mime.odd-boundary-line"
    BARE_LINE_END = "mime.bare-line-end"
    MISSING_END = "mime.missing-end"
    AFTER_END = "mime.after-end"
    STRAY_CONTENT = "mime.stray-content"
    NAMES_DIFFER = "mime.names-differ"
    ODD_FILE_NAME = "mime.odd-name"
    HIDING_CHARSET = "mime.hiding-charset"
    FILE_IN_TEXT = "mime.file-in-text"
    EMBEDDED_FILE = "mime.embedded-file"
    ENCRYPTED = "mime.encrypted"
    TNEF = "mime.tnef"
    PARTIAL = "mime.partial"
    EXTERNAL_BODY = "mime.external-body"
    BASE64_GARBAGE = "base64.garbage"
    BASE64_PADDING_INSIDE = "base64.padding-inside"
    BASE64_MISSING_PADDING = "base64.missing-padding"
    QUOTED_PRINTABLE_MALFORMED = "quoted-printable.malformed"
    UUENCODE_MALFORMED = "uuencode.malformed"
    YENC_MALFORMED = "yenc.malformed"


AMBIGUOUS: Final = frozenset({Finding.SEVERAL_READINGS, Finding.SECOND_OPINION})
"""Two readers may see two messages."""

UNSURE: Final = frozenset(
    {
        Finding.BARE_CR,
        Finding.BARE_LF,
        Finding.NUL,
        Finding.BLANK_FOLD,
        Finding.ODD_FIELD_NAME,
        Finding.NO_FIELD,
        Finding.NO_BLANK_LINE,
        Finding.DUPLICATE_TYPE,
        Finding.DUPLICATE_ENCODING,
        Finding.DUPLICATE_DISPOSITION,
        Finding.ODD_TYPE,
        Finding.ODD_ENCODING,
        Finding.ENCODED_CONTAINER,
        Finding.NO_BOUNDARY,
        Finding.SEVERAL_BOUNDARIES,
        Finding.ODD_BOUNDARY_LINE,
        Finding.BARE_LINE_END,
        Finding.AFTER_END,
        Finding.STRAY_CONTENT,
        Finding.BASE64_GARBAGE,
        Finding.BASE64_PADDING_INSIDE,
        Finding.QUOTED_PRINTABLE_MALFORMED,
    }
)
"""Readers may differ here."""
