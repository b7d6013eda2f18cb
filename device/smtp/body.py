"""A message on its way in: DATA and BDAT are framed here, whatever the server behind thinks of line ends.

A body that is spoilt is read to its end all the same, and answered then. The server sits in its open transaction meanwhile, so
before our own reply RSET must bring it back (outgoing).
"""

from collections.abc import Callable

from device.smtp import answers
from device.smtp.exchange import Exchange
from device.smtp.framing import ChunkFramer, DataFramer, DotReader, Framed, Gatherer
from device.smtp.grammar import ChunkHeader, Command, chunk_header_of
from device.smtp.reply import Reply
from device.smtp.states import Signal, State
from device.smtp.streaming import Streaming

RefuseMessage = Callable[[Reply], None]
"""RSET, then this reply (outgoing)."""


class Body:
    """Takes one message in."""

    def __init__(self, exchange: Exchange, refuse: RefuseMessage, streaming: Streaming) -> None:
        self._exchange = exchange
        self._streaming = streaming
        self._refuse = refuse
        self._framer: DataFramer | ChunkFramer = DataFramer()
        self._dots = DotReader()
        self._gatherer = Gatherer()
        self._size = 0
        self._last = False
        self._after: Callable[[], None] = exchange.close

    def data(self, command: Command) -> None:
        """DATA: answered here, since nothing may reach the server before the message is decided."""
        exchange = self._exchange
        if command.argument:
            exchange.downstream.say(answers.BAD_ARGUMENT)
        elif not exchange.transaction.deliverable:
            exchange.downstream.say(answers.NO_RECIPIENTS)
        else:
            exchange.downstream.say(answers.GO_AHEAD)
            exchange.move(Signal.DATA_TAKEN)
            self._framer = DataFramer()
            self._begin()
            self._streaming.begin(possible=exchange.repeatable)

    def bdat(self, command: Command) -> None:
        """BDAT: its octets follow at once, whether they are wanted or not (RFC 3030, section 2)."""
        exchange = self._exchange
        header = chunk_header_of(command)
        if header is None:
            exchange.note("session.unreadable-chunk", answers.UNREADABLE_CHUNK)
            exchange.close(answers.UNREADABLE_CHUNK)
        elif b"CHUNKING" not in exchange.capabilities or not exchange.transaction.deliverable:
            self._skip_chunk(header, lambda: self._answer_discarded(answers.NO_RECIPIENTS))
        else:
            self._open_chunk(header)

    def step(self) -> bool:
        """Takes all input into the body; false, if there is none. An empty chunk ends without any."""
        exchange = self._exchange
        if not exchange.downstream.waiting and not self._ends_now:
            return False
        framed = self._framer.feed(exchange.downstream.take_all())
        if exchange.state is not State.DISCARDING:
            self._keep(framed)
        if framed.rest is not None:
            exchange.downstream.put_back(framed.rest)
            self._end()
        return True

    def lose_server(self) -> None:
        """There is nobody left to deliver to: 421, when the client has sent its message."""
        exchange = self._exchange
        exchange.abandon_message()
        self._streaming.hold()
        if exchange.state is not State.DISCARDING:
            exchange.move(Signal.SPOILT)
        self._after = lambda: exchange.break_off("server.lost")

    @property
    def _ends_now(self) -> bool:
        return isinstance(self._framer, ChunkFramer) and self._framer.complete

    def _begin(self) -> None:
        self._dots, self._gatherer, self._size = DotReader(), Gatherer(), 0
        self._exchange.begin_message()

    def _open_chunk(self, header: ChunkHeader) -> None:
        """A chunk of a message that may come; if it can't be kept, nothing of it is."""
        exchange = self._exchange
        first = exchange.state is not State.BETWEEN_CHUNKS
        if not header.well_formed:
            self._skip_chunk(header, lambda: self._refuse(answers.BAD_ARGUMENT))
        elif header.size + (0 if first else self._size) > exchange.size_limit:
            exchange.note("session.message-too-big", answers.TOO_BIG)
            self._skip_chunk(header, lambda: self._refuse(answers.TOO_BIG))
        else:
            if first:
                self._begin()
                self._streaming.begin(possible=False)
            exchange.by_chunks = True
            exchange.move(Signal.CHUNK_OPENED)
            self._framer, self._last = ChunkFramer(header.size, self._dots), header.last

    def _skip_chunk(self, header: ChunkHeader, after: Callable[[], None]) -> None:
        exchange = self._exchange
        exchange.abandon_message()
        exchange.move(Signal.SPOILT)
        self._framer, self._after = ChunkFramer(header.size, DotReader()), after

    def _answer_discarded(self, reply: Reply) -> None:
        """No message had begun, so the server has nothing to forget."""
        self._exchange.move(Signal.DISCARDED)
        self._exchange.downstream.say(reply)

    def _keep(self, framed: Framed) -> None:
        self._size += len(framed.content)
        if self._framer.odd:
            self._spoil(answers.BARE_LINE_END)
        elif self._size > self._exchange.size_limit:
            self._spoil(answers.TOO_BIG)
        else:
            self._feed(self._gatherer.add(framed.content))

    def _feed(self, pieces: list[bytes], *, last: bool = False) -> None:
        self._exchange.feed_message(pieces)
        self._streaming.fed(pieces, last=last)

    def _spoil(self, reply: Reply) -> None:
        self._exchange.note("session.message-refused", reply)
        self._exchange.abandon_message()
        self._exchange.move(Signal.SPOILT)
        self._after = lambda: self._refuse(reply)

    def _end(self) -> None:
        exchange = self._exchange
        if exchange.state is State.DISCARDING:
            self._after()
        elif exchange.state is State.CHUNK and not self._last:
            exchange.move(Signal.CHUNK_TAKEN)
            exchange.downstream.say(answers.CHUNK_TAKEN)
        else:
            self._feed(self._gatherer.flush(), last=True)
            exchange.move(Signal.ENDED)
            exchange.conclude_message()
