"""Programs, files and keys that nobody named, behind a whole Batuta but its loader: found, followed, left alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from batuta.app import App
from batuta.catalog.entities import Provider
from batuta.catalog.external import seen_keys
from batuta.catalog.finding import FOUND, PERSON, Door, Places
from batuta.catalog.records import ProviderState
from batuta.catalog.shelves import shelves
from batuta.engines import registry
from batuta.engines.knock import Doorman
from batuta.errors import Conflict
from batuta.kinds import KINDS
from batuta.settings import ProviderSettings, Settings
from batuta.testing.gguf import tiny_gguf
from batuta.testing.lmstudio import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, LocalServer
from batuta.testing.ollama import FakeOllama

MODELS = (FakeModel("qwen3:8b", size=GIB), FakeModel("other:1b", size=GIB))
KINDS_HERE = ("ollama", "lmstudio", "llama_server")


@dataclass
class Around:
    """What a made-up machine has: ports, a home, an environment."""

    data_dir: Path
    doors: Sequence[Door] = ()
    environ: dict[str, str] = field(default_factory=dict)
    providers: tuple[ProviderSettings, ...] = ()
    discover: bool = True

    @asynccontextmanager
    async def app(self) -> AsyncIterator[App]:
        """Start a Batuta there, which has looked around once."""
        settings = Settings(
            data_dir=self.data_dir,
            starter=False,
            discover=False,
            providers=self.providers,
            models_dirs=(self.data_dir,),
        )
        app = await asyncio.to_thread(self._make, settings)
        await app.runner.start()
        await app.catalog.start()
        await app.catalog.refresh()
        try:
            yield app
        finally:
            for part in (app.tasks, app.runner, app.catalog, app.engines):
                await part.aclose()

    def _make(self, settings: Settings) -> App:  # in a thread: it reads folders, templates and what packages offer
        for kind in KINDS_HERE:
            registry.engine_of(KINDS[kind].module, kind)
        registry.kinds()
        environ = {"HOME": str(self.data_dir / "home"), **self.environ}
        app = App(settings)
        if self.discover:
            doorman = Doorman(app.engines.transport, kinds=KINDS_HERE, describe_s=0.1)
            places = Places(doorman.knock, tuple(self.doors), shelves(environ), seen_keys(environ))
            app = App(settings, places=places)
        return app


def state(app: App, provider_id: str) -> ProviderState:
    found = app.catalog.provider(provider_id)
    assert found is not None, [each.provider.id for each in app.catalog.providers()]
    return found


def ids(app: App) -> list[str]:
    return [each.provider.id for each in app.catalog.providers() if each.source == FOUND]


async def test_a_program_is_found_followed_and_never_removed(data_dir: Path) -> None:
    """Started: online with its models. Ended: offline, nothing is lost. Started again: online."""
    async with FakeOllama(MODELS) as server:
        port = server.port
        async with Around(data_dir, [Door("ollama", port)]).app() as app:
            assert (state(app, "ollama").source, state(app, "ollama").is_online) == (FOUND, True)
            assert state(app, "ollama").version
            assert app.catalog.specs()["ollama/qwen3:8b"].is_loadable
            await app.catalog.patch("ollama/qwen3:8b", pinned=True)
            await server.stop()
            await app.catalog.refresh()
            assert state(app, "ollama").is_online is False
            assert app.catalog.specs()["ollama/qwen3:8b"].pinned
            assert app.catalog.problems() == ()  # nobody asked for it: that it is not there is no problem
            async with FakeOllama(MODELS, port=port):
                await app.catalog.refresh()
                assert state(app, "ollama").is_online is True


async def test_what_a_person_switched_off_stays_off(data_dir: Path) -> None:
    """Over a restart; it is not asked anything meanwhile, and its models answer nobody."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)])
        async with around.app() as app:
            await app.catalog.switch_provider("ollama", enabled=False)
            assert not app.catalog.specs()["ollama/qwen3:8b"].enabled
        server.seen.clear()
        async with around.app() as app:
            assert state(app, "ollama").provider.enabled is False
            assert not app.catalog.specs()["ollama/qwen3:8b"].enabled
            assert server.seen == []
            await app.catalog.switch_provider("ollama", enabled=True)
            assert state(app, "ollama").is_online is True
            assert app.catalog.specs()["ollama/qwen3:8b"].enabled


async def test_forgetting_a_program(data_dir: Path) -> None:
    """While it runs it would be found again, and that is said; when it is gone it is forgotten with its models."""
    async with FakeOllama(MODELS) as server, Around(data_dir, [Door("ollama", server.port)]).app() as app:
        with pytest.raises(Conflict, match="switch it off"):
            await app.catalog.remove_provider("ollama")
        await server.stop()
        await app.catalog.refresh()
        await app.catalog.remove_provider("ollama")
        assert (ids(app), dict(app.catalog.specs())) == ([], {})


async def test_who_was_named_is_not_found_beside(data_dir: Path) -> None:
    """The settings' provider at the same place wins; so does one that a person adds later."""
    async with FakeOllama(MODELS) as server:
        named = ProviderSettings(id="mine", kind="ollama", base_url=f"http://localhost:{server.port}")
        async with Around(data_dir, [Door("ollama", server.port)], providers=(named,)).app() as app:
            assert ids(app) == []
            assert "mine/qwen3:8b" in app.catalog.specs()
        async with Around(data_dir / "b", [Door("ollama", server.port)]).app() as app:
            await app.catalog.add_provider(Provider("lab", "ollama", base_url=server.url, is_local=True))
            await app.catalog.refresh()
            assert (ids(app), state(app, "lab").source) == ([], PERSON)
            assert not app.catalog.specs()["ollama/qwen3:8b"].is_present


