"""What each part of a held message is to a person who looks at it: words, a picture, or a row in a table."""

from collections.abc import Sequence
from typing import Final

from atp.v1 import quarantine_pb2 as wire

MAX_DEPTH: Final = 100
"""Of parts in parts; deeper ones are shown as attachments."""


class Parts:
    """The reading's parts, and what each of them is to a person who looks."""

    def __init__(self, reading: wire.MessageReading, threshold: int) -> None:
        self.ambiguous = reading.ambiguous
        self._parts: Sequence[wire.ReadPart] = reading.parts
        self._by_index = {part.index: part for part in reading.parts}
        self._threshold = threshold

    @property
    def words(self) -> list[wire.ReadPart]:
        """Text of this message itself, in order."""
        return [part for part in self._parts if self._is_words(part)]

    @property
    def pictures(self) -> list[wire.ReadPart]:
        """Images that may be shown: scored, and low enough in the device's eyes (in_zip) and in ours."""
        return [part for part in self._parts if self._is_picture(part)]

    @property
    def inline_images(self) -> int:
        """How many pictures the message wants to show, whether they may be or not."""
        return sum(part.role == wire.PART_ROLE_INLINE_IMAGE and not part.alternate for part in self._parts)

    @property
    def listed(self) -> list[wire.ReadPart]:
        """What stands in the table. A second reading of the same bytes does only if it is the malicious one."""
        return [
            part
            for part in self._parts
            if part.role != wire.PART_ROLE_CONTAINER
            and not self._is_plain_text(part)
            and (not part.alternate or self.is_malicious(part))
        ]

    def is_malicious(self, part: wire.ReadPart) -> bool:
        return part.HasField("score") and part.score >= self._threshold

    def ancestors(self, part: wire.ReadPart) -> list[wire.ReadPart]:
        """From the nearest outwards, at most MAX_DEPTH: a device's reading may be wrong, and go round in circles."""
        found: list[wire.ReadPart] = []
        while len(found) < MAX_DEPTH and part.HasField("parent") and part.parent in self._by_index:
            part = self._by_index[part.parent]
            found.append(part)
        return found

    def files_inside(self, part: wire.ReadPart) -> list[wire.ReadPart]:
        """The files that stand in a text part's own bytes."""
        return [each for each in self._parts if each.HasField("parent") and each.parent == part.index]

    def _is_plain_text(self, part: wire.ReadPart) -> bool:
        return part.role == wire.PART_ROLE_TEXT and not part.in_zip and not self.is_malicious(part)

    def _is_words(self, part: wire.ReadPart) -> bool:
        return self._is_plain_text(part) and not part.alternate and self._is_outside_of_attachments(part)

    def _is_picture(self, part: wire.ReadPart) -> bool:
        return (
            part.role == wire.PART_ROLE_INLINE_IMAGE
            and part.HasField("score")
            and not (part.in_zip or part.alternate or self.is_malicious(part))
            and self._is_outside_of_attachments(part)
        )

    def _is_outside_of_attachments(self, part: wire.ReadPart) -> bool:
        around = self.ancestors(part)
        return len(around) < MAX_DEPTH and all(each.role == wire.PART_ROLE_CONTAINER for each in around)
