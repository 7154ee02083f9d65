"""The pages a person opens, and the stream of fragments that keeps them current. Knows nothing of inference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from batuta.chat import sse
from batuta.errors import BadRequest
from batuta.web import i18n
from batuta.web.assets import Assets
from batuta.web.i18n import Language
from batuta.web.pagedata import PageData
from batuta.web.render import SECURITY_HEADERS, Renderer
from batuta.web.services import Services
from batuta.web.toasts import Toast, still_fresh, toast

QUIET_S = 0.2  # facts that come together are shown together: at most five pictures a second
YEAR_S = 365 * 24 * 3600


class LanguageChoice(BaseModel):
    """A visitor's own choice: `en` or `pt-BR`."""

    language: str


class KeyOffered(BaseModel):
    """What a person typed on the sign-in page."""

    key: str


def router(services: Services) -> APIRouter:
    """Build the routes of the pages."""
    assets = Assets()
    pages = Pages(services, assets)
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", pages.chat, methods=["GET"])
    routes.add_api_route("/ui/events", pages.events, methods=["GET"])
    routes.add_api_route("/ui/models", pages.models, methods=["GET"])
    routes.add_api_route("/ui/language", pages.set_language, methods=["POST"])
    routes.add_api_route("/ui/sign-in", pages.sign_in, methods=["POST"])
    routes.add_api_route("/favicon.ico", pages.favicon, methods=["GET"])
    routes.add_api_route("/static/{path:path}", pages.static, methods=["GET", "HEAD"])
    return routes
