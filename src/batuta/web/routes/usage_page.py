"""`GET /usage`: the Usage page. Needs no script; the form is sent as a query. Knows nothing of databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from batuta.errors import BadRequest
from batuta.web import i18n
from batuta.web.assets import Assets
from batuta.web.render import PAGE_HEADERS, Renderer
from batuta.web.routes.manage_usage import Used, read
from batuta.web.usage_view import usage_page

THEMES = frozenset({"light", "dark"})
Names = Callable[[], Mapping[str, str]]


def _no_names() -> Mapping[str, str]:
    return {}


def router(
    used: Used,
    *,
    language: str | None = None,
    key_names: Names = _no_names,
    model_names: Names = _no_names,
    renderer: Renderer | None = None,
) -> APIRouter:
    """Build the route.

    Args:
        used: where the sums are.
        language: the setting of that name.
        key_names: key id -> what a person calls it.
        model_names: model id -> what a person calls it.
        renderer: prints the page; None: one of its own.
    """
    printer = renderer or Renderer(Assets())
    routes = APIRouter(include_in_schema=False)

    async def page(
        request: Request,
        first: Annotated[str | None, Query(alias="from")] = None,
        last: Annotated[str | None, Query(alias="to")] = None,
    ) -> Response:
        words = i18n.choose(
            cookie=request.cookies.get(i18n.COOKIE), setting=language, accept=request.headers.get("accept-language")
        )
        theme = request.cookies.get("batuta_theme", "")
        problem = ""
        try:
            found = await read(used, first=first, last=last, by="")
        except BadRequest as error:  # a day that is none, typed into the address
            problem, found = error.message, await read(used, first=None, last=None, by="")
        keys, models = key_names(), model_names()
        shown = usage_page(
            await used.rows(found.first),
            words,
            first=found.first,
            last=found.last,
            time_zone=used.days.name,
            key_name=lambda key: keys.get(key, key),
            model_name=lambda model: models.get(model, model),
        )
        html = printer.page("usage.html", words, usage=shown, problem=problem, theme=theme if theme in THEMES else "")
        return HTMLResponse(html, status_code=400 if problem else 200, headers=dict(PAGE_HEADERS))

    routes.add_api_route("/usage", page, methods=["GET"])
    return routes
