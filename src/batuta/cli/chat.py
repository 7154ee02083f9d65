"""`batuta chat`: a conversation in the terminal. What was said is kept for the session and nowhere else."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Annotated

import typer

from batuta.cli.client import GatewayClient, connect
from batuta.cli.door import door
from batuta.cli.escapes import one_line
from batuta.cli.loading import Loading
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.run import answer_json
from batuta.cli.talk import Piece, Turn
from batuta.cli.terminal import is_terminal, print_json_line, warn
from batuta.cli.views import listed
from batuta.cli.words import check, in_our_words
from batuta.errors import BatutaError

app = typer.Typer(add_completion=False)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Id of the model, or auto, brain, executor.", show_default=False)
]
HELP = """\
/model NAME   talk to another model (without NAME: say which one it is)
/models       list the models
/clear        forget what was said
/quit         leave; so does Ctrl-D
Ctrl-C stops an answer."""


@dataclass(slots=True)
class Session:
    """A conversation: with whom, and what was said."""

    client: GatewayClient
    model: str
    as_json: bool = False
    messages: list[dict[str, str]] = field(default_factory=list)

    def command(self, line: str) -> bool:
        """Do a `/command`; return False when it ends the session."""
        name, _, rest = line[1:].strip().partition(" ")
        match name:
            case "quit" | "exit" | "bye":
                return False
            case "clear":
                self.messages.clear()
                warn("Forgotten.")
            case "model":
                wanted = rest.strip() or self.model
                check(self.client, wanted)
                self.model = wanted
                warn(f"Talking to {one_line(self.model)}.")
            case "models":
                for model in listed(self.client.get("/manage/models"), "models"):
                    warn(f"{one_line(model.get('id'))}  {one_line(model.get('state'))}")
            case _:
                warn(HELP)
        return True

    def say(self, text: str) -> None:
        """Say `text` and show the answer. A turn that failed leaves no trace in the conversation."""
        turn = Turn(self.client, self.model, [*self.messages, {"role": "user", "content": text}])
        try:
            with in_our_words(self.client, self.model), Loading(self.client, self.model) as loading:
                self._show(turn, loading)
        except KeyboardInterrupt:
            warn("\n(stopped)")
        if turn.text:
            self.messages += [{"role": "user", "content": text}, {"role": "assistant", "content": turn.text}]
        if self.as_json:
            print_json_line(answer_json(turn))
        elif turn.finish and turn.remark:
            warn(f"({turn.remark})")

    def _show(self, turn: Turn, loading: Loading) -> None:
        writer = _Writer(has_colour=is_terminal(), is_silent=self.as_json)
        turn.on_note = loading.note
        try:
            for piece in turn.pieces():
                loading.stop()
                writer.write(piece)
        finally:
            writer.end()
        if turn.finish is None:
            warn(f"({turn.remark})")


class _Writer:
    """Writes an answer; thoughts are dim in a terminal, and left out of a pipe."""

    def __init__(self, *, has_colour: bool, is_silent: bool) -> None:
        self._has_colour = has_colour
        self._is_silent = is_silent
        self._is_dim = False
        self._last = "\n"

    def write(self, piece: Piece) -> None:
        """Show `piece` at once."""
        if self._is_silent or (piece.is_reasoning and not self._has_colour):
            return
        if piece.is_reasoning != self._is_dim:
            self._is_dim = piece.is_reasoning
            gap = "" if self._last.endswith("\n") else "\n"
            print("\x1b[2m" if self._is_dim else f"\x1b[0m{gap}", end="")
        self._last = piece.text
        print(piece.text, end="", flush=True)

    def end(self) -> None:
        """Close the answer: normal letters, a new line."""
        if self._is_dim:
            print("\x1b[0m", end="")
        if not self._last.endswith("\n"):
            print(flush=True)


@app.command()
def chat(model: Model = "auto", *, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """Talk to a model. /model NAME changes it, /clear forgets what was said, /quit leaves.

    With --json, each answer is one JSON object on a line.
    """
    with door(as_json=as_json):
        session = Session(connect(salvaged(data_dir), url), model, as_json)
        check(session.client, model)
        if is_terminal(sys.stdin):
            import readline  # noqa: F401  # gives input() its history and its editing keys

            warn(f"Talking to {one_line(model)}. /help lists the commands.")
        while (line := _read()) is not None:
            try:
                if line.startswith("/"):
                    if not session.command(line):
                        break
                elif line.strip():
                    session.say(line)
            except BatutaError as error:
                if not is_terminal(sys.stdin):
                    raise
                warn(f"batuta: {one_line(error.message)}")


def _read() -> str | None:
    """Return the next line; None at the end of the input."""
    while True:
        try:
            return input("> " if is_terminal(sys.stdin) and is_terminal() else "")
        except EOFError:
            if is_terminal(sys.stdin):
                print()
            return None
        except KeyboardInterrupt:
            warn("\n(Ctrl-D or /quit leaves)")
