"""The dispatcher without a socket: methods, headers, bodies, sign-in, errors, departures."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest
from fastapi import APIRouter, FastAPI

from batuta.errors import ModelLoading, PayloadTooLarge
from batuta.settings import AuthSettings
from batuta.web.auth import Identity
from batuta.web.disconnect import HOOK, ClientGone, Departure, Receive, cancel_on_disconnect, read_body
from batuta.web.dispatch import Dispatcher
from batuta.web.errors import HeadTooLarge, raw_response
from batuta.web.session import Send
from batuta.web.table import Need, all_routes, concrete, need_for
from tests.faults.web_app import dispatcher_of, reply, settings_of
from tests.faults.web_matrix import OWN_HOST, OWN_ORIGIN, Answer, ask, scope_of

KEY = "sk-test-not-a-key"
Message = MutableMapping[str, Any]
HTML = (b"accept", b"text/html,application/xhtml+xml")


async def call(
    dispatcher: Dispatcher, method: str, path: str, *headers: tuple[bytes, bytes], body: bytes = b""
) -> Answer:
    """Send a request of a program at this machine."""
    length = [(b"content-length", b"%d" % len(body))] if body else []
    return await ask(dispatcher, scope_of(method, path, [(b"host", OWN_HOST), *length, *headers]), body)


# --- where a request goes ------------------------------------------------------------------------------------------


async def test_raw_routes_come_first_and_the_rest_goes_to_the_app() -> None:
    """Exact method and path reach the raw handler with the identity; anything else is the framework's."""
    dispatcher = dispatcher_of()
    json = (b"content-type", b"application/json")
    assert (await call(dispatcher, "GET", "/v1/models")).body == b"loopback"
    assert (await call(dispatcher, "POST", "/v1/embeddings", json, body=b"{}")).body == b"2"
    assert (await call(dispatcher, "GET", "/manage/models/a/b/status")).body == b'{"id":"a/b"}'
    missing = await call(dispatcher, "GET", "/nothing")
    assert missing.status == 404
    assert orjson.loads(missing.body)["error"]["code"] == "not_found"


async def test_a_known_path_tells_its_methods() -> None:
    """405 with Allow for the wrong method, 204 with Allow for OPTIONS; the app's routes likewise."""
    dispatcher = dispatcher_of()
    wrong = await call(dispatcher, "DELETE", "/v1/models")
    assert (wrong.status, wrong.header("allow")) == (405, b"GET, HEAD, OPTIONS")
    asked = await call(dispatcher, "OPTIONS", "/v1/chat/completions")
    assert (asked.status, asked.header("allow"), asked.body) == (204, b"OPTIONS, POST", b"")
    behind = await call(dispatcher, "POST", "/health")
    assert (behind.status, behind.header("allow")) == (405, b"GET")


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/", "/ui/events"])
async def test_head_is_get_without_a_body(path: str) -> None:
    """HEAD is answered wherever GET is, also by a stream that would never end."""
    async with asyncio.timeout(1):
        answer = await call(dispatcher_of(), "HEAD", path)
    assert (answer.status, answer.body) == (200, b"")


async def test_websockets_are_refused_before_they_open() -> None:
    """No route speaks WebSocket."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await dispatcher_of()({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_the_lifespan_is_the_apps() -> None:
    """Start and stop go through to the app behind."""
    seen: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def never() -> Message:
        raise AssertionError

    async def nothing(_: Message) -> None:
        raise AssertionError

    await Dispatcher(dispatcher_of().edge, {}, app)({"type": "lifespan"}, never, nothing)
    assert seen == ["lifespan"]


def test_routes_of_included_routers_and_mounts_are_listed() -> None:
    """The list that the matrix walks over misses no way to add a route."""
    app, router, inner = FastAPI(openapi_url=None), APIRouter(prefix="/manage"), FastAPI(openapi_url=None)

    async def nothing() -> None:
        return None

    router.add_api_route("/deep/{one}/{two:path}", nothing, methods=["PATCH"])
    inner.add_api_route("/leaf", nothing, methods=["PUT"])
    app.include_router(router, prefix="/outer")
    app.mount("/inner", inner)
    routes = all_routes(Dispatcher(dispatcher_of().edge, {}, app))
    assert ("PATCH", "/outer/manage/deep/{one}/{two:path}") in routes
    assert ("PUT", "/inner/leaf") in routes
    assert concrete("/a/{one}/b/{two:path}") == "/a/x/b/x"


def test_an_address_nobody_thought_of_needs_the_most() -> None:
    """The table fails closed."""
    assert need_for("/brand/new") is Need.PAGE
    assert need_for("/v1/brand/new") is Need.INFERENCE
    assert need_for("/manage") is Need.ADMIN
    assert need_for("/healthy") is Need.PAGE


# --- what every answer carries -------------------------------------------------------------------------------------


async def test_every_answer_carries_a_request_id() -> None:
    """The caller's if it is sane, one of ours otherwise, also on refusals; no two alike."""
    dispatcher = dispatcher_of()
    mine = await call(dispatcher, "GET", "/health", (b"x-request-id", b"mine-7"))
    first, second = [(await call(dispatcher, "GET", "/v1/models")).header("x-request-id") for _ in range(2)]
    refused = await ask(dispatcher, scope_of("GET", "/", [(b"host", b"evil.example")]))
    assert mine.header("x-request-id") == b"mine-7"
    assert first != second
    assert refused.header("x-request-id") is not None


