"""The same attacks on the app as it ships: a route that is added later is attacked too, without being named here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batuta.app import App
from batuta.settings import AuthSettings, Settings
from batuta.web.table import all_routes
from tests.faults import web_matrix


@pytest.fixture
async def app(data_dir: Path) -> AsyncIterator[App]:
    """The whole app, composed and not started: no loader, no disk, only its doors."""
    app = App(Settings(data_dir=data_dir, discover=False, auth=AuthSettings(required=True, api_key="sk-test-right")))
    yield app
    await app.engines.transport.aclose()


async def test_the_routes_that_the_design_names_are_there(app: App) -> None:
    """Inference, management and pages; the list is what the attacks walk."""
    routes = set(all_routes(app.dispatcher))
    wanted = {
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models"),
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/metrics"),
        ("GET", "/manage/models"),
        ("GET", "/manage/models/{model_id:path}/status"),
        ("POST", "/manage/models/{model_id:path}/load"),
        ("POST", "/manage/models/{model_id:path}/wait"),
        ("POST", "/manage/models/{model_id:path}/expect"),
        ("POST", "/manage/models/{model_id:path}/unload"),
        ("GET", "/manage/models/{model_id:path}/alternative"),
        ("POST", "/manage/models/reset-failed"),
        ("PATCH", "/manage/models/{model_id:path}"),
        ("GET", "/manage/models/{model_id:path}/story"),
        ("POST", "/manage/plan"),
        ("GET", "/manage/events"),
        ("GET", "/"),
        ("GET", "/ui/events"),
    }
    assert wanted - routes == set()


@pytest.mark.parametrize("attack", ["hosts_that_pass", "pages_that_pass", "forms_that_pass", "strangers_that_pass"])
async def test_no_route_of_the_real_app_lets_an_attack_in(app: App, attack: str) -> None:
    """Rebound names, foreign pages, forms, and callers without a key: refused everywhere."""
    assert await getattr(web_matrix, attack)(app.dispatcher) == []
