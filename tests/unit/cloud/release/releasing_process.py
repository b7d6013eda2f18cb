"""Does the jobs of a state folder until it is killed or asked to stop. Run: python releasing_process.py FOLDER."""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from cloud.jobs.engine import Again, Jobs
from tests.unit.cloud.release.rig import Rig


async def release_for_ever(folder: Path) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    jobs = Jobs(polling=timedelta(milliseconds=20))
    rig = await Rig.open(folder, jobs=jobs)

    async def release(release_id: str, number: int) -> Again | None:
        again = await rig.work.attempt(release_id, number)
        say("finished" if again is None else "again")
        return again

    await jobs.start(folder / "jobs.db", {"release": release, "notice": rig.notice_work.attempt})
    await rig.custody.recover()
    await rig.dispatcher.recover()
    say("started")
    await stopping.wait()
    await jobs.stop()
    await rig.close()
    say("stopped")


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(release_for_ever(Path(sys.argv[1])))
