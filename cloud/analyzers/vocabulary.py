"""Every sign that an analyzer of ours can see, with its weight: one table, so that weights can be compared at a glance.

How weights are set:

    10    certain: a test file made to be found
    8-9   an attack's own shape; no honest sender makes it
    7     runs when opened, or hides that it does: not wanted in mail even if honest
    5-6   honest files have it now and then
    3-4   usual in attacks, also usual in offices
    0-2   worth knowing

`unopened` signs say that something was not looked into: the device's unknown-file fallback decides such a file, unless its
score does.
"""

from typing import Final

from cloud.analyzers.evidence import Sign

# The examination itself.
TIMEOUT: Final = Sign("analysis.timeout", 5, "Looking into this file took longer than it may.", unopened=True)
CRASHED: Final = Sign("analysis.crashed", 5, "The process that looked into this file died of it.", unopened=True)
DAMAGED: Final = Sign(
    "analysis.damaged", 2, "This part is damaged or not what it seems; it can't be read.", unopened=True
)
TOO_MANY_FINDINGS: Final = Sign(
    "analysis.too-many-findings", 4, "There is more to say about this file than can be listed."
)
TEST_SCORES: Final = tuple(
    Sign("test.score", score, f"A test file that asks for the score {score}.") for score in range(11)
)

# Types and names.
DISGUISED: Final = Sign("type.disguised", 8, "A program, a script or a shortcut under the name of a harmless file.")
TYPE_UNKNOWN: Final = Sign("type.unknown", 0, "Nothing here knows what kind of file this is.", unopened=True)
NOT_TAKEN_APART: Final = Sign(
    "type.not-taken-apart",
    0,
    "Its content is encrypted or packed in a way that is not taken apart here.",
    unopened=True,
)
CONTRADICTS_NAME: Final = Sign("type.contradicts-name", 3, "The content is of another kind than the name says.")
NAME_RUNS: Final = Sign("name.runs", 5, "The name is one that Windows runs when it is opened.")
NAME_DOUBLE_EXTENSION: Final = Sign(
    "name.double-extension", 8, "The name pretends a harmless extension before the real one."
)
NAME_REVERSED: Final = Sign("name.reversed", 8, "The name holds marks that make it read backwards.")
NAME_PADDED: Final = Sign("name.padded", 7, "Blanks in the name push its real extension out of sight.")
NAME_CONTROL: Final = Sign("name.control-characters", 4, "The name holds control characters.")
NAME_LONG: Final = Sign("name.long", 3, "The name is longer than any file system takes.")

# Archives.
ARCHIVE_BOMB: Final = Sign("archive.bomb", 8, "It unpacks to far more than it is.", unopened=True)
ARCHIVE_TOO_MUCH: Final = Sign("archive.too-much", 5, "It holds more than may be unpacked.", unopened=True)
ARCHIVE_TOO_MANY: Final = Sign(
    "archive.too-many-members", 5, "It holds more members than may be looked at.", unopened=True
)
ARCHIVE_TOO_DEEP: Final = Sign("archive.too-deep", 7, "It is nested deeper than anything honest.", unopened=True)
ARCHIVE_HOLDS_ITSELF: Final = Sign("archive.holds-itself", 8, "It holds itself: it would never end to unpack.")
ARCHIVE_ENCRYPTED: Final = Sign("archive.encrypted", 4, "It holds members that need a password.", unopened=True)
ARCHIVE_OVERLAP: Final = Sign("archive.overlapping", 8, "Its members share the same bytes: a bomb's trick.")
ARCHIVE_LIES: Final = Sign("archive.contradicts-itself", 5, "Its two lists of members, or their sizes, don't agree.")
ARCHIVE_ABSOLUTE: Final = Sign("archive.absolute-path", 7, "A member wants to be written to an absolute path.")
ARCHIVE_TRAVERSAL: Final = Sign("archive.traversal", 8, "A member wants to be written outside of its folder.")
ARCHIVE_DEVICE_NAME: Final = Sign("archive.device-name", 6, "A member has the name of a device.")
ARCHIVE_LINK: Final = Sign("archive.link", 5, "A member is a link, not a file.")
ARCHIVE_SPECIAL: Final = Sign("archive.special-file", 7, "A member is a device or a pipe.")
ARCHIVE_LONE_PROGRAM: Final = Sign("archive.lone-program", 8, "Nothing but a program or a script is in it.")
ARCHIVE_UNSUPPORTED: Final = Sign(
    "archive.unsupported", 2, "It is packed in a way that can't be opened here.", unopened=True
)

