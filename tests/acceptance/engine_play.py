"""A real gateway between a fake engine, an external API and a test that plays the person, and everybody else.

The engine runs on a thread of the test, so that the test can look into it, load models behind the gateway's back, end
it and start it anew at the same address. Knows what differs between engines; the promises are in engine_scenarios.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from batuta.testing.fake_openai import FakeOpenAI
from batuta.testing.lmstudio.server import FakeLMStudio
from batuta.testing.local_server import GIB, FakeModel, LocalServer, MemoryPool
from batuta.testing.ollama.server import FakeOllama
from tests.support.running import Batuta, Stream, installation, until

T = TypeVar("T")

LOAD_S = 1.0  # what a load takes at the fakes: long enough to be looked at
SIZE = 2 * GIB
EXTERNAL = "acme/fake-small"
WITHIN_S = 1.0  # the promise to whoever looks
BACK_S = 10.0  # the promise for an engine that comes back while nobody looks
SLACK_S = 1.0  # for a machine that has other things to do; no part of a promise


@dataclass(frozen=True)
class Kind:
    """One engine program: what its fake is asked and told. A fake is passed as Any: each kind knows its own.

    Attributes:
        id: of the provider that its environment variable makes.
        variable: that variable.
        names: of its two models.
        make: gives the fake: models, memory, port.
        loads: how often a model's load was begun, by whomever.
        holds: names of what is in memory.
        uninstall: it has a model no more; returns the model.
        install: it has the model again.
        slow_down: sets the seconds between two words.
        load, unload: method and body with which any other program has it loaded and unloaded.
    """

    id: str
    variable: str
    names: tuple[str, str]
    make: Callable[[Sequence[FakeModel], MemoryPool, int], LocalServer]
    loads: Callable[[Any, str], int]
    holds: Callable[[Any], list[str]]
    uninstall: Callable[[Any, str], FakeModel]
    install: Callable[[Any, FakeModel], None]
    slow_down: Callable[[Any, float], None]
    load: Callable[[str], tuple[str, dict[str, Any]]]
    unload: Callable[[str], tuple[str, dict[str, Any]]]


OLLAMA = Kind(
    id="ollama",
    variable="OLLAMA_BASE_URL",
    names=("qwen3:8b", "llama3.2:3b"),
    make=lambda models, memory, port: FakeOllama(models, memory=memory, port=port, scheduling={"parallel": 4}),
    loads=lambda fake, name: fake.scheduler.loads.count(name),
    holds=lambda fake: [runner.model.name for runner in list(fake.scheduler.loaded.values())],
    uninstall=lambda fake, name: fake.models.pop(name),
    install=lambda fake, model: fake.models.update({model.name: model}),
    slow_down=lambda fake, seconds: setattr(fake.play, "token_s", seconds),
    load=lambda name: ("/api/generate", {"model": name, "keep_alive": -1, "stream": False}),
    unload=lambda name: ("/api/generate", {"model": name, "keep_alive": 0, "stream": False}),
)


def _lmstudio_loads(fake: FakeLMStudio, name: str) -> int:
    asked = [body for path, body in list(fake.bodies) if path.endswith("/load") and body.get("model") == name]
    return len(asked) + sum(instance.is_jit for instance in fake.shelf.of(name))


LMSTUDIO = Kind(
    id="lmstudio",
    variable="LMSTUDIO_BASE_URL",
    names=("qwen/qwen3-4b", "gemma-3-12b-it"),
    make=lambda models, memory, port: FakeLMStudio(models, memory=memory, port=port),
    loads=_lmstudio_loads,
    holds=lambda fake: [instance.id for instance in fake.shelf.ready()],
    uninstall=lambda fake, name: fake.shelf.models.pop(name),
    install=lambda fake, model: fake.shelf.models.update({model.name: model}),
    slow_down=lambda fake, seconds: setattr(fake.speaker, "token_s", seconds),
    load=lambda name: ("/api/v1/models/load", {"model": name}),
    unload=lambda name: ("/api/v1/models/unload", {"instance_id": name}),
)


class Backstage:
    """A loop on a thread of its own, for the servers of a play."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backstage")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and return what it returns."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(20)


