"""A whole gateway without processes: real catalog, runner and gateway over fake engines, asked through FastAPI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import cast as as_type

from fastapi import FastAPI

from batuta.catalog.change import Change
from batuta.downloads.service import Downloads
from batuta.gateway.admission import Admission
from batuta.gateway.serve import Gateway
from batuta.keys.ring import KeyRing
from batuta.keys.service import Keys
from batuta.keys.tester import KeyTester
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.loader.supervisor import LoaderSupervisor
from batuta.observe.bus import Bus
from batuta.observe.metrics import Metrics
from batuta.tasks import Tasks
from batuta.testing.fake_engine import FakeEngine, FakeRemoteEngine
from batuta.usage.recorder import Recorder
from batuta.vault.vault import Vault
from batuta.web.auth import LOOPBACK, Auth
from batuta.web.errors import install_error_handlers
from batuta.web.routes import events, health, manage, manage_keys, manage_pulls
from batuta.web.services import Services
from tests.support.asgi import Client, Reply, call
from tests.unit.catalog.stage import OLLAMA, Cast, cast
from tests.unit.keys.stage import Upstream
from tests.unit.vault.play import sources

BUDGET = 20_000  # bytes: each model of the stage needs 1000 + 100 + 2 * 4096 = 9292, so two fit and three do not


@dataclass
class Supervisor:
    """As much of the loader's supervisor as the routes read."""

    state: str = "up"
    message: str | None = None


class House:
    """The services and the app over them."""

    def __init__(self, it: Cast, budget: int) -> None:
        self.cast = it
        self.clock = it.clock
        self.bus = Bus()
        self.engine = FakeEngine(self.clock, load_s=4.0)
        self.remote = FakeRemoteEngine(self.clock)
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", budget)})
        self.runner = Runner(
            self.lifecycle, clock=self.clock, bus=self.bus, on_error=lambda *error: it.errors.append(error)
        )
        self.supervisor = Supervisor()
        self.tasks = Tasks(lambda *error: it.errors.append(error))
        self.environ = {"HF_HUB_OFFLINE": "1", "HOME": str(it.folder), "BATUTA_CONFIG": str(it.folder / "config.toml")}
        self.downloads = Downloads(
            it.settings,
            clock=it.clock,
            bus=self.bus,
            on_error=lambda *error: it.errors.append(error),
            environ=self.environ,
            refresh=it.catalog.refresh,
        )
        self.vault = Vault(
            it.store,
            sources(it.folder),
            clock=self.clock,
            on_error=lambda *error: it.errors.append(error),
        )
        self.upstream = Upstream()
        self.ring = KeyRing(self.vault, clock=self.clock, environ=self.environ)
        self.keys = Keys(
            vault=self.vault,
            ring=self.ring,
            tester=KeyTester(self.ring, lambda _, secret: self.upstream.make_checking(secret), self.clock),
            catalog=it.catalog,
            environ=self.environ,
        )
        self.services = Services(
            settings=it.settings,
            catalog=it.catalog,
            runner=self.runner,
            bus=self.bus,
            supervisor=as_type("LoaderSupervisor", self.supervisor),
            gateway=Gateway(
                specs=it.catalog.specs,
                runner=self.runner,
                admission=Admission(100, lambda: len(self.lifecycle.waiting)),
                clock=self.clock,
                bus=self.bus,
                is_offline=it.catalog.is_offline,
                reached=it.catalog.note_reached,
            ),
            metrics=Metrics(self.bus),
            auth=Auth(it.settings, clock=self.clock),
            clock=self.clock,
            tasks=self.tasks,
            downloads=self.downloads,
            keys=self.keys,
            usage=as_type("Recorder", None),
        )
        it.catalog.listen(self._changed)
        self.app = FastAPI()
        install_error_handlers(self.app)
        self.app.include_router(manage.router(self.services))
        self.app.include_router(manage_pulls.router(self.services))
        self.app.include_router(manage_keys.router(self.services))
        self.app.include_router(events.router(self.services, heartbeat_s=0.01))
        self.raw = health.raw_routes(self.services)

    def _changed(self, change: Change) -> None:
        for spec in (*change.added, *change.changed, *change.absent):
            self.runner.register(spec, self.engine if spec.is_loadable else self.remote)
        for model in change.removed:
            self.runner.forget(model)

    async def ask(self, method: str, path: str, body: Any = None, *, query: str = "") -> Reply:
        return await call(self.app, method, path, body, query=query)

    def start(self, method: str, path: str, body: Any = None) -> tuple[Client, asyncio.Task[Reply]]:
        """Send a request that is answered later."""
        client = Client(self.app, method, path, body)
        return client, self.tasks.start(client.run(), name=path)

    async def probe(self, path: str, method: str = "GET") -> Reply:
        """Ask a raw route."""
        handler = self.raw[method, path]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await handler(scope, receive, send, LOOPBACK)

        return await call(app, method, path)

    async def view(self, model: str) -> dict[str, Any]:
        view: dict[str, Any] = (await self.ask("GET", f"/manage/models/{model}")).json()
        return view


@asynccontextmanager
async def house(
    folder: Path, *models: str, budget: int = BUDGET, is_looked: bool = True, is_read: bool = True, **settings: Any
) -> AsyncIterator[House]:
    """Open a gateway with these model files and one provider, `ollama`, that is on this machine.

    With `is_looked` false its catalog has not looked at anything yet; with `is_read` false its vault is not open.
    """
    settings.setdefault("providers", (OLLAMA,))
    async with cast(folder, **settings) as it:
        for name in models or ("brain", "coder", "third"):
            it.file(f"{name}.gguf")
        stage = House(it, budget)
        await stage.runner.start()
        try:
            if is_looked:
                await it.catalog.start()
            if is_read:
                await stage.vault.open()
            yield stage
            stage.lifecycle.check()
        finally:
            await stage.tasks.aclose()
            await stage.vault.aclose()
            await stage.downloads.aclose()
            await stage.runner.aclose()
            await stage.engine.aclose()
