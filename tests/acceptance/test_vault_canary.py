"""A key that a person gives to a running Batuta goes to its provider, and shows nowhere else."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from batuta.testing.gguf import tiny_gguf
from tests import canary
from tests.support import memory
from tests.support.running import Batuta, installation, until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into processes through /proc"),
]

STORED = "a vault's key"
KEY = canary.STORED[STORED]
NEEDLES = tuple(dict.fromkeys(canary.forms(KEY)))


class Provider(BaseHTTPRequestHandler):
    """An API that is as careless with keys as real ones have been: it repeats a bad one in its error."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.headers["authorization"] or "")
        self._answer(200, {"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        self.seen.append(self.headers["authorization"] or "")
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body["messages"][-1]["content"] == "refuse":
            message = f"Incorrect API key provided: {KEY}. You sent {self.headers['authorization']}."
            self._answer(401, {"error": {"message": message, "type": "invalid_request_error"}})
            return
        said = {"role": "assistant", "content": "well"}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": "1", "object": "chat.completion", "created": 1, "model": body["model"]}
        self._answer(200, {**head, "choices": [choice], "usage": usage})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def provider() -> Iterator[tuple[str, list[str]]]:
    """Run the API for the block; yield its address and what it was sent as authorization."""
    Provider.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", Provider.seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PAGES = (
    "/manage/keys",
    "/manage/providers",
    "/manage/models",
    "/manage/usage",
    "/v1/models",
    "/metrics",
    "/health",
    "/",
    "/api-keys",
    "/models",
    "/usage",
    "/settings",
    "/openapi.json",
)


def use(batuta: Batuta, url: str) -> list[bytes]:
    """Add the key, use it well and badly, edit, test and rotate; return every answer."""
    added = batuta.ask(
        "POST", "/manage/keys", {"provider": "careless", "key": f" {KEY}\n", "base_url": url, "is_local": True}
    )
    assert added.status == 201, added.body
    key_id = added.json()["id"]
    answers = [added.body]
    until(lambda: any(each["id"] == "careless/m" for each in batuta.ask("GET", "/v1/models").json()["data"]))
    well = batuta.chat("careless/m")
    assert well.status == 200, well.body
    answers.append(well.body)
    for path, body in (
        (f"/manage/keys/{key_id}/test", None),
        ("/manage/keys/rotate", {}),
        ("/manage/keys", {"provider": "careless", "key": KEY}),  # a second time
        ("/manage/keys", {"provider": "careless", "key": f"{KEY} {KEY}"}),
        ("/manage/keys", {"provider": KEY, "key": KEY}),
        ("/manage/keys", {"provider": "careless", "key": [KEY]}),
        (f"/manage/keys/{key_id}/test", None),
    ):
        answers.append(batuta.ask("POST", path, body).body)
    answers.append(batuta.ask("PATCH", f"/manage/keys/{key_id}", {"label": KEY}).body)
    answers.append(batuta.chat("careless/m", "refuse").body)
    answers += [batuta.ask("GET", path).body for path in PAGES]
    answers.append(batuta.ask("GET", f"/manage/keys?key={'x' * 10}").body)
    return answers


def test_a_stored_key_shows_nowhere(data_dir: Path) -> None:
    """Not in answers, logs, files, database and its log, environments, command lines, or the memory of workers."""
    (data_dir / "models").mkdir()
    tiny_gguf(data_dir / "models" / "small.gguf", size="small")
    with provider() as (url, seen), installation(data_dir) as batuta:
        until(lambda: batuta.ask("GET", "/v1/models").json()["data"], what="models found")
        assert batuta.chat("small").status == 200  # a worker is there
        answers = use(batuta, url)
        assert {each for each in seen if each} == {f"Bearer {KEY}"}, "the provider itself gets the key"
        workers = memory.family(batuta.pid)
        assert len(workers) >= 2, "the loader and the model's own process"
        for pid in workers:
            assert not canary.names_in(memory.shown(pid)), pid
        assert STORED not in canary.names_in(memory.shown(batuta.pid))  # others are in its environment on purpose
        assert not [answer for answer in answers if STORED in canary.names_in(answer)]
        assert canary.leaks_below(data_dir) == []
        assert not canary.names_in(batuta.output.encode() + batuta.logs.encode())
        look_into(workers, str(data_dir).encode())
    assert canary.leaks_below(data_dir) == []


def look_into(workers: list[int], known: bytes) -> None:
    """Insist that no worker has the key in memory, and that looking would have found it."""
    try:
        found = [memory.has(pid, [known, *NEEDLES]) for pid in workers]
    except PermissionError:
        pytest.skip("this user may not look into other processes: their memory was not searched")
    assert any(known in each for each in found), "the search finds what is there"
    assert not [each & set(NEEDLES) for each in found if each & set(NEEDLES)]


def test_the_gateway_forbids_looking_in(data_dir: Path) -> None:
    """Core dumps are off in the gateway, and other programs of the same user cannot attach to it."""
    with installation(data_dir) as batuta:
        limits = Path(f"/proc/{batuta.pid}/limits").read_text()
        (line,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]
        # The kernel gives the files of a process that may not be looked into to root.
        assert Path(f"/proc/{batuta.pid}/environ").stat().st_uid == 0


def test_a_key_survives_restarts_and_kills(data_dir: Path) -> None:
    """A gateway that is killed right after a key was added has it when it comes back, sealed as before."""
    with provider() as (url, seen), installation(data_dir) as batuta:
        body = {"provider": "careless", "key": KEY, "base_url": url, "is_local": True}
        assert batuta.ask("POST", "/manage/keys", body).status == 201
        batuta.kill()
        batuta.start()
        until(lambda: batuta.ask("GET", "/manage/keys").json()["keys"], what="keys read")
        until(lambda: any(each["id"] == "careless/m" for each in batuta.ask("GET", "/v1/models").json()["data"]))
        del seen[:]
        assert batuta.chat("careless/m").status == 200
        assert seen == [f"Bearer {KEY}"]


def test_without_its_master_key_local_models_still_answer(data_dir: Path) -> None:
    """The vault is sealed and says why; a model on this machine answers as ever; the external one names the reason."""
    (data_dir / "models").mkdir()
    tiny_gguf(data_dir / "models" / "small.gguf", size="small")
    with provider() as (url, seen), installation(data_dir) as batuta:
        body = {"provider": "careless", "key": KEY, "base_url": url, "is_local": True}
        assert batuta.ask("POST", "/manage/keys", body).status == 201
        until(lambda: any(each["id"] == "careless/m" for each in batuta.ask("GET", "/v1/models").json()["data"]))
        batuta.stop()
        (data_dir / "vault.key").unlink()
        del seen[:]
        batuta.start()
        until(lambda: "vault.key" in (batuta.ask("GET", "/manage/keys").json()["sealed"] or ""), what="it says why")
        listed = batuta.ask("GET", "/manage/keys").json()
        assert len(listed["keys"]) == 1
        assert batuta.chat("small").status == 200
        refused = batuta.chat("careless/m")
        assert (refused.status, refused.json()["error"]["code"]) == (503, "vault_sealed")
        assert not [sent for sent in seen if KEY in sent]