class Watcher:
    """Somebody who looks: an open stream of events, read on a thread, each with the time it came."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self._connection.request("GET", "/manage/events")
        self._response = self._connection.getresponse()
        self._thread = threading.Thread(target=self._read, name="watcher")
        self._facts: list[tuple[float, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: self._facts, what="the picture that the events begin with")
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(2)
        self._thread.join()
        self._connection.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError, http.client.HTTPException):
            while line := self._response.readline():
                if line.startswith(b"data: "):
                    self._facts.append((time.monotonic(), json.loads(line[6:])))

    def facts(self, kind: str, **fields: Any) -> list[tuple[float, dict[str, Any]]]:
        """Return what has been told of one kind, with these values."""
        known = list(self._facts)
        return [(at, f) for at, f in known if f.get("event") == kind and fields.items() <= f.items()]

    def told_at(self, kind: str, *, since: float, **fields: Any) -> float:
        """Return when it was told for the first time since then; fails when it is not told at all."""
        found = until(
            lambda: [at for at, _ in self.facts(kind, **fields) if at >= since], what=f"{kind} {fields} is told"
        )
        return float(found[0])


@dataclass
class Play:
    """Everybody on the stage."""

    kind: Kind
    backstage: Backstage
    batuta: Batuta
    engine: LocalServer
    api: FakeOpenAI
    pool: Callable[[], MemoryPool]
    size: int
    is_engine_running: bool = True
    _loads_before: dict[str, int] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The brain."""
        return f"{self.kind.id}/{self.kind.names[0]}"

    @property
    def second(self) -> str:
        """The other one."""
        return f"{self.kind.id}/{self.kind.names[1]}"

    @property
    def both(self) -> tuple[str, str]:
        """The engine's models."""
        return self.first, self.second

    def address(self, model: str) -> str:
        """Return a model's name at the engine."""
        return model.removeprefix(f"{self.kind.id}/")

    # What everybody else does --------------------------------------------------------------------------------

    def behind(self, call: tuple[str, dict[str, Any]]) -> None:
        """Do something at the engine that the gateway knows nothing of."""
        path, body = call
        request = urllib.request.Request(  # noqa: S310  # an address of the test's own
            f"{self.engine.url}{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  # as above
            assert answer.status == 200

    def load_behind(self, model: str) -> None:
        """Another program has it loaded; returns when it is."""
        self.behind(self.kind.load(self.address(model)))

    def unload_behind(self, model: str) -> None:
        """Another program has it unloaded."""
        self.behind(self.kind.unload(self.address(model)))

    def stop_engine(self) -> None:
        """Somebody ends the program."""
        self.backstage.do(self.engine.stop())
        self.is_engine_running = False

    def start_engine(self) -> None:
        """Somebody starts it again, at the same address and with nothing in memory."""
        port, self._loads_before = self.engine.port, {}
        self.engine = self.kind.make(models_of(self.kind, self.size), self.pool(), port)
        self.backstage.do(self.engine.start())
        self.is_engine_running = True

    def slow_words(self, seconds: float) -> None:
        """Have the engine wait before each word."""
        self.kind.slow_down(self.engine, seconds)

    # What is seen there --------------------------------------------------------------------------------------

    def loads(self, model: str) -> int:
        """Return how often the engine has begun to load it, since its start or since the stage was cleared."""
        return self.kind.loads(self.engine, self.address(model)) - self._loads_before.get(model, 0)

    def held(self) -> list[str]:
        """Return what the engine holds."""
        return self.kind.holds(self.engine)

    # What is seen here ---------------------------------------------------------------------------------------

    def views(self, *, refresh: bool = False) -> dict[str, dict[str, Any]]:
        """Return the management views of all models."""
        reply = self.batuta.ask("GET", f"/manage/models{'?refresh=1' if refresh else ''}")
        assert reply.status == 200, reply.body
        return {view["id"]: view for view in reply.json()["models"]}

    def state(self, model: str) -> str:
        """Return the state that people are shown."""
        return str(self.batuta.model(model)["state"])

    def reserved(self) -> int:
        """Return the bytes in the books."""
        return sum(device["reserved"] for device in self.batuta.ask("GET", "/manage/models").json()["devices"])

    def watch(self) -> Watcher:
        """Look, until the end of the block."""
        return Watcher(self.batuta.url)

    def begin_stream(self, model: str, **fields: Any) -> Stream:
        """Ask for a stream; returns with its head."""
        stream = self.batuta.stream(model, **fields)
        assert stream.status == 200
        return stream

    def clear(self) -> None:
        """Have the engine running and empty, at its usual speed, and every failure forgotten."""
        if not self.is_engine_running:
            self.start_engine()
        self.slow_words(0)
        for name in self.held():
            self.unload_behind(name)
        until(lambda: not self.held(), what="the engine is empty")
        self.batuta.ask("POST", "/manage/models/reset-failed")
        until(lambda: {v["state"] for v in self.ours(refresh=True)} == {"absent"}, what="both models are absent")
        self._loads_before = {model: self.kind.loads(self.engine, self.address(model)) for model in self.both}

    def ours(self, *, refresh: bool = False) -> list[dict[str, Any]]:
        """Return the views of the engine's models."""
        return [view for view in self.views(refresh=refresh).values() if view["provider"] == self.kind.id]


def models_of(kind: Kind, size: int) -> list[FakeModel]:
    """Return what is installed at the engine."""
    return [FakeModel(name, size=size, load_s=LOAD_S) for name in kind.names]


@contextmanager
def playing(
    folder: Path,
    kind: Kind,
    *args: str,
    budget: str = "16GiB",
    pool: Callable[[], MemoryPool] = lambda: MemoryPool(8 * GIB),
    size: int = SIZE,
) -> Iterator[Play]:
    """Run a gateway over a data folder, an engine and an external API, until the end of the block.

    Args:
        folder: the data folder.
        kind: which engine.
        args: further words for `batuta serve`.
        budget: of the gateway's books.
        pool: makes the engine's memory, at each start of it.
        size: bytes that each of the engine's models takes.
    """
    with Backstage() as backstage:
        engine = kind.make(models_of(kind, size), pool(), 0)
        api = FakeOpenAI(models=["fake-small"])
        backstage.do(engine.start())
        backstage.do(api.start())
        config = f'[[providers]]\nid = "acme"\nbase_url = "{api.url}"\n'
        (folder / "config.toml").write_text(config)
        env = {
            kind.variable: engine.url,
            "BATUTA_MEMORY_BUDGET": budget,
            "BATUTA_EDGE__HEARTBEAT_S": "0.1",
        }
        play: Play | None = None
        try:
            with installation(folder, *args, env=env) as batuta:
                play = Play(kind, backstage, batuta, engine, api, pool, size)
                wanted = {play.first, play.second, EXTERNAL}
                until(lambda: wanted <= play.views().keys(), what="the models are found")
                # Not by DEFAULT_MODEL: the default model is loaded at the start.
                reply = batuta.ask("PATCH", f"/manage/models/{play.first}", {"roles": ["brain"]})
                assert reply.status == 200, reply.body
                yield play
        finally:
            backstage.do((engine if play is None else play.engine).stop())
            backstage.do(api.aclose())
