"""Puts the routes together: raw ones for inference and health, FastAPI for management and pages."""

from __future__ import annotations

from fastapi import FastAPI

from batuta import __version__
from batuta.web.dispatch import Dispatcher
from batuta.web.edge import Edge
from batuta.web.errors import install_error_handlers
from batuta.web.routes import events, health, manage, manage_pulls, openai, pages
from batuta.web.services import Services
from batuta.web.session import SignIn


def build_dispatcher(services: Services) -> Dispatcher:
    """Return the ASGI app: raw routes for inference and health, FastAPI for management and pages."""
    api = FastAPI(
        title="Batuta",
        version=__version__,
        description="Management of every model a person has. Inference is under /v1, in OpenAI's dialect.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    install_error_handlers(api)
    for module in (manage, manage_pulls, events, openai, pages):
        api.include_router(module.router(services))
    raw = {**openai.raw_routes(services), **health.raw_routes(services), **manage_pulls.raw_routes(services)}
    sign_in = SignIn(services.auth, stylesheet="/static/css/batuta.css")
    return Dispatcher(Edge(services.settings, services.auth), raw, api, sign_in=sign_in)
