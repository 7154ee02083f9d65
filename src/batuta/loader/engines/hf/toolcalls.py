"""Reads function calls out of what a model says, as it says it. Pure: text in, text and calls out.

Models write calls as text in the form that their chat template taught them. `FORMS` is the table of the forms; all of
them are a mark, a JSON value and perhaps a closing mark:

    hermes    <tool_call>{"name": ..., "arguments": {...}}</tool_call>           Qwen, Hermes and many others
    mistral   [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]
    mistral2  [TOOL_CALLS]name[ARGS]{...}                                        since Mistral Small 3.2
    llama     {"name": ..., "parameters": {...}}, perhaps after <|python_tag|>   Llama 3
    json      {"name": ..., "arguments": {...}}                                  no form known; only where it is forced
    untaught  <tool_call>{"name": ..., "arguments": {...}}</tool_call>           its template knows no tools: we tell it

What looks like a call and is none (not JSON, no arguments, cut short) is text, mark and all: nothing is invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NoReturn


@dataclass(frozen=True, slots=True)
class Call:
    """A function call. `arguments` is a JSON object, as text."""

    name: str
    arguments: str


Piece = str | Call
"""What a reader gives out: text for the answer, or a call."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a family of models writes calls.

    Attributes:
        name: of the form.
        taught_by: a chat template that holds this text teaches the form.
        mark: what a call begins with; empty for none.
        close: what may follow its JSON.
        is_bare: a JSON value at the beginning of the answer is a call too, if it names a declared function.
        names_before: the function's name stands between the mark and this text, and only its arguments are JSON.
        is_list: calls come in one JSON array.
        arguments: what the field of the arguments is called.
        id_length: letters and digits that the id of an earlier call must have for the template; 0 for any.
    """

    name: str
    taught_by: str
    mark: str = ""
    close: str = ""
    is_bare: bool = False
    names_before: str = ""
    is_list: bool = False
    arguments: str = "arguments"
    id_length: int = 0

    def prefix(self, function: str | None) -> str:
        """Return how an answer begins that must be a call: of `function`, or of any if it is None."""
        if self.names_before:
            return self.mark + (function + self.names_before if function else "")
        begin = f'{self.mark}{"[" if self.is_list else ""}{{"name": "'
        begin = begin.replace("<tool_call>", "<tool_call>\n")
        return begin if function is None else f'{begin}{json.dumps(function)[1:-1]}", "{self.arguments}":'


JSON: Final = Form("json", "", is_bare=True)
UNTAUGHT: Final = Form("untaught", "", mark="<tool_call>", close="</tool_call>")
"""The form of a model whose template has no place for tools: it is told by `teaching` how to call."""
FORMS: Final[tuple[Form, ...]] = (
    Form("hermes", "<tool_call>", mark="<tool_call>", close="</tool_call>"),
    Form("mistral2", "[ARGS]", mark="[TOOL_CALLS]", names_before="[ARGS]", id_length=9),
    Form("mistral", "[TOOL_CALLS]", mark="[TOOL_CALLS]", is_list=True, id_length=9),
    Form("llama", "<|python_tag|>", mark="<|python_tag|>", is_bare=True, arguments="parameters"),
    Form("llama", '"parameters":', is_bare=True, arguments="parameters"),
    JSON,
)
"""The first whose text the template holds is the model's; the last holds for any."""

LONGEST_NAME: Final = 128
_NAME: Final = re.compile(r"[\w.:-]+")
_BETWEEN: Final = " \t\r\n;,"  # what may stand between two calls


def form_of(template: str | None) -> Form:
    """Return the form that a chat template teaches."""
    form = next(form for form in FORMS if form.taught_by in (template or ""))
    return UNTAUGHT if form is JSON and template and "tools" not in template else form


