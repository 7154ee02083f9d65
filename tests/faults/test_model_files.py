"""Model files and names made to hurt: changed at random, linked out, renamed; nothing unsound reaches native code."""

from __future__ import annotations

import os
import random
from pathlib import Path

import psutil
import pytest

from batuta.catalog.files import FileScanner, reader
from batuta.errors import BadModelFile, BatutaError
from batuta.loader import gguf, memory
from batuta.testing.gguf import tiny_gguf
from tests.acceptance.loader_play import HELLO, Stage, post, stage
from tests.support.running import installation, until

MUTATIONS = 1500
LOADED = 12  # of the mutated files that pass the check: so many are loaded for real


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_gguf(tmp_path_factory.mktemp("m") / "m.gguf").read_bytes()


def mutated(content: bytes, dice: random.Random) -> bytes:
    """Return the file with its header changed: bytes, numbers set to their limits, pieces doubled, cut or left out."""
    data = bytearray(content)
    header = 10_000
    for _ in range(dice.choice([1, 1, 2, 8])):
        place = dice.randrange(min(header, len(data) - 8))
        match dice.randrange(5):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                data[place : place + 8] = dice.choice([2**64 - 1, 2**63, 2**31, 0, len(content)]).to_bytes(8, "little")
            case 2:
                data[place : place + 4] = dice.choice([2**32 - 1, 2**31, 0, 9, 8]).to_bytes(4, "little")
            case 3:
                del data[place : place + dice.randrange(1, 64)]
            case _:
                data[place:place] = data[place : place + dice.randrange(1, 64)]
    return bytes(data[: dice.choice([len(data), len(data), len(data), dice.randrange(len(data))])])


def described(path: Path) -> gguf.GGUFInfo | BadModelFile:
    """Return what the file says of itself, or the refusal."""
    try:
        return gguf.inspect(path, (path.parent,))
    except BadModelFile as error:
        return error


def test_a_changed_header_is_refused_in_words_or_is_sound(tmp_path: Path, content: bytes) -> None:
    """Many changes, the same each time: a typed error that names the file, or a description; nothing else, no hurry."""
    dice = random.Random(3)  # repeatable, not secret
    path = tmp_path / "m.gguf"
    passed = 0
    for _ in range(MUTATIONS):
        data = mutated(content, dice)
        path.write_bytes(data)
        info = described(path)
        if isinstance(info, BadModelFile):
            assert str(path) in info.message
            assert info.cause
            assert info.message.isprintable()
            continue
        passed += 1
        assert 0 <= info.tensor_bytes <= info.size == len(data)
        assert info.kv_per_token >= 0
        assert memory.estimate(info).total(8192) > 0
    assert passed > 50, "the mutations are too coarse to show anything"


@pytest.mark.acceptance
async def test_what_passes_the_check_never_harms_the_loader(data_dir: Path, content: bytes) -> None:
    """Changed files that look sound are loaded for real: each loads or fails with a cause; a sound model answers on."""
    dice = random.Random(5)  # repeatable, not secret
    async with stage(data_dir) as play:
        good = await play.load()
        tried = 0
        while tried < LOADED:
            path = play.models / f"changed-{tried}.gguf"
            path.write_bytes(mutated(content, dice))
            if isinstance(described(path), BadModelFile):
                continue
            tried += 1
            problem = await refusal(play, path)
            assert problem is None or problem.cause, problem
        assert (await post(good, "chat/completions", HELLO))[0] == 200
        assert play.process is not None
        assert len(psutil.Process(play.process.pid).children()) == 1


async def refusal(play: Stage, path: Path) -> BatutaError | None:
    """Load the file and unload it; return why it could not be loaded."""
    try:
        await play.client.load(model=path.stem, path=str(path), context=256, threads=1, timeout_s=20)
        await play.client.unload(path.stem)
    except BatutaError as error:
        return error
    return None


