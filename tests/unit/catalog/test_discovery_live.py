"""Programs, files and keys that nobody named, with real adapters: found, followed, switched off, left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from batuta.catalog.entities import Provider
from batuta.catalog.external import seen_keys
from batuta.catalog.files import reader
from batuta.catalog.finding import FOUND, PERSON, Door, Places
from batuta.catalog.records import ProviderState
from batuta.catalog.service import Catalog
from batuta.catalog.shelves import shelves
from batuta.catalog.store import Store
from batuta.clock import SystemClock
from batuta.engines import registry
from batuta.engines.base import DescribedEngine, Engine, EngineInfo, ReportedModel
from batuta.engines.knock import Doorman
from batuta.engines.transport import Transport
from batuta.errors import Conflict
from batuta.kinds import KINDS
from batuta.loader.forms import estimate, inspect
from batuta.settings import ProviderSettings, Settings
from batuta.testing.gguf import tiny_gguf
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, LocalServer
from batuta.testing.ollama.server import FakeOllama

MODELS = (FakeModel("qwen3:8b", size=GIB), FakeModel("other:1b", size=GIB))
KINDS_HERE = ("ollama", "lmstudio", "llama_server")
for _kind in KINDS_HERE:  # imported now: a test's loop must not read files
    registry.engine_of(KINDS[_kind].module, _kind)
registry.kinds()


class House:
    """A catalog with the real adapters, and nothing else of Batuta."""

    def __init__(self, settings: Settings, around: Around) -> None:
        self.transport = Transport()
        self.engines: dict[Provider, Engine] = {}
        self.errors: list[tuple[str, BaseException]] = []
        environ = {"HOME": str(around.data_dir / "home"), **around.environ}
        doorman = Doorman(self.transport, kinds=KINDS_HERE, describe_s=0.1)
        self.places = Places(doorman.knock, tuple(around.doors), shelves(environ), seen_keys(environ))
        self.asked: list[str] = []
        self.catalog = Catalog(
            Store.in_folder(settings.data_dir),
            settings=settings,
            clock=SystemClock(),
            read_file=reader(inspect, estimate),
            list_models=self.list_models,
            describe=self.describe,
            on_error=lambda *error: self.errors.append(error),
            places=self.places if around.discover else None,
        )

    async def list_models(self, provider: Provider) -> Sequence[ReportedModel]:
        self.asked.append(provider.id)
        return await self._engine(provider).list_models() if provider.is_local else ()  # no test calls an API

    async def describe(self, provider: Provider) -> EngineInfo | None:
        engine = self._engine(provider)
        return await engine.describe() if isinstance(engine, DescribedEngine) else None

    def _engine(self, provider: Provider) -> Engine:
        if provider not in self.engines:
            self.engines[provider] = registry.create(provider, self.transport)
        return self.engines[provider]

    async def aclose(self) -> None:
        await self.catalog.aclose()
        for engine in self.engines.values():
            await engine.aclose()
        await self.transport.aclose()
        assert self.errors == []


@dataclass
class Around:
    """What a made-up machine has: ports, a home, an environment."""

    data_dir: Path
    doors: Sequence[Door] = ()
    environ: dict[str, str] = field(default_factory=dict)
    providers: tuple[ProviderSettings, ...] = ()
    discover: bool = True
    own_port: int = 0

    @asynccontextmanager
    async def house(self) -> AsyncIterator[House]:
        """Start a catalog there, which has looked around once."""
        (self.data_dir / "models").mkdir(parents=True, exist_ok=True)
        it = House(Settings(data_dir=self.data_dir, providers=self.providers), self)
        if self.own_port:
            it.catalog.listens_at("127.0.0.1", self.own_port)
        await it.catalog.start()
        await it.catalog.refresh()
        try:
            yield it
        finally:
            await it.aclose()


def state(it: House, provider_id: str) -> ProviderState:
    found = it.catalog.provider(provider_id)
    assert found is not None, [each.provider.id for each in it.catalog.providers()]
    return found


def ids(it: House) -> list[str]:
    return [each.provider.id for each in it.catalog.providers() if each.source == FOUND]


async def test_a_program_is_found_followed_and_never_removed(data_dir: Path) -> None:
    """Started: online with its models. Ended: offline, nothing is lost. Started again: online."""
    async with FakeOllama(MODELS) as server:
        port = server.port
        async with Around(data_dir, [Door("ollama", port)]).house() as it:
            assert (state(it, "ollama").source, state(it, "ollama").is_online) == (FOUND, True)
            assert state(it, "ollama").version
            assert it.catalog.specs()["ollama/qwen3:8b"].is_loadable
            await it.catalog.patch("ollama/qwen3:8b", pinned=True)
            await server.stop()
            await it.catalog.refresh()
            assert state(it, "ollama").is_online is False
            assert it.catalog.specs()["ollama/qwen3:8b"].pinned
            assert it.catalog.problems() == ()  # nobody asked for it: that it is not there is no problem
            async with FakeOllama(MODELS, port=port):
                await it.catalog.refresh()
                assert state(it, "ollama").is_online is True


async def test_what_a_person_switched_off_stays_off(data_dir: Path) -> None:
    """Over a restart; it is not asked anything meanwhile, and its models answer nobody."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)])
        async with around.house() as it:
            await it.catalog.switch_provider("ollama", enabled=False)
            assert not it.catalog.specs()["ollama/qwen3:8b"].enabled
        server.seen.clear()
        async with around.house() as it:
            assert state(it, "ollama").provider.enabled is False
            assert not it.catalog.specs()["ollama/qwen3:8b"].enabled
            assert server.seen == []
            await it.catalog.switch_provider("ollama", enabled=True)
            assert state(it, "ollama").is_online is True
            assert it.catalog.specs()["ollama/qwen3:8b"].enabled


