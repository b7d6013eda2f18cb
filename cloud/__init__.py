"""The cloud that devices enrol with: scores files, keeps quarantined mail, serves the portal, releases.

The rooms, in the order in which a message visits them:

    enrollment     a device becomes a member of a realm
    rpc            its calls come in, and who calls is known
    policy         what the realm's administrator set, pushed to the devices
    inspection     a file comes in, a score from 0 to 10 goes out
    analyzers      what can be seen in a file
    quarantine     a message is sealed and kept; its replacement goes out
    portal         the recipient looks, and acts
    release        the message goes back, its attachments in a ZIP
    notices        administrators and recipients are told
    telemetry      what devices report is kept

Under them: storage (all SQL, all blobs) and jobs (work that survives a kill). Beside them: cli with its commands, control (how
commands reach the one writer), and service with rooms and doors (start and stop).
"""
