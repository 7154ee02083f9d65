"""The management API: see, load, unload, wait, plan, set. Decides nothing; it asks the catalog and the runner.

Ids hold slashes. The routes with an ending (`.../load`) come before the one without, and where `a/b/status` could be
the status of `a/b` or a model of that very name, the one that exists is meant.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from starlette.responses import PlainTextResponse, Response

from batuta import kinds
from batuta.catalog.entities import ModelSpec, Provider
from batuta.catalog.external import KINDS_OF, api_at, owner_of
from batuta.catalog.finding import CHANGEABLE
from batuta.errors import BadRequest, BatutaError, ModelDisabled, NoFit
from batuta.loader.paths import log_name
from batuta.web.disconnect import cancel_on_disconnect
from batuta.web.errors import NotFound
from batuta.web.first_look import first_look
from batuta.web.routes import manage_forms as f
from batuta.web.services import Services
from batuta.web.views import (
    View,
    key_views,
    memory_view,
    model_view,
    model_views,
    plan_view,
    provider_view,
    provider_views,
)

EXPECTED_S = 60.0  # from choosing a model to sending the first message
LOG_LINES = 200
LOG_BYTES = 256 * 1024
CLIENT_CLOSED = 499  # nobody is there to read it; for the log
_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": f.ErrorView, "description": "no such model; the message names the nearest"},
    503: {"model": f.ErrorView, "description": "it cannot be done now; `code` and `cause` say why"},
}


def router(services: Services) -> APIRouter:
    """Build the routes of `/manage`."""
    routes = APIRouter(prefix="/manage", responses=_ERRORS)
    _add_models(routes, _Models(services))
    _add_providers(routes, _Providers(services))
    return routes


def _add_models(routes: APIRouter, models: _Models) -> None:
    async def looked() -> None:
        await first_look(models.services)

    known = [Depends(looked)]  # who names a model waits until it can be known

    def add(method: str, path: str, endpoint: Any, summary: str, **rest: Any) -> None:
        waits = known if "{model_id" in path or path == "/plan" else None
        routes.add_api_route(
            path, endpoint, methods=[method], summary=summary, tags=["models"], dependencies=waits, **rest
        )

    one = "/models/{model_id:path}"
    add("GET", "/models", models.all, "List all models with their status", response_model=f.ModelList)
    add("POST", "/models/reset-failed", models.reset_failed, "Reset the failed cache", response_model=f.ResetView)
    add("GET", f"{one}/status", models.status, "Check one model", response_model=f.ModelView)
    add("GET", f"{one}/alternative", models.alternative, "Suggest another model", response_model=f.AlternativeView)
    add("GET", f"{one}/story", models.story, "Why a model is where it is", response_model=f.StoryView)
    add("POST", f"{one}/load", models.load, "Load a model", response_model=f.ModelView, status_code=202)
    add("POST", f"{one}/expect", models.expect, "Say that a model will be asked soon", status_code=204)
    add("POST", f"{one}/wait", models.wait, "Wait until a model is ready", response_model=f.ModelView)
    add(
        "POST",
        f"{one}/unload",
        models.unload,
        "Unload a model",
        response_model=f.ModelView,
        status_code=202,
        responses={409: {"model": f.ErrorView, "description": "its server holds it, and is not Batuta's to stop"}},
    )
    add("GET", one, models.one, "Look at one model", response_model=f.ModelView)
    add("DELETE", one, models.forget, "Forget a model that is not there any more", status_code=204)
    add("PATCH", one, models.patch, "Pin, keep alive, give roles, switch on or off", response_model=f.ModelView)
    add("POST", "/plan", models.plan, "Would it fit, what would go, how long", response_model=f.PlanView)
    add("GET", "/logs/{model_id:path}", models.log, "Last lines of a model's log", response_class=PlainTextResponse)


class _Models:
    def __init__(self, services: Services) -> None:
        self.services = services

    def _spec(self, model_id: str) -> ModelSpec:
        return self.services.catalog.resolve(model_id)

    def _meant(self, model_id: str, ending: str) -> ModelSpec:
        """Return the model meant by `{model_id}/{ending}`: the one before the ending, or the one of that whole name."""
        catalog = self.services.catalog
        whole = catalog.get(f"{model_id}/{ending}")
        return whole if whole is not None and catalog.get(model_id) is None else self._spec(model_id)

    def _view(self, spec: ModelSpec) -> View:
        return model_view(self.services, spec)

    async def all(
        self, *, refresh: Annotated[bool, Query(description="look at disks and providers again first")] = False
    ) -> View:
        """Every model of the catalog with where it stands, and the memory they share."""
        if refresh:
            await self.services.catalog.refresh()
            await self.services.runner.observe()
        return {"models": model_views(self.services), "devices": memory_view(self.services)}

    async def one(self, model_id: str) -> View:
        """One model: by id, path or file name."""
        return self._view(self._spec(model_id))

    async def status(self, model_id: str) -> View:
        """The same as the model itself, at an address of its own."""
        return self._view(self._meant(model_id, "status"))

    async def load(self, model_id: str) -> View:
        """Start loading it and answer at once. A model that is loaded or behind an API is left as it is.

        Refused with `model_disabled` for one that is switched off, and with `no_fit` for one that can never fit.
        """
        spec = self._spec(model_id)
        if not spec.enabled:
            raise ModelDisabled(f"{spec.id} is switched off; switch it on first (PATCH enabled: true)", model=spec.id)
        plan = self.services.runner.plan_load(spec.id)
        ways = {"pinned_by": list(plan.pinned_by), "held_by": list(plan.held_by)}
        in_the_way = {way: models for way, models in ways.items() if models}
        if plan.fits == "never" or in_the_way:
            word = "cannot be loaded now" if in_the_way else "can never be loaded with this memory budget"
            raise NoFit(
                f"{spec.id} {word}: {plan.reason}",
                model=spec.id,
                suggestion=self._suggestion(spec),
                details=in_the_way,
            )
        self.services.runner.request_load(spec.id, deadline=self._deadline(self.services.settings.queue.deadline_s))
        return self._view(spec)

    async def wait(
        self, model_id: str, request: Request, form: Annotated[f.WaitForm | None, Body()] = None
    ) -> View | Response:
        """Load it if need be, and answer when it is ready. The load goes on when the caller leaves or time is up."""
        spec = self._spec(model_id)
        deadline = self._deadline((form or f.WaitForm()).timeout_s)
        try:
            async with cancel_on_disconnect(request.scope, request.receive) as client:
                await self.services.runner.wait_ready(spec.id, deadline=deadline)
        except BatutaError as error:
            error.suggestion = error.suggestion or self._suggestion(spec)
            raise
        return Response(status_code=CLIENT_CLOSED) if client.is_gone else self._view(spec)

    async def expect(self, model_id: str) -> None:
        """Say that it will be asked soon: it is loaded ahead, where nobody waits and nobody busy has to leave for it.

        That holds for a minute, and is no order: nothing is refused, and nothing is told of what becomes of it.
        """
        spec = self._spec(model_id)
        self.services.runner.expect(spec.id, "somebody is about to ask it", within_s=EXPECTED_S)

    async def unload(self, model_id: str) -> View:
        """Take it out of memory as soon as the answers that run on it have ended.

        `cannot_unload` for one whose server Batuta cannot stop; the message says what a person can do.
        """
        spec = self._spec(model_id)
        self.services.runner.unload(spec.id)
        return self._view(spec)

    async def alternative(self, model_id: str) -> View:
        """Who would answer best in its place: an external API, then what is loaded, then what fits.

        `passed_over` has everybody else who could not, and why.
        """
        best = self.services.gateway.alternative(self._meant(model_id, "alternative").id)
        over = [{"model": model, "reason": reason} for model, reason in best.passed_over]
        return {"model": best.model, "reason": best.reason, "passed_over": over}

    async def reset_failed(self, form: Annotated[f.ResetForm | None, Body()] = None) -> View:
        """Forget failures, of one model or of all; answers which were in the cache."""
        name = form.model if form else None
        return {"reset": self.services.runner.reset_failed(self._spec(name).id if name else None)}

    async def patch(self, model_id: str, form: f.PatchForm) -> View:
        """Change what is sent, leave the rest. Kept over restarts; nothing changes when it cannot be saved."""
        spec = self._spec(model_id)
        changes = form.model_dump(include=form.model_fields_set)
        spec = await self.services.catalog.patch(spec.id, **changes)
        if changes.get("enabled") and spec.enabled:  # also one that was given up after failures, not by a person
            self.services.runner.set_enabled(spec.id, True)
        return self._view(spec)

    async def forget(self, model_id: str) -> None:
        """Forget a model whose file or listing is gone, and what was set about it; `conflict` for one that is there."""
        await self.services.catalog.forget(self._spec(model_id).id)

    async def story(self, model_id: str) -> View:
        """What happened to it and why, oldest first; the last 200 lines."""
        spec = self._meant(model_id, "story")
        offset = self.services.clock.wall() - self.services.clock.monotonic()
        lines = self.services.runner.story(spec.id)
        return {
            "model": spec.id,
            "story": [
                {"at": round(line.at + offset, 3), "text": line.text, "old": line.old, "new": line.new}
                for line in lines
            ],
        }

    async def plan(self, form: f.PlanForm) -> View:
        """What loading it would do, without doing it; `wait` says what a request that came now would wait for."""
        model, runner = self._spec(form.model).id, self.services.runner
        return plan_view(runner.plan_load(model), runner.forecast(model))

    async def log(self, model_id: str) -> PlainTextResponse:
        """The last 200 lines that the model's process wrote."""
        spec = self._spec(model_id)
        path = self.services.settings.log_dir / "models" / log_name(spec.id)
        text = await asyncio.to_thread(tail, path)
        if text is None:
            raise NotFound(f"{spec.id} has no log: it has not been loaded on this machine yet")
        return PlainTextResponse(text, headers={"x-content-type-options": "nosniff"})

    def _deadline(self, seconds: float) -> float:
        return self.services.clock.monotonic() + seconds

    def _suggestion(self, spec: ModelSpec) -> str | None:
        return self.services.gateway.alternative(spec.id).model


