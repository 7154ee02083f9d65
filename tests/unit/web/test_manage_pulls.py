"""The routes for downloads and for files that are handed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from batuta.testing.hub import FakeHub
from batuta.web.auth import Auth
from batuta.web.dispatch import Dispatcher
from batuta.web.downloads import downloads_panel
from batuta.web.edge import Edge
from batuta.web.i18n import NAMES, language
from batuta.web.routes import manage_pulls
from tests.support.asgi import Client
from tests.unit.downloads.stage import FILE, REPO, gguf

from .manage_stage import House, house

LANGUAGES = {code: language(code) for code in NAMES}  # read now: a loop must not wait for the disk


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[tuple[House, FakeHub]]:
    async with FakeHub() as hub, house(folder) as it:
        it.environ |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": ""}
        hub.add(REPO, FILE, gguf())
        yield it, hub


async def test_a_pull_ends_as_a_model_of_the_catalog(tmp_path: Path) -> None:
    """202 at once, then the download tells how it goes, and in the end which model it is."""
    async with place(tmp_path) as (it, _):
        reply = await it.ask("POST", "/manage/pulls", {"name": f"hf:{REPO}"})
        assert reply.status == 202
        pull = reply.json()
        assert (pull["state"], pull["source"]) == ("queued", f"hf:{REPO}")
        found = it.downloads.get(pull["id"])
        assert found is not None
        await it.downloads.wait(found)
        pull = (await it.ask("GET", f"/manage/pulls/{pull['id']}")).json()
        assert (pull["state"], pull["bytes"], pull["model"]) == ("done", 5000, "tiny-Q4_K_M")
        assert [each["id"] for each in (await it.ask("GET", "/manage/pulls")).json()["pulls"]] == [pull["id"]]
        assert (await it.view("tiny-Q4_K_M"))["is_present"]


async def test_a_name_that_means_nothing_is_refused_at_once(tmp_path: Path) -> None:
    """404 with the nearest name, and nothing is queued."""
    async with place(tmp_path) as (it, _):
        reply = await it.ask("POST", "/manage/pulls", {"name": "qwen-3.5-2b"})
        error = reply.json()["error"]
        assert (reply.status, error["code"], error["suggestion"]) == (404, "unknown_download", "qwen3.5-2b")
        assert (await it.ask("GET", "/manage/pulls")).json() == {"pulls": []}
        assert (await it.ask("GET", "/manage/pulls/pull-9")).status == 404
        assert (await it.ask("POST", "/manage/pulls", {"name": ""})).status == 400
        assert (await it.ask("POST", "/manage/pulls", {"url": "http://x"})).status == 400


async def test_a_failure_is_told_with_its_code(tmp_path: Path) -> None:
    """What goes wrong later stands in the download: offline, at once."""
    async with place(tmp_path) as (it, hub):
        await hub.stop()
        pull = (await it.ask("POST", "/manage/pulls", {"name": f"hf:{REPO}"})).json()
        found = it.downloads.get(pull["id"])
        assert found is not None
        await it.downloads.wait(found)
        pull = (await it.ask("GET", f"/manage/pulls/{pull['id']}")).json()
        assert (pull["state"], pull["error"]["code"]) == ("failed", "hub_unreachable")


async def test_a_pull_can_be_called_off_and_discarded(tmp_path: Path) -> None:
    """DELETE stops it and keeps what came; discarding frees the disk."""
    async with place(tmp_path) as (it, hub):
        hub.add(REPO, FILE, gguf(200_000))
        hub.gate = asyncio.Event()
        pull = (await it.ask("POST", "/manage/pulls", {"name": f"hf:{REPO}"})).json()
        found = it.downloads.get(pull["id"])
        assert found is not None
        async with asyncio.timeout(5):
            while not found.bytes:  # noqa: ASYNC110  # a socket has no event
                await asyncio.sleep(0.002)
        stopped = await it.ask("DELETE", f"/manage/pulls/{pull['id']}")
        assert (stopped.status, stopped.json()["state"]) == (200, "cancelled")
        await it.downloads.wait(found)
        freed = await it.ask("POST", "/manage/pulls/discard", {"name": f"hf:{REPO}"})
        assert freed.json()["bytes"] > 0


async def test_starters_are_data_with_what_fits_here(tmp_path: Path) -> None:
    """The catalogue is dated, says what fits, and takes a person's own file."""
    async with place(tmp_path) as (it, _):
        (tmp_path / "starters.toml").write_text(
            'date = "2030-01-01"\n[[starters]]\nname = "mine"\ntitle = "Mine"\nsource = "hf:acme/tiny-GGUF"\n'
            'size = 1000\nlicence = "MIT"\n'
        )
        answer = (await it.ask("GET", "/manage/starters")).json()
        assert (answer["date"], answer["problem"]) == ("2030-01-01", "")
        by_name = {each["name"]: each for each in answer["starters"]}
        assert not by_name["qwen3.5-2b"]["fits"]  # the stage has 20,000 bytes
        assert {"title", "source", "size", "licence", "machine", "use", "default"} <= by_name["mine"].keys()


