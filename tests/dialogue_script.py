r"""Reads and runs tests/dialogues/*.smtp: a client, the real device on a real socket, and a scripted server behind it.

    # text                      what attack, RFC line or rule the dialogue guards; "# Rule: …" quotes a rule of the semantics
    @server offers A, B         EHLO's list          @server on WORDS[#n]: reply | close | reset | silence
    @limit name=value           of SessionLimits or of its Times
    @starttls inspect | pass | strip      the policy; a handshake itself is no dialogue
    @outcome refuse REPLY | replace FROM | tag | fail          @hold   decisions wait for "! decide"          @introduce MEANS
    @hello  @mail  @data        greeting and EHLO; MAIL and one RCPT; DATA and 354
    C: text      the client sends a line      C> text   … bytes: \r \n \0 \xHH \\      C*9: …, C*9> …   nine times, {n} counts
    S: text      the client gets a line that starts so       S*9: …   nine of them       S: EOF   … gets nothing more
    ! half-close | reset | await TEXT | await conclusion | server says TEXT | server hangs up | stop | decide
    = messages N | message BYTES | heard TEXT | never heard TEXT | intake ENDING… | envelope FROM TO…

"heard" lines must have come to the server in that order. After the last line the device stops; no session may be left.
"""

import asyncio
import dataclasses
import re
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from device.actions.outcome import Deliver, Outcome, Refuse, Replace
from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.smtp.encrypting import Starttls
from device.smtp.intake import Endpoint
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits, Times
from device.smtp.reply import Reply
from device.tls.encryption import PLAIN, Encryption
from tests.passing_reception import Decide, PassingReception
from tests.scripted_server import Rule, ScriptedServer

PATIENCE = 10.0
STEP = re.compile(r"(?P<kind>[CS])(?:\*(?P<times>\d+))?(?P<mark>[:>]) ?(?P<text>.*)")
MACROS = {
    "@hello": ["S: 220 ", "C: EHLO client.example.org", "S: 250-", "S...: 250 "],
    "@mail": ["C: MAIL FROM:<ann@example.org>", "S: 250", "C: RCPT TO:<bob@example.net>", "S: 250"],
    "@data": ["C: DATA", "S: 354"],
}
REPLACEMENT = b"Subject: replaced\r\n\r\n.dot\r\n"


def unescaped(text: str) -> bytes:
    """Bytes of a C> or message line."""
    escapes = {"r": b"\r", "n": b"\n", "0": b"\0", "\\": b"\\"}
    pieces = re.split(r"\\(x[0-9a-fA-F]{2}|[rn0\\])", text)
    raw = [escapes.get(each) or bytes.fromhex(each[1:]) for each in pieces[1::2]]
    out = pieces[0].encode()
    return out + b"".join(code + rest.encode() for code, rest in zip(raw, pieces[2::2], strict=True))


@dataclass
class Script:
    """One file: what it is about, its settings, its steps and its checks."""

    about: str
    settings: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Script":
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        script = cls("\n".join(line[1:].strip() for line in lines if line.startswith("#")))
        for line in lines:
            if line in MACROS:
                script.steps += MACROS[line]
            elif line.startswith("@"):
                script.settings.append(line[1:])
            elif line.startswith("="):
                script.checks.append(line[1:].strip())
            elif not line.startswith("#"):
                script.steps.append(line)
        return script


