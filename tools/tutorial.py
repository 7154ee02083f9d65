"""Runs the tutorial as a reader would and renews what it shows. Knows the page's marks, nothing of Batuta's inside.

Marks in docs/tutorial/first-answer.md:

    ```console run        lines that start with `$ ` are commands (`> ` continues one), the rest is what they answer
    ```python run         a script; what it prints is in the ```text block that follows
    ```console            not run: it needs a person, or would take the reader's machine for its own

`python tools/tutorial.py --write` starts Batuta with a tiny model, runs every step and writes the real answers into
the page. The test runs the same steps and compares shapes, because the words of a random model mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/tutorial/first-answer.md"
MODEL = "tiny"
SHOWN_URL = "http://127.0.0.1:22888"
LISTENING = re.compile(r"Batuta is listening on (http://\S+)")
START_LIMIT_S = 90.0
APPEAR_LIMIT_S = 20.0  # twice what is promised
STEP_LIMIT_S = 120.0
LONGEST_STREAM = 8  # lines the page shows of one; the middle of a longer one is left out
LEFT_OUT = "..."

_BLOCK = re.compile(
    r"^```(?P<kind>console|python) run\n(?P<body>.*?)^```\n(?:\n```text\n(?P<text>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One command or script and the answer that the page shows for it."""

    kind: str
    source: str
    answer: str


@dataclass(frozen=True, slots=True)
class Running:
    """A Batuta of the tutorial's own: where it listens and where it keeps its data."""

    url: str
    data_dir: Path


# --- the page ------------------------------------------------------------------------------------------------------


def console_steps(body: str) -> list[Step]:
    """Split a console block into its commands, each with the lines that answer it."""
    steps: list[Step] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            steps.append(Step("console", line[2:], ""))
        elif steps and line.startswith("> ") and not steps[-1].answer:
            steps[-1] = Step("console", f"{steps[-1].source}\n{line[2:]}", "")
        elif steps:
            steps[-1] = Step("console", steps[-1].source, f"{steps[-1].answer}{line}\n")
    return steps


def steps_of(page: str) -> list[Step]:
    """Return every runnable step of the page, in order."""
    steps: list[Step] = []
    for block in _BLOCK.finditer(page):
        if block["kind"] == "console":
            steps += console_steps(block["body"])
        else:
            steps.append(Step("python", block["body"], block["text"] or ""))
    return steps


def rewrite(page: str, answers: list[str]) -> str:
    """Return the page with the answers of its steps, in order, in place of those it shows."""
    queue = iter(answers)

    def renew(block: re.Match[str]) -> str:
        if block["kind"] == "python":
            return f"```python run\n{block['body']}```\n\n```text\n{shorten(next(queue))}```\n"
        lines = []
        for step in console_steps(block["body"]):
            first, *more = step.source.split("\n")
            lines += [f"$ {first}\n", *(f"> {line}\n" for line in more), shorten(next(queue))]
        return f"```console run\n{''.join(lines)}```\n"

    return _BLOCK.sub(renew, page)


def shorten(answer: str) -> str:
    """Return an answer as the page shows it: no empty lines, the middle of a long event stream left out."""
    lines = [line.rstrip() for line in answer.splitlines() if line.strip()]
    if len(lines) > LONGEST_STREAM and any(line.startswith("data: ") for line in lines):
        lines = [*lines[: LONGEST_STREAM - 4], LEFT_OUT, *lines[-3:]]
    return "".join(f"{line}\n" for line in lines)


# --- running -------------------------------------------------------------------------------------------------------


