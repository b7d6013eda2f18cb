"""A headless Chromium, driven over its DevTools pipe: pages, clicks, and every address that it asks for."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

PROGRAM = Path("/usr/bin/chromium")
_SECONDS = 30


@dataclass
class Page:
    """One tab. `requested` holds each address that the browser wanted to load, blocked or not; `said` its own log lines."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    session: str = ""
    requested: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Take what the browser says, until it goes."""
        while raw := await self.reader.readuntil(b"\0"):
            message = json.loads(raw[:-1])
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            elif message["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif message["method"] == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            elif message["method"] == "Log.entryAdded":
                self.said.append(message["params"]["entry"]["text"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools call that must succeed."""
        answer = await self.answer(method, **parameters)
        assert "error" not in answer, answer
        return dict(answer["result"])

    async def answer(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools call, answered with a result or an error."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(_SECONDS):
            return dict(await answer)

    async def go(self, url: str) -> None:
        """Open an address, and wait for its page."""
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await self.wait_for_load()

    async def wait_for_load(self) -> None:
        """The next load event."""
        async with asyncio.timeout(_SECONDS):
            await self._loaded.wait()
        self._loaded.clear()

    async def value(self, expression: str) -> Any:
        """What a script in the page sees. It is the test's, run beside the page's policy."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """The page's text, once everything in it is loaded, frames too; empty if the page goes away meanwhile."""
        loaded = "document.readyState === 'complete' ? done() : addEventListener('load', done)"
        answer = await self.answer(
            "Runtime.evaluate",
            expression=f"new Promise(done => {loaded}).then(() => document.body.innerText)",
            awaitPromise=True,
            returnByValue=True,
        )
        return str(answer.get("result", {}).get("result", {}).get("value", ""))

    async def waits_for(self, words: str) -> str:
        """The page's text, as soon as it has these words; each look is a load later."""
        async with asyncio.timeout(_SECONDS):
            while words not in (shown := await self.text()):
                await self.wait_for_load()
        return shown

    async def press(self, button: str) -> None:
        """Press the button with that text, and wait for the page after it."""
        self._loaded.clear()
        found = await self.value(
            f"(() => {{ const b = [...document.querySelectorAll('button')].find(b => b.innerText.trim() === {button!r});"
            " if (b) b.click(); return !!b; })()"
        )
        assert found, f"no button {button}"
        await self.wait_for_load()


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Page]:
    """A browser with an empty profile."""
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    process = await asyncio.create_subprocess_exec(
        # DevTools reads from descriptor 3 and writes to 4; the shell puts our pipes there (dash can't, above descriptor 9).
        "bash",
        "-c",
        f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"',
        "bash",
        str(PROGRAM),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        # The message's frame in the same process, so that what it asks for is seen on the same pipe.
        "--disable-features=IsolateSandboxedIframes",
        "--no-first-run",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        pass_fds=(to_browser, from_browser),
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        async with asyncio.TaskGroup() as tasks:
            page = await _connected(from_us, to_us)
            listening = tasks.create_task(page.listen())
            try:
                await _open_tab(page)
                yield page
            finally:
                listening.cancel()
                page.writer.close()
    finally:
        if process.returncode is None:
            process.terminate()  # and it ends its own children
        await process.wait()


async def _connected(write_to: int, read_from: int) -> Page:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    protocol = asyncio.StreamReaderProtocol(reader)
    await loop.connect_read_pipe(lambda: protocol, os.fdopen(read_from, "rb"))
    transport, _ = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(write_to, "wb"))
    return Page(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


async def _open_tab(page: Page) -> None:
    target = await page.call("Target.createTarget", url="about:blank")
    attached = await page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    page.session = attached["sessionId"]
    for domain in ("Page", "Network", "Runtime", "Log"):
        await page.call(f"{domain}.enable")
