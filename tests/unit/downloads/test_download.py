"""A model comes whole and verified, or not at all, whatever hub, line and disk do."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from batuta.catalog.files import is_model_name
from batuta.downloads.download import BACK_OFF_S
from batuta.downloads.errors import (
    DiskRefused,
    DownloadCorrupt,
    DownloadCut,
    HubBusy,
    HubFailed,
    HubRefused,
    HubUnreachable,
    NoSpace,
    UnknownDownload,
)
from batuta.downloads.hub import Place, place_from
from batuta.downloads.names import Wanted
from batuta.downloads.part import KEEP_FREE, Part, Record, discard_leftovers, part_name
from batuta.errors import BadModelFile, BatutaError, Conflict
from batuta.vault.secret import Secret

from .stage import FILE, REPO, SmallDisk, gguf, play

TOKEN = Secret("hf_test-not-a-token")


async def test_a_model_arrives(tmp_path: Path) -> None:
    """A repository's model lies in the folder of its maker, byte for byte, and nothing else is left."""
    async with play(tmp_path) as it:
        fetched = await it.pull()
        assert (fetched.label, fetched.is_new, fetched.size) == ("Q4_K_M", True, 5000)
        assert it.rest == [tmp_path / "acme" / "tiny-GGUF" / FILE] == list(fetched.files)
        assert it.rest[0].read_bytes() == gguf()
        stages = list(dict.fromkeys(progress.stage for progress in it.seen))
        assert stages == ["listing", "downloading", "finishing"]


async def test_what_is_there_is_verified_and_not_fetched_again(tmp_path: Path) -> None:
    """A second download of the same model only reads the disk; one that was changed there is replaced."""
    async with play(tmp_path) as it:
        await it.pull()
        assert not (await it.pull()).is_new
        assert len(it.hub.ranges) == 1
        it.rest[0].write_bytes(gguf(seed=2))
        assert (await it.pull()).is_new
        assert it.rest[0].read_bytes() == gguf()


async def test_a_cut_goes_on_from_where_it_was(tmp_path: Path) -> None:
    """After a cut, only what is missing is asked for, after a pause."""
    async with play(tmp_path) as it:
        it.hub.mischief.cuts = [2000]
        await it.pull()
        assert it.hub.ranges == ["", "bytes=2000-"]
        assert [progress.wait_s for progress in it.seen if progress.stage == "waiting"] == [BACK_OFF_S[0]]
        assert it.rest[0].read_bytes() == gguf()


async def test_too_many_cuts_are_an_end_that_keeps_what_came(tmp_path: Path) -> None:
    """When each try breaks, it is given up with the reason; the next download goes on from there."""
    async with play(tmp_path) as it:
        it.hub.mischief.cuts = [100] * (len(BACK_OFF_S) + 1)
        with pytest.raises(DownloadCut, match="700 bytes are kept"):
            await it.pull()
        assert it.models == []
        await it.pull()
        assert it.hub.ranges[-1] == "bytes=700-"
        assert it.rest[0].read_bytes() == gguf()


@pytest.mark.parametrize("how", ["ignores", "etag", "hash"])
async def test_another_file_begins_anew(tmp_path: Path, how: str) -> None:
    """A server without ranges, a changed validator, or a file that was exchanged: nothing old is mixed in."""
    async with play(tmp_path) as it:
        it.hub.mischief.cuts = [100] * (len(BACK_OFF_S) + 1)
        it.hub.mischief.ignores_range = how == "ignores"
        with pytest.raises(DownloadCut):
            await it.pull()
        content = gguf()
        if how == "etag":
            it.hub.mischief.etag = "another"
        if how == "hash":
            content = gguf(seed=3)
            it.hub.add(REPO, FILE, content)
        await it.pull()
        assert it.rest[0].read_bytes() == content


async def test_a_part_that_was_damaged_is_fetched_once_more(tmp_path: Path) -> None:
    """What an earlier try left may have been damaged since: then the whole file is fetched again, by itself."""
    async with play(tmp_path) as it:
        it.hub.mischief.cuts = [100] * (len(BACK_OFF_S) + 1)
        with pytest.raises(DownloadCut):
            await it.pull()
        it.parts[0].write_bytes(b"x" * 700)
        await it.pull()
        assert it.rest[0].read_bytes() == gguf()


