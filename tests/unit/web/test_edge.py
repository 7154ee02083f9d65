"""The edge's verdicts on heads: Host, Origin, CORS, framing, media type, path, query, and who is let in as what."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.clock import SystemClock
from batuta.errors import BadSettings, BatutaError
from batuta.settings import AuthSettings, EdgeSettings, Settings
from batuta.web.auth import Auth, Identity, Scope
from batuta.web.edge import AUTHORITY, Edge
from tests.faults.web_app import dispatcher_of, settings_of
from tests.faults.web_matrix import EVIL_HOSTS, FOREIGN_PAGES, OWN_HOST, OWN_ORIGIN, ask, scope_of

JSON = (b"content-type", b"application/json")
KEY = "sk-test-not-a-key"


def edge_of(**changes: Any) -> Edge:
    settings = Settings(**changes)
    return Edge(settings, Auth(settings, clock=SystemClock()))


def status(
    edge: Edge, *headers: tuple[bytes, bytes], method: str = "GET", path: str = "/v1/models", **rest: Any
) -> int:
    """Return the refusal's status, 200 when the request passes. A Host is added where none is given."""
    has_host = any(name == b"host" for name, _ in headers)
    given_headers = headers if has_host else ((b"host", OWN_HOST), *headers)
    verdict = edge.check(scope_of(method, path, given_headers, **rest))
    return verdict.status if isinstance(verdict, BatutaError) else 200


# --- Host ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVIL_HOSTS)
def test_evil_hosts_do_not_pass(name: str) -> None:
    """Each way to arrive under another name is refused, whether malformed or misdirected."""
    headers, authority = EVIL_HOSTS[name]
    verdict = edge_of().check(scope_of("GET", "/v1/models", headers, authority=authority))
    assert isinstance(verdict, BatutaError)
    assert verdict.status in {400, 421}


def test_configured_names_pass() -> None:
    """A name in edge.allowed_hosts passes with any port; one with a port passes with that port only."""
    edge = edge_of(edge=EdgeSettings(allowed_hosts=("Box.local", "tunnel.example:8443")))
    hosts = (b"box.local", b"box.local:1", b"tunnel.example:8443", b"tunnel.example", b"tunnel.example:1")
    assert [status(edge, (b"host", host)) for host in hosts] == [200, 200, 200, 421, 421]


@pytest.mark.parametrize(
    ("bound", "host", "expected"),
    [
        ("192.168.1.5", b"192.168.1.5:22888", 200),
        ("192.168.1.5", b"192.168.1.6:22888", 421),
        ("0.0.0.0", b"192.168.1.5:22888", 200),  # the address this connection came in by
        ("0.0.0.0", b"192.168.1.6:22888", 421),
        ("0.0.0.0", b"0.0.0.0:22888", 421),
        ("0.0.0.0", b"rebound.example:22888", 421),
        ("fd00::5", b"[fd00::5]:22888", 200),
    ],
)
def test_the_bound_address_passes(bound: str, host: bytes, expected: int) -> None:
    """Beside loopback, the address listened on is ours; bound to all of them, the one the caller reached is."""
    edge = edge_of(host=bound, insecure=True)
    scope = scope_of("GET", "/v1/models", [(b"host", host)])
    scope["server"] = ("192.168.1.5", 22888)
    verdict = edge.check(scope)
    assert (verdict.status if isinstance(verdict, BatutaError) else 200) == expected


def test_an_absolute_target_that_repeats_the_host_passes() -> None:
    """`GET http://127.0.0.1:22888/` with the same Host is one and the same name."""
    verdict = edge_of().check(scope_of("GET", "/v1/models", [(b"host", OWN_HOST)], authority=OWN_HOST))
    assert isinstance(verdict, Identity)
    assert AUTHORITY == "batuta.authority"


@given(st.binary(max_size=40))
def test_no_host_header_breaks_the_edge(host: bytes) -> None:
    """Any bytes for a Host get a verdict, and only a loopback name a good one."""
    verdict = status(edge_of(), (b"host", host))
    name = host.lower().rpartition(b":")[0] or host.lower()
    assert verdict in ({200, 400, 421} if name in {b"127.0.0.1", b"localhost", b"[::1]"} else {400, 421})


# --- pages of other origins, and our own ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOREIGN_PAGES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_foreign_pages_do_not_reach_the_api(name: str, method: str) -> None:
    """Inference and management refuse another site's page, also for GET."""
    for path in ("/v1/models", "/manage/models", "/health"):
        assert status(edge_of(), *FOREIGN_PAGES[name], JSON, method=method, path=path) == 403


def _fetch(site: bytes, mode: bytes, dest: bytes = b"empty") -> tuple[tuple[bytes, bytes], ...]:
    return (b"sec-fetch-site", site), (b"sec-fetch-mode", mode), (b"sec-fetch-dest", dest)


