"""Broken programs with the error they really give, for starter-coder to mend. Breaks the programs of the kinds.

Each way of breaking is a function (program, random numbers) -> broken program, or None where it does not apply. The
error text is what Python says when the broken program is run, never one of our own.
"""

from __future__ import annotations

import contextlib
import io
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

Break = Callable[[str, Random], str | None]

ASK: Mapping[str, tuple[str, ...]] = {
    "en": (
        "(Fix|Repair|Correct) this (program|code|script|Python code):\n{program}\n(Error|It says): {error}",
        "This (program|code|script) (fails|does not work|gives an error|crashes):\n{program}\n{error}",
        "(I get|I got|There is) (this|an) error: {error}\n(Please |)(fix|correct|repair) (it|the code|my program):\n{program}",  # noqa: E501
        "{program}\n{error}\n(Can you fix it|How do I fix this|What is wrong|Fix it)?",
        "(My|The) (code|program) (stopped|broke|failed) with {error}\n{program}",
        "(Debug|Mend) this:\n{program}\n{error}",
    ),
    "pt": (
        "(Corrija|Conserte|Arrume) este (programa|código|script):\n{program}\n(Erro|Ele diz|O erro é): {error}",
        "Este (programa|código|script) (falha|não funciona|dá erro|quebra):\n{program}\n{error}",
        "(Recebo|Recebi|Apareceu) (este|um) erro: {error}\n(Por favor, |)(corrija|conserte|arrume) (o código|meu programa):\n{program}",  # noqa: E501
        "{program}\n{error}\n(Pode consertar|Como corrijo isso|O que está errado|Corrija)?",
        "(Meu|O) (código|programa) (parou|quebrou|falhou) com {error}\n{program}",
        "(Depure|Arrume) isto:\n{program}\n{error}",
    ),
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A program that fails, what Python says of it, and how it should be."""

    program: str
    error: str
    mended: str


def broken(program: str, rng: Random) -> Broken | None:
    """Break the program in one way that makes it fail; None if none of a few tries does."""
    for _ in range(4):
        way = rng.choice(WAYS)
        damaged = way(program, rng)
        if damaged is not None and damaged != program and (error := error_of(damaged)) is not None:
            return Broken(damaged, error, program)
    return None


def error_of(program: str) -> str | None:
    """Return the last line of the traceback of a program; None when it runs. Only for programs of our own."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), _limited(0.5):
            exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102  # ours, from templates
    except _TooLongError:
        return None
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the result
        return f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    return None


class _TooLongError(BaseException):
    """A loop that was broken may never end. No `except` of a program catches this."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End what runs here after some seconds. Only in the main thread."""

    def stop(*_: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _without_colon(program: str, rng: Random) -> str | None:
    return _change_line(program, rng, lambda line: line[:-1] if line.endswith(":") else None)


def _without_bracket(program: str, rng: Random) -> str | None:
    return _change_line(program, rng, lambda line: line[:-1] if line.endswith(")") else None)


def _without_indent(program: str, rng: Random) -> str | None:
    lines = program.splitlines()
    at = [i for i in range(1, len(lines)) if lines[i - 1].endswith(":") and lines[i].startswith("    ")]
    if not at:
        return None
    chosen = rng.choice(at)
    lines[chosen] = lines[chosen].lstrip()
    return "\n".join(lines) + "\n"


def _without_import(program: str, rng: Random) -> str | None:
    lines = program.splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith(("import ", "from "))]
    if not at:
        return None
    del lines[rng.choice(at)]
    return "\n".join(lines).lstrip("\n") + "\n"


_ASSIGNED = re.compile(r"^\s*(\w{4,}) = |^def (\w{4,})\(|^\s*for (\w{4,}) in ", re.MULTILINE)


def _misspelled(program: str, rng: Random) -> str | None:
    names = sorted({next(group for group in match.groups() if group) for match in _ASSIGNED.finditer(program)})
    uses = [m for name in names for m in list(re.finditer(rf"(?<![\w.\"]){name}(?![\w\"=])", program))[1:]]
    if not uses:
        return None
    use = rng.choice(uses)
    name = use.group(0)
    at = rng.randrange(1, len(name) - 1)
    wrong = name[:at] + name[at + 1 :] if rng.random() < 0.6 else name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return program[: use.start()] + wrong + program[use.end() :]


def _one_equals(program: str, rng: Random) -> str | None:
    return _change_line(
        program,
        rng,
        lambda line: line.replace(" == ", " = ", 1) if line.lstrip().startswith(("if ", "while ")) else None,
    )


def _open_string(program: str, rng: Random) -> str | None:
    def change(line: str) -> str | None:
        at = line.rfind('"')
        return line[:at] + line[at + 1 :] if line.count('"') == 2 else None

    return _change_line(program, rng, change)


def _print_statement(program: str, rng: Random) -> str | None:
    def change(line: str) -> str | None:
        bare = line.strip()
        if not (bare.startswith("print(") and bare.endswith(")")) or bare.startswith("print()"):
            return None
        return line[: len(line) - len(bare)] + "print " + bare[6:-1]

    return _change_line(program, rng, change)


METHODS = {
    ".append(": ".add(",
    ".upper(": ".uppercase(",
    ".lower(": ".lowercase(",
    ".split(": ".splits(",
    ".join(": ".joined(",
    ".items(": ".pairs(",
    ".replace(": ".replaced(",
    ".strip(": ".trim(",
    ".sort(": ".sorted(",
    ".count(": ".counts(",
    ".pop(": ".remove_last(",
}


def _wrong_method(program: str, rng: Random) -> str | None:
    found = [right for right in METHODS if right in program]
    if not found:
        return None
    right = rng.choice(found)
    return program.replace(right, METHODS[right], 1)


def _one_too_far(program: str, rng: Random) -> str | None:
    found = list(re.finditer(r"range\((len\(\w+\))\)", program))
    if not found:
        return None
    match = rng.choice(found)
    return program[: match.start(1)] + match.group(1) + " + 1" + program[match.end(1) :]


def _change_line(program: str, rng: Random, change: Callable[[str], str | None]) -> str | None:
    lines = program.splitlines()
    changed = [(i, new) for i, line in enumerate(lines) if (new := change(line)) is not None and new != line]
    if not changed:
        return None
    at, new = rng.choice(changed)
    lines[at] = new
    return "\n".join(lines) + "\n"


WAYS: tuple[Break, ...] = (
    _without_colon,
    _without_bracket,
    _without_indent,
    _without_import,
    _misspelled,
    _misspelled,
    _one_equals,
    _open_string,
    _print_statement,
    _wrong_method,
    _one_too_far,
)