@pytest.mark.parametrize("lie", ["lies_of_hash", "lies_of_size", "short"])
async def test_a_lie_is_found_out_and_leaves_nothing(tmp_path: Path, lie: str) -> None:
    """What is not what was listed is deleted, with a word on it: another hash, another size."""
    async with play(tmp_path) as it:
        if lie == "lies_of_hash":
            it.hub.mischief.lies_of_hash = True
        else:
            it.hub.mischief.lies_of_size = -10 if lie == "short" else 10
        with pytest.raises(DownloadCorrupt if lie != "lies_of_size" else BatutaError):
            await it.pull()
        assert it.models == []
        if lie != "lies_of_size":
            assert it.rest == []


async def test_a_length_that_lies_is_a_cut(tmp_path: Path) -> None:
    """A Content-Length beyond the file's end does not keep a download from ending well."""
    async with play(tmp_path) as it:
        it.hub.mischief.lies_of_length = 50
        await it.pull()
        assert it.rest[0].read_bytes() == gguf()


async def test_what_is_no_model_is_no_model(tmp_path: Path) -> None:
    """A file that is called one, and has the listed hash, still has to have a sound header."""
    async with play(tmp_path, b"<html>not found</html>" * 20) as it:
        with pytest.raises(BadModelFile, match="GGUF"):
            await it.pull()
        assert it.rest == []


async def test_parts_of_a_split_model_appear_together(tmp_path: Path) -> None:
    """All files of a split model are there before the first gets its name."""
    async with play(tmp_path) as it:
        names = [f"Q8_0/big-Q8_0-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
        for number, name in enumerate(names):
            it.hub.add(REPO, name, gguf(3000, seed=number))
        it.hub.mischief.cuts = [9000, 9000, *[10] * (len(BACK_OFF_S) + 1)]
        with pytest.raises(DownloadCut):
            await it.pull(f"hf:{REPO}:q8_0")
        assert it.models == []
        assert len(it.parts) == 3
        fetched = await it.pull(f"hf:{REPO}:q8_0")
        assert [path.name for path in fetched.files] == [name.partition("/")[2] for name in names]
        assert it.parts == []


# --- the hub says no ---------------------------------------------------------------------------------------------


async def test_a_repository_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    """An unknown repository is told apart from one that needs a token, as far as the hub lets, and gets a hint."""
    async with play(tmp_path) as it:
        with pytest.raises(UnknownDownload, match=f"did you mean hf:{REPO}") as caught:
            await it.pull("hf:acme/tinny-GGUF")
        assert caught.value.suggestion == f"hf:{REPO}"


async def test_a_quantization_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    """Asked for what the repository has not, the answer is what it has."""
    async with play(tmp_path) as it:
        with pytest.raises(UnknownDownload, match="did you mean Q4_K_M"):
            await it.pull(f"hf:{REPO}:Q4_K_S")


async def test_a_gated_model_says_how_it_opens(tmp_path: Path) -> None:
    """Without leave: the page where it is given. With the token: the model; and nobody else sees the token."""
    async with play(tmp_path, key=TOKEN.reveal()) as it:
        it.hub.gated.add(REPO)
        with pytest.raises(HubRefused, match="HF_TOKEN") as caught:
            await it.pull()
        assert caught.value.details["page"] == f"{it.hub.url}/{REPO}"
        it.place = Place(it.hub.url, TOKEN)
        await it.pull()
        assert set(it.hub.tokens) == {f"Bearer {TOKEN.reveal()}"}
        assert it.hub.network.tokens == []


async def test_the_pause_the_hub_asks_for_is_kept(tmp_path: Path) -> None:
    """429 with Retry-After: as long as that, and then it works."""
    async with play(tmp_path) as it:
        it.hub.mischief.answers = [(429, {"retry-after": "7"})]
        it.hub.mischief.listing = [(503, {"retry-after": "9"})]
        await it.pull()
        assert [progress.wait_s for progress in it.seen if progress.wait_s] == [9.0, 7.0]


async def test_a_hub_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    """Patience has an end, and its reason."""
    async with play(tmp_path) as it:
        it.hub.mischief.answers = [(429, {})] * 20
        with pytest.raises(HubBusy, match="limits how often"):
            await it.pull()


async def test_without_a_network_the_error_comes_at_once(tmp_path: Path) -> None:
    """Nobody listens: one try, no pause, a clear word; and HF_HUB_OFFLINE is respected."""
    async with play(tmp_path) as it:
        await it.hub.stop()
        with pytest.raises(HubUnreachable, match="connected to the network"):
            await it.download().run(it.wanted(f"hf:{REPO}"))
        it.place = Place("http://127.0.0.1:9", is_offline=True)
        with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
            await it.download().run(it.wanted(f"hf:{REPO}"))
        assert it.rest == []


@pytest.mark.parametrize(("hops", "arrives"), [(4, True), (5, False)])
async def test_redirects_end_somewhere(tmp_path: Path, hops: int, *, arrives: bool) -> None:
    """Five redirects are followed and no more."""
    async with play(tmp_path) as it:
        it.hub.mischief.hops = hops
        if arrives:
            await it.pull()
        else:
            with pytest.raises(HubFailed, match="more than 5"):
                await it.pull()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/y", ""])
async def test_redirects_lead_to_the_web_only(tmp_path: Path, location: str) -> None:
    """An address that is none is not followed."""
    async with play(tmp_path) as it:
        it.hub.mischief.answers = [(302, {"location": location})]
        with pytest.raises(HubFailed, match="that is none"):
            await it.pull()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("https://hub.example/a", "http://cdn.example/a"),
        ("https://hub.example/a", "http://127.0.0.1/a"),
        ("http://hub.example/a", "http://127.0.0.1/a"),
    ],
)
async def test_redirects_never_leave_protection_nor_enter_this_machine(
    tmp_path: Path, source: str, target: str
) -> None:
    """From https not to http; from elsewhere not to this machine."""
    async with play(tmp_path) as it:
        with pytest.raises(HubFailed, match="not followed"):
            it.download()._hub._next(source, target)