@contextmanager
def batuta() -> Iterator[Running]:
    """Start `batuta up` with a tiny model in a folder of its own; stop it and remove the folder afterwards."""
    from batuta.testing.gguf import tiny_gguf

    folder = Path(tempfile.mkdtemp(prefix="batuta-tutorial-"))
    (folder / "models").mkdir()
    tiny_gguf(folder / "models" / f"{MODEL}.gguf")
    options = ["--port", "0", "--no-browser", "--no-discover", "--no-starter"]
    log = folder / "up.log"
    try:
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: S603  # our own command, fixed words
                [str(_bin() / "batuta"), "up", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(folder),
                cwd=ROOT,
            )
        try:
            url = _wait_for_url(process, log)
            _wait_for_model(url)
            yield Running(url, folder)
        finally:
            _stop(process, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bin() -> Path:
    return Path(sys.executable).parent


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which every command finds the tutorial's Batuta and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATUTA_")}
    for name in ("DEFAULT_MODEL", "EXECUTOR_MODEL", "MODEL_PATH", "OLLAMA_BASE_URL", "LMSTUDIO_BASE_URL"):
        kept.pop(name, None)
    return {
        **kept,
        "BATUTA_DATA_DIR": str(folder),
        "BATUTA_CONFIG": str(folder / "config.toml"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }


def _wait_for_url(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        if match := LISTENING.search(log.read_text(errors="replace")):
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(f"batuta up did not listen (exit {process.poll()}):\n{log.read_text(errors='replace')}")


def _wait_for_model(url: str) -> None:
    """Return when the model has appeared in the list: a reader has taken longer to open a second terminal."""
    end = time.monotonic() + APPEAR_LIMIT_S
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{url}/v1/models", timeout=10) as answer:  # noqa: S310  # our own loopback address
            if any(item["id"] == MODEL for item in json.load(answer)["data"]):
                return
        time.sleep(0.1)
    raise RuntimeError(f"the model {MODEL} did not appear within {APPEAR_LIMIT_S:.0f} s")


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    down = [str(_bin() / "batuta"), "down"]
    try:
        subprocess.run(  # noqa: S603  # our own command, fixed words
            down, env=environment(folder), cwd=ROOT, capture_output=True, timeout=60, check=False
        )
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_step(step: Step, at: Running) -> str:
    """Run one step and return what it printed, with the address that the page shows.

    Raises:
        RuntimeError: the step failed; the message holds what it printed.
    """
    source = step.source.replace(SHOWN_URL, at.url).replace(".venv/bin/", f"{_bin()}/")
    command = ["bash", "-c", source] if step.kind == "console" else [sys.executable, "-c", source]
    done = subprocess.run(  # noqa: S603  # the tutorial's own commands
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(at.data_dir),
        cwd=ROOT,
        timeout=STEP_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {step.source}\n{done.stdout}{done.stderr}")
    return done.stdout.replace(at.url, SHOWN_URL).replace(str(at.data_dir), "~/.local/share/batuta")


# --- shapes --------------------------------------------------------------------------------------------------------


def misfit(shown: str, got: str) -> str | None:
    """Return how the real answer differs in shape from the one the page shows; None when it does not.

    JSON and event streams: every field that is shown is there, with a value of the same type. Header lines: the
    same names. Anything else: both say something, or both say nothing.
    """
    shown_events, got_events = _events(shown), _events(got)
    if shown_events:
        for event in shown_events:
            if not any(_fits(event, other) for other in got_events):
                return f"no event of the answer looks like {json.dumps(event)}"
        return None
    shown_value, got_value = _json(shown), _json(got)
    if shown_value is not None:
        return None if _fits(shown_value, got_value) else f"expected the fields of {shown!r}, got {got!r}"
    for line in shown.splitlines():
        if (header := re.match(r"x-batuta-[a-z-]+:", line)) and header[0] not in got:
            return f"the header {header[0]} is missing from {got!r}"
    return None if bool(shown.strip()) == bool(got.strip()) else f"expected {shown!r}, got {got!r}"


def _events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _fits(shown: Any, got: Any) -> bool:
    if shown is None or got is None:
        return True  # a field that may be empty
    if isinstance(shown, dict):
        return isinstance(got, dict) and all(key in got and _fits(value, got[key]) for key, value in shown.items())
    if isinstance(shown, list):
        return isinstance(got, list) and (not shown or not got or _fits(shown[0], got[0]))
    if isinstance(shown, bool) or isinstance(got, bool):
        return isinstance(shown, bool) and isinstance(got, bool)
    if isinstance(shown, int | float):
        return isinstance(got, int | float)
    return isinstance(got, str)


def model_file() -> Path:
    """Return the path of the tiny model in the models folder of the reader's own Batuta; makes the folder."""
    from batuta.settings import load_settings

    folder = load_settings()[0].model_roots[0]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{MODEL}.gguf"


def main() -> int:
    """Run every step; with --write put the answers into the page, otherwise say where shapes differ."""
    parser = argparse.ArgumentParser(description="Run the tutorial.")
    parser.add_argument("--write", action="store_true", help="write the real answers into the page")
    parser.add_argument("--model-file", action="store_true", help="only print where `make tiny` puts its model")
    asked = parser.parse_args()
    if asked.model_file:
        sys.stdout.write(f"{model_file()}\n")
        return 0
    write = asked.write
    page = PAGE.read_text(encoding="utf-8")
    steps = steps_of(page)
    with batuta() as at:
        answers = [run_step(step, at) for step in steps]
    if write:
        PAGE.write_text(rewrite(page, answers), encoding="utf-8")
        return 0
    pairs = zip(steps, answers, strict=True)
    found = [f"{step.source}\n  {why}" for step, answer in pairs if (why := misfit(step.answer, answer))]
    sys.stdout.write("\n".join([*found, f"tutorial: {len(steps)} steps, {len(found)} differ"]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
