"""srx-cloud quarantine list|show|release|delete."""

from typing import Annotated

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State, metavar_of, one_of
from cloud.commands.output import print_json, print_line, print_table, when
from cloud.control import quarantine
from cloud.quarantine.lifecycle import State as Status

_Messages = Annotated[
    list[str], typer.Argument(metavar="MESSAGE...", help="Ids, as srx-cloud quarantine list shows them.")
]


def show_all(
    status: Annotated[
        Status | None,
        typer.Option(
            "--status", parser=one_of(Status), metavar=metavar_of(Status), help="Only messages that stand so."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many messages, the latest ones.")] = 200,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show quarantined messages, newest first."""
    with reporting(as_json=as_json):
        _print(ask(Place(state, config), quarantine.LIST, quarantine.ListMessages(realm, status, limit)), as_json)


def show(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.")],
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show one message: who sent it to whom, and what was found in it. Content is not shown."""
    with reporting(as_json=as_json):
        detail = ask(Place(state, config), quarantine.SHOW, quarantine.ShowMessage(realm, message))
        if as_json:
            return print_json(detail)
        return _print_detail(detail)


def release(
    messages: _Messages, realm: RealmName = None, state: State = None, config: Config = None, as_json: Json = False
) -> None:
    """Release messages: their recipients get them, attachments in a password-protected ZIP."""
    with reporting(as_json=as_json):
        params = quarantine.ActOnMessages(realm, tuple(messages))
        _print(ask(Place(state, config), quarantine.RELEASE, params), as_json)


def delete(
    messages: _Messages, realm: RealmName = None, state: State = None, config: Config = None, as_json: Json = False
) -> None:
    """Delete messages for good: their keys are destroyed."""
    with reporting(as_json=as_json):
        params = quarantine.ActOnMessages(realm, tuple(messages))
        _print(ask(Place(state, config), quarantine.DELETE, params), as_json)


def _print(view: quarantine.MessagesView, as_json: bool) -> None:
    if as_json:
        return print_json(view)
    if not view.messages:
        return print_line(f"Nothing of realm {view.realm} is quarantined.")
    rows = [
        (each.id, each.status, each.received_at, each.score, each.mail_from or "<>", each.recipients)
        for each in view.messages
    ]
    return print_table(("MESSAGE", "STATUS", "RECEIVED (UTC)", "SCORE", "FROM", "TO"), rows)


def _print_detail(detail: quarantine.MessageDetail) -> None:
    message = detail.message
    acted = f"{when(message.acted_at)} by {message.acted_by}" if message.acted_by else "-"
    rows = [
        ("message", message.id),
        ("status", message.status),
        ("received", message.received_at),
        ("kept until", message.expires_at),
        ("reason", f"{message.reason}, score {message.score}"),
        ("envelope from", message.mail_from or "<>"),
        ("envelope to", message.recipients),
        ("client", message.client_address),
        ("device", message.device),
        ("acted on", acted),
        ("from", detail.header_from),
        ("subject", detail.subject),
        ("findings", detail.findings),
    ]
    print_table(("", ""), [*rows, ("problem", detail.problem)] if detail.problem else rows)
    if detail.copies:
        copies = [(each.recipient, each.state, each.attempts, each.last_reply or "-") for each in detail.copies]
        print_table(("RELEASED TO", "STATE", "ATTEMPTS", "LAST REPLY"), copies)
    if not detail.content_kept:
        return print_line("Its content is destroyed.")
    parts = [(each.score, each.content_type, each.size, each.name) for each in detail.parts]
    return print_table(("SCORE", "TYPE", "BYTES", "NAME"), parts)
