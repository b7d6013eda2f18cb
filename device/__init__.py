"""The appliance: takes SMTP in the path, decides on every message, acts.

The rooms, in the order in which a message visits them:

    interception   a client's connection comes in, and its real server is known
    smtp           the inspected session between the two
    message        what arrives is read: envelope, header, parts, attachments
    inspection     pass, lists, verdicts: what is to be done, and why
    cloudlink      what has to be asked of the cloud
    actions        permit, tag, quarantine or block, as bytes to send
    telemetry      what is told about it

Beside the way: enrollment (who the device is to the cloud), tls (certificates and encryption of both legs), workers (several
processes on one port), cli and appliance (start and stop).
"""
