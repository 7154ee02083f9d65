"""Fields of a request that a model does not take: read from its refusal, left out from then on. Pure; sends nothing.

An adapter builds its body, takes out what is known to be refused (`without`), sends it, and hands a refusal to `learn`.
Where that names a field which may go, the adapter sends once more without it. What would change the meaning of an
answer (its form, its tools, its limit) is never left out: that refusal is the caller's to hear.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import orjson

KEPT: Final = frozenset(
    {
        "contents",
        "input",
        "instructions",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "messages",
        "model",
        "prompt",
        "response_format",
        "stream",
        "system",
        "text",
        "tool_choice",
        "tools",
    }
)
"""Without these it would be another question, or another kind of answer."""

STATUSES: Final = frozenset({400, 422})

_UNWANTED = re.compile(
    r"extra[ _](inputs?|fields?|forbidden)|(not|never|no longer) (be )?(supported|permitted|allowed|accepted|available)"
    r"|unsupported|unknown (name|field|parameter|argument)|unrecogni[sz]ed|unexpected (keyword|field|parameter)"
    r"|deprecated|(does not|doesn't|cannot) (support|accept|take)|cannot find field",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[`'\"]([A-Za-z_][\w.]*)[`'\"]")
_AT_START = re.compile(r"^([A-Za-z_][\w.]*)\s*:")
_AFTER_WORD = re.compile(
    r"\b(?:field|parameter|argument|property|name|supplied)s?:?\s+(?=([A-Za-z_][\w.]*))", re.IGNORECASE
)
_AT_END = re.compile(r":\s*([A-Za-z_][\w.]*)\.?$")


class Dropped:
    """What each model of a provider has refused. Lives as long as its engine; a restart asks anew.

    Args:
        kept: fields, or paths (`output_config.format`), that are never left out.
        inside: fields whose own fields are left out one by one (`generationConfig`).
    """

    def __init__(self, *, kept: Collection[str] = KEPT, inside: Collection[str] = ()) -> None:
        self._kept = frozenset(kept)
        self._inside = tuple(inside)
        self._paths: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        known = (f"{name}: {', '.join(sorted(paths))}" for name, paths in self._paths.items())
        return f"<Dropped {'; '.join(known) or 'nothing'}>"

    def of(self, model: str) -> frozenset[str]:
        """Return the paths that a model has refused."""
        return frozenset(self._paths.get(model, ()))

    def without(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body without what the model is known to refuse."""
        left = dict(body)
        for path in self._paths.get(model, ()):
            parent, dot, name = path.partition(".")
            if not dot:
                left.pop(parent, None)
            elif isinstance(held := left.get(parent), Mapping) and name in held:
                rest = {key: value for key, value in held.items() if key != name}
                left = {**left, parent: rest} if rest else {key: value for key, value in left.items() if key != parent}
        return left

    def learn(self, model: str, *, status: int, answer: bytes, sent: Mapping[str, Any]) -> str | None:
        """Take in a refusal; return the path to leave out from now on, None where there is nothing to be learnt.

        Args:
            model: who refused, by its name at the provider.
            status: HTTP status of the refusal; only 400 and 422 are about a field.
            answer: the refusal's body.
            sent: the body that was refused.
        """
        if status not in STATUSES:
            return None
        path = next((path for name in named_fields(answer) if (path := self._resolve(name, sent))), None)
        if path is not None:
            self._paths.setdefault(model, set()).add(path)
        return path

    def _resolve(self, name: str, sent: Mapping[str, Any]) -> str | None:
        """Return the path in the body that a name means, None where there is none or it has to stay.

        1. A field, or a field of one whose fields go one by one.
        2. A field named without its parent.
        """
        first, _, rest = name.partition(".")
        second = rest.partition(".")[0]
        if first in sent:  # 1
            held = sent[first]
            has_second = first in self._inside and isinstance(held, Mapping) and second in held
            return self._free(f"{first}.{second}" if has_second else first, sent)
        parents = (each for each in self._inside if isinstance(sent.get(each), Mapping) and first in sent[each])  # 2
        parent = next(parents, None)
        return self._free(f"{parent}.{first}", sent) if parent else None

    def _free(self, path: str, sent: Mapping[str, Any]) -> str | None:
        held = sent.get(path)
        inner = {f"{path}.{name}" for name in held} if isinstance(held, Mapping) else set()
        return None if path in self._kept or inner & self._kept else path


def named_fields(answer: bytes) -> Iterator[str]:
    """Yield the names of fields that a refusal says are not taken, the likeliest first; dots lead into a field.

    Read in the forms that providers use: `error.param` (OpenAI and its family), `detail[].loc` (Mistral and others
    that validate with pydantic), and names in the message's words, quoted or before a colon.
    """
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return
    yield from _in_rows(body.get("detail"))
    said = body.get("error")
    error: Mapping[str, Any] = said if isinstance(said, dict) else {**body, "message": said or body.get("message")}
    message, code = _text(error.get("message")), _text(error.get("code"))
    if _UNWANTED.search(f"{code.replace('_', ' ')} {message}"):
        yield from filter(None, (_text(error.get("param")),))
        for pattern in (_AT_START, _QUOTED, _AFTER_WORD, _AT_END):
            yield from (match[1] for match in pattern.finditer(message))


def _in_rows(rows: Any) -> Iterator[str]:
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get("loc"), list):
            continue
        if _UNWANTED.search(f"{_text(row.get('type'))} {_text(row.get('msg'))}"):
            yield ".".join(str(step) for step in row["loc"] if step != "body")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
