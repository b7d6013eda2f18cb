"""The benchmark measures all that it names, from end to end."""

import io

import pytest
from rich.console import Console

from lab.bench.bench import measured
from lab.bench.goals import GOALS, SPILLED, STREAMED_RATIO, Section
from lab.bench.plan import Plan
from lab.bench.profiled import profile
from tests.programs import need

BESIDE_PEERS = frozenset({Section.RATES, Section.CPU, Section.LATENCY, Section.UNKNOWN})


@pytest.mark.programs
@pytest.mark.timeout(400)
@pytest.mark.parametrize("sections", [BESIDE_PEERS, frozenset(Section) - BESIDE_PEERS], ids=["peers", "others"])
async def test_every_section_gives_figures_and_every_goal_has_its_figure(sections: frozenset[Section]) -> None:
    """With so few mails that the figures say nothing."""
    need("smtp-source", "smtp-sink", "nginx")
    found = [each async for some in measured(sections, Plan(rounds=1, share=0.01)) for each in some]
    assert {each.section for each in found} == sections
    goals = {goal for goal in GOALS if goal[0] in sections}
    assert goals <= {(each.section, each.subject, each.measure) for each in found}
    assert all(each.value > 0 for each in found if each.section in {Section.RATES, Section.UNKNOWN, Section.UPLOAD})
    assert all(each.value > 0 for each in found if each.measure == STREAMED_RATIO)
    assert all(each.value < 5 for each in found if each.measure == SPILLED), "a mail of 10 MB that is not on disk"


async def test_a_section_can_be_measured_alone() -> None:
    """Without what the others need."""
    found = [each async for some in measured(frozenset({Section.UPLOAD}), Plan(rounds=2, share=0.01)) for each in some]
    assert {each.section for each in found} == {Section.UPLOAD}
    assert {each.rounds for each in found} == {2}


@pytest.mark.programs
@pytest.mark.timeout(120)
async def test_a_profile_names_the_functions_of_the_device() -> None:
    """The device runs under cProfile in a process of its own, and leaves what it saw at its end."""
    need("smtp-source", "smtp-sink")
    said = io.StringIO()
    Console(file=said, width=200).print(await profile(Plan(share=0.01)))
    assert "20 mails of 10 KB under cProfile" in said.getvalue()
    assert "device/smtp/" in said.getvalue()
