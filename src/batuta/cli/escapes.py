"""Takes terminal escapes out of text that came from a model or a server. Knows nothing of terminals.

A model's words are shown, never obeyed: an escape sequence could hide text, retitle the window or write to the
clipboard.
"""

from __future__ import annotations

import re
from enum import Enum, auto

MAX_SEQUENCE = 256  # characters; a longer "sequence" is text that someone wants hidden
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class _In(Enum):
    TEXT = auto()
    ESCAPE = auto()  # after ESC
    CSI = auto()  # ESC [ parameters, until a final byte
    STRING = auto()  # ESC ] P X ^ _ until BEL, ST or the end of the line


class EscapeStripper:
    """Strips a stream of text pieces; a sequence that is split over pieces is still found."""

    def __init__(self) -> None:
        self._state = _In.TEXT
        self._length = 0

    def feed(self, text: str) -> str:
        """Return what of `text` may be shown: no escape sequence, no control character but tab and line feed."""
        if self._state is _In.TEXT and not _HIDDEN.search(text):
            return text
        return "".join([char for char in text if self._shows(char)])

    def _shows(self, char: str) -> bool:
        self._length += 1
        if self._state is _In.TEXT:
            self._enter({"\x1b": _In.ESCAPE, "\x9b": _In.CSI, "\x90": _In.STRING, "\x9d": _In.STRING}.get(char))
            return not _HIDDEN.match(char)
        if char == "\n" or self._length > MAX_SEQUENCE:
            self._state = _In.TEXT
            return not _HIDDEN.match(char)
        if char == "\x1b":
            self._enter(_In.ESCAPE)
        elif self._state is _In.ESCAPE:
            # 1. ESC [ opens a control sequence, ESC ] P X ^ _ a string; 2. an intermediate byte goes on; 3. others end.
            if char in "[]PX^_":
                self._enter(_In.CSI if char == "[" else _In.STRING)
            elif not " " <= char <= "/":
                self._state = _In.TEXT
        elif self._ends(char):
            self._state = _In.TEXT
        return False

    def _enter(self, state: _In | None) -> None:
        if state is not None:
            self._state = state
            self._length = 0

    def _ends(self, char: str) -> bool:
        if self._state is _In.CSI:
            return not " " <= char <= "?"
        return char in "\x07\x9c"


def strip_escapes(text: str) -> str:
    """Return `text` without escape sequences and control characters other than tab and line feed."""
    return EscapeStripper().feed(text)


def one_line(text: object) -> str:
    """Return the text of `text` for a table cell or a status line: stripped, whitespace runs as one blank."""
    return " ".join(strip_escapes(str(text)).split())