NAMES = {
    "a line feed": "a\nb",
    "quotes": "a'\"b",
    "a leading dash": "--model",
    "a command": "$(touch hacked);`touch hacked`",
    "blanks": " a b ",
    "a percent": "%s%n%2e%2e",
    "an escape": "a\x1b[31m",
    "turned around": "a\u202eb",
    "letters of elsewhere": "モデル-ü",
    "a tag": "<img src=x onerror=alert(1)>",
}


@pytest.mark.acceptance
def test_a_file_of_any_name_is_a_model_or_a_problem_and_never_an_option(data_dir: Path, tmp_path: Path) -> None:
    """Line feeds, quotes, dashes, commands: in no command line; what cannot travel is told, the others answer."""
    models = data_dir / "models"
    models.mkdir()
    source = tiny_gguf(tmp_path / "m.gguf").read_bytes()
    for name in NAMES.values():
        (models / f"{name}.gguf").write_bytes(source)
    outside = tmp_path / "outside.gguf"
    outside.write_bytes(source)
    (models / "linked-out.gguf").symlink_to(outside)
    (models / "loop.gguf").symlink_to(models / "loop.gguf")
    (models / "away").symlink_to(tmp_path)
    with installation(data_dir, "--set", "engine.threads=1") as batuta:
        found = until(lambda: batuta.ask("GET", "/manage/models").json()["models"], what="models are found")
        problems = batuta.ask("GET", "/manage/catalog/problems").json()["problems"]
        ids = {model["id"] for model in found}
        assert len(ids) + len(problems) == len(NAMES)
        assert all(name.isprintable() for name in ids)
        assert all((each["subject"] + each["reason"]).isprintable() for each in problems)
        assert not any("outside" in model["model_id"] or "linked" in model["id"] for model in found)
        for name in sorted(ids):
            reply = batuta.chat(name)
            assert reply.status == 200, (name, reply.body)
            assert reply.json()["model"] == name
        loader = psutil.Process(batuta.loader()["pid"])
        for process in (loader, *loader.children()):
            words = " ".join(process.cmdline())
            assert not [name for name in NAMES.values() if f"{name}.gguf" in words]
        assert len(list((data_dir / "logs" / "models").glob("*.log"))) == len(
            list((data_dir / "logs" / "models").iterdir())
        )
        assert not list(data_dir.rglob("hacked"))
        assert not Path("hacked").exists()
        for path in ("linked-out", "loop", "../../etc/passwd", str(outside), "away/outside"):
            assert batuta.chat(path).status in {400, 404}


def test_a_link_that_is_turned_after_the_scan_is_refused_at_the_load(tmp_path: Path, content: bytes) -> None:
    """Inside when it was found, outside when it is opened: the check is made again on what is opened."""
    roots, outside = tmp_path / "models", tmp_path / "secret.gguf"
    roots.mkdir()
    inside = roots / "real.gguf"
    inside.write_bytes(content)
    outside.write_bytes(content)
    link = roots / "link.gguf"
    link.symlink_to(inside)
    scanner = FileScanner((roots,), reader(gguf.inspect, memory.estimate))
    assert len(scanner.scan(monotonic=0.0, wall=0.0).found) == 1
    link.unlink()
    link.symlink_to(outside)
    with pytest.raises(BadModelFile, match="outside the model folders"):
        gguf.inspect(link, (roots,))


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt", ".pkl", ".safetensors", ".pth"])
def test_only_one_form_of_file_is_ever_taken_for_a_model(tmp_path: Path, content: bytes, suffix: str) -> None:
    """Forms that run code when they are read are not looked at; their content under our suffix is refused unread."""
    (tmp_path / f"m{suffix}").write_bytes(content)
    pickled = tmp_path / "pickled.gguf"
    pickled.write_bytes(b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR." + bytes(64))
    os.utime(pickled, (0, 0))
    scan = FileScanner((tmp_path,), reader(gguf.inspect, memory.estimate)).scan(monotonic=1e6, wall=1e9)
    assert scan.found == ()
    assert len(scan.problems) == 1
