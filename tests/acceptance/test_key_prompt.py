"""At a real terminal: a key that is typed is not on the screen."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

pytestmark = pytest.mark.acceptance
SECRET = "sk-test-not-a-key-0123456789"
SCRIPT = "from batuta.cli.key_input import read_secret; print('read', len(read_secret('Key of openai').reveal()))"


def test_what_is_typed_is_not_shown() -> None:
    """At a terminal the key is asked for, and the screen keeps its secret."""
    main, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=other, stdout=other, stderr=other, start_new_session=True
    ) as process:
        os.close(other)
        screen = b""
        while b"(not shown): " not in screen:
            screen += os.read(main, 1024)
        os.write(main, f"{SECRET}\n".encode())
        process.wait(10)
        while chunk := _rest(main):
            screen += chunk
    os.close(main)
    assert f"read {len(SECRET)}".encode() in screen
    assert SECRET.encode() not in screen


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:  # the other side is closed
        return b""
