"""Frames in, TCP segments out, whatever they came from; what could not be read is counted by what is to be said of it."""

from collections import Counter
from typing import Final

from device.interception.fragments import Fragments
from device.interception.packets import Fragment, Frame, Segment, Unread, segment_in, segment_of
from device.interception.remarks import Remark

_SAID: Final = {
    Unread.CUT_FRAGMENT: Remark.FRAGMENTS_LOST,
    Unread.DAMAGED: Remark.DAMAGED,
    Unread.LINK_TYPE: Remark.UNKNOWN_LINK,
}


class Dissection:
    """One capture's frames, taken apart. `counts`: packets, by remark."""

    def __init__(self) -> None:
        self.counts: Counter[Remark] = Counter()
        self._fragments = Fragments()

    def segment(self, frame: Frame) -> Segment | None:
        """The segment in a frame, or in the IP packet that it completes."""
        if frame.broken:
            self.counts[Remark.CAPTURE_CUT] += 1
        found = segment_of(frame)
        if isinstance(found, Fragment):
            return self._put_together(found, frame.time)
        return self._said(found)

    def finish(self) -> None:
        """Nothing more comes."""
        self._fragments.finish()
        self._count_lost()

    def _put_together(self, piece: Fragment, at: float) -> Segment | None:
        payload = self._fragments.feed(piece, at)
        self._count_lost()
        if payload is None:
            return None
        self.counts[Remark.FRAGMENTS] += 1
        return self._said(segment_in(piece.whole, payload))

    def _count_lost(self) -> None:
        if self._fragments.lost:
            self.counts[Remark.FRAGMENTS_LOST] += self._fragments.lost
            self._fragments.lost = 0

    def _said(self, found: Segment | Unread) -> Segment | None:
        if isinstance(found, Segment):
            return found
        if found in _SAID:
            self.counts[_SAID[found]] += 1
        return None
