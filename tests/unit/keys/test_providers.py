"""Keys over the real engines and the fake providers: what a test finds at each of them, and how calls change keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.external import TABLE, External
from batuta.chat.types import CallNote, ChatRequest, Message
from batuta.engines import registry
from batuta.engines.base import Engine, RawCall
from batuta.engines.keyed import KeyedEngine
from batuta.engines.transport import Transport
from batuta.keys.ring import origin_of
from batuta.keys.service import kind_of
from batuta.keys.tester import KeyTester
from batuta.testing.providers import FakeProviders, key_of
from batuta.vault.secret import Secret

from .stage import Place

OTHER = "sk-test-not-a-key-second"
APIS = {api.id: api for api in TABLE}
FACTORIES = {kind: registry.kinds()[kind]() for kind in ("openai_family", "anthropic", "gemini")}
PROVEN = ("openai", "anthropic", "google", "mistral", "cohere", "ai21", "huggingface", "deepseek", "groq", "xai")


@dataclass
class House:
    """One fake provider, its real engine over two keys, and everything around them."""

    fakes: FakeProviders
    place: Place
    provider: Provider
    engine: KeyedEngine
    tester: KeyTester

    @property
    def spec(self) -> ModelSpec:
        """A model of it."""
        model = next(each.id for each in self.fakes.vendors[self.provider.id].shelf if not each.is_embedding)
        return ModelSpec(f"{self.provider.id}/{model}", self.provider.id, model)

    def keys_sent(self) -> list[str]:
        """Return the keys that questions to its models came with."""
        return [seen.key or "" for seen in self.fakes.asked(self.provider.id) if seen.method == "POST"]


def at(fakes: FakeProviders, api: External) -> Provider:
    """Return the provider that a known API is, at its fake."""
    kind = kind_of(api)
    assert kind is not None
    return Provider(api.id, kind, api.name, f"{fakes.url}/{api.id}{api.path}", preset=api.id)


@asynccontextmanager
async def house(name: str) -> AsyncIterator[House]:
    async with FakeProviders() as fakes:
        transport = Transport()
        provider = at(fakes, APIS[name])
        fakes.keys[name][OTHER] = ""
        place = Place()
        for key_id, secret in (("k1", key_of(name)), ("k2", OTHER)):
            place.vault.put(key_id, secret, provider=name, origin=origin_of(provider))

        def make(secret: Secret | None) -> Engine:
            return FACTORIES[provider.kind](provider, transport, key=secret)

        tester = KeyTester(place.ring, lambda _, secret: make(secret), place.clock)
        try:
            yield House(fakes, place, provider, KeyedEngine(provider, make, place.ring), tester)
        finally:
            await transport.aclose()


@pytest.mark.parametrize("name", PROVEN)
async def test_a_key_is_proved_at_its_provider(name: str) -> None:
    """Good and bad are told apart at every provider, by whatever status and words it has for that."""
    async with house(name) as it:
        good = await it.tester.test(it.provider, "k1")
        assert (good.outcome, good.message) == ("valid", "")
        assert good.models
        it.fakes.keys[name].pop(OTHER)
        bad = await it.tester.test(it.provider, "k2")
        assert bad.outcome == "invalid", bad
        assert bad.message
        assert OTHER not in bad.message
        assert it.place.names(it.provider) == ["k1"]


async def test_nobody_there_says_nothing_of_the_key() -> None:
    """A provider that is down is unreachable; the key stays as it was."""
    async with house("groq") as it:
        await it.fakes.stop()
        assert (await it.tester.test(it.provider, "k1")).outcome == "unreachable"
        assert it.place.names(it.provider) == ["k1", "k2"]


@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "mistral", "groq"])
@pytest.mark.parametrize(("fault", "state"), [("bad-key", "invalid"), ("rate", "resting"), ("no-credit", "no_credit")])
async def test_the_second_key_answers_for_the_first(name: str, fault: str, state: str) -> None:
    """Whatever is wrong with the first key, the caller gets the answer, and the first key rests from then on."""
    async with house(name) as it:
        it.fakes.keys[name][key_of(name)] = fault
        note = CallNote()
        for stream in (True, False):
            request = ChatRequest(it.spec.id, (Message("user", "hi"),), stream=stream, note=note)
            said = [delta async for delta in it.engine.chat(it.spec, request)]
            assert any(delta.text for delta in said)
        assert note.key_id == "k2"
        assert it.keys_sent().count(key_of(name)) == 1
        assert it.keys_sent().count(OTHER) == 2
        assert it.place.ring.health("k1").state == state


async def test_bytes_pass_through_with_the_second_key() -> None:
    """The same where the gateway passes bytes on."""
    async with house("groq") as it:
        it.fakes.keys["groq"][key_of("groq")] = "429-retry-after-30"
        deadline = asyncio.get_running_loop().time() + 5
        body = b'{"model":"%s","messages":[{"role":"user","content":"hi"}],"stream":true}' % it.spec.address.encode()
        note = CallNote()
        reply = await it.engine.forward(it.spec, RawCall("chat/completions", body, True, deadline, note=note))
        whole = b"".join([chunk async for chunk in reply.chunks()])
        await reply.aclose()
        assert whole.rstrip().endswith(b"data: [DONE]")
        assert (note.key_id, it.keys_sent()) == ("k2", [key_of("groq"), OTHER])
        left = it.place.ring.seconds_left(it.place.ring.health("k1"))
        assert left == 30.0
