"""The pages a person opens, and the stream of fragments that keeps them current. Knows nothing of inference."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, Response, StreamingResponse

from batuta.chat import sse
from batuta.clock import Clock
from batuta.errors import BadRequest
from batuta.observe.bus import Subscription
from batuta.settings import config_path
from batuta.web import i18n
from batuta.web.assets import Assets
from batuta.web.downloads import downloads_panel
from batuta.web.fragments import (
    Problem,
    Snapshot,
    View,
    Welcome,
    device_row,
    is_only_starter,
    labels,
    panel,
    score_rows,
)
from batuta.web.i18n import Language
from batuta.web.render import PAGE_HEADERS, Renderer, message
from batuta.web.servers import server_rows, without_servers
from batuta.web.services import Services
from batuta.web.swaps import LastSwaps
from batuta.web.toasts import Toast, still_fresh, toast
from batuta.web.views import memory_view, model_views

QUIET_S = 0.2  # facts that come together are shown together: at most five pictures a second
IDLE_S = 5.0  # a sign of life when nothing happens; proxies give up at 10-15 s
WAIT_S = 1.0  # while somebody waits, how long it will still take is said anew this often
YEAR_S = 365 * 24 * 3600
THEMES = frozenset({"light", "dark"})
Views = Callable[[Any], Iterable[View]]


class LanguageChoice(BaseModel):
    """A visitor's own choice: `en` or `pt-BR`."""

    language: str


def router(
    services: Services,
    *,
    models: Views = model_views,
    memory: Views = memory_view,
    renderer: Renderer | None = None,
) -> APIRouter:
    """Build the routes of the pages.

    Args:
        services: what the pages show.
        models: how the models are read from the services.
        memory: how the devices are read from the services.
        renderer: prints the pages; None: one of its own.
    """
    pages = _Pages(services, models=models, memory=memory, renderer=renderer)
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", pages.chat, methods=["GET"])
    routes.add_api_route("/ui/events", pages.events, methods=["GET"])
    routes.add_api_route("/ui/models", pages.models, methods=["GET"])
    routes.add_api_route("/ui/language", pages.set_language, methods=["POST"])
    routes.add_api_route("/favicon.ico", pages.favicon, methods=["GET"])
    routes.add_api_route("/static/{path:path}", pages.static, methods=["GET", "HEAD"])
    return routes


class _Pages:
    def __init__(self, services: Services, *, models: Views, memory: Views, renderer: Renderer | None = None) -> None:
        self._services = services
        self._models = models
        self._memory = memory
        self._renderer = renderer or Renderer(Assets())
        self._assets = self._renderer.assets
        self._swaps = LastSwaps(services.bus)
        for code in i18n.NAMES:  # read now: a request must not wait for the disk
            i18n.language(code)

    async def chat(self, request: Request) -> Response:
        """`GET /`: the conversation, with the picture of this moment already in it."""
        words = self._words(request)
        theme = request.cookies.get("batuta_theme", "")
        await self._services.downloads.catalogue()  # a person's own file may have changed
        parts = self._renderer.fragments(words, self._snapshot(words))
        html = self._renderer.page("chat.html", words, parts=parts, theme=theme if theme in THEMES else "")
        return HTMLResponse(html, headers=dict(PAGE_HEADERS))

    async def models(self, request: Request) -> Response:
        """`GET /ui/models`: the same fragments as one message of the stream, for a browser that cannot hold it."""
        words = self._words(request)
        return HTMLResponse(message(self._renderer.fragments(words, self._snapshot(words))), headers=dict(PAGE_HEADERS))

    async def events(self, request: Request) -> Response:
        """`GET /ui/events`: a picture at once, then what changed of it; comments keep the line alive."""
        return StreamingResponse(
            self._pictures(self._words(request)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def set_language(self, choice: LanguageChoice) -> Response:
        """`POST /ui/language`: remember the visitor's language in a cookie."""
        if (code := i18n.match(choice.language)) is None:
            known = ", ".join(name.replace("_", "-") for name in i18n.NAMES)
            raise BadRequest(f"the pages are not written in {choice.language!r}; choose one of {known}")
        response = Response(status_code=204)
        response.set_cookie(i18n.COOKIE, code, max_age=YEAR_S, samesite="strict")
        return response

    async def favicon(self, request: Request) -> Response:
        """`GET /favicon.ico`: the baton."""
        return self._assets.respond(request, "icon.svg")

    async def static(self, request: Request, path: str) -> Response:
        """`GET /static/...`: one of the files that came with Batuta."""
        return self._assets.respond(request, path)

    def _words(self, request: Request) -> Language:
        return i18n.choose(
            cookie=request.cookies.get(i18n.COOKIE),
            setting=self._services.settings.language,
            accept=request.headers.get("accept-language"),
        )

    def _snapshot(self, words: Language) -> Snapshot:
        services = self._services
        problems = tuple(Problem(subject=str(what), reason=str(why)) for what, why in services.catalog.problems())
        models = tuple(self._models(services))
        servers = server_rows(services.catalog.providers(), models, words, services.catalog.seen_keys())
        rows = panel(models, without_servers(problems, servers), words, now=services.clock.wall())
        names = labels(models)
        devices = tuple(self._memory(services))
        budgets = [int(view.get("budget") or 0) for view in devices]
        return Snapshot(
            panel=rows,
            devices=tuple(device_row(view, words, names=names) for view in devices),
            welcome=Welcome(
                is_empty=rows.is_empty,
                folders=tuple(str(folder) for folder in services.settings.model_roots),
                settings_file=str(config_path(os.environ)),
                problems=problems if rows.is_empty else (),
                is_starter=is_only_starter(models),
                scores=score_rows(models, words),
            ),
            servers=servers,
            downloads=downloads_panel(services.downloads.all(), services.downloads.known_catalogue, budgets, words),
            swaps=self._swaps.lines(words, names),
        )

    async def _pictures(self, words: Language) -> AsyncIterator[bytes]:
        clock = self._services.clock
        shown: dict[str, str] = {}
        notes: tuple[Toast, ...] = ()
        with self._services.bus.subscribe() as box:
            while True:
                notes = still_fresh(notes, now=clock.monotonic())
                snapshot = self._snapshot(words)
                picture = self._renderer.fragments(words, snapshot)
                picture["toasts"] = self._renderer.toasts(words, notes)
                changed = {name: html for name, html in picture.items() if shown.get(name) != html}
                yield sse.encode(message(changed)) if changed else sse.comment("still here")
                shown = picture
                is_waited_for = any(row.waits for row in snapshot.panel.rows)
                facts = await _next_facts(box, clock, WAIT_S if is_waited_for else IDLE_S)
                rows = {row.id: row for row in snapshot.panel.rows}
                notes += tuple(note for fact in facts if (note := toast(fact, words, now=clock.monotonic(), rows=rows)))


async def _next_facts(box: Subscription, clock: Clock, within_s: float) -> list[Any]:
    """Wait for a fact, let its companions arrive, and return them; nothing where none comes within some seconds."""
    try:
        async with asyncio.timeout(within_s):
            facts = [await box.get()]
    except TimeoutError:
        return []
    await clock.sleep(QUIET_S)
    facts.extend(box.drain())
    return facts
