"""The one place where a command's errors become a message and an exit code. No traceback for what is expected.

0  done
1  it failed: the message says why
2  the command line or a setting is wrong
3  no gateway is running
130  interrupted at the keyboard
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from batuta.cli.escapes import strip_escapes
from batuta.errors import BadSettings, BatutaError, CallerError, HostError

FAILED = 1
WRONG_USE = 2
NO_GATEWAY = 3
INTERRUPTED = 130
BUG = (
    "this is a fault in Batuta, not in what you did. The lines above say where; please report them as CONTRIBUTING.md "
    "tells. Nothing that was saved is lost."
)


class NoGateway(HostError):
    """No gateway runs on this data folder, or it cannot be reached."""

    code = "no_gateway"


def exit_code(error: BatutaError) -> int:
    """Return the exit code that tells a script what kind of error it was."""
    if isinstance(error, NoGateway):
        return NO_GATEWAY
    if isinstance(error, BadSettings):
        return WRONG_USE
    return FAILED


def message(error: BatutaError) -> str:
    """Return the error for a terminal: what happened, then what can be done."""
    text = error.message
    if error.suggestion and error.suggestion not in text:
        what = "try the model" if isinstance(error, CallerError) or error.model else "try"
        text = f"{text}\n{what} {error.suggestion}"
    return strip_escapes(text)


@contextmanager
def door(*, as_json: bool = False) -> Iterator[None]:
    """Run a command's body; report its errors on stderr, or as JSON on stdout, and leave with the right code."""
    try:
        yield
    except BatutaError as error:
        _report(error, as_json=as_json)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception:  # noqa: BLE001  # door 2 of 3: a command
        print(f"{traceback.format_exc()}\nbatuta: {BUG}", file=sys.stderr, flush=True)
        raise typer.Exit(FAILED) from None


def _report(error: BatutaError, *, as_json: bool) -> None:
    if as_json:
        import json

        code = error.details.get("code") or error.code  # what the gateway called it, where it was the gateway's error
        details = {"code": code, "message": error.message, "model": error.model, "suggestion": error.suggestion}
        print(json.dumps({"event": "error", "error": {k: v for k, v in details.items() if v is not None}}), flush=True)
    else:
        print(f"batuta: {message(error)}", file=sys.stderr, flush=True)