def test_our_own_pages_and_the_address_bar_pass() -> None:
    """Same-origin fetches, a typed address, and a no-referrer form of our own are a person at this machine."""
    edge = edge_of()
    assert status(edge, (b"origin", OWN_ORIGIN), *_fetch(b"same-origin", b"cors"), JSON, method="POST") == 200
    assert status(edge, *_fetch(b"none", b"navigate", b"document"), path="/manage/models") == 200
    assert status(edge, (b"origin", b"null"), *_fetch(b"same-origin", b"navigate", b"document"), method="POST") == 200


def test_a_link_on_another_site_opens_a_page_and_nothing_else() -> None:
    """A top-level visit reaches pages by GET; not the API, not in a frame, not with another method."""
    edge = edge_of()
    visit = _fetch(b"cross-site", b"navigate", b"document")
    assert status(edge, *visit, path="/") == 200
    assert status(edge, *visit, path="/manage/models") == 403
    assert status(edge, *visit, path="/", method="POST") == 403
    assert status(edge, *_fetch(b"cross-site", b"navigate", b"iframe"), path="/") == 403


ALLOWED = "http://localhost:3000"


@given(st.one_of(st.text(max_size=30).map(str.encode), st.sampled_from([b"null", b"*", b"http://localhost:30000"])))
async def test_no_origin_but_the_listed_may_read_an_answer(origin: bytes) -> None:
    """Whatever the Origin, Access-Control-Allow-Origin is absent unless that very origin is listed."""
    settings = settings_of(edge=EdgeSettings(allowed_origins=(ALLOWED,)))
    for method in ("GET", "OPTIONS"):
        answer = await ask(
            dispatcher_of(settings), scope_of(method, "/v1/models", [(b"host", OWN_HOST), (b"origin", origin)])
        )
        assert answer.header("access-control-allow-origin") is None
        assert answer.header("access-control-allow-credentials") is None


async def test_a_listed_origin_may_infer_but_not_manage() -> None:
    """Its preflight and its calls pass for inference; management still wants a key; credentials are never allowed."""
    dispatcher = dispatcher_of(settings_of(edge=EdgeSettings(allowed_origins=(ALLOWED,))))
    page = [(b"host", OWN_HOST), (b"origin", ALLOWED.encode()), *_fetch(b"same-site", b"cors")]
    asking = [*page, (b"access-control-request-method", b"POST")]
    preflight = await ask(dispatcher, scope_of("OPTIONS", "/v1/chat/completions", asking))
    call = await ask(dispatcher, scope_of("GET", "/v1/models", page))
    manage = await ask(dispatcher, scope_of("GET", "/manage/models/x/status", page))
    assert (preflight.status, call.status, manage.status) == (204, 200, 403)
    for answer in (preflight, call, manage):
        assert answer.header("access-control-allow-origin") == ALLOWED.encode()
        assert answer.header("vary") == b"origin"
        assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("origin", ["*", "null", "http://localhost:3000/", "localhost:3000", "http://*.example", ""])
def test_an_origin_that_is_none_is_refused_at_start(origin: str) -> None:
    """A pattern, null or an address with a path would allow more or less than it seems to."""
    with pytest.raises(BadSettings, match="allowed_origins"):
        edge_of(edge=EdgeSettings(allowed_origins=(origin,)))


# --- body, path, query ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"content-type", b"application/json"), (b"content-length", b"2")], 200),
        ([(b"content-type", b"Application/JSON; charset=utf-8"), (b"content-length", b"2")], 200),
        ([(b"content-type", b"application/merge-patch+json"), (b"content-length", b"2")], 200),
        ([(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")], 200),
        ([(b"content-length", b"0")], 200),
        ([], 200),  # nothing is sent: nothing to mistake
        ([(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"2")], 415),
        ([(b"content-type", b"text/plain"), (b"content-length", b"2")], 415),
        ([(b"content-type", b"text/plain;application/json"), (b"transfer-encoding", b"chunked")], 415),
        ([(b"content-length", b"2")], 415),
        ([(b"content-type", b"application/json"), (b"content-encoding", b"gzip"), (b"content-length", b"2")], 415),
        ([(b"content-type", b"application/json"), (b"content-length", b"33554433")], 413),
        ([(b"content-type", b"application/json"), (b"content-length", b"9" * 5000)], 413),
        ([(b"content-type", b"application/json"), (b"content-length", b"-1")], 400),
        ([(b"content-length", b"2"), (b"content-length", b"2")], 400),
        ([(b"content-length", b"2"), (b"transfer-encoding", b"chunked")], 400),
        ([(b"transfer-encoding", b"gzip, chunked")], 400),
        ([(b"content-type", b"application/json"), (b"content-type", b"text/plain"), (b"content-length", b"2")], 400),
        ([(b"x-pad", b"x" * 40000)], 431),
    ],
)
def test_bodies_are_judged_by_their_head(headers: list[tuple[bytes, bytes]], expected: int) -> None:
    """A JSON route takes one clearly delimited, uncompressed JSON body of a bearable size."""
    for path in ("/v1/chat/completions", "/manage/models/x/load"):
        assert status(edge_of(), *headers, method="POST", path=path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/manage/models/openrouter/some:model..v2/status", 200),
        ("/manage/models/modèle/status", 200),
        ("/.well-known/x", 200),
        ("/static/../settings.toml", 404),
        ("/static/..", 404),
        ("/./v1/models", 404),
        ("/static/..\\..\\x", 404),
        ("/v1/models\r\nX: y", 400),
        ("/v1/models\0", 400),
        ("/manage/models/\u202egpj/status", 400),
        ("/manage/models/\u2028/status", 400),
        ("/manage/models/\ufffd/status", 400),
        ("evil", 400),
    ],
)
def test_paths_hold_only_what_an_address_can(path: str, expected: int) -> None:
    """Control characters and bidirectional marks are refused; dot segments and backslashes lead nowhere."""
    assert status(edge_of(), path=path) == expected


