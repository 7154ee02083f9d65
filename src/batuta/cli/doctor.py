"""`batuta doctor`: examine the machine and the installation, with or without a gateway."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from batuta.cli.door import FAILED, door
from batuta.cli.escapes import one_line
from batuta.cli.options import AsJson, DataDir, place
from batuta.cli.terminal import is_terminal, print_json

if TYPE_CHECKING:
    from batuta.cli.checks.findings import Finding
    from batuta.settings import Settings

app = typer.Typer(add_completion=False)
_MARKS = {"ok": ("+", "32"), "note": ("-", "2"), "warning": ("!", "33"), "broken": ("x", "1;31")}


@app.command()
def doctor(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Examine this machine and this installation, and say what to do next.

    The exit code is 1 when something is broken. Keys are told by name only.
    """
    with door(as_json=as_json):
        from batuta.settings import salvage_settings

        settings, problem = salvage_settings(place(data_dir))
        findings = examine(settings, os.environ, problem)
        steps = next_steps(findings, settings)
        is_broken = any(finding.health == "broken" for finding in findings)
        if as_json:
            print_json({"healthy": not is_broken, "findings": [item.to_json() for item in findings], "next": steps})
        else:
            print("\n".join(report(findings, steps, has_colour=is_terminal() and not os.environ.get("NO_COLOR"))))
        if is_broken:
            raise typer.Exit(FAILED)


def examine(settings: Settings, environ: Mapping[str, str], problem: str | None = None) -> list[Finding]:
    """Run every check. `problem`: what is wrong with the settings, which then are those without it."""
    # Imported here: the loader's and the probes' modules take longer than all the rest of the command line.
    from batuta.cli.checks import engines, files, gateway, installation, machine, servers

    asked = gateway.client(settings)
    checks: Sequence[Callable[[], Iterable[Finding]]] = (
        machine.versions,
        lambda: installation.settings_file(environ, problem),
        lambda: installation.data_folder(settings),
        lambda: installation.database(settings),
        lambda: installation.gateway(settings),
        lambda: machine.memory(settings),
        lambda: engines.engines(settings),
        lambda: gateway.servers(asked) if asked else servers.servers(settings),
        lambda: files.own_folders(settings),
        lambda: gateway.problems(asked) if asked else files.named_models(settings),
        lambda: files.other_folders(settings, environ),
        lambda: engines.keys(environ, settings),
        machine.isolation,
    )
    return [finding for check in checks for finding in check()]


def report(findings: Sequence[Finding], steps: Sequence[str], *, has_colour: bool) -> list[str]:
    """Return the report's lines."""
    lines: list[str] = []
    for area, found in groupby(findings, lambda finding: finding.area):
        members = list(found)
        width = max(len(one_line(finding.name)) for finding in members)
        lines.append(f"\n{area}" if lines else area)
        for finding in members:
            mark, colour = _MARKS[finding.health]
            shown = f"\x1b[{colour}m{mark}\x1b[0m" if has_colour else mark
            lines.append(f"  {shown} {one_line(finding.name):<{width}}  {one_line(finding.text)}")
    return [*lines, "", "what to do next", *(f"  {one_line(step)}" for step in steps)]


def next_steps(findings: Sequence[Finding], settings: Settings) -> list[str]:
    """Return what to do, the most urgent first: what is broken, else what is wrong, else how to begin."""
    broken = [item.advice for item in findings if item.advice and item.health == "broken"]
    wrong = [item.advice for item in findings if item.advice and item.health == "warning"]
    urgent = list(dict.fromkeys([*broken, *wrong]))[:2]
    if broken:
        return urgent
    if url := next((item.data["url"] for item in findings if item.data.get("url")), None):
        return [f"Open {url}", *urgent[:1]]
    can_answer = any(item.data.get("models") or item.data.get("running") for item in findings)
    has_keys = any(item.area == "keys" and item.data.get("names") for item in findings)
    begin = "Start Batuta: batuta up"
    if not can_answer and not has_keys:
        begin = f"Put a .gguf file into {settings.model_roots[0]}, or start Ollama or LM Studio; then: batuta up"
    return [begin, *urgent[:1]]
