"""Where a command gets a secret from: a hidden prompt, standard input or a variable. Never from an argument.

What stands on a command line is in the shell's history, and every program of this machine can read it while the command
runs.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
import warnings

from batuta.cli.terminal import is_terminal
from batuta.errors import BadSettings
from batuta.vault.secret import Secret

MOST = 64 * 1024  # characters read from standard input; no key has a tenth of that
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*|[A-Za-z_][A-Za-z0-9_]{0,18}")  # as people name them
WHY_NOT = (
    "a key is not taken from the command line: it would stand in the shell's history, and every program here could "
    "read it while the command runs. Leave it out and type it when asked, or use --stdin or --from-env NAME. Treat the "
    "one you typed as known to others: make a new one at its provider, and delete this one there"
)


class KeyInArguments(BadSettings):
    """A key was written on the command line."""

    def __init__(self) -> None:
        super().__init__(WHY_NOT)


def read_secret(what: str, *, from_stdin: bool = False, from_env: str | None = None) -> Secret:
    """Return a secret.

    Args:
        what: what is asked for, as the prompt names it.
        from_stdin: read all of standard input, but for the end of its last line.
        from_env: name of a variable of this command.

    Raises:
        BadSettings: there is none, or nobody to ask.
        KeyInArguments: the name of the variable is none.
    """
    if from_stdin and from_env:
        raise BadSettings("--stdin and --from-env are two places for one key; name one")
    if from_env:
        value = os.environ.get(from_env, "")
        if not value.strip():
            if not _VARIABLE.fullmatch(from_env):
                raise KeyInArguments  # it is the key itself, and is not to be repeated
            raise BadSettings(f"the environment variable {from_env} is not set here, or is empty")
        return Secret(value)
    # The end of the line is not a part of it: a passphrase that was piped must be the one that can be typed.
    value = sys.stdin.read(MOST).rstrip("\r\n") if from_stdin else _asked(what)
    if not value.strip():
        where = "standard input was empty" if from_stdin else "nothing was typed"
        raise BadSettings(f"{where}; nothing was changed")
    return Secret(value)


def _asked(what: str) -> str:
    """Ask at the terminal without showing what is typed. Raises BadSettings where that cannot be."""
    if not is_terminal(sys.stdin):
        raise BadSettings("there is no terminal to type the key at; use --stdin, or --from-env NAME")
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{what} (not shown): ")
        except (getpass.GetPassWarning, EOFError):
            raise BadSettings("this terminal would show the key; use --stdin, or --from-env NAME") from None