async def test_a_person_takes_over_what_was_found(data_dir: Path) -> None:
    """Adding a provider of the same id replaces it, and keeps what was set about its models."""
    async with FakeOllama(MODELS) as server, Around(data_dir, [Door("ollama", server.port)]).app() as app:
        await app.catalog.patch("ollama/qwen3:8b", pinned=True)
        mine = Provider("ollama", "ollama", "Mine", server.url, is_local=True, max_in_flight=2)
        assert (await app.catalog.add_provider(mine)).source == PERSON
        assert app.catalog.specs()["ollama/qwen3:8b"].pinned


async def test_this_very_gateway_is_nobody_new(data_dir: Path) -> None:
    """Its own port is not knocked at."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)], discover=True)
        async with Around(data_dir / "other").app():
            app = await asyncio.to_thread(around._make, Settings(data_dir=data_dir, models_dirs=(data_dir,)))
        app.catalog.listens_at("127.0.0.1", server.port)
        await app.catalog.start()
        await app.catalog.refresh()
        assert (ids(app), server.seen) == ([], [])
        for part in (app.tasks, app.runner, app.catalog, app.engines):
            await part.aclose()


async def test_another_program_at_the_port_is_another_provider(data_dir: Path) -> None:
    """The one that was there is offline, and keeps its models; the new one has an id of its own."""
    async with FakeOllama(MODELS) as first:
        port = first.port
        async with Around(data_dir, [Door("ollama", port)]).app() as app:
            await first.stop()
            server: LocalServer
            async with FakeLMStudio(MODELS, port=port) as server:
                assert server.port == port
                await app.catalog.refresh()
                assert ids(app) == ["ollama", f"lmstudio-{port}"]
                assert state(app, "ollama").is_online is False
                assert state(app, f"lmstudio-{port}").is_online is True
                assert "ollama/qwen3:8b" in app.catalog.specs()


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
            async with around.app() as app:
                assert ids(app) == ["ollama"]
    finally:
        silent.close()


async def test_discovery_can_be_switched_off(data_dir: Path) -> None:
    """Nothing is knocked at; what was found before is not there, and comes back with its settings."""
    async with FakeOllama(MODELS) as server:
        around = Around(data_dir, [Door("ollama", server.port)], {"GROQ_API_KEY": "sk-test-not-a-key"})
        async with around.app() as app:
            await app.catalog.patch("ollama/qwen3:8b", pinned=True)
        server.seen.clear()
        async with Around(data_dir, discover=False).app() as app:
            assert (ids(app), server.seen) == ([], [])
            assert not app.catalog.specs()["ollama/qwen3:8b"].is_present
        async with around.app() as app:
            assert app.catalog.specs()["ollama/qwen3:8b"].is_present
            assert app.catalog.specs()["ollama/qwen3:8b"].pinned


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_told_and_nothing_is_sent(data_dir: Path) -> None:
    """Its provider is there, off; a person's switch is remembered, also while the key is away."""
    around = Around(data_dir, environ={"GROQ_API_KEY": "sk-test-not-a-key", "ANTHROPIC_API_KEY": "sk-test-not-a-key"})
    async with around.app() as app:
        assert ids(app) == ["groq"]
        assert (state(app, "groq").provider.enabled, state(app, "groq").is_online) == (False, None)
        assert [(key.variable, key.provider is not None) for key in app.catalog.seen_keys()] == [
            ("ANTHROPIC_API_KEY", False),
            ("GROQ_API_KEY", True),
        ]
        asked: list[str] = []

        async def list_models(provider: Provider) -> Sequence[object]:  # stands for the API, which no test calls
            asked.append(provider.id)
            return ()

        app.catalog._list_models = list_models  # type: ignore[assignment]
        app.catalog._describe = None
        await app.catalog.refresh()
        assert asked == []
        await app.catalog.switch_provider("groq", enabled=True)
        assert asked == ["groq"]
    async with Around(data_dir).app() as app:
        assert ids(app) == []
    app = await asyncio.to_thread(around._make, Settings(data_dir=data_dir, models_dirs=(data_dir,)))
    back = app.catalog._neighbours.restore((await app.catalog._store.open()).providers, {})
    assert back.switches == {"groq": True}
    for part in (app.tasks, app.runner, app.catalog, app.engines):
        await part.aclose()


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
        async with Around(data_dir, [Door("ollama", port)]).app() as app:
            assert set(app.catalog.specs()) == {"ollama/qwen3:8b", "ollama/other:1b"}
            await server.stop()
            await app.catalog.refresh()
            await app.catalog.refresh()
            assert app.catalog.specs()["qwen3:8b"].address == str(blob)
            async with FakeOllama(MODELS, port=port):
                await app.catalog.refresh()
                assert set(app.catalog.specs()) == {"ollama/qwen3:8b", "ollama/other:1b"}
            await app.catalog.refresh()
            await app.catalog.patch("qwen3:8b", pinned=True)
            async with FakeOllama(MODELS, port=port):
                await app.catalog.refresh()
                assert app.catalog.specs()["qwen3:8b"].pinned
        async with Around(data_dir, [Door("ollama", port)]).app() as app:
            assert app.catalog.specs()["qwen3:8b"].is_present