@pytest.mark.parametrize("query", [b"key=k", b"a=b&api_key=k", b"Access_Token=k", b"%6bey=k", b"x-api-key=k", b"token"])
def test_keys_in_the_address_are_refused(query: bytes) -> None:
    """A key in a query ends up in logs: 400, whatever its spelling."""
    assert status(edge_of(), query=query) == 400
    assert status(edge_of(), query=b"refresh=1&keys=2") == 200


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get"])
def test_unknown_methods_are_refused(method: str) -> None:
    """Only the methods that routes use are let through."""
    assert status(edge_of(), method=method) == 405


# --- who -----------------------------------------------------------------------------------------------------------


def test_on_loopback_a_program_needs_no_key_and_any_key_is_accepted() -> None:
    """As users of local engines expect: nothing, an invented key, an odd scheme, all pass."""
    edge = edge_of()
    for headers in ([], [(b"authorization", b"Bearer anything")], [(b"authorization", b"odd")], [(b"x-api-key", b"k")]):
        verdict = edge.check(scope_of("POST", "/manage/models/x/load", [(b"host", OWN_HOST), *headers]))
        assert isinstance(verdict, Identity)
        assert verdict.scopes == {Scope.INFERENCE, Scope.ADMIN}


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip"])
def test_what_comes_through_a_proxy_is_not_at_this_machine(header: bytes) -> None:
    """A proxy on this machine makes the whole world look like loopback: its callers need a key."""
    assert status(edge_of(), (header, b"203.0.113.9")) == 401
    assert status(edge_of(), (header, b"203.0.113.9"), path="/health") == 200
    edge = edge_of(auth=AuthSettings(api_key=KEY))
    assert status(edge, (header, b"203.0.113.9"), (b"authorization", f"Bearer {KEY}".encode())) == 200


def test_scopes_decide_after_identity() -> None:
    """An inference key infers and is forbidden elsewhere; an unknown key is unauthorised everywhere alike."""
    edge = edge_of(auth=AuthSettings(required=True, api_key=KEY, inference_keys=("sk-test-only-infers",)))
    full, part, none = (
        (b"authorization", f"Bearer {key}".encode()) for key in (KEY, "sk-test-only-infers", "sk-test-unknown")
    )
    places = ("/v1/models", "/manage/models", "/metrics", "/", "/health")
    assert [status(edge, full, path=path) for path in places] == [200, 200, 200, 200, 200]
    assert [status(edge, part, path=path) for path in places] == [200, 403, 403, 403, 200]
    assert [status(edge, none, path=path) for path in places] == [401, 401, 401, 401, 200]
    assert [status(edge, path=path) for path in places] == [401, 401, 401, 401, 200]


def test_opening_a_page_sets_a_session_and_the_next_request_uses_it() -> None:
    """A browser's visit gets a strict, script-proof cookie; with it the pages' own requests are that session's."""
    edge = edge_of()
    visit = [(b"host", OWN_HOST), *_fetch(b"none", b"navigate", b"document")]
    opened = edge.check(scope_of("GET", "/", visit))
    assert isinstance(opened, Identity)
    assert opened.set_cookie is not None
    pair, *attributes = opened.set_cookie.split(b"; ")
    assert pair.startswith(b"batuta_session=")
    assert {b"HttpOnly", b"SameSite=Strict", b"Path=/"} <= set(attributes)
    again = edge.check(scope_of("GET", "/", [*visit, (b"cookie", b"theme=dark; " + pair)]))
    assert isinstance(again, Identity)
    assert (again.via, again.set_cookie) == ("session", None)


def test_a_request_id_is_kept_only_if_it_is_sane() -> None:
    """What the caller calls its request goes to headers and logs, so it may hold only plain characters."""
    edge = edge_of()
    for value, kept in ((b"abc-1", "abc-1"), (b"a b", None), (b"x" * 65, None), (b"a\nb", None)):
        scope = scope_of("GET", "/v1/models", [(b"host", OWN_HOST), (b"x-request-id", value)])
        edge.check(scope)
        assert scope["state"].get("request_id") == kept
