"""Puts the routes together: raw ones for inference and health, FastAPI for management and pages."""

from __future__ import annotations

from fastapi import FastAPI

from batuta import __version__
from batuta.web.assets import Assets
from batuta.web.dispatch import Dispatcher
from batuta.web.edge import Edge
from batuta.web.errors import install_error_handlers
from batuta.web.render import Renderer
from batuta.web.routes import (
    events,
    health,
    keys_page,
    manage,
    manage_keys,
    manage_pulls,
    manage_usage,
    openai,
    pages,
    usage_page,
)
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
    for module in (manage, manage_keys, manage_pulls, events, openai):
        api.include_router(module.router(services))
    api.include_router(manage_usage.router(services.usage))
    renderer = Renderer(Assets())  # one for all pages: making it takes longer than all routes
    api.include_router(keys_page.router(services, renderer=renderer))
    api.include_router(
        usage_page.router(
            services.usage,
            language=services.settings.language,
            renderer=renderer,
            model_names=lambda: {model: spec.name or model for model, spec in services.catalog.specs().items()},
            key_names=services.keys.names,
        )
    )
    api.include_router(pages.router(services, renderer=renderer))
    raw = {**openai.raw_routes(services), **health.raw_routes(services), **manage_pulls.raw_routes(services)}
    sign_in = SignIn(services.auth, stylesheet="/static/css/batuta.css")
    return Dispatcher(Edge(services.settings, services.auth), raw, api, sign_in=sign_in)