# --- handing a file over ------------------------------------------------------------------------------------------


def send(it: House, body: bytes, query: str = "name=mine.gguf", kind: bytes = b"application/octet-stream") -> Client:
    edge = Edge(it.services.settings, Auth(it.services.settings, clock=it.clock))
    app = Dispatcher(edge, manage_pulls.raw_routes(it.services), it.app)
    client = Client(app, "POST", "/manage/import", query=query)
    client._raw = body
    client._scope["headers"] = [
        (b"host", b"127.0.0.1:22888"),
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
    ]
    return client


async def test_a_file_becomes_a_model(tmp_path: Path) -> None:
    """201 with the model's id, however large the body: the limit for bodies is not for files."""
    async with place(tmp_path) as (it, _):
        small = it.services.settings.edge.model_copy(update={"max_body": 100})
        object.__setattr__(it.services.settings, "edge", small)
        reply = await send(it, gguf()).run()
        assert (reply.status, reply.json()["model"], reply.json()["bytes"]) == (201, "mine", 5000)
        assert (await send(it, gguf()).run()).status == 409


async def test_only_files_and_only_models_are_taken(tmp_path: Path) -> None:
    """A form of another site cannot send one; a name is needed; what is no model is refused; nothing stays."""
    async with place(tmp_path) as (it, _):
        before = sorted((tmp_path / "models").rglob("*"))
        assert (await send(it, gguf(), kind=b"text/plain").run()).status == 415
        assert (await send(it, gguf(), kind=b"multipart/form-data").run()).status == 415
        for query in ("", "name=a.gguf&name=b.gguf", "name=..%2Fa.gguf", "name=a.bin"):
            assert (await send(it, gguf(), query).run()).status == 400
        assert (await send(it, b"<html>").run()).status == 400
        assert (await send(it, gguf()[:40]).run()).status == 422
        assert sorted((tmp_path / "models").rglob("*")) == before


# --- the page ----------------------------------------------------------------------------------------------------


async def test_rows_say_how_far_and_why_not(tmp_path: Path) -> None:
    """A failed download keeps its row with the reason in the reader's language; what is done has none."""
    async with place(tmp_path) as (it, _):
        for name in (f"hf:{REPO}", f"hf:{REPO}:Q8_0"):
            await it.downloads.wait(await it.downloads.start(name))
        for code, words in LANGUAGES.items():
            panel: Any = downloads_panel(it.downloads.all(), await it.downloads.catalogue(), [10**10], words)
            (row,) = panel.pulls
            assert (row.name, row.status, row.can_stop) == (f"hf:{REPO}:Q8_0", "failed", False)
            assert ("it has Q4_K_M" in row.error) is (code == "en")
            assert row.error
            assert panel.starters[0].is_small_enough
            assert not panel.starters[-1].is_small_enough


async def test_a_running_download_shows_bytes_and_time(tmp_path: Path) -> None:
    """Per cent, bytes, rate and what is left stand in the row."""
    async with place(tmp_path) as (it, _):
        pull = await it.downloads.start(f"hf:{REPO}")
        await it.downloads.wait(pull)
        pull.state, pull.bytes, pull.total = "downloading", 2_500_000, 10_000_000
        pull.rate.note(0.0, 0)
        pull.rate.note(1.0, 2_500_000)
        (row,) = downloads_panel([pull], None, [], LANGUAGES["en"]).pulls
        assert (row.percent, row.hint) == (25, "2 MB of 10 MB · 2 MB a second · about 3 s left")
