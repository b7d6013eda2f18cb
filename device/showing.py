"""The text of `srx show …`, in the vendor's layout where it is known (docs/fidelity.md)."""

from typing import Any, Final

from device.enrollment.identity import Identity

_DOES: Final = {"pass": "passes uninspected", "block": "does not pass"}


def without_device(identity: Identity | None) -> dict[str, Any]:
    """What can be said of a device that does not run."""
    warning = (
        "Not enrolled, and not running. Enrol it with: srx enroll URL"
        if identity is None
        else "Not running. Start it with: srx run --server HOST:PORT"
    )
    return {
        "enrolled": identity is not None,
        "server": None if identity is None else identity.endpoint,
        "realm": None if identity is None else identity.realm_name,
        "device_id": None if identity is None else identity.device_id,
        "certificate_until": None if identity is None else identity.not_after.isoformat(),
        "connected": False,
        "warnings": [warning],
    }


def status(told: dict[str, Any]) -> str:
    """The connection, then what is ours: interception, policy, warnings."""
    host, _, port = (told["server"] or "None:None").rpartition(":")
    lines = [
        "Server connection status:",
        f"  Server hostname: {host}",
        f"  Server realm: {told['realm']}",
        f"  Server port: {port}",
        "    Control Plane:",
        f"      Connection status: {_connection(told)}",
    ]
    if told["enrolled"]:
        lines += [f"  Device: {told['device_id']}", f"  Certificate until: {told['certificate_until']}"]
    if "listen" in told:
        lines += [
            "Interception:",
            f"  Mode: {told['interception']}",
            *(f"    {way}: {possible}" for way, possible in told["other_ways"].items()),
            *([f"  Bridge: {told['bridge']}"] if "bridge" in told else []),
            f"  Listening on: {told['listen']}",
            f"  Mail server: {told['mail_server']}",
            *([f"  Implicit TLS: {told['tls_listen']} for {told['tls_mail_server']}"] if "tls_listen" in told else []),
            *([f"  When stopped: mail {_DOES[told['when_stopped']]}"] if "when_stopped" in told else []),
            *(_worker(each) for each in told.get("workers", [])),
            f"  STARTTLS: {told['starttls']}",
            f"  Policy revision: {told['policy_revision']}",
        ]
    return "\n".join([*lines, *(f"WARNING: {warning}" for warning in told["warnings"])])


def _worker(told: dict[str, Any]) -> str:
    state = "" if told["serving"] else ", not for new clients"
    has = f"{told['sessions']} sessions, policy revision {told['policy_revision']}"
    return f"  Worker {told['number']}: process {told['pid']}, {has}{state}"


def _connection(told: dict[str, Any]) -> str:
    if not told["enrolled"]:
        return "Not enrolled"
    return "Connected" if told["connected"] else "Not connected"


def statistics(told: dict[str, Any]) -> str:
    """One counter a line."""
    counters = told["counters"]
    width = max(map(len, counters)) + 1
    return "\n".join(
        [
            "Advanced-anti-malware statistics:",
            *(f"  {name + ':':<{width}} {number:>10}" for name, number in counters.items()),
        ]
    )


def policy(told: dict[str, Any]) -> str:
    """Both halves of the policy."""
    recommended = (
        f"recommended ({told['verdict_threshold']})" if told["recommended"] else str(told["verdict_threshold"])
    )
    fallbacks = [f"    {condition}: {action}" for condition, action in told["fallback"].items()]
    return "\n".join(
        [
            "Advanced-anti-malware configuration:",
            f"  Revision: {told['revision']}",
            "  Protocol: SMTP",
            f"    Verdict-threshold: {recommended}",
            f"    Action: User-Defined-in-Cloud ({told['action']})",
            f"    First-seen content: {told['first_seen']}",
            f"    Verdict timeout: {told['verdict_timeout']:g} s",
            "  Fallback options:",
            f"    Action: {told['fallback_action']}",
            *fallbacks,
            f"  Allowlist entries: {told['allowlist_entries']}",
            f"  Blocklist entries: {told['blocklist_entries']}",
            f"  Protected domains: {', '.join(told['protected_domains']) or 'all'}",
            f"  Largest submission: {told['max_file_size']} bytes",
        ]
    )