async def test_a_page_is_no_list(tmp_path: Path) -> None:
    """An endpoint that is not a hub is said to be none."""
    async with play(tmp_path) as it:
        it.hub.mischief.listing = [(200, {})]
        with pytest.raises(HubFailed, match="HF_ENDPOINT"):
            await it.pull()


# --- the disk says no --------------------------------------------------------------------------------------------


async def test_a_disk_too_small_is_told_before_a_byte_comes(tmp_path: Path) -> None:
    """What will not fit is not begun; the error says how much is missing."""
    async with play(tmp_path) as it:
        it.disk = SmallDisk(KEEP_FREE + 1000)
        with pytest.raises(NoSpace, match="4 kB more") as caught:
            await it.pull()
        assert caught.value.details["missing_bytes"] == 4000
        assert (it.rest, it.hub.ranges) == ([], [])


async def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path: Path) -> None:
    """Somebody else took the room meanwhile: the download ends, and what it wrote is gone."""
    async with play(tmp_path) as it:
        it.disk = SmallDisk(3000, told=1 << 40)
        with pytest.raises(NoSpace, match="nothing of the download was left"):
            await it.pull()
        assert it.rest == []


async def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """A models folder that cannot be written to ends the download with its name."""
    root = tmp_path / "models"
    root.write_text("not a folder")
    async with play(root) as it:
        with pytest.raises(DiskRefused, match="models cannot be written to"):
            await it.pull()


# --- whoever stops it --------------------------------------------------------------------------------------------


async def test_a_cancelled_download_goes_on_next_time(tmp_path: Path) -> None:
    """Cancelling keeps what came; discarding throws it away."""
    async with play(tmp_path) as it:
        it.hub.gate = asyncio.Event()
        it.hub.mischief.cuts = [2000]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(it.download().run(it.wanted(f"hf:{REPO}")))
            while not any(progress.bytes == 2000 for progress in it.seen):  # noqa: ASYNC110  # a socket has no event
                await asyncio.sleep(0.002)
            task.cancel()
        it.hub.gate = None
        assert it.models == []
        assert it.parts[0].stat().st_size == 2000
        await it.pull()
        assert it.hub.ranges[-1] == "bytes=2000-"


