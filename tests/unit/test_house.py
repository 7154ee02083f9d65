"""The rules of the house that no linter knows, read from the source tree itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from batuta.lifecycle.states import TRANSITIONS
from tools.check_tree import ROOT, tracked_files
from tools.diagram import PAGE, draw

SOURCE = ROOT / "src/batuta"
LONGEST_FILE = 600  # lines; the usual file has 100 to 200
LONGEST_FUNCTION = 80  # lines; the usual function has under 15

# Packages of pure decisions, and the files in them that may wait.
PURE = {"lifecycle": {"runner.py", "observer.py"}, "routing": set[str](), "chat": set[str](), "usage": {"recorder.py"}}

# Where everything may be caught, because nobody is left above to catch it.
DOORS = {
    "cli/door.py": "command: an unknown error is shown whole, as a fault of ours, with a word on where to report it",
    "loader/engines/llamacpp.py": "process: why the engine refused goes to the loader before the child ends",
    "loader/engines/hf/turns.py": "request: one conversation that fails must not end the others",
    "loader/engines/transformers.py": "process: why the engine refused goes to the loader before the child ends",
    "loader/server.py": "request: one bad request must not take the models with it",
    "tasks.py": "process: what background tasks die of while their owner closes was reported when it happened",
    "web/dispatch.py": "request: an unknown error becomes a 500 with an id",
}

UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
# Written in pieces, so that this file does not name what no file may name.
INDEXES = ("pypi" + ".org", "python" + "hosted", "registry.npm" + "js")
WORKPLACE = "/wo" + "rk/"
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".in",
    ".cfg",
    ".ini",
    ".html",
    ".css",
    ".js",
    ".json",
    ".po",
    ".yml",
    ".yaml",
    "",
}
STATEMENT_CALLS = {"execute", "executemany", "executescript", "exec_driver_sql", "text", "scalars", "scalar"}
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}

SOURCES = sorted(SOURCE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def repository() -> tuple[Path, ...]:
    return tuple(tracked_files())


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def violations(find: Callable[[ast.AST], str | None], paths: list[Path]) -> Iterator[str]:
    for path in paths:
        for node in ast.walk(tree(path)):
            if what := find(node):
                yield f"{name(path)}:{getattr(node, 'lineno', 0)}: {what}"


def test_decisions_never_wait() -> None:
    """The packages that decide hold no coroutine: only lifecycle/runner.py and observer.py await."""
    pure = [
        path
        for package, may_wait in PURE.items()
        for path in (SOURCE / package).rglob("*.py")
        if path.name not in may_wait
    ]
    waits = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    assert not list(violations(lambda node: "waits" if isinstance(node, waits) else None, pure))
    assert pure


def test_each_module_says_what_it_is_for() -> None:
    """Every module with code opens with its purpose."""
    silent = [name(path) for path in SOURCES if tree(path).body and not ast.get_docstring(tree(path))]
    assert not silent


def test_files_and_functions_stay_readable() -> None:
    """No file and no function grows beyond what one person reads in one go."""
    long = [f"{name(path)}: {lines}" for path in SOURCES if (lines := _lines(path)) > LONGEST_FILE]

    def too_long(node: ast.AST) -> str | None:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.end_lineno is None:
            return None
        lines = node.end_lineno - node.lineno + 1
        return f"{node.name} has {lines} lines" if lines > LONGEST_FUNCTION else None

    assert not long + list(violations(too_long, SOURCES))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def catches_all(node: ast.AST) -> str | None:
    """Say whether a handler, or `suppress`, takes every error; cleaning up and raising again is no catching."""
    if isinstance(node, ast.ExceptHandler):
        if node.type is None:
            return "bare except"
        names = _names(node.type)
        passes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        if "Exception" in names or ("BaseException" in names and not passes_on):
            return "catches everything"
    if isinstance(node, ast.Call) and _names(node.func) == {"suppress"}:
        caught = set().union(*(_names(argument) for argument in node.args))
        return "suppresses everything" if caught & {"Exception", "BaseException"} else None
    return None


def test_everything_is_caught_only_at_the_doors() -> None:
    """`except Exception` stands where a request, a command or a process ends, and nowhere else."""
    inside = [path for path in SOURCES if name(path) not in DOORS]
    assert not list(violations(catches_all, inside))


@pytest.mark.parametrize("door", sorted(DOORS))
def test_each_door_is_one(door: str) -> None:
    """The list of doors names files that are there and do catch everything."""
    assert list(violations(catches_all, [SOURCE / door]))


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Tuple):
        return set().union(*(_names(part) for part in node.elts))
    if isinstance(node, ast.Attribute):
        return {node.attr}
    return {node.id} if isinstance(node, ast.Name) else set()


def test_data_from_elsewhere_is_never_code() -> None:
    """Nothing that can run code on being read is read: no pickle, marshal, shelve or torch.load; no eval, no exec."""

    def unsafe(node: ast.AST) -> str | None:
        if isinstance(node, ast.Import):
            found = {alias.name.split(".")[0] for alias in node.names} & UNSAFE_MODULES
            return f"imports {found}" if found else None
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            return f"imports {node.module}"
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                return f"calls {node.func.id}"
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "torch.load":
                return "calls torch.load"
        return None

    assert not list(violations(unsafe, SOURCES))


def test_statements_take_parameters() -> None:
    """No text is formatted into a statement that a database executes."""

    def formatted(node: ast.AST) -> str | None:
        if not isinstance(node, ast.Call) or not node.args or not _names(node.func) & STATEMENT_CALLS:
            return None
        first = node.args[0]
        if isinstance(first, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in first.values):
            return "f-string in a statement"
        if isinstance(first, ast.BinOp) and any(
            isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (first.left, first.right)
        ):
            return "text joined into a statement"
        if isinstance(first, ast.Call) and isinstance(first.func, ast.Attribute) and first.func.attr == "format":
            return "format() in a statement"
        return None

    in_data = [path for path in SOURCES if name(path).startswith(("catalog/", "vault/", "web/", "gateway/", "app.py"))]
    assert not list(violations(formatted, in_data))


def _texts() -> Iterator[tuple[Path, str]]:
    for path in repository():
        if path.suffix in TEXT and "vendor" not in path.parts:
            yield path, (ROOT / path).read_text(encoding="utf-8", errors="replace")


def test_nothing_is_left_unfinished() -> None:
    """No mark in the tree says that something is still to be done, and no function of ours is a stub."""
    marked = [str(path) for path, text in _texts() if UNFINISHED.search(text)]

    def stub(node: ast.AST) -> str | None:
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            return "raises NotImplementedError" if _names(raised) == {"NotImplementedError"} else None
        return None

    assert not marked + list(violations(stub, SOURCES))


def test_the_tree_names_no_package_index_and_no_workplace() -> None:
    """No tracked file, vendored ones included, says where packages come from or where somebody's checkout lies."""
    found = []
    for path in repository():
        data = (ROOT / path).read_bytes()
        found += [f"{path}: {word}" for word in (*INDEXES, WORKPLACE) if word.encode() in data]
    assert not found


def test_each_test_folder_is_a_package() -> None:
    """Two test files may have one name in different folders, because every folder of tests is a package."""
    folders = {path.parent for path in repository() if path.parts[0] == "tests" and path.suffix == ".py"}
    assert not [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()]


def test_the_diagram_is_the_table() -> None:
    """The documented states are those of the code."""
    assert PAGE.read_text(encoding="utf-8") == draw(TRANSITIONS), "run `.venv/bin/python tools/diagram.py`"