async def test_pages_carry_the_security_headers_and_may_say_more() -> None:
    """What the app says itself stands; what it does not say is filled in. The hot path carries none of it."""
    page = await call(dispatcher_of(), "GET", "/")
    policy = page.header("content-security-policy")
    assert policy is not None
    assert policy.startswith(b"default-src 'self'")
    assert b"frame-ancestors 'none'" in policy
    assert page.header("x-content-type-options") == b"nosniff"
    assert page.header("referrer-policy") == b"no-referrer"
    assert (await call(dispatcher_of(), "GET", "/v1/models")).header("content-security-policy") is None


async def test_a_visit_sets_the_session_cookie() -> None:
    """A browser that opens a page is given a session; a program that fetches it is not."""
    visit = [(b"sec-fetch-site", b"none"), (b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document")]
    opened = await call(dispatcher_of(), "GET", "/", *visit)
    assert b"HttpOnly; SameSite=Strict" in (opened.header("set-cookie") or b"")
    assert (await call(dispatcher_of(), "GET", "/")).header("set-cookie") is None


async def test_a_typed_error_is_answered_in_its_shape() -> None:
    """Status, code and Retry-After are the error's own."""

    async def busy(scope: Message, receive: Receive, send: Send, identity: Identity) -> None:
        raise ModelLoading("qwen is being loaded", model="qwen", retry_after_s=2.1)

    answer = await call(dispatcher_of(raw={("GET", "/v1/models"): busy}), "GET", "/v1/models")
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, answer.header("retry-after")) == (503, b"3")
    assert (error["code"], error["model"]) == ("model_loading", "qwen")


def test_an_error_before_there_is_a_request_is_a_whole_response() -> None:
    """The protocol's own refusals are complete HTTP and close the connection."""
    head, _, body = raw_response(HeadTooLarge("too large")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in head
    assert b"content-length: %d" % len(body) in head


# --- signing in ----------------------------------------------------------------------------------------------------


async def test_a_page_without_a_session_shows_the_form_and_the_key_opens_it() -> None:
    """401 with the form; the right key gives a cookie and leads to the start page; signing out ends it."""
    dispatcher = dispatcher_of(settings_of(auth=AuthSettings(required=True, api_key=KEY)))
    own, form = (b"origin", OWN_ORIGIN), (b"content-type", b"application/x-www-form-urlencoded")
    closed = await call(dispatcher, "GET", "/", HTML)
    assert (closed.status, closed.header("referrer-policy")) == (401, b"same-origin")
    assert b'action="/session"' in closed.body
    assert (await call(dispatcher, "GET", "/session")).status == 200

    wrong = await call(dispatcher, "POST", "/session", own, form, body=b"key=wrong")
    assert (wrong.status, b"not valid" in wrong.body) == (401, True)
    opened = await call(dispatcher, "POST", "/session", own, form, body=b"key=" + KEY.encode())
    assert (opened.status, opened.header("location")) == (303, b"/")
    cookie = (b"cookie", (opened.header("set-cookie") or b"").partition(b";")[0])
    assert (await call(dispatcher, "GET", "/", HTML, cookie)).status == 200

    assert (await call(dispatcher, "DELETE", "/session", cookie)).status == 204
    assert (await call(dispatcher, "GET", "/", HTML, cookie)).status == 401


async def test_the_form_speaks_both_languages_and_takes_json() -> None:
    """Portuguese for who prefers it; a script may send JSON; anything else is explained."""
    dispatcher = dispatcher_of(settings_of(auth=AuthSettings(required=True, api_key=KEY)))
    page = await call(dispatcher, "GET", "/session", (b"accept-language", b"pt-BR,pt;q=0.9,en;q=0.5"))
    assert "Chave de acesso" in page.body.decode()
    json = (b"content-type", b"application/json")
    assert (await call(dispatcher, "POST", "/session", json, body=orjson.dumps({"key": KEY}))).status == 303
    for body in (b"{}", b"[1]", b'{"key": 7}'):
        assert (await call(dispatcher, "POST", "/session", json, body=body)).status == 400


async def test_a_foreign_page_cannot_sign_in() -> None:
    """The form is ours alone: another origin's POST is refused before a key is looked at."""
    form = (b"content-type", b"application/x-www-form-urlencoded")
    answer = await call(dispatcher_of(), "POST", "/session", (b"origin", b"https://evil.example"), form, body=b"key=k")
    assert answer.status == 403


# --- bodies and departures -----------------------------------------------------------------------------------------


def messages(*parts: Message) -> Receive:
    """Return a receive that gives these messages in turn."""
    queue = list(parts)

    async def receive() -> Message:
        return queue.pop(0)

    return receive


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_is_read_whole_or_not_at_all() -> None:
    """One piece, many pieces, too many bytes, a client that leaves in the middle."""
    assert await read_body(messages(part(b"ab")), 2) == b"ab"
    assert await read_body(messages(part(b"a", more=True), part(b"", more=True), part(b"b")), 2) == b"ab"
    for parts in ([part(b"abc")], [part(b"ab", more=True), part(b"c", more=True)]):
        with pytest.raises(PayloadTooLarge):
            await read_body(messages(*parts), 2)
    for gone in ([{"type": "http.disconnect"}], [part(b"a", more=True), {"type": "http.disconnect"}]):
        with pytest.raises(ClientGone):
            await read_body(messages(*gone), 2)


async def test_a_departure_cancels_what_is_inside_and_lets_the_rest_go_on() -> None:
    """The block ends early, quietly, and says so; the task itself is not left cancelled."""
    departure = Departure(lambda: None)
    was_cancelled = False
    asyncio.get_running_loop().call_soon(departure.announce)
    async with cancel_on_disconnect({"extensions": {HOOK: departure}}, messages()) as client:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            was_cancelled = True
            raise
    assert (client.is_gone, was_cancelled) == (True, True)
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_without_a_hook_the_block_watches_receive() -> None:
    """On a server that offers nothing better, `http.disconnect` does the same."""
    async with cancel_on_disconnect({}, messages(part(b""), {"type": "http.disconnect"})) as client:
        await asyncio.sleep(60)
    assert client.is_gone


async def test_a_client_that_stays_costs_nothing_afterwards() -> None:
    """When the block ends first, nobody is listening any more."""
    departure = Departure(lambda: None)
    async with cancel_on_disconnect({"extensions": {HOOK: departure}}, messages()) as client:
        await asyncio.sleep(0)
    departure.announce()
    await asyncio.sleep(0)
    assert not client.is_gone


async def test_who_comes_after_the_departure_hears_of_it_at_once() -> None:
    """A block entered when the client has already gone is cancelled at its first wait."""
    departure = Departure(lambda: None)
    departure.announce()
    async with cancel_on_disconnect({"extensions": {HOOK: departure}}, messages()) as client:
        await asyncio.sleep(60)
    assert client.is_gone


async def test_a_cancellation_from_outside_is_not_swallowed() -> None:
    """A shutdown that meets a departure stays a shutdown."""
    departure = Departure(lambda: None)

    async def serve() -> None:
        async with cancel_on_disconnect({"extensions": {HOOK: departure}}, messages()):
            await asyncio.sleep(60)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve())
        await asyncio.sleep(0)
        departure.announce()
        task.cancel()
    assert task.cancelled()


async def test_a_client_gone_in_mid_body_is_no_error() -> None:
    """Nobody is there to be answered, and there is nothing to log."""

    async def reads(scope: Message, receive: Receive, send: Send, identity: Identity) -> None:
        await receive()
        await read_body(receive, 100)
        await reply(send, b"{}")

    answer = await call(dispatcher_of(raw={("GET", "/v1/models"): reads}), "GET", "/v1/models")
    assert answer.status == 0
