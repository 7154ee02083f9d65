"""What goes wrong on purpose, by name: `stall-2`, `429-retry-after-7`. Knows no provider and sends nothing.

A name stands in the header `x-fake-fault`, behind a model's name (`gpt-4.1-mini.fault-stall-2`, or `fault-stall-2`
alone for a provider's first model), beside a key, or in a plan for the next requests. `+` or `,` joins several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from batuta.testing.providers.refusals import Why, for_status

_IN_MODEL = re.compile(r"(?:^|\.)fault-([a-z0-9_+-]+)$")
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


@dataclass(frozen=True, slots=True)
class Play:
    """One request's mishaps; the default is none.

    Attributes:
        name: as it was asked for.
        refuse: the reason to refuse it for, in the provider's own form.
        status: instead of the provider's status for that reason.
        headers: sent with whatever is answered.
        details: of Gemini's errors.
        param: refused where the request has it, as unsupported by the model.
        raw: a body instead of the answer, with `status` (200 when 0) and `content_type`.
        in_200: the refusal comes with status 200.
        notice: Genspark's notice instead of an answer: `credit` or `ban`.
        redirect: where to instead of answering.
        first_s, piece_s: seconds before the answer, and before each piece of a stream.
        is_silent: nothing is ever answered.
        fate: what happens to a begun answer after `after` pieces: stall, cut (RST), close (FIN before the body's end),
            end (a body that ends too early), error (in the provider's own form).
        is_named: an error in a stream is an event with the name `error`.
        finish: why the answer ends, in the provider's own word.
        usage, done, index, finishes: False leaves these out of answers.
        arguments: of tool calls: `object` instead of a text, or `broken`.
        doubled: the stream ends twice.
        late: a piece comes after the finish.
        newline, padding, space: how events are written; None: as the provider does.
        comments, garbage, multiline: lines of comments, an event that is no JSON, JSON over several data lines.
        write: bytes a write; 0: an event a write; -1: all at once.
        long: bytes of a line that is put in.
        is_packed: gzip, although nobody asked for it.
        whole: a stream is answered as one JSON.
    """

    name: str = ""
    refuse: Why | None = None
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    details: tuple[Mapping[str, object], ...] = ()
    param: str = ""
    raw: bytes | None = None
    content_type: str = "application/json"
    in_200: bool = False
    notice: str = ""
    redirect: str = ""
    first_s: float = 0.0
    piece_s: float = 0.0
    is_silent: bool = False
    fate: str = ""
    after: int = 0
    is_named: bool = False
    finish: str = ""
    usage: bool = True
    done: bool = True
    index: bool = True
    finishes: bool = True
    arguments: str = ""
    doubled: bool = False
    late: bool = False
    newline: bytes | None = None
    padding: int | None = None
    space: bool = True
    comments: bool = False
    garbage: bool = False
    multiline: bool = False
    write: int = 0
    long: int = 0
    is_packed: bool = False
    whole: bool = False


Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A mishap that can be asked for.

    Attributes:
        name: N stands for a number, WORD for a word.
        what: what happens.
        fields: of Play, or how to get them from the number or word.
    """

    name: str
    what: str
    fields: Fields | Callable[[str], Fields]

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a name of this kind looks like."""
        return re.compile(self.name.replace("WORD", r"([A-Za-z_]+)").replace("N", r"(\d+)"))


def _retry(value: str, name: str = "retry-after") -> Fields:
    return {"refuse": Why.RATE, "headers": ((name, value),)}


def _date(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def _retry_info(seconds: str) -> Fields:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
    return {"refuse": Why.RATE, "details": (info,)}


def _in_stream(fate: str) -> Callable[[str], Fields]:
    return lambda number: {"fate": fate, "after": int(number)}


def _page(status: int) -> Fields:
    return {"raw": HTML, "status": status, "content_type": "text/html"}


ROWS: tuple[Row, ...] = (
    # Refusals, in the provider's own status and form.
    Row("bad-key", "as if the key were wrong", {"refuse": Why.BAD_KEY}),
    Row("forbidden", "the key may not use this", {"refuse": Why.FORBIDDEN}),
    Row("no-credit", "the account has no credit", {"refuse": Why.NO_CREDIT}),
    Row("spent", "a spending limit that a person has set", {"refuse": Why.SPENT}),
    Row("rate", "too many requests", {"refuse": Why.RATE}),
    Row("daily", "too many requests for today", {"refuse": Why.DAILY}),
    Row("overloaded", "overloaded", {"refuse": Why.OVERLOADED}),
    Row("context", "the conversation is too long", {"refuse": Why.CONTEXT}),
    Row("content", "refused for what it says", {"refuse": Why.CONTENT}),
    Row("param-WORD", "400 that names this parameter, as long as it is sent", lambda name: {"param": name}),
    # Waits that are asked for.
    Row("429-retry-after-N", "429 with `retry-after: N`", _retry),
    Row("429-retry-ms-N", "429 with `retry-after-ms: N`", lambda ms: _retry(ms, "retry-after-ms")),
    Row("429-retry-date-N", "429 with `retry-after`: a date in N seconds", lambda s: _retry(_date(int(s)))),
    Row("429-retry-past", "429 with `retry-after`: a date that is over", lambda _: _retry(_date(-3600))),
    Row("429-retry-negative", "429 with `retry-after: -5`", _retry("-5")),
    Row("429-retry-huge", "429 with `retry-after: 1000000000`", _retry("1000000000")),
    Row("429-retry-words", "429 with `retry-after: soon`", _retry("soon")),
    Row("429-retry-info-N", "429 with Google's RetryInfo of N seconds in the body", _retry_info),
    Row("429-retry-never", "429 with `x-should-retry: false`", _retry("false", "x-should-retry")),
    Row("N", "that status, in the provider's own form", lambda n: {"refuse": for_status(int(n)), "status": int(n)}),
    # No answer of the provider at all.
    Row("html-N", "that status with a web page", lambda n: _page(int(n))),
    Row("empty", "200 and nothing", {"raw": b""}),
    Row("garbage", "200 and a body that is no JSON", {"raw": b'{"half": '}),
    Row("redirect", "307 to another path of this server", {"redirect": "/fake/elsewhere"}),
    Row("redirect-N", "307 to that port of this machine", lambda n: {"redirect": f"http://127.0.0.1:{n}/"}),
    Row("notice-WORD", "200 with Genspark's notice (`credit`, `ban`) for an answer", lambda word: {"notice": word}),
    Row("error-200", "200 with the provider's error as its body", {"refuse": Why.BROKEN, "in_200": True}),
    # Time.
    Row("slow-N", "N ms before the first byte", lambda n: {"first_s": int(n) / 1000}),
    Row("drip-N", "N ms before each piece", lambda n: {"piece_s": int(n) / 1000}),
    Row("silent", "takes the request and says nothing", {"is_silent": True}),
    # Begun, and not ended.
    Row("stall-N", "silent after N pieces", _in_stream("stall")),
    Row("cut-N", "connection reset after N pieces", _in_stream("cut")),
    Row("close-N", "connection closed after N pieces", _in_stream("close")),
    Row("end-N", "the body ends well after N pieces: no finish, no end mark", _in_stream("end")),
    Row("error-N", "an error in the stream after N pieces", _in_stream("error")),
    Row("error-named-N", "the same as an event named `error`", lambda n: {**_in_stream("error")(n), "is_named": True}),
    # Answers with something missing or too much.
    Row("no-usage", "no usage", {"usage": False}),
    Row("no-done", "no `[DONE]`", {"done": False}),
    Row("no-index", "tool calls in streams without index", {"index": False}),
    Row("no-finish", "the finish reason stays null", {"finishes": False}),
    Row("finish-WORD", "that finish reason", lambda word: {"finish": word}),
    Row("arguments-object", "arguments of tool calls as an object", {"arguments": "object"}),
    Row("arguments-broken", "arguments of tool calls that are no JSON", {"arguments": "broken"}),
    Row("twice", "the end of the stream comes twice", {"doubled": True}),
    Row("late", "a piece comes after the finish", {"late": True}),
    # How it is written.
    Row("lf", "lines end in LF", {"newline": b"\n"}),
    Row("crlf", "lines end in CRLF", {"newline": b"\r\n"}),
    Row("pad-N", "N spaces behind each event's JSON", lambda n: {"padding": int(n)}),
    Row("no-space", "no space behind `data:`", {"space": False}),
    Row("comments", "comments between events", {"comments": True}),
    Row("bad-event", "an event that is no JSON behind the first piece", {"garbage": True}),
    Row("multiline", "each JSON over several data lines", {"multiline": True}),
    Row("split-N", "N bytes a write, however that cuts characters and events", lambda n: {"write": int(n)}),
    Row("joined", "the whole stream in one write", {"write": -1}),
    Row("long-N", "a line of N bytes behind the first piece", lambda n: {"long": int(n)}),
    Row("gzip", "packed, although nobody asked", {"is_packed": True}),
    Row("whole", "a stream is answered as one JSON", {"whole": True}),
)


def named(names: str) -> Play:
    """Return the play of one or several names.

    Raises:
        ValueError: nobody knows a name.
    """
    play = Play(name=names)
    for name in re.split(r"[+,]", names):
        if stripped := name.strip():
            play = replace(play, **_fields(stripped))
    return play


def _fields(name: str) -> Fields:
    for row in ROWS:
        if match := row.pattern.fullmatch(name):
            if callable(row.fields):
                return row.fields(match[1] if match.groups() else "")
            return row.fields
    raise ValueError(f"no mishap is called {name!r}: see batuta.testing.providers.plays.ROWS")


def in_model(model: str) -> tuple[str, str]:
    """Split `MODEL.fault-NAMES` into the model (may be empty) and the names (may be empty)."""
    found = _IN_MODEL.search(model)
    return (model[: found.start()], found[1]) if found else (model, "")