async def test_two_at_once_do_not_write_one_file(tmp_path: Path) -> None:
    """A second Batuta that wants the same file is told, and the first one's part stays whole."""
    async with play(tmp_path) as it:
        mine = Part(tmp_path, part_name(Wanted(REPO), FILE))
        await asyncio.to_thread(mine.open, Record(f"hf:{REPO}", "", FILE, 5000, ""))
        with pytest.raises(Conflict, match="being downloaded already"):
            await it.pull()
        with pytest.raises(Conflict):
            await asyncio.to_thread(discard_leftovers, tmp_path, Wanted(REPO))
        mine.close()
        await it.pull()


@pytest.mark.parametrize(
    ("name", "gone"),
    [(f"hf:{REPO}", True), (f"hf:{REPO}:Q4_K_M", True), (f"hf:{REPO}/{FILE}", True), ("hf:acme/other", False)],
)
async def test_discard_means_what_a_download_of_that_name_would(tmp_path: Path, name: str, *, gone: bool) -> None:
    """Leftovers go by repository, quantization or file; those of others stay."""
    async with play(tmp_path) as it:
        it.hub.mischief.cuts = [100] * (len(BACK_OFF_S) + 1)
        with pytest.raises(DownloadCut):
            await it.pull()
        assert await asyncio.to_thread(discard_leftovers, tmp_path, it.wanted(name)) == (700 if gone else 0)
        assert bool(it.parts) is not gone


# --- promises over everything ------------------------------------------------------------------------------------


@given(
    cuts=st.lists(st.integers(0, 1200), max_size=12),
    ranges=st.booleans(),
    redirects=st.booleans(),
    statuses=st.lists(st.sampled_from([429, 500, 503]), max_size=3),
)
@effort(max_examples=12)
async def test_any_cuts_end_in_the_file_or_in_no_file(
    cuts: list[int], statuses: list[int], *, ranges: bool, redirects: bool
) -> None:
    """Any sequence of cuts and refusals ends in the exact file, or in an error with no visible model."""
    with tempfile.TemporaryDirectory() as folder:
        async with play(Path(folder), gguf(1200)) as it:
            it.hub.mischief.cuts = cuts
            it.hub.mischief.ignores_range = not ranges
            it.hub.mischief.redirects = redirects
            it.hub.mischief.answers = [(status, {}) for status in statuses]
            try:
                fetched = await it.pull()
            except (DownloadCut, HubBusy):
                assert it.models == []
            else:
                assert fetched.files[0].read_bytes() == gguf(1200)
                assert it.parts == []
            assert not any(is_model_name(path.name) for path in it.parts)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Place()),
        ({"HF_ENDPOINT": "https://mirror.example/"}, Place("https://mirror.example")),
        ({"HF_HUB_OFFLINE": "1"}, Place(is_offline=True)),
    ],
)
def test_the_hub_is_where_its_own_tools_look(tmp_path: Path, environ: dict[str, str], expected: Place) -> None:
    """HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean elsewhere."""
    assert place_from({"HOME": str(tmp_path), **environ}) == expected


def test_the_token_is_the_one_its_own_tools_use(tmp_path: Path) -> None:
    """The variable before the file, the file where HF_HOME says; it goes to the hub's origin alone, never in clear."""
    (tmp_path / "token").write_text("hf_test-in-a-file\n")
    in_file = place_from({"HF_HOME": str(tmp_path)})
    in_variable = place_from({"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_test-in-a-variable"})
    assert in_file.token is not None
    assert in_variable.token is not None
    assert in_file.token.reveal() == "hf_test-in-a-file"
    assert in_variable.token.reveal() == "hf_test-in-a-variable"
    assert in_file.key_for("https://huggingface.co/a") is in_file.token
    assert in_file.key_for("https://huggingface.co:444/a") is None
    assert in_file.key_for("https://cdn.example/a") is None
    assert Place("http://hub.example", TOKEN).key_for("http://hub.example/a") is None


def test_an_endpoint_that_is_none_is_told() -> None:
    """A wrong HF_ENDPOINT is named as what is wrong."""
    with pytest.raises(BatutaError, match="HF_ENDPOINT"):
        place_from({"HF_ENDPOINT": "hub.example"})
