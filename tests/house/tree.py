"""Where the tree's own files are, for the house rules."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "device", ROOT / "cloud", ROOT / "lab", ROOT / "proto" / "atp")
GENERATED = ("_pb2", "_pb2_grpc")


def python_files(*folders: Path) -> Iterator[Path]:
    """Every written (not generated) Python file below the folders."""
    for folder in folders:
        yield from (
            path
            for path in sorted(folder.rglob("*.py"))
            if not path.stem.endswith(GENERATED) and ".venv" not in path.parts
        )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
