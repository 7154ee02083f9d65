"""A real gateway before fakes of four external APIs, a small real model, and a test that plays everybody else.

The fakes run on a thread of the test, so that it can see every request that left the gateway. Knows what differs
between the APIs; the promises are in the test modules.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batuta.testing.gguf import tiny_gguf
from batuta.testing.providers import FakeProviders, key_of
from batuta.testing.providers.server import Seen
from batuta.testing.providers.vendor import ApiModel
from tests.acceptance.engine_play import Backstage
from tests.support.running import Batuta, Reply, Stream, chat_body, installation, until

LOCAL = "local"
NAMED = "named by the caller"
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Api:
    """One external API: who is asked for it and where its fake is.

    Attributes:
        id: of the provider, of its fake and of the row of known APIs.
        kind: of the engine.
        path: of its root at the fakes.
        address: its first model's name there.
    """

    id: str
    kind: str
    path: str
    address: str

    @property
    def model(self) -> str:
        """Its first model."""
        return f"{self.id}/{self.address}"

    @property
    def keys(self) -> tuple[str, str]:
        """Two keys that its fake takes."""
        return key_of(self.id), f"sk-test-not-a-key-second-{self.id}"

    def faulty(self, fault: str) -> str:
        """Return the name of the model that does this to whoever asks it."""
        return f"{self.model}.fault-{fault}"


OPENAI = Api("openai", "openai_family", "/openai/v1", "gpt-4.1-mini")
ANTHROPIC = Api("anthropic", "anthropic", "/anthropic", "claude-haiku-4-5")
GOOGLE = Api("google", "gemini", "/google/v1beta", "gemini-2.5-flash")
MISTRAL = Api("mistral", "openai_family", "/mistral/v1", "mistral-small-latest")
APIS = (OPENAI, ANTHROPIC, GOOGLE, MISTRAL)


class Door:
    """A way to the fakes that sees what is below HTTP: who connects, and every byte that comes."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections = 0
        self.bytes = 0
        self._behind = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Open it."""
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close it, and every connection through it."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._open |= {writer, inner_writer}
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry(reader, inner_writer, is_counted=True))
            group.create_task(self._carry(inner_reader, writer, is_counted=False))
        self._open -= {writer, inner_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_counted: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                self.bytes += len(data) if is_counted else 0
                writer.write(data)
                await writer.drain()
        with suppress(ConnectionError):
            writer.close()


@dataclass
class Play:
    """Everybody on the stage."""

    backstage: Backstage
    fakes: FakeProviders
    folder: Path
    batuta: Batuta
    door: Door
    apis: Sequence[Api] = APIS
    ids: dict[str, str] = field(default_factory=dict)

    # What a person does -------------------------------------------------------------------------------------

    def manage(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Ask the management API; return the answer's JSON."""
        reply = self.batuta.ask(method, f"/manage/{path}", body)
        assert reply.status == status, reply.body
        return reply.json() if reply.body else None

    def add_key(self, provider: str, key: str, /, **fields: Any) -> dict[str, Any]:
        """Add a key; return how it is shown."""
        shown: dict[str, Any] = self.manage("POST", "keys", {"provider": provider, "key": key, **fields}, status=201)
        self.ids[key] = shown["id"]
        return shown

    def change_key(self, key: str, /, **fields: Any) -> dict[str, Any]:
        """Change a key that was added; return how it is shown."""
        shown: dict[str, Any] = self.manage("PATCH", f"keys/{self.ids[key]}", fields)
        return shown

    def key(self, key: str) -> dict[str, Any]:
        """Return how a key is shown."""
        shown: dict[str, Any] = self.manage("GET", f"keys/{self.ids[key]}")
        return shown

    def ask(
        self, model: str, words: str = "one two three", *, headers: Mapping[str, str] | None = None, **fields: Any
    ) -> Reply:
        """Ask a model, not streamed."""
        return self.batuta.ask("POST", CHAT, chat_body(model, words, **fields), headers)

    def listen(self, model: str, words: str = "one two three", **fields: Any) -> Heard:
        """Ask a model and read its stream to the end."""
        return Heard.of(self.batuta.stream(model, words, **fields))

    def views(self) -> dict[str, dict[str, Any]]:
        """Return the management views of all models."""
        return {view["id"]: view for view in self.manage("GET", "models")["models"]}

    def unready(self, model: str) -> dict[str, Any] | None:
        """Return the view of a model that is not ready; None while it is."""
        view = self.views()[model]
        return view if view["state"] != "ready" else None

    def usage(self, by: str) -> dict[str, dict[str, Any]]:
        """Return what was used, by one word."""
        return {row[by]: row for row in self.manage("GET", f"usage?by={by}")["rows"]}

    def load_local(self) -> None:
        """Have the local model in memory."""
        self.manage("POST", f"models/{LOCAL}/load", status=202)
        self.manage("POST", f"models/{LOCAL}/wait", {"timeout_s": 60})

    def unload_local(self) -> None:
        """Have it out of memory."""
        self.batuta.ask("POST", f"/manage/models/{LOCAL}/unload")
        until(lambda: self.views()[LOCAL]["state"] == "absent", what="the local model is out of memory")

    # What left the gateway ----------------------------------------------------------------------------------

    def asked(self, *apis: Api) -> list[Seen]:
        """Return the questions to models that APIs got, all of them if none is named; not their lists of models."""
        wanted = {api.id for api in apis or self.apis}
        return [seen for seen in list(self.fakes.requests) if seen.provider in wanted and seen.method == "POST"]

    def sent_with(self, key: str) -> int:
        """Return how many questions went out with a key."""
        return sum(seen.key == key for seen in list(self.fakes.requests) if seen.method == "POST")

    def forget(self) -> None:
        """Forget what left so far."""
        self.fakes.requests.clear()

    def restart(self, *, kill: bool = False, **env: str) -> None:
        """Have the gateway end, as by a power cut if `kill`, and start again with further environment variables."""
        if kill:
            self.batuta.kill()
        else:
            self.batuta.stop()
        self.batuta._env.update(env)
        self.batuta.start()

    # Between two plays --------------------------------------------------------------------------------------

    def spoil(self, key: str, fault: str) -> None:
        """Let the fake do this to whoever comes with the key."""
        self.fakes.keys[next(api.id for api in self.apis if key in api.keys)][key] = fault

    def wait_for_models(self) -> None:
        """Return when the model of each API and the local one are there and none has failed."""
        wanted = {LOCAL, *(api.model for api in self.apis)}
        until(lambda: wanted <= self.views().keys(), within=30, what="the models are found")

    def clear(self) -> None:
        """Have every key good, every failure forgotten and nothing seen."""
        for api in self.apis:
            self.fakes.keys[api.id] = dict.fromkeys(api.keys, "")
        for shown in self.manage("GET", "keys")["keys"]:
            key = next((each for each, known in self.ids.items() if known == shown["id"]), "")
            if key and (shown["state"] != "good" or shown["daily_limit"] is not None):
                self.change_key(key, key=key, enabled=True, daily_limit=None)
        self.manage("POST", "models/reset-failed")
        self.forget()