# Office documents.
MACRO_PRESENT: Final = Sign("macro.present", 3, "The document carries macros.")
MACRO_AUTO_EXEC: Final = Sign("macro.auto-exec", 5, "The macros start by themselves.")
MACRO_SUSPICIOUS: Final = Sign("macro.suspicious", 4, "The macros use words that attacks use.")
MACRO_ATTACK: Final = Sign(
    "macro.auto-exec-suspicious", 8, "The macros start by themselves and reach out of the document."
)
MACRO_HIDDEN: Final = Sign("macro.obfuscated", 6, "The macros hide what they say.")
XLM_PRESENT: Final = Sign("macro.xlm", 5, "The sheet carries Excel 4.0 macros.")
XLM_ATTACK: Final = Sign("macro.xlm-suspicious", 8, "Excel 4.0 macros that start by themselves or call out.")
DDE: Final = Sign("office.dde", 8, "A field asks another program to run.")
EXTERNAL_TEMPLATE: Final = Sign(
    "office.external-template", 7, "The document fetches its template, and macros with it, from elsewhere."
)
EXTERNAL_OBJECT: Final = Sign("office.external-object", 6, "The document loads an object from elsewhere.")
EMBEDDED_OBJECT: Final = Sign("office.embedded-object", 2, "The document carries another file.")
EMBEDDED_PROGRAM: Final = Sign("office.embedded-program", 8, "The document carries a file that runs when it is opened.")
OFFICE_ENCRYPTED: Final = Sign("office.encrypted", 4, "The document needs a password.", unopened=True)
OFFICE_KNOWN_PASSWORD: Final = Sign(
    "office.known-password", 6, "The document is encrypted with Excel's own default password."
)
EQUATION: Final = Sign(
    "office.equation-object", 5, "An object of the old Equation Editor, which could be made to run code."
)
XML_ENTITIES: Final = Sign(
    "xml.entities", 7, "XML that defines entities of its own: a way to bombs and to files of the reader's."
)
ACTIVE_X: Final = Sign("office.active-x", 4, "The document carries ActiveX controls.")

# RTF.
RTF_OBJECT: Final = Sign("rtf.object", 4, "The text carries an OLE object.")
RTF_EQUATION: Final = Sign("rtf.equation-object", 9, "An Equation Editor object in rich text: made to run code.")
RTF_AUTO_UPDATE: Final = Sign("rtf.auto-update", 7, "The text loads its object without being asked.")
RTF_ODD_HEADER: Final = Sign("rtf.odd-header", 5, "The header is malformed the way that evasions do it.")

# PDF.
PDF_SCRIPT: Final = Sign("pdf.script", 3, "The document carries JavaScript.")
PDF_OPEN_SCRIPT: Final = Sign("pdf.script-on-open", 5, "JavaScript runs when the document is opened.")
PDF_HIDDEN_SCRIPT: Final = Sign("pdf.obfuscated-script", 8, "The JavaScript hides what it does.")
PDF_LAUNCH: Final = Sign("pdf.launch", 8, "The document starts a program.")
PDF_REMOTE: Final = Sign("pdf.remote", 5, "The document sends data or opens another document elsewhere.")
PDF_EMBEDDED: Final = Sign("pdf.embedded-file", 2, "The document carries another file.")
PDF_RICH_MEDIA: Final = Sign("pdf.rich-media", 3, "The document carries Flash or 3D content.")
PDF_ENCRYPTED: Final = Sign("pdf.encrypted", 3, "The document needs a password.", unopened=True)

# Programs.
PROGRAM: Final = Sign("program.present", 7, "A program: it runs when it is opened.")
LIBRARY: Final = Sign("program.library", 6, "A library: another program loads and runs it.")
PROGRAM_PACKED: Final = Sign("program.packed", 7, "The program is packed so that it can't be read.")
PROGRAM_LIES: Final = Sign("program.contradicts-itself", 6, "The program's headers don't agree with its content.")
PROGRAM_APPENDED: Final = Sign("program.appended-data", 3, "Data follows the end of the program.")
PROGRAM_IMPORTS: Final = Sign(
    "program.injecting-imports", 7, "The program asks for what is used to run code in others."
)
JAVA_PROGRAM: Final = Sign("program.java", 6, "A Java program.")
MOBILE_PROGRAM: Final = Sign("program.mobile", 6, "A mobile application outside of a store.")
INSTALLER: Final = Sign("program.installer", 7, "An installer: it runs when it is opened.")

# Scripts and shortcuts.
SCRIPT: Final = Sign("script.present", 4, "A script.")
SCRIPT_RUN_BY_NAME: Final = Sign("script.runs-by-name", 7, "A script under a name that Windows runs.")
SCRIPT_SHELL: Final = Sign("script.starts-programs", 6, "The script starts other programs.")
SCRIPT_DOWNLOAD: Final = Sign("script.downloads", 5, "The script fetches something from elsewhere.")
SCRIPT_DROPPER: Final = Sign("script.dropper", 9, "The script fetches or writes a file and starts it.")
SCRIPT_HIDDEN: Final = Sign("script.obfuscated", 7, "The script hides what it does.")
SHORTCUT: Final = Sign("shortcut.present", 6, "A shortcut.")
SHORTCUT_COMMAND: Final = Sign("shortcut.command", 9, "The shortcut starts a command interpreter with arguments.")
SHORTCUT_REMOTE: Final = Sign("shortcut.remote", 8, "The shortcut starts something that lies elsewhere.")
SHORTCUT_PADDED: Final = Sign("shortcut.padded-arguments", 8, "Blanks push the shortcut's arguments out of sight.")

# Hypertext.
HTML_SMUGGLING: Final = Sign(
    "html.smuggling", 8, "The page builds a file in the browser and hands it over as a download."
)
HTML_PROGRAM: Final = Sign("html.carries-file", 6, "The page carries a whole file in encoded form.")
HTML_SCRIPT_IN_IMAGE: Final = Sign("html.script-in-image", 5, "An image that carries script.")
HTML_APPLICATION: Final = Sign("html.application", 8, "An HTML application: it runs outside of the browser's cage.")
HTML_PASSWORD_FORM: Final = Sign("html.password-form", 6, "The page asks for a password and sends it elsewhere.")
HTML_OBFUSCATED: Final = Sign("html.obfuscated-script", 6, "Script in the page hides what it does.")

# Mail as a file.
MAIL_ATTACHMENT: Final = Sign("mail.attachment", 0, "The mail carries files.")
