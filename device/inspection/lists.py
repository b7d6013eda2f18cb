"""The realm's lists: whether a message passes unscanned, or counts as malicious, whatever is in it.

    list   kind           matches where
    -----  -------------  ----------------------------------------------------------------------------------------------
    allow  mail-from      the envelope's sender is on the list
           header-from    there is one From field, and every mailbox of it is on the list
           rcpt-to        every accepted recipient is on the list
           header-to      every address of To and Cc is on the list; the realm may switch this off, since it is forgeable
    block  mail-from      the envelope's sender is on the list
           header-from    any mailbox of any From is on the list
           rcpt-to        any accepted recipient is on the list
           header-to      any address of To or Cc is on the list

The first row that holds counts, so allow goes before block. An entry is an address, `*@domain`, or a domain, which means the same
(no subdomains), compared case-folded and with A-labels. `<>` matches the null sender, and nothing else does. A field that can't
be read whole never allows, nor does any field of a header that readers may read in two ways.
Source: semantics in docs/architecture.md; that a From is easily forged is the vendor's own warning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from device.inspection.policy import CloudPolicy
from device.message.addresses import Address, Mailboxes, folded_address, folded_domain, mailboxes, path_address
from device.message.envelope import Envelope
from device.message.findings import Finding
from device.message.reading import Reading

NULL_SENDER: Final = "<>"

_UNSURE_HEADER: Final = frozenset(
    {
        Finding.BARE_CR.value,
        Finding.BARE_LF.value,
        Finding.BLANK_FOLD.value,
        Finding.NO_FIELD.value,
        Finding.NUL.value,
        Finding.ODD_FIELD_NAME.value,
    }
)


class Standing(StrEnum):
    """What the lists say of a message."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNLISTED = "unlisted"


class Kind(StrEnum):
    """Where the address stands that a list was asked about."""

    MAIL_FROM = "mail-from"
    HEADER_FROM = "header-from"
    RCPT_TO = "rcpt-to"
    HEADER_TO = "header-to"


@dataclass(frozen=True, slots=True)
class ListMatch:
    """The standing, and by which kind of address and which entry (as the list has it); None where the message is unlisted."""

    standing: Standing
    kind: Kind | None = None
    entry: str | None = None


UNLISTED: Final = ListMatch(Standing.UNLISTED)


def matched(policy: CloudPolicy, envelope: Envelope, reading: Reading) -> ListMatch:
    """What the realm's lists say of a message."""
    if not policy.allow and not policy.block:
        return UNLISTED
    message = _Addresses.of(envelope, reading)
    allowed = _allowed(_list_of(policy.allow), message, by_header_to=policy.allow_by_header_recipients)
    return allowed or _blocked(_list_of(policy.block), message) or UNLISTED


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Every address that the lists are asked about; None is the null path. `sure` where all readers read the header alike."""

    sure: bool
    sender: str | None
    from_fields: tuple[Mailboxes, ...]
    recipients: tuple[str | None, ...]
    to: tuple[Mailboxes, ...]

    @classmethod
    def of(cls, envelope: Envelope, reading: Reading) -> "_Addresses":
        values: dict[bytes, list[bytes]] = {b"from": [], b"to": [], b"cc": []}
        for field in reading.fields:
            values.get(field.name.lower(), []).append(field.raw_value)
        return cls(
            sure=_UNSURE_HEADER.isdisjoint(reading.findings),
            sender=_path(envelope.mail_from),
            from_fields=tuple(map(mailboxes, values[b"from"])),
            recipients=tuple(_path(path) for path in envelope.paths),
            to=tuple(map(mailboxes, values[b"to"] + values[b"cc"])),
        )


class _List:
    """A list's entries by what they compare as; look-ups take the same time whatever its length."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._by_key = {_key(entry): entry for entry in sorted(entries, reverse=True)}

    def entry_for(self, folded: str | None) -> str | None:
        """The entry that an address matches: the address itself before its domain. None stands for the null path."""
        if folded is None:
            return self._by_key.get(NULL_SENDER)
        return self._by_key.get(folded) or self._by_key.get("@" + folded.rpartition("@")[2])

    def first(self, addresses: Iterable[str | None]) -> str | None:
        """The entry of the first address that is on the list."""
        return next((entry for entry in map(self.entry_for, addresses) if entry is not None), None)

    def first_if_all(self, addresses: Iterable[str | None]) -> str | None:
        """The entry of the first address, where every address is on the list; none at all is not enough."""
        entries = [self.entry_for(address) for address in addresses]
        return entries[0] if entries and all(entry is not None for entry in entries) else None


@lru_cache(maxsize=4)
def _list_of(entries: frozenset[str]) -> _List:
    """Built once a policy, not once a message: a list may have 100,000 entries."""
    return _List(entries)


def _allowed(entries: _List, message: _Addresses, *, by_header_to: bool) -> ListMatch | None:
    asked: list[tuple[Kind, str | None]] = [
        (Kind.MAIL_FROM, entries.entry_for(message.sender)),
        (Kind.HEADER_FROM, _all_of_one_from(entries, message)),
        (Kind.RCPT_TO, entries.first_if_all(message.recipients)),
    ]
    if by_header_to and message.sure and all(field.sound for field in message.to):
        asked.append((Kind.HEADER_TO, entries.first_if_all(_folded(message.to))))
    return _first_match(Standing.ALLOWED, asked)


def _all_of_one_from(entries: _List, message: _Addresses) -> str | None:
    fields = message.from_fields
    if not message.sure or len(fields) != 1 or not fields[0].sound:
        return None
    return entries.first_if_all(_folded(fields))


def _blocked(entries: _List, message: _Addresses) -> ListMatch | None:
    return _first_match(
        Standing.BLOCKED,
        [
            (Kind.MAIL_FROM, entries.entry_for(message.sender)),
            (Kind.HEADER_FROM, entries.first(_folded(message.from_fields))),
            (Kind.RCPT_TO, entries.first(message.recipients)),
            (Kind.HEADER_TO, entries.first(_folded(message.to))),
        ],
    )


def _first_match(standing: Standing, asked: Iterable[tuple[Kind, str | None]]) -> ListMatch | None:
    return next((ListMatch(standing, kind, entry) for kind, entry in asked if entry is not None), None)


def _folded(fields: Iterable[Mailboxes]) -> Iterator[str]:
    return (address.folded for field in fields for address in field.addresses)


def _path(path: bytes) -> str | None:
    """An envelope path as it compares; None for the null path. A path without a domain (postmaster) is its own name."""
    if not path:
        return None
    address: Address | None = path_address(path)
    return address.folded if address is not None else path.decode("utf-8", "replace").casefold()


def _key(entry: str) -> str:
    """What an entry compares as: `local@domain`, `@domain`, or `<>`."""
    text = entry.strip()
    if text == NULL_SENDER:
        return text
    local, _, domain = text.rpartition("@")
    return "@" + folded_domain(domain) if local in ("", "*") else folded_address(text)
