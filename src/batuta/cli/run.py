"""`batuta run`: one question, one answer on stdout."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from batuta.cli.client import connect
from batuta.cli.door import FAILED, door
from batuta.cli.loading import Loading
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.talk import Turn
from batuta.cli.terminal import print_json, warn
from batuta.cli.words import in_our_words
from batuta.errors import BadSettings

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, or auto, brain, executor.", show_default=False)
]
Prompt = Annotated[
    list[str], typer.Argument(metavar="TEXT", help="What to say to it; - reads standard input.", show_default=False)
]
System = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Instructions that come before the prompt.", show_default=False)
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="Longest answer, in tokens.", min=1, show_default=False)
]


@app.command()
def run(
    model: Model,
    prompt: Prompt,
    *,
    system: System = None,
    max_tokens: MaxTokens = None,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model one thing; the answer goes to stdout as it comes. Loading shows on stderr."""
    with door(as_json=as_json):
        text = prompt_text(prompt)
        messages = [{"role": "system", "content": system}] if system else []
        client = connect(salvaged(data_dir), url)
        options: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        if as_json:
            options["stream_options"] = {"include_usage": True}
        turn = Turn(client, model, [*messages, {"role": "user", "content": text}], options)
        with in_our_words(client, model), Loading(client, model) as loading:
            _print_answer(turn, loading, is_silent=as_json)
        if as_json:
            print_json(answer_json(turn))
        if turn.remark:
            warn(f"batuta: {turn.remark}")
        if turn.finish is None:
            raise typer.Exit(FAILED)


def prompt_text(words: list[str]) -> str:
    """Return the prompt: the words, with standard input where one of them is `-`."""
    text = " ".join(sys.stdin.read() if word == "-" else word for word in words)
    if not text.strip():
        raise BadSettings("the prompt is empty; say something, or pipe it in with `-`")
    return text


def answer_json(turn: Turn) -> dict[str, Any]:
    """Return the answer for a script."""
    return {"model": turn.model, "text": turn.text, "finish": turn.finish, "usage": turn.usage}


def _print_answer(turn: Turn, loading: Loading, *, is_silent: bool) -> None:
    last = ""
    turn.on_note = loading.note
    for piece in turn.pieces():
        loading.stop()
        if not is_silent and not piece.is_reasoning:
            last = piece.text
            print(last, end="", flush=True)
    if last and not last.endswith("\n"):
        print()
