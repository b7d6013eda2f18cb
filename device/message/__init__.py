"""One reading of a message. In: its bytes, as they arrive. Out: envelope, fields, parts, and which of them are attachments."""
