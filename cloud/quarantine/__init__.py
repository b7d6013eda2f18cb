"""The vault and the life of a held message. In: a message with its reading. Out: a receipt, and later a decision."""
