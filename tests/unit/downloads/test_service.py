"""Downloads in the gateway: a queue, a story for each, files that are handed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from batuta.downloads.errors import NoSpace
from batuta.downloads.part import FOLDER
from batuta.downloads.progress import Rate
from batuta.downloads.service import Downloads, Pull, view
from batuta.downloads.uploads import Uploads
from batuta.errors import BadModelFile, BadRequest, Conflict
from batuta.observe.bus import Bus
from batuta.observe.events import DownloadFailed, DownloadFinished, DownloadProgress
from batuta.settings import Settings
from batuta.testing.clock import ManualClock
from batuta.testing.hub import PIECE, FakeHub

from .stage import FILE, REPO, SmallDisk, gguf


class House:
    """Downloads over a fake hub, and what they told."""

    def __init__(self, folder: Path, hub: FakeHub) -> None:
        self.hub = hub
        self.clock = ManualClock()
        self.errors: list[Any] = []
        self.facts: list[Any] = []
        self.refreshed = 0
        bus = Bus()
        bus.listen(self.facts.append)
        self.downloads = Downloads(
            Settings(data_dir=folder),
            clock=self.clock,
            bus=bus,
            on_error=lambda *error: self.errors.append(error),
            environ={"HF_ENDPOINT": hub.url, "HOME": str(folder), "BATUTA_CONFIG": str(folder / "config.toml")},
            refresh=self.refresh,
        )

    async def refresh(self) -> None:
        self.refreshed += 1

    def told(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    async with FakeHub() as hub:
        hub.add(REPO, FILE, gguf())
        it = House(folder, hub)
        try:
            yield it
        finally:
            await it.downloads.aclose()
        assert it.errors == []


async def until_downloading(pull: Pull, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while pull.bytes < count or pull.state != "downloading":  # noqa: ASYNC110  # a socket has no event
            await asyncio.sleep(0.002)


async def test_a_download_tells_its_story(tmp_path: Path) -> None:
    """Asked for, it runs by itself: progress, then the end, and the catalog has looked by then."""
    async with house(tmp_path) as it:
        pull = await it.downloads.wait(await it.downloads.start(f"hf:{REPO}"))
        assert (pull.state, pull.is_new, pull.label, it.refreshed) == ("done", True, "Q4_K_M", 1)
        assert [fact.state for fact in it.told(DownloadProgress)] == ["queued", "listing", "downloading", "finishing"]
        assert it.told(DownloadFinished)[0].bytes == 5000
        assert view(pull)["files"] == [str(tmp_path / "models" / REPO / FILE)]


async def test_a_failure_has_code_and_words(tmp_path: Path) -> None:
    """What went wrong stays with the download, and is told once."""
    async with house(tmp_path) as it:
        pull = await it.downloads.wait(await it.downloads.start(f"hf:{REPO}:Q8_0"))
        assert (pull.state, it.refreshed) == ("failed", 0)
        assert [fact.code for fact in it.told(DownloadFailed)] == ["unknown_download"]
        assert "Q4_K_M" in view(pull)["error"]["message"]


async def test_one_at_a_time_and_each_once(tmp_path: Path) -> None:
    """A second one waits for the first; the same one asked for twice is one download."""
    async with house(tmp_path) as it:
        it.hub.add(REPO, FILE, gguf(PIECE * 2))  # half of it, until the gate opens
        it.hub.gate = asyncio.Event()
        it.hub.add("acme/other-GGUF", "other.gguf", gguf(seed=2))
        first = await it.downloads.start(f"hf:{REPO}")
        second = await it.downloads.start("hf:acme/other-GGUF")
        assert await it.downloads.start(f"hf:{REPO}") is first
        await until_downloading(first)
        assert second.state == "queued"
        it.hub.gate.set()
        await it.downloads.wait(second)
        assert [pull.state for pull in it.downloads.all()] == ["done", "done"]


async def test_cancelled_ones_make_room_and_go_on_later(tmp_path: Path) -> None:
    """One that runs or waits can be called off; what came is kept, and can be discarded."""
    async with house(tmp_path) as it:
        it.hub.add(REPO, FILE, gguf(PIECE * 2))  # half of it, until the gate opens
        it.hub.gate = asyncio.Event()
        first = await it.downloads.start(f"hf:{REPO}")
        second = await it.downloads.start("hf:acme/other-GGUF")
        await until_downloading(first, PIECE)
        it.downloads.cancel(second)
        it.downloads.cancel(first)
        await it.downloads.wait(first)
        assert (first.state, second.state) == ("cancelled", "cancelled")
        assert it.told(DownloadProgress)[-1].state == "cancelled"
        assert it.downloads.cancel(first) is first
        assert await it.downloads.discard(f"hf:{REPO}") == PIECE
        assert not (tmp_path / "models" / FOLDER).exists()


async def test_a_fault_of_ours_ends_the_download_and_is_reported(tmp_path: Path) -> None:
    """Whoever waits is not left waiting; the next download works."""

    class Broken(SmallDisk):
        def free(self, folder: Path) -> int:
            raise ZeroDivisionError

    async with house(tmp_path) as it:
        it.downloads._disk = Broken(0)
        pull = await it.downloads.wait(await it.downloads.start(f"hf:{REPO}"))
        assert view(pull)["error"]["code"] == "internal_error"
        it.downloads._disk = SmallDisk(1 << 40)
        assert (await it.downloads.wait(await it.downloads.start(f"hf:{REPO}"))).state == "done"
        assert [name for name, _ in it.errors] == ["downloads"]
        it.errors.clear()


async def test_too_many_are_not_queued(tmp_path: Path) -> None:
    """The queue has an end, and says so."""
    async with house(tmp_path) as it:
        it.hub.add(REPO, FILE, gguf(PIECE * 2))  # half of it, until the gate opens
        it.hub.gate = asyncio.Event()
        await until_downloading(await it.downloads.start(f"hf:{REPO}"))
        for number in range(20):
            await it.downloads.start(f"hf:acme/model-{number}")
        with pytest.raises(Conflict, match="queued already"):
            await it.downloads.start("hf:acme/one-more")


async def test_figures_come_four_times_a_second_at_most(tmp_path: Path) -> None:
    """However many pieces arrive, the bus is not flooded."""
    async with house(tmp_path) as it:
        it.hub.add(REPO, FILE, gguf(2_000_000))
        await it.downloads.wait(await it.downloads.start(f"hf:{REPO}"))
        assert len([fact for fact in it.told(DownloadProgress) if fact.state == "downloading"]) == 1  # time stood still


def test_the_rate_is_of_the_last_seconds() -> None:
    """A line that became slow says so soon; nothing is said before there is something to say."""
    rate = Rate()
    rate.note(0.0, 0)
    assert (rate.value, rate.remaining_s(9)) == (None, None)
    for second in range(1, 11):
        rate.note(float(second), second * 1000)
    assert (rate.value, rate.remaining_s(20_000)) == (1000, 10)
    for second in range(11, 21):
        rate.note(float(second), 10_000 + (second - 10) * 10)
    assert rate.remaining_s(10_200) == 10
    rate.note(21.0, 0)
    assert rate.remaining_s(9) is None


# --- files that are handed over -----------------------------------------------------------------------------------


async def pieces(data: bytes, *, step: int = 700, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for at in range(0, len(data), step):
        yield data[at : at + step]
    if error is not None:
        raise error


def files(folder: Path) -> Iterable[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_a_file_that_is_handed_over_becomes_a_model(tmp_path: Path) -> None:
    """It is in the folder when it is whole, under its own name."""
    taken = await Uploads(tmp_path).take("mine.gguf", pieces(gguf()), size=5000)
    assert taken.path.read_bytes() == gguf()
    assert files(tmp_path) == ["mine.gguf"]


@pytest.mark.parametrize(
    ("data", "size", "error", "match"),
    [
        (b"PK\x03\x04" * 100, None, BadRequest, "no GGUF"),
        (gguf(), 6000, BadRequest, "6000 bytes of mine.gguf were announced, and 5000 came"),
        (gguf()[:30], 30, BadModelFile, "it ends at byte 30"),
        (b"", 0, BadModelFile, "empty"),
    ],
)
async def test_what_is_no_model_leaves_nothing(
    tmp_path: Path, data: bytes, size: int | None, error: type[Exception], match: str
) -> None:
    """Another format, less than announced, a broken header: refused, and nothing stays."""
    with pytest.raises(error, match=match):
        await Uploads(tmp_path).take("mine.gguf", pieces(data), size=size)
    assert files(tmp_path) == []


async def test_who_leaves_half_way_leaves_nothing(tmp_path: Path) -> None:
    """A connection that breaks in the middle takes its part along."""
    with pytest.raises(ConnectionError):
        await Uploads(tmp_path).take("mine.gguf", pieces(gguf(), error=ConnectionError()), size=9000)
    assert files(tmp_path) == []


async def test_a_name_is_taken_once(tmp_path: Path) -> None:
    """A model that is there is not replaced, and two who bring one name at once do not mix."""
    uploads = Uploads(tmp_path)
    await uploads.take("mine.gguf", pieces(gguf()), size=None)
    with pytest.raises(Conflict, match="already"):
        await uploads.take("mine.gguf", pieces(gguf(seed=2)), size=None)
    assert (tmp_path / "mine.gguf").read_bytes() == gguf()


@pytest.mark.parametrize("name", ["../m.gguf", "a/b.gguf", ".gguf", ".m.gguf", "m.bin", "m\n.gguf", "", "C:\\m.gguf"])
async def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    """Only a plain file name that ends in .gguf is a name."""
    with pytest.raises(BadRequest, match=r"must end in \.gguf"):
        await Uploads(tmp_path).take(name, pieces(gguf()), size=None)


async def test_a_full_disk_takes_no_file(tmp_path: Path) -> None:
    """What was written before the disk was full is gone."""
    with pytest.raises(NoSpace):
        await Uploads(tmp_path, disk=SmallDisk(2000, told=1 << 40)).take("m.gguf", pieces(gguf()), size=5000)
    assert files(tmp_path) == []
