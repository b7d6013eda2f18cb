"""How the demo is told: each step as it happens, then a table; Rich on a terminal, plain lines elsewhere, JSON on request."""

import json

from rich.console import Console
from rich.table import Table

from lab.demo.step import Step


class Telling:
    """Tells steps to a person. With JSON the person's lines go to standard error, and the object alone to standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=as_json, highlight=False)
        self._steps: list[Step] = []

    def say(self, text: str) -> None:
        """A line beside the steps."""
        self._console.print(text, style="dim", markup=False)

    def step(self, step: Step) -> None:
        """A step is done."""
        self._steps.append(step)
        mark, style = ("ok", "green") if step.ok else ("FAILED", "bold red")
        self._console.print(f"{mark:>6}", style=style, end="  ")
        self._console.print(f"{step.name}: {step.seen}", markup=False)

    def end(self) -> bool:
        """The table of what was expected and seen; whether all of it held."""
        table = Table(title="The round trip", show_lines=False)
        for column in ("Step", "Expected", "Seen", ""):
            table.add_column(column, overflow="fold")
        for step in self._steps:
            style = "green" if step.ok else "bold red"
            table.add_row(step.name, step.expected, step.seen, "held" if step.ok else "FAILED", style=style)
        self._console.print(table)
        held = bool(self._steps) and all(step.ok for step in self._steps)
        if self._as_json:
            print(json.dumps({"ok": held, "steps": [step.to_json() for step in self._steps]}))
        return held

    def ready(self, addresses: dict[str, str], lines: list[str]) -> None:
        """Everything runs and stays: where it is, and how to send mail through it."""
        for name, address in addresses.items():
            self._console.print(f"  {name:<8} {address}", markup=False)
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)
        if self._as_json:
            print(json.dumps(addresses), flush=True)
