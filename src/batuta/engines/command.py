"""A person's own servers, started and stopped by the loader with their models, talked to directly on loopback.

What is true of every model in the loader is LocalWorker's; here is what a command adds: its words, its key, its path.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from batuta import command_line
from batuta.catalog.commands import macro_values
from batuta.catalog.entities import ModelSpec
from batuta.command_settings import CommandSettings
from batuta.engines.base import LoadReport, ProgressListener
from batuta.engines.local_worker import LocalWorker, Place
from batuta.engines.transport import Transport
from batuta.errors import BatutaError, Cause, ModelFailed
from batuta.kinds import COMMAND
from batuta.loader.client import LoaderClient
from batuta.settings import Settings
from batuta.tasks import Tasks
from batuta.vault.secret import Secret

log = logging.getLogger("batuta.engines.command")


class CommandEngine(LocalWorker):
    """The engine of all `[[commands]]`.

    Args:
        client: the loader's.
        transport: shared by all engines.
        settings: the commands, the folders that macros stand for, and how long things may take.
        environ: the gateway's environment, for `${env.NAME}` and keys.
    """

    kind = COMMAND
    keeps = "command"

    def __init__(
        self, client: LoaderClient, transport: Transport, *, settings: Settings, environ: Mapping[str, str]
    ) -> None:
        self._commands = {each.id: each for each in settings.commands}
        self._all = settings
        self._environ = environ
        self._versions: dict[str, str] = {}  # model -> the version of its settings that the loader runs
        self._tasks = Tasks(_report)
        super().__init__(client, transport, settings=settings.engine, load_timeout_s=settings.loader.load_timeout_s)

    def __repr__(self) -> str:
        return f"<CommandEngine {len(self._commands)} commands, running: {', '.join(sorted(self._places)) or 'none'}>"

    def wire_name(self, spec: ModelSpec) -> str:
        """Return the model's name at its server."""
        command = self._commands.get(spec.address)
        return (command.model if command else "") or spec.address

    async def load(self, spec: ModelSpec, on_progress: ProgressListener) -> LoadReport:
        request = self._request(spec)  # what is wrong with the settings is told before anything is stopped
        if self._versions.get(spec.id, request["command"]["fingerprint"]) != request["command"]["fingerprint"]:
            await self._client.unload(spec.id)
        return await super().load(spec, on_progress)

    def device(self, spec: ModelSpec) -> str:
        """Return the ledger the settings want a model booked in; empty: they do not say."""
        command = self._commands.get(spec.address)
        return command.device if command else ""

    async def aclose(self) -> None:
        await self._tasks.aclose()

    # --- what the loader is asked --------------------------------------------------------------------------------

    def _request(self, spec: ModelSpec) -> dict[str, Any]:
        command = self._commands.get(spec.address)
        if command is None:
            raise ModelFailed(
                f"{spec.id} cannot be started: its [[commands]] entry is gone from the settings",
                model=spec.id,
                cause=Cause.NOT_INSTALLED,
            )
        plan = plan_of(command, self._all, self._environ, model=spec.id)
        return {
            "model": spec.id,
            "path": plan["argv"][0],
            "context": spec.context_length,
            "slots": max(spec.slots, 1),
            "timeout_s": command.start_timeout_s or self._load_timeout_s,
            "command": plan,
        }

    def _place(self, spec: ModelSpec) -> Place:
        place, command = super()._place(spec), self._commands.get(spec.address)
        if command is None:
            return place
        key = self._environ.get(command.key_env, "") if command.key_env else ""
        return replace(
            place, base_url=place.base_url.removesuffix("/v1") + command.api, key=Secret(key) if key else None
        )

    # --- what the loader says ------------------------------------------------------------------------------------

    def _heard(self, event: dict[str, Any]) -> None:
        super()._heard(event)
        if event.get("event") == "connected":
            self._retire(event["state"]["models"])
        elif event.get("event") == "lost":
            self._versions.clear()

    def _note(self, record: dict[str, Any]) -> None:
        if not self._is_mine(record):
            return
        model = str(record["id"])
        if record["state"] in {"loading", "ready"}:
            self._versions[model] = str(record.get("fingerprint"))
        else:
            self._versions.pop(model, None)
        if self._is_outdated(record):
            record = {**record, "state": "unloading"}  # nobody is sent there any more
        super()._note(record)

    def _is_outdated(self, record: Mapping[str, Any]) -> bool:
        current = {fingerprint(each) for each in self._commands.values()}
        return self._is_mine(record) and str(record.get("fingerprint")) not in current

    def _is_here(self, record: Mapping[str, Any]) -> bool:
        return super()._is_here(record) and not self._is_outdated(record)

    def _retire(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Have what an earlier version of the settings started stopped: nobody asks for it any more."""
        for record in records:
            if self._is_outdated(record) and record["state"] in {"loading", "ready"}:
                model = str(record["id"])
                log.info("%s was started by other settings and is stopped", model)
                self._tasks.start(self._stop_outdated(model), name=f"stop {model}")

    async def _stop_outdated(self, model: str) -> None:
        try:
            await self._client.unload(model)
        except BatutaError as error:
            log.warning("%s could not be stopped: %s", model, error.message)
        except asyncio.CancelledError:
            return


def _report(name: str, error: BaseException) -> None:
    log.error("%s failed", name, exc_info=error)


# --- from settings to words ----------------------------------------------------------------------------------------


def plan_of(command: CommandSettings, settings: Settings, environ: Mapping[str, str], *, model: str) -> dict[str, Any]:
    """Return what the loader needs to run a command; see `loader.command.CommandPlan`.

    Macros are put in after the words were cut: a folder with a space in its name stays one word.

    Raises:
        ModelFailed: a variable of the environment that it names is not set.
    """
    texts = (command.cmd, command.stop, *command.env.values())
    missing = [name for name in command_line.variables(texts) if name not in environ]
    if missing:
        raise ModelFailed(
            f"{model} cannot be started: its [[commands]] entry asks for {', '.join(missing)}, which the environment "
            "does not have; set it before Batuta starts",
            model=model,
            cause=Cause.NOT_INSTALLED,
        )
    values = macro_values(command, settings) | {
        f"{command_line.ENV}{name}": environ[name] for name in command_line.variables(texts)
    }

    def words(text: str) -> list[str]:
        return [command_line.expand(word, values) for word in command_line.split(text)] if text else []

    return {
        "argv": words(command.cmd),
        "stop": words(command.stop),
        "env": {name: command_line.expand(text, values) for name, text in command.env.items()},
        "cwd": str(command.cwd) if command.cwd else None,
        "port": command.port,
        "health": command.health,
        "stop_timeout_s": command.stop_timeout_s,
        "memory": command.memory,
        "fingerprint": fingerprint(command),
    }


def fingerprint(command: CommandSettings) -> str:
    """Return what tells one version of a command from another: a digest of all that its process depends on."""
    told = command.model_dump(mode="json", include={"id", "cmd", "stop", "env", "cwd", "port", "health"})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