async def test_forgetting_a_program(data_dir: Path) -> None:
    """While it runs it would be found again, and that is said; when it is gone it is forgotten with its models."""
    async with FakeOllama(MODELS) as server, Around(data_dir, [Door("ollama", server.port)]).house() as it:
        with pytest.raises(Conflict, match="switch it off"):
            await it.catalog.remove_provider("ollama")
        await server.stop()
        await it.catalog.refresh()
        await it.catalog.remove_provider("ollama")
        assert (ids(it), dict(it.catalog.specs())) == ([], {})


async def test_who_was_named_is_not_found_beside(data_dir: Path) -> None:
    """The settings' provider at the same place wins; so does one that a person adds later."""
    async with FakeOllama(MODELS) as server:
        named = ProviderSettings(id="mine", kind="ollama", base_url=f"http://localhost:{server.port}")
        async with Around(data_dir, [Door("ollama", server.port)], providers=(named,)).house() as it:
            assert ids(it) == []
            assert "mine/qwen3:8b" in it.catalog.specs()
        async with Around(data_dir / "b", [Door("ollama", server.port)]).house() as it:
            await it.catalog.add_provider(Provider("lab", "ollama", base_url=server.url, is_local=True))
            await it.catalog.refresh()
            assert (ids(it), state(it, "lab").source) == ([], PERSON)
            assert not it.catalog.specs()["ollama/qwen3:8b"].is_present


async def test_a_person_takes_over_what_was_found(data_dir: Path) -> None:
    """Adding a provider of the same id replaces it, and keeps what was set about its models."""
    async with FakeOllama(MODELS) as server, Around(data_dir, [Door("ollama", server.port)]).house() as it:
        await it.catalog.patch("ollama/qwen3:8b", pinned=True)
        mine = Provider("ollama", "ollama", "Mine", server.url, is_local=True, max_in_flight=2)
        assert (await it.catalog.add_provider(mine)).source == PERSON
        assert it.catalog.specs()["ollama/qwen3:8b"].pinned


async def test_this_very_gateway_is_nobody_new(data_dir: Path) -> None:
    """Its own port is not knocked at."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)], own_port=server.port)
        async with around.house() as it:
            assert (ids(it), server.seen) == ([], [])


async def test_another_program_at_the_port_is_another_provider(data_dir: Path) -> None:
    """The one that was there is offline, and keeps its models; the new one has an id of its own."""
    async with FakeOllama(MODELS) as first:
        port = first.port
        async with Around(data_dir, [Door("ollama", port)]).house() as it:
            await first.stop()
            server: LocalServer
            async with FakeLMStudio(MODELS, port=port) as server:
                assert server.port == port
                await it.catalog.refresh()  # Ollama does not answer any more
                await it.catalog.refresh()  # who is it, then?
                assert ids(it) == ["ollama", f"lmstudio-{port}"]
                assert state(it, "ollama").is_online is False
                assert state(it, f"lmstudio-{port}").is_online is True
                assert "ollama/qwen3:8b" in it.catalog.specs()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection until the other side hangs up."""
    await reader.read()
    writer.close()


