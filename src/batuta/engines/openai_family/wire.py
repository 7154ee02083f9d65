"""One call to an API of the family: rewritten for it, sent, its answer made OpenAI's. Knows no key but the one given.

What an API or one of its models refuses is learnt: a field, a name for the limit of tokens, the way to the Responses
API. The request is then sent once more; later ones are right at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from batuta.catalog.entities import ModelSpec
from batuta.catalog.model_flags import ModelFlags
from batuta.chat.dialects import openai
from batuta.chat.dialects.openai import InBandError
from batuta.chat.dialects.responses import decode_response, responses_body
from batuta.chat.types import Delta
from batuta.engines import faults
from batuta.engines.base import RawCall, RawReply
from batuta.engines.decoding import Reply
from batuta.engines.dropping import KEPT, Dropped, named_fields
from batuta.engines.faults import Seen
from batuta.engines.openai_compat import HOP, JSON_HEADERS, NOT_PASSED_ON, OpenAIWire, WholeReply, place_of
from batuta.engines.openai_family import body as bodies
from batuta.engines.openai_family.answers import signs_of
from batuta.engines.openai_family.body import CHAT, Fields
from batuta.engines.openai_family.mending import Mender, error_in
from batuta.engines.openai_family.notices import notice_in
from batuta.engines.openai_family.quirks import Quirks
from batuta.engines.openai_family.readers import Bridged, Mended, Watched, as_stream, new_id
from batuta.engines.openai_family.replies import Made, Reader, ReadReply, Teller
from batuta.engines.transport import Transport, UpstreamRequest, error_text
from batuta.errors import BadRequest, BatutaError, KeyInvalid
from batuta.vault.secret import Secret

RESPONSES: Final = "responses"
JSON: Final = "application/json"
_USE_INSTEAD: Final = re.compile(rb"'(\w+)' is not supported with this model\. Use '(\w+)' instead")
_USE_RESPONSES: Final = re.compile(rb"\bv1/responses\b")
_ARGUMENT: Final = re.compile(
    rb"not (?:supported on this model|permitted): (\w+)"
)  # xAI, which writes names its own way
_VALUES: Final = re.compile(r"\bsupported values are:? ([^.]*)", re.IGNORECASE)
_WORD: Final = re.compile(r"['\"`](\w+)['\"`]")
_EFFORT: Final = frozenset({"reasoning_effort", "reasoning.effort"})
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})

Prove = Callable[[], Awaitable[bool]]
"""Says whether the key itself is good, by asking its provider."""


@dataclass(frozen=True, slots=True)
class Api:
    """What is known of an API.

    Attributes:
        preset: its row in the table of APIs; empty: one that nobody has described.
        quirks: what it does in a way of its own.
        flags: of its models.
        key_header: header of the bare key; empty: `Authorization: Bearer`.
    """

    preset: str
    quirks: Quirks
    flags: ModelFlags
    key_header: str = ""

    @property
    def hides_hop(self) -> bool:
        """Whether it is told nothing of gateways before it: no Batuta can be behind a vendor's address."""
        return bool(self.preset)


@dataclass(frozen=True, slots=True)
class _Way:
    """How one call goes out."""

    path: str
    body: bytes
    sent: Mapping[str, Any]
    is_quiet: bool = False  # token counts were asked for by us, not by the caller


@dataclass(slots=True)
class _Lessons:
    """What was learnt of one API's models, by their names there."""

    dropped: Dropped = field(default_factory=lambda: Dropped(kept=KEPT | {"n", "modalities"}, inside=("reasoning",)))
    renames: dict[str, dict[str, str]] = field(default_factory=dict)
    responses: set[str] = field(default_factory=set)
    efforts: dict[str, frozenset[str]] = field(default_factory=dict)


