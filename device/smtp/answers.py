"""The session's own replies, in one table.

Codes: RFC 5321 (4.2.2, 4.3.2); enhanced codes: RFC 3463, 5248. What inspection refuses has its replies in actions/replies.
"""

from typing import Final

from device.smtp.reply import Reply

GO_AHEAD: Final = Reply.of(354, "End data with <CR><LF>.<CR><LF>")
CHUNK_TAKEN: Final = Reply.of(250, "2.0.0 Chunk taken")

UNKNOWN_COMMAND: Final = Reply.of(500, "5.5.1 Command not recognized")
LINE_TOO_LONG: Final = Reply.of(500, "5.5.2 Line too long")
ODD_LINE: Final = Reply.of(500, "5.5.2 Line holds CR, LF or NUL")
BAD_PATH: Final = Reply.of(501, "5.5.2 Syntax error in the path")
BAD_ARGUMENT: Final = Reply.of(501, "5.5.4 Syntax error in arguments")
UNKNOWN_PARAMETER: Final = Reply.of(555, "5.5.4 Parameter not recognized")
UNKNOWN_MECHANISM: Final = Reply.of(504, "5.5.4 Authentication mechanism not offered")
BAD_SEQUENCE: Final = Reply.of(503, "5.5.1 Bad sequence of commands")
NO_RECIPIENTS: Final = Reply.of(503, "5.5.1 No valid recipients")

TOO_MANY_RECIPIENTS: Final = Reply.of(452, "4.5.3 Too many recipients")
TOO_BIG: Final = Reply.of(552, "5.3.4 Message size exceeds the limit")
BARE_LINE_END: Final = Reply.of(550, "5.5.2 Bare CR or LF around a dot")
NOT_DECIDED: Final = Reply.of(451, "4.3.0 Message can't be taken right now, try again later")

ENDS_IN_TLS: Final = Reply.of(421, "4.7.0 Commands behind STARTTLS, closing connection")
SERVER_NOT_SECURED: Final = Reply.of(421, "4.7.5 Mail server can't be reached by trusted TLS, closing connection")
SERVER_LOST: Final = Reply.of(421, "4.3.0 Mail server not available, closing connection")
TOO_MANY_SESSIONS: Final = Reply.of(421, "4.7.0 Too many connections, try again later")
TOO_MANY_OF_CLIENT: Final = Reply.of(421, "4.7.0 Too many connections from your address, try again later")
UNREADABLE_CHUNK: Final = Reply.of(421, "4.7.0 Chunk size can't be read, closing connection")
CLIENT_SILENT: Final = Reply.of(421, "4.4.2 Timeout, closing connection")
CLIENT_ENDED: Final = Reply.of(421, "4.4.2 Connection ended before the message did")
STOPPING: Final = Reply.of(421, "4.3.2 Service shutting down, closing connection")
GOODBYE: Final = Reply.of(221, "2.0.0 Closing connection")
DONE: Final = Reply.of(250, "2.0.0 Ok")
OVER: Final = Reply.of(421, "4.3.2 That was the last message of this connection")
"""After a message whose server connection was cut: a client that has more opens another one."""
FAILED: Final = Reply.of(421, "4.3.0 Internal error, closing connection")