async def test_a_slow_port_delays_no_other(data_dir: Path) -> None:
    """The models of one are there while another port has not said a word."""
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = int(silent.sockets[0].getsockname()[1])
    try:
        async with FakeOllama(MODELS) as server:
            around = Around(data_dir, [Door("lmstudio", port), Door("ollama", server.port)])
            async with around.house() as it:
                assert ids(it) == ["ollama"]
    finally:
        silent.close()


async def test_discovery_can_be_switched_off(data_dir: Path) -> None:
    """Nothing is knocked at; what was found before is not there, and comes back with its settings."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)], {"GROQ_API_KEY": "sk-test-not-a-key"})
        async with around.house() as it:
            await it.catalog.patch("ollama/qwen3:8b", pinned=True)
        server.seen.clear()
        async with Around(data_dir, discover=False).house() as it:
            assert (ids(it), server.seen) == ([], [])
            assert not it.catalog.specs()["ollama/qwen3:8b"].is_present
        async with around.house() as it:
            assert it.catalog.specs()["ollama/qwen3:8b"].is_present
            assert it.catalog.specs()["ollama/qwen3:8b"].pinned


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_told_and_nothing_is_sent(data_dir: Path) -> None:
    """Its provider is there, off; a person's switch is remembered, also while the key is away."""
    around = Around(data_dir, environ={"GROQ_API_KEY": "sk-test-not-a-key", "ANTHROPIC_API_KEY": "sk-test-not-a-key"})
    async with around.house() as it:
        assert ids(it) == ["anthropic", "groq"]
        assert (state(it, "groq").provider.enabled, state(it, "groq").is_online) == (False, None)
        assert [(key.variable, key.provider is not None) for key in it.catalog.seen_keys()] == [
            ("ANTHROPIC_API_KEY", True),
            ("GROQ_API_KEY", True),
        ]
        await it.catalog.refresh()
        assert it.asked == []
        await it.catalog.switch_provider("groq", enabled=True)
        assert it.asked == ["groq"]
    async with Around(data_dir).house() as it:
        assert ids(it) == []
    async with around.house() as it:
        assert (state(it, "groq").provider.enabled, it.asked) == (True, ["groq"])


# --- Ollama's files --------------------------------------------------------------------------------------------------


def put_into_ollama(home: Path, name: str) -> Path:
    """Put a real model into Ollama's folder of a home."""
    content = tiny_gguf(home.parent / "source.gguf").read_bytes()
    (home.parent / "source.gguf").unlink()
    digest = sha256(content).hexdigest()
    blob = home / ".ollama/models/blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content)
    manifest = home / ".ollama/models/manifests/registry.ollama.ai/library" / name.replace(":", "/")
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    manifest.write_text(json.dumps({"layers": [layer]}))
    return blob


async def test_a_model_of_ollama_is_listed_once(data_dir: Path) -> None:
    """Where it runs, as Ollama's; when Ollama has ended, as a file that Batuta loads by itself; and back."""
    home = data_dir / "home"
    home.mkdir()
    blob = await asyncio.to_thread(put_into_ollama, home, "qwen3:8b")
    async with FakeOllama(MODELS) as server:
        port = server.port
        async with Around(data_dir, [Door("ollama", port)]).house() as it:
            assert set(it.catalog.specs()) == {"ollama/qwen3:8b", "ollama/other:1b"}
            await server.stop()
            await it.catalog.refresh()
            await it.catalog.refresh()
            assert it.catalog.specs()["qwen3:8b"].address == str(blob)
            async with FakeOllama(MODELS, port=port):
                await it.catalog.refresh()
                assert set(it.catalog.specs()) == {"ollama/qwen3:8b", "ollama/other:1b"}
            await it.catalog.refresh()
            await it.catalog.patch("qwen3:8b", pinned=True)
            async with FakeOllama(MODELS, port=port):
                await it.catalog.refresh()
                assert it.catalog.specs()["qwen3:8b"].pinned
        async with Around(data_dir, [Door("ollama", port)]).house() as it:
            assert it.catalog.specs()["qwen3:8b"].is_present