class FamilyWire(OpenAIWire):
    """OpenAI's dialect over a transport, with one API's quirks on the way out and back.

    Args:
        transport: how to get there.
        api: what is known of the API.
        prove: asks whether the key is good, where a 401 does not say so.
    """

    def __init__(self, transport: Transport, api: Api, prove: Prove) -> None:
        super().__init__(transport)
        self._api = api
        self._prove = prove
        self._signs = signs_of(api.preset)
        self._lessons = _Lessons()

    async def _forward(self, base_url: str, key: Secret | None, spec: ModelSpec, call: RawCall) -> RawReply:
        given = bodies.read_fields(call.body)
        may_learn = True
        while True:
            way = self._way(spec, call, given)
            reply = await self._send(base_url, key, call, way)
            teller = Teller(place_of(base_url), spec.id, key.reveal() if key else "", self._signs)
            if reply.status == 200:
                return await self._answer(reply, way, call, spec, teller)
            headers, said = reply.headers, await error_text(reply)
            if not may_learn or not self._learns(spec.address, reply.status, said, way):
                raise await self._refusal(reply.status, said, headers, teller)
            may_learn = False

    # --- out -----------------------------------------------------------------------------------------------------

    def _way(self, spec: ModelSpec, call: RawCall, given: Fields) -> _Way:
        quirks, model, lessons = self._api.quirks, spec.address, self._lessons
        flags = self._api.flags.of(self._api.preset, model)
        if call.path == CHAT and (known := lessons.efforts.get(model)):
            given = bodies.with_known_effort(given, known)
        has_bridge = call.path == CHAT and quirks.responses
        if has_bridge and (model in lessons.responses or bodies.needs_responses(given, flags)):
            return self._bridge(spec, bodies.fields_for(call.path, given, quirks, flags, is_bridged=True))
        fields = bodies.fields_for(call.path, given, quirks, flags)
        for old, new in lessons.renames.get(model, {}).items():
            if old in fields:
                fields.setdefault(new, fields.pop(old))
        for path in lessons.dropped.of(model):
            fields.pop(path, None)
        has_usage = call.stream and call.path != bodies.EMBEDDINGS and quirks.ask_for_usage
        is_quiet = has_usage and "stream_options" not in lessons.dropped.of(model) and bodies.with_usage(fields)
        if not quirks.ask_for_usage:
            fields.pop("stream_options", None)
        return _Way(call.path, bodies.write_fields(fields), fields, is_quiet)

    def _bridge(self, spec: ModelSpec, fields: Fields) -> _Way:
        """Return the call as one to the Responses API."""
        asked = orjson.loads(bodies.write_fields(fields))
        body = responses_body(openai.parse_chat(asked), model=spec.address)
        body = self._lessons.dropped.without(spec.address, body)
        options = asked.get("stream_options")
        is_quiet = not (isinstance(options, dict) and options.get("include_usage"))
        try:
            return _Way(RESPONSES, orjson.dumps(body), body, is_quiet)
        except orjson.JSONEncodeError as error:  # nested too deep
            raise BadRequest(f"the request body cannot be passed on: {error}", model=spec.id) from None

    async def _send(self, base_url: str, key: Secret | None, call: RawCall, way: _Way) -> Reply:
        left = NOT_PASSED_ON | {HOP} if self._api.hides_hop else NOT_PASSED_ON
        headers = {name: value for name, value in call.headers.items() if name.lower() not in left}
        url = f"{base_url}/{way.path}"
        request = UpstreamRequest(
            "POST",
            url,
            headers | JSON_HEADERS,
            way.body,
            call.deadline,
            call.idle_s,
            key,
            key_header=self._api.key_header,
        )
        return await self._transport.send(request)

    # --- refused -------------------------------------------------------------------------------------------------

    def _learns(self, model: str, status: int, said: bytes, way: _Way) -> bool:
        """Take in a refusal; say whether the same request can now be sent in another way.

        1. The model wants the Responses API.
        2. The limit of tokens goes by another name.
        3. It reasons, but not as hard, or as little, as asked.
        4. A field is not taken.
        """
        lessons = self._lessons
        if self._api.quirks.responses and way.path == CHAT and status in {400, 404} and _USE_RESPONSES.search(said):
            lessons.responses.add(model)  # 1
            return True
        if status == 400 and (match := _USE_INSTEAD.search(said)):  # 2
            old, new = match[1].decode(), match[2].decode()
            if {old, new} <= _LIMITS and old in way.sent:
                lessons.renames[model] = {old: new}
                return True
        if status == 400 and (efforts := _efforts_in(said)):  # 3
            is_new = lessons.efforts.get(model) != efforts
            lessons.efforts[model] = efforts
            return is_new
        if match := _ARGUMENT.search(said):  # 4
            name = _HUMP.sub("_", match[1].decode()).lower()
            said = orjson.dumps({"error": {"message": "not supported", "param": name}})
        return lessons.dropped.learn(model, status=status, answer=said, sent=way.sent) is not None

    async def _refusal(self, status: int, said: bytes, headers: Mapping[str, str], teller: Teller) -> BatutaError:
        """Return the error for a refusal. Where a 401 may mean something else, the key is tried by itself first."""
        error = faults.classify(
            status, said, headers=headers, where=teller.where, model=teller.model, hide=teller.hide, signs=self._signs
        )
        after = self._api.quirks.after_401
        if status == 401 and after is not None and isinstance(error, KeyInvalid) and await self._prove():
            return teller.seen(after, faults.text_of(said))
        return error

    # --- back ----------------------------------------------------------------------------------------------------

    async def _answer(self, reply: Reply, way: _Way, call: RawCall, spec: ModelSpec, teller: Teller) -> RawReply:
        """Return a 200's answer as OpenAI would give it.

        1. A stream, as asked for; or something that is no JSON: its first event will tell.
        2. A web page.
        3. A whole answer, also where a stream was asked for.
        """
        kind = reply.content_type
        if kind.startswith("text/html"):  # 2
            await reply.aclose()
            raise teller.seen(Seen.HTML)
        if call.stream and not kind.startswith(JSON):  # 1
            return ReadReply(reply, self._reader(way, spec, teller))
        said = await reply.read()  # 3
        where, hide = teller.where, teller.hide
        if (error := faults.in_answer(said, where=where, model=teller.model, hide=hide, signs=self._signs)) is not None:
            raise error
        if way.path not in {CHAT, RESPONSES}:
            return WholeReply(200, kind, said)
        if way.path == CHAT and not self._api.quirks.mend and not call.stream and b'"error"' not in said:
            return WholeReply(200, kind, said)
        body = self._whole(said, way, spec, teller)
        if call.stream:
            return Made(as_stream(body, is_quiet=way.is_quiet))
        return WholeReply(200, JSON, orjson.dumps(body))

    def _reader(self, way: _Way, spec: ModelSpec, teller: Teller) -> Reader:
        quirks = self._api.quirks
        if way.path == RESPONSES:
            return Bridged(model=spec.address, created=int(time.time()), teller=teller, is_quiet=way.is_quiet)
        if quirks.mend and way.path == CHAT:
            return Mended(Mender(spec.address), teller, is_quiet=way.is_quiet, is_noticing=quirks.notices)
        return Watched(teller, is_quiet=way.is_quiet)

    def _whole(self, said: bytes, way: _Way, spec: ModelSpec, teller: Teller) -> dict[str, Any]:
        """Return a whole answer, mended. Raises the error that it is, or UpstreamFailed for no answer at all."""
        try:
            body = orjson.loads(said)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise teller.seen(Seen.NO_ANSWER)
        if way.path == RESPONSES:
            return _bridged(body, spec, teller)
        if self._api.quirks.notices and (seen := notice_in(text := _text_of(body, said))) is not None:
            raise teller.seen(seen, text)
        if (error := error_in(body)) is not None:
            raise teller.of(error)
        body = Mender(spec.address).whole(body)
        if not body["choices"]:
            raise teller.seen(Seen.NO_ANSWER)
        return body


def _efforts_in(said: bytes) -> frozenset[str]:
    """Return the efforts that a refusal of another one lists; empty where it is about something else."""
    names, values = set(named_fields(said)), _VALUES.search(faults.text_of(said))
    words = _WORD.findall(values[1]) if values and names & _EFFORT else ()
    return frozenset(words) & frozenset(bodies.EFFORTS)


def _bridged(body: dict[str, Any], spec: ModelSpec, teller: Teller) -> dict[str, Any]:
    delta = decode_response(body)
    if isinstance(delta, InBandError):
        raise teller.of(delta)
    if delta is None:
        raise teller.seen(Seen.NO_ANSWER)
    deltas: tuple[Delta, ...] = (delta,)
    model = delta.model or spec.address
    return openai.encode_completion(deltas, answer_id=new_id(), model=model, created=int(time.time()))


def _text_of(body: Mapping[str, Any], said: bytes) -> str:
    """Return what a whole answer says in words: of its choices, or of a body that has none."""
    delta = openai.decode_completion(body)
    if isinstance(delta, Delta):
        return "" if delta.tool_calls else delta.text
    return faults.text_of(said)
