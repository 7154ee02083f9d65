"""What an API in OpenAI's dialect does in a way of its own, as the table of APIs has it. Facts; acts on nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from batuta.engines.faults import Seen
from batuta.errors import BadSettings

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldRules:
    """Which top-level fields of a body go out, and under which name.

    Attributes:
        rename: our name -> the API's; a field that is there under the API's own name already wins.
        allow: the only fields that go, after renaming; empty: all.
        drop: fields that do not go.
    """

    rename: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    allow: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether everything goes as it is."""
        return not (self.rename or self.allow or self.drop)


@dataclass(frozen=True, slots=True)
class Quirks:
    """What one API does in a way of its own. The defaults are those of an API nobody has described.

    Attributes:
        chat: fields of a chat request.
        embeddings: fields of an embeddings request.
        mend: answers are read and mended piece by piece; False: their bytes pass through.
        responses: it has OpenAI's Responses API too, which some of its models need.
        efforts: reasoning_effort -> the word that the API has for it.
        ranges: number -> lowest and highest; what is outside is moved to the end.
        roles: role of a message -> the API's word.
        message_allow: role -> fields of a message that go besides role and content; a role that is not there: all.
        message_drop: fields of a message that do not go: what other APIs' answers brought into the conversation.
        call_extras: vendors' own fields of tool calls (signatures) go along.
        call_id_length: characters that a tool call's id must have; 0: any.
        prefix: a conversation that ends with the assistant must say so by `prefix`.
        reasoning_of_turn: `reasoning_content` goes back within a turn, and only there.
        ask_for_usage: streams tell usage only when asked with `stream_options`; False: the field is refused.
        no_sampling: models, by their names, that take no temperature or top_p.
        plain_thinking: `thinking` has nothing but a type, enabled or disabled.
        notices: trouble with the account comes as an answer in words.
        after_401: what a 401 means when the key proves good; None: a 401 is always the key.
    """

    chat: FieldRules = FieldRules()
    embeddings: FieldRules = FieldRules()
    mend: bool = True
    responses: bool = False
    efforts: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _NOTHING)
    roles: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    message_allow: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NOTHING)
    message_drop: frozenset[str] = frozenset()
    call_extras: bool = True
    call_id_length: int = 0
    prefix: bool = False
    reasoning_of_turn: bool = False
    ask_for_usage: bool = True
    no_sampling: re.Pattern[str] | None = None
    plain_thinking: bool = False
    notices: bool = False
    after_401: Seen | None = None

    @property
    def changes_messages(self) -> bool:
        """Whether messages are looked at before they go out."""
        has_rules = self.roles or self.message_allow or self.message_drop or self.call_id_length
        return bool(has_rules or self.prefix or self.reasoning_of_turn or not self.call_extras)


UNKNOWN: Final = Quirks()

_RULES: Final = ("rename", "allow", "drop")


def read_quirks(raw: Mapping[str, Any], *, where: str) -> Quirks:
    """Return the quirks of a row of the table. Raises BadSettings for a word that means nothing here.

    Args:
        raw: the row's `quirks`.
        where: the row, for messages.
    """
    read = {name: value for name, value in raw.items() if name not in _RULES}
    read["mend"] = bool(raw.get("mend", False))  # a row describes its API: what it does not say is as OpenAI's
    read["chat"] = _rules({name: raw[name] for name in _RULES if name in raw})
    for name, to in _READERS.items():
        if name in read:
            read[name] = to(read[name])
    try:
        return Quirks(**read)
    except TypeError:
        unknown = ", ".join(sorted(read.keys() - Quirks.__dataclass_fields__.keys()))
        raise BadSettings(f"The quirks of {where} have a word that means nothing: {unknown}") from None


def _rules(raw: Mapping[str, Any]) -> FieldRules:
    return FieldRules(raw.get("rename", _NOTHING), frozenset(raw.get("allow", ())), frozenset(raw.get("drop", ())))


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "embeddings": _rules,
    "ranges": lambda raw: {name: (float(low), float(high)) for name, (low, high) in raw.items()},
    "message_allow": lambda raw: {role: frozenset(names) for role, names in raw.items()},
    "message_drop": frozenset,
    "no_sampling": lambda raw: re.compile(raw, re.IGNORECASE),
    "after_401": Seen,
}
