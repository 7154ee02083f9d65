"""Bodies made to hurt: too deep, too many fields, numbers that are none, lengths that lie. A real process."""

from __future__ import annotations

import gzip
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from batuta.errors import BadRequest
from batuta.testing.gguf import tiny_gguf
from batuta.web.shape import MOST_IN_ALL, MOST_MEMBERS, refuse_crowded
from tests.support.running import Batuta, Reply, installation, until

pytestmark = pytest.mark.acceptance

CHAT, PLAN, WAIT = "/v1/chat/completions", "/manage/plan", "/manage/models/small/wait"
FIELDS = b'"model":"small","messages":[{"role":"user","content":"x"}],"max_tokens":2'
GROWTH = 64 << 20  # bytes: twice the largest body that is accepted
PATIENCE_S = 3.0


def chat_with(field: bytes) -> bytes:
    """Return a chat request with one field more."""
    return b"{" + FIELDS + b"," + field + b"}"


DEPTH = 100_000
CROWD = b",".join(b'"k%d":1' % number for number in range(1_000_000))
BODIES = {
    "lists in lists": chat_with(b'"x":' + b"[" * DEPTH + b"]" * DEPTH),
    "objects in objects": chat_with(b'"x":' + b'{"a":' * DEPTH + b"1" + b"}" * DEPTH),
    "messages in messages": b'{"model":"small","messages":' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "depth without end": b"[" * DEPTH,
    "a million fields": chat_with(CROWD),
    "a million fields, deeper": chat_with(b'"response_format":{' + CROWD + b"}"),
    "not a number": chat_with(b'"temperature":NaN'),
    "infinity": chat_with(b'"temperature":Infinity'),
    "infinity by exponent": chat_with(b'"temperature":1e999'),
    "a long integer": b'{"model":"small","messages":[{"role":"user","content":"x"}],"max_tokens":' + b"9" * 4000 + b"}",
    "a longer integer": chat_with(b'"n":' + b"9" * 100_000),
    "an unknown integer": chat_with(b'"seed":' + b"9" * 5000),
    "half a character": chat_with(b'"x":"\\ud800"'),
    "no text at all": chat_with(b'"x":"\xff\xfe"'),
    "a name of a megabyte": FIELDS.replace(b"small", b"m" * (1 << 20)).join([b"{", b"}"]),
    "a list": b"[" + FIELDS[:15] + b"]",
    "empty": b"",
}


@pytest.fixture(scope="module")
def batuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batuta]:
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "models").mkdir()
    tiny_gguf(folder / "models" / "small.gguf")
    with installation(folder) as it:
        until(lambda: it.chat("small").status == 200, what="the first answer")
        for path in (CHAT, PLAN, WAIT):  # what is imported at the first use is no growth
            post(it, path, b'{"model":"small","timeout_s":1}')
        yield it


def post(batuta: Batuta, path: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    """Send bytes as they are."""
    parts = urlsplit(batuta.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_S)
    try:
        connection.request("POST", path, body, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def memory(batuta: Batuta) -> int:
    """Return the bytes that the gateway holds in memory."""
    status = Path(f"/proc/{batuta.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


@pytest.mark.parametrize("path", [CHAT, PLAN, WAIT])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_made_to_hurt_is_refused_soon_and_costs_no_memory(batuta: Batuta, path: str, name: str) -> None:
    """400 or 413 in words, at once, in a short answer; the process does not grow and answers the next request."""
    before, began = memory(batuta), time.monotonic()
    reply = post(batuta, path, BODIES[name])
    if not (path == WAIT and not BODIES[name]):  # to wait without a body is to wait for the default time
        assert reply.status in {400, 413, 415}, (reply.status, reply.body[:300])
        assert reply.json()["error"]["message"]
        assert len(reply.body) < 8192
    assert time.monotonic() - began < PATIENCE_S
    assert memory(batuta) - before < GROWTH
    assert batuta.ask("GET", "/health").status == 200


@pytest.mark.parametrize("path", [CHAT, PLAN, WAIT])
def test_a_compressed_body_is_refused_on_every_route(batuta: Batuta, path: str) -> None:
    """415: what a small body unpacks to is never learnt."""
    bomb = gzip.compress(b'{"model":"' + b"a" * 10_000_000 + b'"}')
    assert post(batuta, path, bomb, {"content-encoding": "gzip"}).status == 415


@pytest.mark.parametrize("path", [CHAT, PLAN])
@pytest.mark.parametrize(
    ("length", "statuses"),
    [(b"5", {400}), (b"-1", {400}), (b"99999999999999999999", {400, 413}), (b"0x10", {400}), (b"12, 12", {400})],
)
def test_a_length_that_lies_is_refused(batuta: Batuta, path: str, length: bytes, statuses: set[int]) -> None:
    """Shorter than the body, negative, absurd, no number, two: the answer is a refusal and the connection ends."""
    parts = urlsplit(batuta.url)
    body = b"{" + FIELDS + b"}"
    head = b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n" % (
        path.encode(),
        parts.netloc.encode(),
    )
    with socket.create_connection((str(parts.hostname), parts.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + b"Content-Length: " + length + b"\r\n\r\n" + body)
        answer = connection.recv(65536)
    assert int(answer.split()[1]) in statuses, answer[:200]


def test_a_body_that_is_shorter_than_it_says_reaches_nobody(batuta: Batuta) -> None:
    """The client leaves in the middle: no model is asked, no lease is left."""
    parts = urlsplit(batuta.url)
    with socket.create_connection((str(parts.hostname), parts.port), timeout=PATIENCE_S) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + b"Content-Length: 5000\r\n\r\n{" + FIELDS)
    assert batuta.model("small")["in_flight"] == 0
    assert batuta.chat("small").status == 200


# --- the rule itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b",".join(b'{"role":"user","content":"a: b, {c}"}' for _ in range(20_000)) + b"]}",
        b'{"image":"' + b"A:" * 100_000 + b'"}',
        b'{"text":"' + b'\\"k\\":1,' * 100_000 + b'"}',
        b'{"ids":[' + b",".join(b"1" for _ in range(100_000)) + b"]}",
        b'{"x":"' + b':\\"' * 500_000,  # never ends: its parser says so
    ],
)
def test_large_bodies_of_an_ordinary_shape_pass(body: bytes) -> None:
    """Long talks, pictures, quoted JSON, long lists: what counts is fields, not bytes, and strings are no fields."""
    began = time.monotonic()
    refuse_crowded(body)
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize(
    "body",
    [
        b"{" + b",".join(b'"k%d" :1' % n for n in range(MOST_MEMBERS + 1)) + b"}",
        b'{"a":[{' + b",".join(b'"k%d"\n\t: 1' % n for n in range(MOST_MEMBERS + 1)) + b"}]}",
        b'{"\\"":"}{",' + b",".join(b'"\\"{%d":"}"' % n for n in range(MOST_MEMBERS)) + b"}",
        b"[" + b",".join(b'{"a":1,"b":2}' for _ in range(MOST_IN_ALL // 2 + 1)) + b"]",
    ],
)
def test_a_crowd_is_found_wherever_it_hides(body: bytes) -> None:
    """At any depth, with any blanks, behind braces in strings."""
    with pytest.raises(BadRequest, match="too many fields"):
        refuse_crowded(body)