class ToolReader:
    """Reads one answer.

    Args:
        form: how this model writes calls.
        functions: names that were declared.
        begun: what the answer was made to begin with.
        is_forced: the answer must be a call, so bare JSON counts where no form is known.
    """

    def __init__(self, form: Form, functions: Collection[str], *, begun: str = "", is_forced: bool = False) -> None:
        self._form = form
        self._functions = frozenset(functions)
        self._is_bare = form.is_bare and (form is not JSON or is_forced)
        self._held = begun  # not decided yet
        self._out: list[Piece] = []
        self._span: _Span | None = None
        self._is_start = True  # nothing but white space has been said since the beginning, or since a call
        self._has_called = False
        self._is_closing = False

    def feed(self, text: str) -> list[Piece]:
        """Take what the model said next; return what is certain by now."""
        self._held += text
        return self._decide(is_end=False)

    def finish(self) -> list[Piece]:
        """Return what was held back: the model says no more."""
        return self._decide(is_end=True)

    def _decide(self, *, is_end: bool) -> list[Piece]:
        """Take from the beginning of what is held until nothing more can be decided.

        1. After a call: its closing mark. 2. At a mark, or at JSON where that counts: a call. 3. Else: text.
        """
        can_go_on = True
        while self._held and can_go_on:
            if self._is_closing:  # 1
                can_go_on = self._skip_close(is_end=is_end)
            elif (start := self._call_start()) is not None:  # 2
                can_go_on = self._read_call(start, is_end=is_end)
            else:  # 3
                can_go_on = self._read_text(is_end=is_end)
        pieces, self._out = _joined(self._out), []
        return pieces

    def _skip_close(self, *, is_end: bool) -> bool:
        rest = self._held.lstrip()
        close = self._form.close
        if not is_end and close and len(rest) < len(close) and close.startswith(rest):
            return False
        if close and rest.startswith(close):
            self._held = rest.removeprefix(close)
        self._is_closing = False
        return True

    def _call_start(self) -> int | None:
        """Return where the JSON of a call may begin; None where there is no sign of a call."""
        if self._form.mark and self._held.startswith(self._form.mark):
            return len(self._form.mark)
        return 0 if self._is_bare and self._is_start and self._held[0] in "{[" else None

    def _read_call(self, start: int, *, is_end: bool) -> bool:
        """Read the JSON value after `start`: a call when it is whole and sound, else text."""
        name, at = self._name(start)
        while at < len(self._held) and self._held[at].isspace():
            at += 1
        if at == len(self._held) and name != "":  # its name or its JSON is still to come
            return is_end and self._say(at)
        if name == "" or self._held[at] not in "{[":
            return self._say(start)
        self._span = self._span or _Span(at)
        end = self._span.end(self._held)
        if end is None:
            return is_end and self._say(len(self._held))
        known = self._functions if start == 0 else None
        calls = _calls(self._held[at:end], self._form, name=name, known=known)
        if calls is None:
            return self._say(end)
        self._out += calls
        self._take(end)
        self._is_start = self._has_called = self._is_closing = True
        return True

    def _name(self, start: int) -> tuple[str | None, int]:
        """Return the name before the JSON, and where it ends: "" for none, None where it is in the JSON or to come."""
        if not self._form.names_before or start == 0:
            return None, start
        rest = self._held[start:]
        name, found, _ = rest.partition(self._form.names_before)
        if found:
            is_name = len(name) <= LONGEST_NAME and _NAME.fullmatch(name.strip())
            return name.strip() if is_name else "", start + len(name) + len(found)
        is_hopeful = len(rest) <= LONGEST_NAME + len(self._form.names_before) and "\n" not in rest.strip()
        return (None, len(self._held)) if is_hopeful else ("", start)

    def _read_text(self, *, is_end: bool) -> bool:
        """Give out text up to the next possible call.

        1. White space at the beginning or after a call waits: before a call it says nothing.
        2. Text before a mark goes out. 3. So does all other text, but for what may be the beginning of a mark.
        """
        if self._is_start:  # 1
            rest = self._held.lstrip(_BETWEEN if self._has_called else None)
            if not rest and is_end and self._has_called:
                self._held = ""
                return False
            if (not rest and not is_end) or (not is_end and self._is_part_of_mark(rest)):
                return False
            if rest and rest != self._held and self._is_sign(rest):
                self._held = rest
                return True
        at = self._held.find(self._form.mark) if self._form.mark else -1
        if at > 0:  # 2
            return self._say(at)
        keep = 0 if is_end else self._unsure()
        return keep < len(self._held) and self._say(len(self._held) - keep)  # 3

    def _is_sign(self, text: str) -> bool:
        is_mark = bool(self._form.mark) and text.startswith(self._form.mark)
        return is_mark or (self._is_bare and text[0] in "{[")

    def _is_part_of_mark(self, text: str) -> bool:
        return len(text) < len(self._form.mark) and self._form.mark.startswith(text)

    def _unsure(self) -> int:
        """Return how many characters at the end may be the beginning of a mark."""
        longest = min(len(self._form.mark) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._form.mark.startswith(self._held[-n:])), 0)

    def _say(self, count: int) -> bool:
        """Give out what is held, up to `count`, as text; return True: there may be more to decide."""
        text = self._take(count)
        self._out.append(text)
        self._is_start = self._is_start and not text.strip()
        return True

    def _take(self, count: int) -> str:
        taken, self._held = self._held[:count], self._held[count:]
        self._span = None
        return taken


class _Span:
    """Finds the end of a JSON object or array in a text that grows; looks at each character once."""

    def __init__(self, start: int) -> None:
        self._at = start
        self._depth = 0
        self._is_text = False
        self._is_escaped = False

    def end(self, text: str) -> int | None:
        """Return the index after the value, None while it is not whole."""
        while self._at < len(text):
            char = text[self._at]
            self._at += 1
            if self._is_text:
                if self._is_escaped:
                    self._is_escaped = False
                elif char == "\\":
                    self._is_escaped = True
                elif char == '"':
                    self._is_text = False
            elif char == '"':
                self._is_text = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return self._at
        return None


def _calls(text: str, form: Form, *, name: str | None, known: Collection[str] | None) -> list[Call] | None:
    """Return the calls a JSON value is, None when it is none. `known`: names that count; None for any."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if name is not None:
        return [Call(name, text)] if isinstance(value, dict) else None
    rows = value if isinstance(value, list) else [value]
    calls = [call for row in rows if (call := _call(row, form)) is not None]
    if len(calls) != len(rows) or not calls:
        return None
    return calls if known is None or all(call.name in known for call in calls) else None


def _call(row: Any, form: Form) -> Call | None:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
        return None
    given = row.get(form.arguments, row.get("arguments", row.get("parameters")))
    if isinstance(given, str):  # some models write the object as a text
        try:
            is_object = isinstance(json.loads(given, parse_constant=_no_constant), dict)
        except (ValueError, RecursionError):
            return None
        return Call(row["name"], given) if is_object else None
    return Call(row["name"], json.dumps(given, ensure_ascii=False)) if isinstance(given, dict) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces with neighbouring texts as one and no empty ones."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece:
            joined.append(piece)
    return joined
