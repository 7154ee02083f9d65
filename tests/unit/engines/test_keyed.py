"""One provider with several keys: which one is sent, and what happens when a key is to blame."""

from __future__ import annotations

import asyncio

import pytest

from batuta.chat.types import CallNote, ChatRequest, Message
from batuta.engines.base import DescribedEngine, EngineHealth, PassThroughEngine, RawCall, RawReply
from batuta.engines.fault_table import Seen
from batuta.engines.keyed import KeyedEngine
from batuta.errors import (
    BatutaError,
    KeyInvalid,
    KeyMissing,
    OutOfCredit,
    PermissionDenied,
    StreamBroken,
    UpstreamRateLimited,
    UpstreamUnreachable,
)
from tests.unit.keys.stage import ACME, FIRST, HELLO, SECOND, SPEC, THIRD, Place, Upstream, error

KEYS_FAULTS = [Seen.KEY_REFUSED, Seen.OUT_OF_CREDIT, Seen.RATE_LIMITED]
OTHER_FAULTS = [Seen.FORBIDDEN, Seen.OVERLOADED, Seen.REFUSED, Seen.SERVER_ERROR, Seen.REJECTED, Seen.CONTEXT_FULL]
OUT = b'data: {"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}\n\n'


async def said(engine: KeyedEngine, request: ChatRequest = HELLO) -> str:
    return "".join([delta.text async for delta in engine.chat(SPEC, request)])


def call(note: CallNote | None = None, *, stream: bool = True) -> RawCall:
    deadline = asyncio.get_running_loop().time() + 5
    return RawCall("chat/completions", b"{}", stream=stream, deadline=deadline, note=note)


async def test_the_first_key_answers_and_is_noted() -> None:
    """Nothing is wrong: one key is sent, the call says which, and the shelf hears that it was good."""
    place, upstream, note = Place(FIRST, SECOND), Upstream(), CallNote()
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    assert await said(engine, ChatRequest("m", (Message("user", "hi"),), note=note)) == "hello there"
    assert (upstream.seen, note.key_id) == ([FIRST], "k1")
    assert place.vault.noted == [("k1", "valid", "")]
    assert list(place.vault.used) == ["k1"]


@pytest.mark.parametrize("seen", KEYS_FAULTS)
async def test_another_key_is_tried_where_the_key_is_to_blame(seen: Seen) -> None:
    """Refused, without credit or limited before the first word: the next key answers, and later calls begin there."""
    place, upstream, note = Place(FIRST, SECOND), Upstream({FIRST: error(seen)}), CallNote()
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    request = ChatRequest("m", (Message("user", "hi"),), note=note)
    assert await said(engine, request) == "hello there"
    assert (upstream.seen, note.key_id) == ([FIRST, SECOND], "k2")
    assert await said(engine, request) == "hello there"
    assert upstream.seen == [FIRST, SECOND, SECOND]


@pytest.mark.parametrize("seen", OTHER_FAULTS)
async def test_other_faults_are_not_the_keys(seen: Seen) -> None:
    """Another key would fare no better: the error is told, and the key stays as it was."""
    place, upstream = Place(FIRST, SECOND), Upstream({FIRST: error(seen)})
    with pytest.raises(BatutaError) as told:
        await said(KeyedEngine(ACME, upstream.make, place.ring))
    assert told.value is upstream.refuses[FIRST]
    assert (upstream.seen, place.names()) == ([FIRST], ["k1", "k2"])


async def test_each_key_is_tried_once_and_the_last_error_is_told() -> None:
    """With every key bad the caller hears what the provider said of the last one, and nobody is asked twice."""
    refusals = {FIRST: error(Seen.RATE_LIMITED), SECOND: error(Seen.KEY_REFUSED), THIRD: error(Seen.OUT_OF_CREDIT)}
    place, upstream = Place(FIRST, SECOND, THIRD), Upstream(refusals)
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    with pytest.raises(OutOfCredit):
        await said(engine)
    assert upstream.seen == [FIRST, SECOND, THIRD]
    with pytest.raises(UpstreamRateLimited) as told:
        await said(engine)
    assert upstream.seen == [FIRST, SECOND, THIRD]
    assert told.value.model == SPEC.id
    assert told.value.retry_after_s is not None


async def test_after_the_first_delta_nothing_begins_anew() -> None:
    """What breaks in the middle is told in the middle, whoever is to blame."""
    place, upstream = Place(FIRST, SECOND), Upstream(breaks={FIRST: StreamBroken("Acme broke off", model=SPEC.id)})
    deltas = KeyedEngine(ACME, upstream.make, place.ring).chat(SPEC, HELLO)
    assert (await anext(deltas)).text == "hello"
    with pytest.raises(StreamBroken):
        await anext(deltas)
    assert (upstream.seen, place.names()) == ([FIRST], ["k1", "k2"])


