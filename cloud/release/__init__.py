"""The way back. In: a decision to release. Out: a rebuilt message with its pass, taken by the mail server."""
