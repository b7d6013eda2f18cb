"""YARA-X rules of our own: what is bad wherever it stands, in any kind of file. The rules lie in rules/*.yar.

Each rule states in its meta what it means: `sign` (the evidence's name), `weight` (0 to 10) and `sentence`.
"""

from collections.abc import Iterator
from functools import cached_property
from importlib import resources
from typing import Any, Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding, Sign

_SECONDS: Final = 10
"""The longest that one file may be searched."""


class SignatureAnalyzer:
    """Searches files for the rules. Compiles them when the first file comes, once in each worker."""

    name = "signature"

    def wants(self, file: File) -> bool:
        return bool(file.content)

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        budget.check_time()
        for rule in self._scanner.scan(file.content).matching_rules:
            meta = dict(rule.metadata)
            yield Sign(str(meta["sign"]), int(meta["weight"]), str(meta["sentence"]))

    @cached_property
    def _scanner(self) -> Any:
        import yara_x  # noqa: PLC0415 - 30 MB that only workers should pay for

        compiler = yara_x.Compiler()
        for name, text in rule_texts():
            compiler.new_namespace(name)
            compiler.add_source(text)
        scanner = yara_x.Scanner(compiler.build())
        scanner.set_timeout(_SECONDS)
        return scanner


def rule_texts() -> Iterator[tuple[str, str]]:
    """Our rules: each file's name and its text, in order of name."""
    folder = resources.files("cloud.analyzers") / "rules"
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".yar"):
            yield entry.name, entry.read_text("utf-8")