async def test_what_others_found_out_meanwhile_counts() -> None:
    """A key that another call has just found bad is not tried again by this one."""
    place, upstream = Place(FIRST, SECOND, THIRD), Upstream({FIRST: error(Seen.RATE_LIMITED)})
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    place.ring.usable(ACME)
    original = upstream.ask

    def ask(key: str) -> None:
        if key == FIRST:
            place.fails("k2", Seen.KEY_REFUSED)
        original(key)

    upstream.ask = ask  # type: ignore[method-assign]  # the moment between two tries has no other handle
    assert await said(engine) == "hello there"
    assert upstream.seen == [FIRST, THIRD]


async def test_without_a_key_nothing_is_sent() -> None:
    """A provider that is known to ask for a key is not asked without one."""
    openai = type(ACME)("openai", "openai_compat", "OpenAI", "https://api.openai.com/v1", preset="openai")
    upstream = Upstream()
    engine = KeyedEngine(openai, upstream.make, Place().ring)
    with pytest.raises(KeyMissing, match="batuta keys add openai"):
        await said(engine)
    status = await engine.probe(SPEC)
    assert (status.health, upstream.seen) == (EngineHealth.OFFLINE, [])
    with pytest.raises(KeyMissing):
        await engine.list_models()


async def test_a_provider_that_asks_for_no_key_gets_none() -> None:
    """A server of one's own without a key is asked as it is, and its refusals are its own."""
    upstream, note = Upstream(), CallNote()
    engine = KeyedEngine(ACME, upstream.make, Place().ring)
    assert await said(engine, ChatRequest("m", (Message("user", "hi"),), note=note)) == "hello there"
    assert (upstream.seen, note.key_id) == ([""], "")
    upstream.refuses[""] = error(Seen.KEY_REFUSED)
    with pytest.raises(KeyInvalid):
        await said(engine)


async def test_embeddings_say_which_key_they_cost() -> None:
    """The result carries the key that was charged."""
    place, upstream = Place(FIRST, SECOND), Upstream({FIRST: error(Seen.OUT_OF_CREDIT)})
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    result = await engine.embed(SPEC, ["a", "b"])
    assert (result.key_id, len(result.vectors), upstream.seen) == ("k2", 2, [FIRST, SECOND])


async def test_a_list_is_asked_with_a_key_that_rests_and_proves_none() -> None:
    """A limit on answers is none on lists, and a list that works says nothing about the key."""
    place, upstream = Place(FIRST), Upstream()
    engine = KeyedEngine(ACME, upstream.make, place.ring)
    place.fails("k1", Seen.RATE_LIMITED, wait=60)
    assert [model.address for model in await engine.list_models()] == ["small", "large"]
    assert (await engine.probe(SPEC)).health is EngineHealth.READY
    with pytest.raises(UpstreamRateLimited):
        await said(engine)


async def test_bytes_are_passed_through_with_the_next_key() -> None:
    """A refusal before the head, and an error that begins the stream, both move on; a good stream is whole."""
    place = Place(FIRST, SECOND, THIRD)
    upstream, note = Upstream({FIRST: error(Seen.KEY_REFUSED)}, in_band={SECOND: OUT}), CallNote()
    engine = KeyedEngine(ACME, upstream.make_speaking, place.ring)
    reply = await engine.forward(SPEC, call(note))
    assert b"".join([chunk async for chunk in reply.chunks()]).endswith(b"data: [DONE]\n\n")
    assert (upstream.seen, note.key_id) == ([FIRST, SECOND, THIRD], "k3")
    assert place.names() == ["k3"]


async def test_an_error_that_is_not_the_keys_stays_in_the_stream() -> None:
    """The gateway finds it there, as it finds every error that begins a stream."""
    event = b'data: {"error":{"message":"busy","type":"server_error","code":503}}\n\n'
    place, upstream = Place(FIRST, SECOND), Upstream(in_band={FIRST: event})
    reply: RawReply = await KeyedEngine(ACME, upstream.make_speaking, place.ring).forward(SPEC, call())
    assert await anext(aiter(reply.chunks())) == event
    assert upstream.seen == [FIRST]
    whole = await KeyedEngine(ACME, upstream.make_speaking, place.ring).forward(SPEC, call(stream=False))
    assert (await whole.read()).startswith(event)


