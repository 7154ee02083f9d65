"""The way out: which client, which headers, and nothing that could take a key elsewhere."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any

import aiohttp
import pytest

from batuta.catalog.entities import Provider
from batuta.engines.reach import Reach
from batuta.engines.transport import Transport, UpstreamRequest, _Resolver, loopback_place, was_not_written
from batuta.errors import (
    BadRequest,
    KeyInvalid,
    LocalOnly,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from batuta.testing import faulty_upstream as faulty
from batuta.testing.faulty_upstream import FaultyUpstream, Wire
from batuta.vault.secret import Secret

KEY = Secret("sk-test-not-a-key-transport")
both_clients = pytest.mark.parametrize("is_direct", [True, False], ids=["loopback", "aiohttp"])


def request_for(url: str, method: str = "POST", **rest: Any) -> UpstreamRequest:
    fields = {"headers": {"x-one": "1"}, "body": b"{}", "deadline": asyncio.get_running_loop().time() + 5, **rest}
    return UpstreamRequest(method, url, **fields)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:8080/v1", ("127.0.0.1", 8080)),
        ("http://127.9.9.9/v1", ("127.9.9.9", 80)),
        ("http://[::1]:1234/v1", ("::1", 1234)),
        ("http://LOCALHOST:1/", ("localhost", 1)),
        ("https://127.0.0.1/v1", None),
        ("http://user@127.0.0.1/v1", None),
        ("http://127.0.0.1.nip.io/v1", None),
        ("http://localhost.example/v1", None),
        ("http://10.0.0.1/v1", None),
        ("http://2130706433/v1", None),
    ],
)
def test_only_this_machine_is_direct(url: str, place: tuple[str, int] | None) -> None:
    """The quick client serves plaintext to addresses that are this machine by their text."""
    assert loopback_place(url) == place


@both_clients
async def test_a_request_arrives_as_it_was_meant(is_direct: bool) -> None:
    """Path, query, host, key and body arrive, compression is declined, and the reply has status and headers."""
    async with FaultyUpstream(faulty.status(418, b"teapot", x_kind="pot")) as upstream:
        transport = Transport(is_direct=is_direct)
        reply = await transport.send(request_for(f"{upstream.url}/chat?x=1", key=KEY))
        assert (reply.status, reply.content_type, reply.headers["x-kind"]) == (418, "application/json", "pot")
        assert await reply.read() == b"teapot"
        await reply.aclose()
        await transport.aclose()
    (seen,) = upstream.requests
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat?x=1", b"{}")
    assert seen.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert seen.headers["authorization"] == f"Bearer {KEY.reveal()}"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["x-one"] == "1"


@both_clients
async def test_redirects_are_answers(is_direct: bool) -> None:
    """A redirect is returned as it came; nothing follows it with a key."""
    async with FaultyUpstream(faulty.whole()) as elsewhere:
        async with FaultyUpstream(faulty.status(307, b"", location=elsewhere.url)) as upstream:
            transport = Transport(is_direct=is_direct)
            reply = await transport.send(request_for(upstream.url, key=KEY))
            assert reply.status == 307
            await reply.aclose()
            await transport.aclose()
        assert not elsewhere.requests


@both_clients
@pytest.mark.parametrize("headers", [{"x-a": "1\r\nx-b: 2"}, {"x-a\n": "1"}, {"x-a": "caf\u00e9\u4e16"}])
async def test_headers_cannot_be_smuggled(headers: dict[str, str], is_direct: bool) -> None:
    """A line break or a character beyond HTTP's in a header is refused before anything is sent."""
    transport = Transport(is_direct=is_direct)
    with pytest.raises(BadRequest):
        await transport.send(request_for("http://127.0.0.1:9/v1", headers=headers))
    await transport.aclose()


@pytest.mark.parametrize("path", ["a b", "a\r\nhost: evil", "caf\u00e9"])
async def test_addresses_cannot_be_smuggled(path: str) -> None:
    """A blank, a line break or a character beyond ASCII in an address is refused."""
    with pytest.raises(BadRequest):
        await Transport().send(request_for(f"http://127.0.0.1:9/{path}"))


@both_clients
async def test_a_stale_connection_is_replaced(is_direct: bool) -> None:
    """Both clients send a GET again that a kept-alive connection lost before the first byte."""
    async with FaultyUpstream(faulty.whole("one"), faulty.reset, faulty.whole("two")) as upstream:
        transport = Transport(is_direct=is_direct)
        for word in (b"one", b"two"):
            reply = await transport.send(request_for(upstream.url, method="GET"))
            assert word in await reply.read()
            await reply.aclose()
        await transport.aclose()
    assert upstream.connections == 2
    assert len(upstream.requests) == 3


@both_clients
async def test_what_may_have_been_taken_is_not_sent_twice(is_direct: bool) -> None:
    """A POST whose kept connection is lost without a byte may have been worked on: the caller is told instead."""
    async with FaultyUpstream(faulty.whole("one"), faulty.reset, faulty.whole("two")) as upstream:
        transport = Transport(is_direct=is_direct)
        reply = await transport.send(request_for(upstream.url))
        await reply.read()
        await reply.aclose()
        with pytest.raises(UpstreamFailed, match="hung up"):
            await transport.send(request_for(upstream.url))
        await transport.aclose()
    assert len(upstream.requests) == 2


def test_a_request_that_was_never_written_may_be_sent_again() -> None:
    """The client says so where its connection was closed under it; no other loss is proof of that."""
    unwritten = aiohttp.ClientOSError(None, "Can not write request body")
    unwritten.__cause__ = aiohttp.ClientConnectionResetError("Cannot write to closing transport")
    assert was_not_written(unwritten)
    assert was_not_written(aiohttp.ClientConnectionResetError("Cannot write to closing transport"))
    assert not was_not_written(aiohttp.ServerDisconnectedError())
    assert not was_not_written(aiohttp.ClientOSError(104, "Connection reset by peer"))