def tail(path: Path) -> str | None:
    """Return the last lines of a log, None when there is none. Blocks on the disk."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - LOG_BYTES, 0))
            lines = file.read(LOG_BYTES).decode(errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return None
    if size > LOG_BYTES:
        lines = lines[1:]  # the first one is cut
    return "".join(lines[-LOG_LINES:])


def _add_providers(routes: APIRouter, providers: _Providers) -> None:
    def add(method: str, path: str, endpoint: Any, summary: str, **rest: Any) -> None:
        routes.add_api_route(path, endpoint, methods=[method], summary=summary, tags=["providers"], **rest)

    add("GET", "/providers", providers.all, "List all providers", response_model=f.ProviderList)
    add("POST", "/providers", providers.add, "Add a provider", response_model=f.ProviderView, status_code=201)
    add(
        "PATCH",
        "/providers/{provider_id}",
        providers.switch,
        "Switch a provider on or off",
        response_model=f.ProviderView,
    )
    add("DELETE", "/providers/{provider_id}", providers.remove, "Delete a provider", status_code=204)
    add("GET", "/catalog/problems", providers.problems, "What is not as it should be", response_model=f.ProblemList)


class _Providers:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def all(self) -> View:
        """Every provider: with Batuta, from the settings, added by a person or found; how it stands, what it holds.

        `keys` are those of external APIs that were seen in the environment, by name.
        """
        return {"providers": provider_views(self._services), "keys": key_views(self._services)}

    async def add(self, form: f.ProviderForm, response: Response) -> View:
        """Add a server and ask it what it has. The key stays in the environment.

        An id that was added here before is replaced, and answered with 200; without a kind it keeps the one it had.
        """
        known = self._services.catalog.provider(form.id)
        if known is not None:
            response.status_code = 200
        if form.kind and (problem := await asyncio.to_thread(kinds.problem, form.kind)):  # reads installed packages
            raise BadRequest(f"kind: {problem}")
        api = api_at(form.base_url)
        if form.key_env and (owner := owner_of(form.key_env)) is not None and owner is not api:
            # Whoever may call this could otherwise have the key of an API sent to a place of their own.
            raise BadRequest(
                f"key_env: {form.key_env} holds a key for {owner.name}, and {form.base_url} is not its address; if it "
                "is meant to go there, say so in the settings file ([[providers]])"
            )
        usual = KINDS_OF[api.dialect][0] if api is not None else kinds.OPENAI_COMPAT
        kind = form.kind or (known.provider.kind if known is not None and known.source in CHANGEABLE else usual)
        provider = Provider(
            form.id,
            kind,
            name=form.name or form.id,
            base_url=form.base_url.rstrip("/"),
            key_ref=f"env:{form.key_env}" if form.key_env else None,
            is_local=kinds.is_loaded(kind) if form.is_local is None else form.is_local,
            max_in_flight=form.max_in_flight,
        )
        return provider_view(self._services, await self._services.catalog.add_provider(provider))

    async def switch(self, provider_id: str, form: f.SwitchForm) -> View:
        """Switch a provider that was added or found on or off; kept over restarts.

        One that is off is never asked anything, and its models answer nobody.
        """
        self._check(provider_id)
        state = await self._services.catalog.switch_provider(provider_id, enabled=form.enabled)
        return provider_view(self._services, state)

    async def remove(self, provider_id: str) -> None:
        """Delete a provider that was added here, or was found and is gone, with its models and their settings.

        `conflict` for one that was found and would be found again: switch it off.
        """
        self._check(provider_id)
        await self._services.catalog.remove_provider(provider_id)

    def _check(self, provider_id: str) -> None:
        if self._services.catalog.provider(provider_id) is None:
            raise NotFound(f"there is no provider {provider_id[:64]!r}; GET /manage/providers lists them")

    async def problems(self) -> View:
        """Damaged files, providers that are offline, a database that cannot be written, each with its reason."""
        problems = self._services.catalog.problems()
        return {"problems": [{"subject": subject, "reason": reason} for subject, reason in problems]}