def test_it_is_what_its_inner_engines_are() -> None:
    """The gateway passes bytes through, and the catalog asks who is there, exactly where that works."""
    place, upstream = Place(FIRST), Upstream()
    plain = KeyedEngine(ACME, upstream.make, place.ring)
    speaking = KeyedEngine(ACME, upstream.make_speaking, place.ring)
    assert (plain.kind, getattr(plain, "dialect", None), speaking.dialect) == ("fake", None, "openai")
    assert speaking.wire_name(SPEC) == "small"
    for protocol in (PassThroughEngine, DescribedEngine):
        assert [isinstance(engine, protocol) for engine in (plain, speaking)] == [False, True]


async def test_who_answers_is_asked_with_a_key() -> None:
    """The description comes through, over the key that is good."""
    place, upstream = Place(FIRST, SECOND), Upstream({FIRST: error(Seen.KEY_REFUSED)})
    engine = KeyedEngine(ACME, upstream.make_speaking, place.ring)
    assert (await engine.describe()).version == "1.0"
    assert upstream.seen == [FIRST, SECOND]


async def test_engines_are_made_once_a_key_and_closed() -> None:
    """A key that is replaced gets a new engine, and the old one is closed; so are those of deleted keys, and all."""
    place, upstream = Place(FIRST, SECOND), Upstream()
    made: list[str] = []

    def make(secret: object) -> object:
        engine = upstream.make(secret)  # type: ignore[arg-type]  # a Secret or None, as the engine gives it
        made.append(engine.key)
        return engine

    engine = KeyedEngine(ACME, make, place.ring)  # type: ignore[arg-type]
    await said(engine)
    await said(engine)
    assert made == ["", FIRST]
    place.vault.change("k1", secret=THIRD)
    await said(engine)
    assert (made, upstream.closed) == (["", FIRST, THIRD], [FIRST])
    await engine.keep_only(place.ring.is_in_use)
    assert upstream.closed == [FIRST]
    place.vault.drop("k1")
    await engine.keep_only(place.ring.is_in_use)
    assert upstream.closed == [FIRST, THIRD]
    await said(engine)
    await engine.aclose()
    assert upstream.closed == [FIRST, THIRD, "", SECOND]


async def test_a_provider_that_is_gone_blames_no_key() -> None:
    """A list that cannot be had leaves the keys as they are."""
    place, upstream = Place(FIRST, SECOND), Upstream(lists={FIRST: error(Seen.REFUSED)})
    with pytest.raises(UpstreamUnreachable):
        await KeyedEngine(ACME, upstream.make, place.ring).list_models()
    assert place.names() == ["k1", "k2"]


async def test_a_missing_permission_is_the_models() -> None:
    """The key is good for others: it is not passed over."""
    place, upstream = Place(FIRST, SECOND), Upstream({FIRST: error(Seen.FORBIDDEN)})
    with pytest.raises(PermissionDenied):
        await said(KeyedEngine(ACME, upstream.make, place.ring))
    assert place.names() == ["k1", "k2"]


@pytest.mark.parametrize("seen", KEYS_FAULTS)
async def test_a_keys_fault_after_the_first_delta_begins_nothing_anew(seen: Seen) -> None:
    """Half an answer with one key is never followed by another with the next."""
    place, upstream = Place(FIRST, SECOND), Upstream(breaks={FIRST: error(seen)})
    deltas = KeyedEngine(ACME, upstream.make, place.ring).chat(SPEC, HELLO)
    assert (await anext(deltas)).text == "hello"
    with pytest.raises(BatutaError):
        await anext(deltas)
    assert upstream.seen == [FIRST]


class Few(list[str]):
    """Keys that were seen, few of them: an asking without end fails instead of hanging."""

    def append(self, key: str) -> None:
        assert len(self) < 5
        super().append(key)


async def test_a_list_is_asked_once_a_key() -> None:
    """Keys that are limited serve for lists too; where all of them are refused for that, the asking ends."""
    place = Place(FIRST, SECOND)
    limited = error(Seen.RATE_LIMITED)
    upstream = Upstream(lists={FIRST: limited, SECOND: limited}, seen=Few())
    with pytest.raises(UpstreamRateLimited):
        await KeyedEngine(ACME, upstream.make, place.ring).list_models()
    assert upstream.seen == [FIRST, SECOND]


async def test_an_error_that_begins_a_stream_is_told_without_the_key() -> None:
    """Some providers repeat what they were sent; one whose form nobody knows is masked by its value."""
    bare = "NotAKeyOfAnybody0123456789abcdef"
    out = b'data: {"error":{"message":"no credit for %s","code":"insufficient_quota"}}\n\n' % bare.encode()
    place, upstream = Place(bare), Upstream(in_band={bare: out})
    with pytest.raises(OutOfCredit, match="no credit for") as told:
        await KeyedEngine(ACME, upstream.make_speaking, place.ring).forward(SPEC, call())
    assert bare not in told.value.message
    assert not any(bare in message for _, _, message in place.vault.noted)
