"""The vault and the life of a held message. In: a message with its reading. Out: a receipt, and later a decision.

    servicer      what the wire says
    reception     how a message is stored, and an attempt settled
    manifest      what a device may say about a message
    vault         content on disk: sealing (chunks), keys and master_key (what opens what)
    replacement   the message that recipients get instead
    lifecycle     who may do what, and when
    custody       the door for everyone else
    retention     the end

SQL and blobs are in storage: quarantine, acts and blobs.
"""
