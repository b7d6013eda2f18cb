import base64
from pathlib import Path
from dataclasses import replace
from tests.browser.chromium import chromium
from tests.unit.cloud.portal.serving import served
from tests.unit.cloud.portal.letters import Piece, invoice, letter
from cloud.quarantine.lifecycle import Act, Actor, ActorKind
async def test_shots(tmp_path):
    long = letter(Piece(b"Hello"), replace(invoice(), name="quarterly-report-final-version-2026.exe"),
        mail_from=b"somebody.with.a.long.name@department.of.a.company.example.net",
        recipients=(b"first.recipient.of.this@mail.example.com", b"second@example.com"),
        fields=(("From", "a@example.net"), ("Subject", "Re: Invoice " + "and another word of it " * 20)))
    async with served(tmp_path) as rig, chromium(tmp_path / "p") as page:
        for act in (None, Act.RELEASE, Act.DELETE):
            for m in (long, None):
                held = await rig.hold(m)
                if act:
                    await rig.custody.act(rig.realm.id, held.id, act, Actor(ActorKind.ADMINISTRATOR, "console"))
        h = await rig.hold()
        await rig.change(release_option="administrator")
        await rig.custody.act(rig.realm.id, h.id, Act.REQUEST, Actor(ActorKind.RECIPIENT, "alice@example.com"))
        await page.go(await rig.console_links.issue(rig.realm.id))
        await page.press("Sign in")
        async def shot(name, w, height=1000):
            await page.call("Emulation.setDeviceMetricsOverride", width=w, height=height, deviceScaleFactor=1, mobile=False)
            r = await page.call("Page.captureScreenshot", format="png")
            Path(f"/tmp/shot_{name}.png").write_bytes(base64.b64decode(r["data"]))
        for w in (360, 1100, 1220, 1440, 1920):
            await shot(f"list{w}", w)
        await page.go(f"{rig.base_url.origin}/console/messages/{h.id}")
        await shot("msg", 1100)
        await page.value("document.querySelector('summary.danger').click()")
        await shot("msg_open", 1100)
        await shot("msg_open360", 360)
        await page.go(f"{rig.base_url.origin.replace('127.0.0.1','localhost')}/console/messages/nope")
        await shot("unknown", 1100, 500)
        await page.go(f"{rig.base_url.origin}{await rig.link_to(h)}")
        await page.waits_for("Attachments")
        await shot("recipient", 800)