class Run:
    """One run of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.server = ScriptedServer()
        self.reception = PassingReception()
        self.limits = SessionLimits()
        self.introduce = ClientAddress.HIDDEN
        self.encryption = PLAIN
        for setting in script.settings:
            self._set(setting)

    async def play(self) -> None:
        async with self.server.running(), asyncio.TaskGroup() as tasks:
            self.tasks = tasks
            server = Endpoint("127.0.0.1", self.server.port)
            entrance = Entrance(Endpoint("127.0.0.1", 0), server, client_address=self.introduce)
            self.listener = Listener(entrance, self.reception, self.limits, tasks=tasks, encryption=self.encryption)
            await self.listener.start()
            here = entrance.endpoint
            self.reader, self.writer = await asyncio.open_connection(here.host, here.port, limit=1 << 20)
            try:
                for step in self.script.steps:
                    async with asyncio.timeout(PATIENCE):
                        await self._step(step)
                self.writer.close()
                async with asyncio.timeout(PATIENCE):
                    await self._all_ended()
            finally:
                self.writer.transport.abort()
                await self.listener.stop(0.5)
        for check in self.script.checks:
            self._check(check)

    async def _all_ended(self) -> None:
        """A client that leaves after its last line takes an unfinished message with it."""
        self.reception.gate.set()
        for message in self.reception.messages:
            await message.ended.wait()

    def _set(self, setting: str) -> None:
        what, _, value = setting.partition(" ")
        match what:
            case "server" if value.startswith("offers "):
                self.server.offers = tuple(each.strip() for each in value.removeprefix("offers ").split(","))
            case "server":
                words, _, answer = value.removeprefix("on ").partition(": ")
                words, _, turn = words.partition("#")
                self.server.rules.append(Rule(words, answer, int(turn or 0)))
            case "limit":
                self._limit(*value.split("="))
            case "introduce":
                self.introduce = ClientAddress(value)
            case "starttls":
                self.encryption = Encryption(Starttls(value))
            case "hold":
                self.reception.gate.clear()
            case "outcome":
                self.reception.decide = _decide(value)
            case _:
                raise ValueError(setting)

    def _limit(self, name: str, value: str) -> None:
        if name in {each.name for each in dataclasses.fields(Times)}:
            times = dataclasses.replace(self.limits.times, **{name: float(value)})
            self.limits = dataclasses.replace(self.limits, times=times)
        else:
            changed: dict[str, int] = {name: int(value)}
            self.limits = dataclasses.replace(self.limits, **changed)  # type: ignore[arg-type]

    async def _step(self, step: str) -> None:
        if step.startswith("!"):
            await self._act(step[1:].strip())
        elif step.startswith("S...:"):
            while not (await self.reader.readline()).startswith(step[5:].strip().encode() + b" "):
                pass
        else:
            match = STEP.fullmatch(step)
            assert match is not None, step
            for number in range(int(match["times"] or 1)):
                await self._say_or_hear(match, number)

    async def _say_or_hear(self, match: re.Match[str], number: int) -> None:
        text = match["text"].replace("{n}", str(number))
        if match["kind"] == "C":
            self.writer.write(unescaped(text) if match["mark"] == ">" else text.encode() + b"\r\n")
            if number % 100 == 0:
                await self.writer.drain()
            return
        line = await self._line()
        expected = b"" if text == "EOF" else text.encode()
        assert line.startswith(expected), f"{match.string!r}, but got {line!r}"
        assert bool(line) is (text != "EOF"), f"{match.string!r}, but got {line!r}"

    async def _line(self) -> bytes:
        try:
            return await self.reader.readline()
        except ConnectionResetError:
            return b""

    async def _act(self, act: str) -> None:
        what, _, text = act.partition(" ")
        match what, text:
            case "half-close", _:
                self.writer.write_eof()
            case "reset", _:
                never_linger = struct.pack("ii", 1, 0)
                self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, never_linger)
                self.writer.transport.abort()
            case "await", "conclusion":
                while not self.reception.messages:  # noqa: ASYNC110 the device's task makes it within moments
                    await asyncio.sleep(0)
                await self.reception.messages[-1].concluded.wait()
            case "await", _:
                await self.server.until_heard(text)
            case "server", "hangs up":
                self.server.hang_up()
            case "server", _:
                await self.server.say(text.removeprefix("says "))
            case "decide", _:
                self.reception.gate.set()
            case "stop", _:
                self.tasks.create_task(self.listener.stop(5.0))
            case _:
                raise ValueError(act)

    def _check(self, check: str) -> None:
        what, _, value = check.partition(" ")
        kept = self.reception.messages
        match what:
            case "messages":
                assert len(self.server.messages) == int(value), self.server.heard
            case "message":
                assert unescaped(value) in self.server.messages, self.server.messages
            case "heard":
                heard = [each for each in self.server.heard if each.startswith(value)]
                assert heard, (value, self.server.heard)
                del self.server.heard[: self.server.heard.index(heard[0]) + 1]
            case "never":
                unwanted = value.removeprefix("heard ")
                assert unescaped(unwanted) not in self.server.raw, self.server.heard
            case "intake":
                assert [each for message in kept for each in message.endings] == _endings(value), kept
            case "envelope":
                envelope = kept[-1].envelope
                assert envelope is not None
                assert [envelope.mail_from, *envelope.paths] == [each[1:-1].encode() for each in value.split()]
            case _:
                raise ValueError(check)


def _endings(value: str) -> list[str]:
    return [] if value == "none" else [each.strip() for each in value.split(",")]


def _decide(value: str) -> Decide:
    what, _, rest = value.partition(" ")

    def outcome(chunks: list[bytes]) -> Outcome:
        match what:
            case "refuse":
                return Refuse(Reply.of(int(rest[:3]), rest[4:]))
            case "replace":
                return Replace(rest.strip("<>").encode(), REPLACEMENT)
            case "tag":
                return Deliver([b"X-Spam-Flag: YES\r\n", *chunks])
            case "fail":
                raise RuntimeError("inspection is broken")
        raise ValueError(value)

    return outcome
