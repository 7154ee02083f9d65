"""W1, W2, W3, W6: what rebound names and foreign pages may not do, on every route there is."""

from __future__ import annotations

import pytest

from batuta.settings import AuthSettings
from batuta.web.table import all_routes
from tests.faults import web_matrix
from tests.faults.web_app import dispatcher_of, settings_of


def test_the_list_of_routes_is_whole() -> None:
    """Raw routes, the app's routes, parameters and mounts are all in the list."""
    routes = all_routes(dispatcher_of())
    assert ("POST", "/v1/chat/completions") in routes
    assert ("GET", "/manage/models/{model_id:path}/status") in routes
    assert ("DELETE", "/manage/keys/{key_id}") in routes
    assert ("GET", "/static/{path}") in routes
    assert ("POST", "/session") in routes


async def test_no_route_answers_to_another_host() -> None:
    """A name rebound to loopback gets 400 or 421 from every route, with every method."""
    assert await web_matrix.hosts_that_pass(dispatcher_of()) == []


async def test_no_route_serves_a_foreign_page() -> None:
    """Every shape of request a browser makes for another site's page is refused everywhere."""
    assert await web_matrix.pages_that_pass(dispatcher_of()) == []


async def test_no_json_route_takes_a_form() -> None:
    """What a form can send without asking is not JSON, and JSON is what the routes take."""
    assert await web_matrix.forms_that_pass(dispatcher_of()) == []


async def test_where_a_key_is_demanded_nobody_passes_without() -> None:
    """Every carrier gives the same verdict on a wrong key: 401."""
    settings = settings_of(auth=AuthSettings(required=True, api_key="sk-test-right"))
    assert await web_matrix.strangers_that_pass(dispatcher_of(settings)) == []


@pytest.mark.parametrize("host", ["127.0.0.1:22888", "localhost:22888", "LocalHost", "[::1]:22888", "localhost:9999"])
async def test_our_own_names_pass(host: str) -> None:
    """The loopback names pass in any case and through any forwarded port."""
    answer = await web_matrix.ask(dispatcher_of(), web_matrix.scope_of("GET", "/v1/models", [(b"host", host.encode())]))
    assert answer.status == 200