@dataclass(frozen=True)
class Heard:
    """A stream that was read to its end.

    Attributes:
        who: answered, why, and instead of whom: from the headers, or the comment of a stream that opened before.
        events: it had.
        last: line of it.
    """

    who: tuple[str, str, str | None]
    events: Sequence[dict[str, Any]]
    last: str

    @classmethod
    def of(cls, stream: Stream) -> Heard:
        """Read a stream."""
        lines = [line for line in stream.lines() if line]
        stream.close()
        assert stream.status == 200, lines
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        told = [json.loads(line[9:]) for line in lines if line.startswith(": batuta {")]
        late = next((each for each in told if "route" in each), None)
        if late is not None:
            return cls((late["model"], late["route"], "; ".join(late["fallback"]) or None), events, lines[-1])
        return cls(who(stream.headers) if "x-batuta-model" in stream.headers else ("", "", None), events, lines[-1])

    @property
    def text(self) -> str:
        """What was said."""
        choices = (choice for event in self.events for choice in event.get("choices") or ())
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def error(self) -> dict[str, Any] | None:
        """The error it ended with; None: it did not."""
        return next((event["error"] for event in self.events if "error" in event), None)


def said(reply: Reply) -> str:
    """Return what a whole answer says."""
    assert reply.status == 200, reply.body
    return str(reply.json()["choices"][0]["message"]["content"])


def who(headers: Mapping[str, str]) -> tuple[str, str, str | None]:
    """Return who answered, why, and instead of whom."""
    return headers["x-batuta-model"], headers["x-batuta-route"], headers.get("x-batuta-fallback")


def error_of(reply: Reply) -> dict[str, Any]:
    """Return a refusal's error."""
    assert reply.status >= 400, reply.body
    error: dict[str, Any] = reply.json()["error"]
    return error


def config_for(apis: Sequence[Api], url: str) -> str:
    """Return the settings of providers at the fakes, as a person writes them for a proxy of the real ones."""
    return "".join(
        f'[[providers]]\nid = "{api.id}"\nkind = "{api.kind}"\npreset = "{api.id}"\nbase_url = "{url}{api.path}"\n'
        for api in apis
    )


@contextmanager
def playing(  # the stage, each thing by its name
    folder: Path,
    *,
    apis: Sequence[Api] = APIS,
    faults: Sequence[str] = (),
    keys: int = 2,
    has_door: bool = True,
    env: Mapping[str, str] | None = None,
) -> Iterator[Play]:
    """Run a gateway before the fakes, with a local model, until the end of the block.

    Args:
        folder: the data folder.
        apis: that are in the settings.
        faults: for each of them every API gets one more model, which does this to whoever asks it.
        keys: how many of the two keys of each API are added.
        has_door: the way to the fakes is through a door; without one a connection can be reset.
        env: further environment variables.
    """
    (folder / "models").mkdir()
    tiny_gguf(folder / "models" / f"{LOCAL}.gguf")
    fakes = FakeProviders()
    for api in apis:
        fakes.vendors[api.id].shelf += [_like(fakes, api, fault) for fault in faults]
        fakes.keys[api.id] = dict.fromkeys(api.keys, "")
    with ExitStack() as stack:
        backstage = stack.enter_context(Backstage())
        backstage.do(fakes.start())
        stack.callback(lambda: backstage.do(fakes.stop()))
        door = Door(fakes.port)
        backstage.do(door.start())
        stack.callback(lambda: backstage.do(door.stop()))
        (folder / "config.toml").write_text(config_for(apis, door.url if has_door else fakes.url))
        batuta = stack.enter_context(installation(folder, env={"BATUTA_VAULT__SOURCE": "file", **(env or {})}))
        play = Play(backstage, fakes, folder, batuta, door, apis)
        for api in apis:
            for key in api.keys[:keys]:
                play.add_key(api.id, key)
        if keys:
            play.wait_for_models()
        yield play


def _like(fakes: FakeProviders, api: Api, fault: str) -> ApiModel:
    """Return the line, in the list of an API's models, of one that is like its first and misbehaves."""
    first = next(model for model in fakes.vendors[api.id].shelf if model.id == api.address)
    return ApiModel(
        f"{api.address}.fault-{fault}", thinks=first.thinks, efforts=first.efforts, context=first.context, row=first.row
    )