async def test_getting_ready_is_not_the_backends_time() -> None:
    """The first call pays for certificates in seconds of its own, and its deadline still holds for the answer."""

    def slowly() -> ssl.SSLContext:
        time.sleep(0.15)
        return ssl.create_default_context()

    async with FaultyUpstream(faulty.whole("one"), faulty.silent) as upstream:
        transport = Transport(is_direct=False, prepare=slowly)
        deadline = asyncio.get_running_loop().time() + 0.1
        reply = await transport.send(request_for(upstream.url, deadline=deadline))
        assert b"one" in await reply.read()
        await reply.aclose()
        deadline = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(UpstreamTimeout):
            await transport.send(request_for(upstream.url, deadline=deadline))
        await transport.aclose()


@both_clients
async def test_an_answer_let_go_is_cut(is_direct: bool) -> None:
    """Closing a reply in the middle makes the backend's next write fail."""
    ended = asyncio.Event()

    async def script(wire: Wire) -> None:
        await wire.begin_stream()
        await wire.silence()
        ended.set()

    async with FaultyUpstream(script) as upstream:
        transport = Transport(is_direct=is_direct)
        reply = await transport.send(request_for(upstream.url))
        await reply.aclose()
        async with asyncio.timeout(2):
            await ended.wait()
        await transport.aclose()


async def test_json_is_fetched() -> None:
    """get_json gives the value of a 200."""
    async with FaultyUpstream(faulty.status(200, [1, 2])) as upstream:
        transport = Transport()
        assert await transport.get_json(upstream.url, timeout_s=2) == [1, 2]
        await transport.aclose()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (faulty.status(401, {"error": {"message": f"bad key {KEY.reveal()}"}}), KeyInvalid),
        (faulty.status(404), UpstreamRejected),
        (faulty.status(200, b"<p>"), UpstreamFailed),
        (faulty.status(200, b"no json"), UpstreamFailed),
        (faulty.status(200, b""), UpstreamFailed),
    ],
    ids=["401", "404", "html", "text", "empty"],
)
async def test_what_is_no_json_is_a_typed_error(script: faulty.Script, expected: type[Exception]) -> None:
    """get_json raises for everything else, without the key in the message."""
    async with FaultyUpstream(script) as upstream:
        transport = Transport()
        with pytest.raises(expected) as caught:
            await transport.get_json(upstream.url, timeout_s=2, key=KEY)
        await transport.aclose()
    assert KEY.reveal() not in str(caught.value)


def test_a_request_does_not_show_its_key() -> None:
    """The key is in no repr."""
    assert KEY.reveal() not in repr(UpstreamRequest("GET", "http://127.0.0.1/", key=KEY))


@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_what_may_be_reached_is_looked_at_again_when_providers_change(*, is_withdrawn: bool) -> None:
    """A private address that a local provider had is not open to the next one that is not marked as local."""
    reach = Reach()
    local = Provider("box", "openai_compat", base_url="http://10.255.255.1:9", is_local=True)
    transport = Transport(reach=reach)
    reach.permit(local)
    assert transport._place("http", "10.255.255.1:9") is None
    if is_withdrawn:
        reach.withdraw(local)
    else:
        reach.permit(Provider("other", "openai_compat", base_url="http://10.255.255.1:9"))
    with pytest.raises(UpstreamUnreachable, match="marked as local"):
        transport._place("http", "10.255.255.1:9")


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would see keys, and what stays on this machine."""
    async with FaultyUpstream(faulty.whole()) as proxy, FaultyUpstream(faulty.status(418, b"teapot")) as upstream:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        transport = Transport(is_direct=False)
        reply = await transport.send(request_for(upstream.url, key=KEY))
        assert reply.status == 418
        await reply.aclose()
        await transport.aclose()
        assert proxy.connections == 0


async def test_only_what_was_admitted_is_connected_to() -> None:
    """Of several addresses of a name, those that are off limits are left out."""

    async def lookup(_: str, __: int, family: socket.AddressFamily) -> list[tuple[socket.AddressFamily, str]]:
        return [(family, "169.254.169.254"), (family, "9.9.9.9"), (family, "10.0.0.1")]

    found = await _Resolver(Reach(), lookup).resolve("api.example", 443)
    assert [each["host"] for each in found] == ["9.9.9.9"]


@both_clients
async def test_an_installation_that_stays_here_sends_nothing(is_direct: bool) -> None:
    """Refused before a name is resolved."""

    async def lookup(*_: object) -> list[tuple[socket.AddressFamily, str]]:
        raise AssertionError("a name was resolved")

    transport = Transport(is_direct=is_direct, reach=Reach(local_only=True), lookup=lookup)
    with pytest.raises(LocalOnly):
        await transport.send(request_for("https://api.example/v1", key=KEY))
    await transport.aclose()


async def test_a_key_of_no_known_form_is_masked_by_its_value() -> None:
    """A provider that repeats it in an error tells nobody."""
    bare = Secret("NotAKeyOfAnybody0123456789abcdef")
    async with FaultyUpstream(faulty.status(401, {"error": {"message": f"bad key {bare.reveal()}"}})) as upstream:
        transport = Transport()
        with pytest.raises(KeyInvalid, match="bad key") as caught:
            await transport.get_json(upstream.url, timeout_s=2, key=bare)
        await transport.aclose()
    assert bare.reveal() not in caught.value.message
