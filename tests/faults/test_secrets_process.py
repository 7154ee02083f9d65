"""Keys, where they must not be: a real gateway with keys in every place, searched from outside."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from batuta.testing.gguf import tiny_gguf
from tests.support.running import BATUTA, Batuta, installation, until

pytestmark = pytest.mark.acceptance

ADMIN = "sk-test-not-a-key-admin+/c4n4ry"
CALLER = "sk-test-not-a-key-caller-c4n4ry"
PROVIDER = "sk-test-not-a-key-provider-c4n4ry"
WRONG = "sk-test-not-a-key-wrong-c4n4ry"
INNOCENT_NAME = "plainwords4n4ry"  # a key that looks like no key, under a variable that sounds like none
SECRETS = {"admin": ADMIN, "caller": CALLER, "provider": PROVIDER, "wrong": WRONG, "innocent": INNOCENT_NAME}
CARRIERS: tuple[dict[str, str], ...] = (
    {"authorization": f"Bearer {WRONG}"},
    {"authorization": "Basic " + base64.b64encode(f":{WRONG}".encode()).decode()},
    {"x-api-key": WRONG},
    {"api-key": WRONG},
    {"cookie": f"batuta_session={WRONG}"},
)
ESCAPE = "\x1b[31mred\x1b[0m"
FORGED = 'x\n{"level": "error", "event": "forged"}\r\n'


def shows(data: bytes) -> set[str]:
    """Return the names of the secrets that the bytes show: plain, hexadecimal, base64 or URL-encoded."""
    found = set()
    for name, secret in SECRETS.items():
        raw = secret.encode()
        forms = {raw, raw.hex().encode(), urllib.parse.quote(secret, safe="").encode()}
        forms |= {base64.b64encode(b"\0" * n + raw)[4 if n else 0 : -4] for n in range(3)}
        if any(form in data for form in forms):
            found.add(name)
    return found


@pytest.fixture(scope="module")
def batuta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batuta]:
    folder = tmp_path_factory.mktemp("secrets") / "data"
    mask = os.umask(0)
    try:
        (folder / "models").mkdir(parents=True, mode=0o700)
        folder.chmod(0o700)
        tiny_gguf(folder / "models" / "small.gguf")
        (folder / "config.toml").write_text(
            "[auth]\nrequired = true\n"
            f'inference_keys = ["{CALLER}"]\n'
            '[[providers]]\nid = "far"\nbase_url = "http://127.0.0.1:9/v1"\nkey_env = "FAR_FRIEND"\n'
        )
        (folder / "config.toml").chmod(0o600)
        env = {"BATUTA_API_KEY": ADMIN, "FAR_FRIEND": PROVIDER, "CUDA_HOME_KEY": PROVIDER, "WHATEVER": INNOCENT_NAME}
        with installation(folder, env=env) as it:
            _use(it)
            yield it
    finally:
        os.umask(mask)


def _use(batuta: Batuta) -> None:
    """Ask all there is: rightly, wrongly, with keys in every carrier, and let a provider fail with its key."""
    admin, caller = {"authorization": f"Bearer {ADMIN}"}, {"x-api-key": CALLER}
    chat = {"model": "small", "messages": [{"role": "user", "content": "x"}], "max_tokens": 2}
    until(lambda: batuta.ask("POST", "/v1/chat/completions", chat, caller).status == 200, what="an answer")
    batuta.ask("POST", "/v1/chat/completions", {**chat, "model": "far/x"}, caller)
    batuta.ask("GET", "/manage/models?refresh=1", None, admin)
    batuta.ask("POST", "/manage/plan", {"model": FORGED + ESCAPE}, admin)
    batuta.ask("POST", "/v1/chat/completions", {**chat, "model": f"\u202e{ESCAPE}"}, caller)
    batuta.ask("GET", "/manage/models/" + urllib.parse.quote(FORGED + ESCAPE, safe="") + "/status", None, admin)


def test_no_answer_shows_a_key(batuta: Batuta) -> None:
    """Every kind of answer, right and wrong: bodies and headers."""
    admin = {"authorization": f"Bearer {ADMIN}"}
    places = ["/manage/models", "/manage/providers", "/manage/catalog/problems", "/metrics", "/openapi.json", "/health"]
    replies = [batuta.ask("GET", path, None, admin) for path in places]
    replies += [batuta.ask("GET", path, None, carrier) for carrier in CARRIERS for path in ("/manage/models", "/x")]
    replies += [batuta.ask("GET", f"/manage/models?api_key={WRONG}"), batuta.ask("GET", f"/no/{WRONG}?key={WRONG}")]
    replies += [batuta.ask("GET", "/", None, {**carrier, "accept": "text/html"}) for carrier in CARRIERS]
    for reply in replies:
        shown = shows(reply.body) | shows(json.dumps(dict(reply.headers)).encode())
        assert not shown, (reply.status, reply.body[:300])


def test_no_file_and_no_output_shows_a_key(batuta: Batuta) -> None:
    """The data folder with its database, journal, logs and records: only the person's own settings have keys."""
    settings = batuta.folder / "config.toml"
    leaks = [
        (path, shown)
        for path in batuta.folder.rglob("*")
        if path.is_file() and path != settings and (shown := shows(path.read_bytes()))
    ]
    assert leaks == []
    assert shows(settings.read_bytes()) == {"caller"}, "the search finds what is there"


def processes(batuta: Batuta) -> list[psutil.Process]:
    """Return the gateway, the loader and the models' processes."""
    loader = psutil.Process(batuta.loader()["pid"])
    children = loader.children(recursive=True)
    assert children
    return [psutil.Process(batuta.pid), loader, *children]


def test_no_command_line_and_no_childs_environment_shows_a_key(batuta: Batuta) -> None:
    """Anybody can read the first, the same user the second: the loader and models never had a key."""
    gateway, *others = processes(batuta)
    for process in (gateway, *others):
        assert not shows(Path(f"/proc/{process.pid}/cmdline").read_bytes())
    for process in others:
        assert not shows(Path(f"/proc/{process.pid}/environ").read_bytes())


def test_no_key_is_in_the_memory_of_a_process_that_reads_model_files(batuta: Batuta) -> None:
    """Taken over by a file, a model's process has nothing to give away: its whole memory is searched."""
    for process in processes(batuta)[2:]:
        for part in _memory(process.pid):
            assert not shows(part)


def _memory(pid: int) -> Iterable[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, modes, *_ = line.split()
            begin, end = (int(number, 16) for number in span.split("-"))
            if modes.startswith("rw") and end - begin < 64 << 20 and "[v" not in line:
                try:
                    memory.seek(begin)
                    yield memory.read(end - begin)
                except OSError:  # reserved and not there
                    continue


def test_what_the_children_get_is_a_list_of_ours(batuta: Batuta) -> None:
    """Their environment has names of the allow-list only, and no crash of theirs leaves memory on the disk."""
    from batuta.loader.environment import is_allowed

    for process in processes(batuta)[1:]:
        entries = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        names = {entry.partition(b"=")[0].decode() for entry in entries if entry}
        assert {name for name in names if not is_allowed(name)} == set()
    for process in processes(batuta)[2:]:
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_no_file_descriptor_of_the_gateway_is_a_childs(batuta: Batuta) -> None:
    """Neither database nor log nor listening socket of the gateway is open in the loader or a model."""
    for process in processes(batuta)[1:]:
        opened = {str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir()}
        assert not {name for name in opened if name.endswith((".db", ".db-wal", "gateway.log", "gateway.lock"))}


def test_every_line_of_every_log_is_a_record_whatever_was_sent(batuta: Batuta) -> None:
    """Line feeds, escape sequences and turned-around text in names make no line of their own and no raw byte."""
    for path in ((batuta.folder / "logs") / name for name in ("gateway.log", "loader.log")):
        data = path.read_bytes()
        assert data
        for line in data.splitlines():
            assert json.loads(line).get("event") != "forged"
        assert not {byte for byte in data if byte < 32 and byte != 10}
        assert "\u202e".encode() not in data


# What another user of the machine could read or replace, in the data folder. The models are the person's own files.
def test_only_the_owner_may_read_what_is_written(batuta: Batuta) -> None:
    """The umask forbids nothing; all the same each file with content is 0600 and each folder 0700."""
    for path in batuta.folder.rglob("*"):
        if path.is_relative_to(batuta.folder / "models") or path.name == "test-output.log" or path.is_symlink():
            continue
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.stat().st_size or path.is_dir():
            assert mode & 0o077 == 0, f"{path} is {mode:o}"


@pytest.mark.parametrize("command", ["serve", "loader"])
def test_a_new_data_folder_is_the_owners_alone(data_dir: Path, command: str) -> None:
    """Made by the start itself, whatever the umask; also through a link to another place."""
    real = data_dir / "real"
    real.mkdir(mode=0o700)
    (data_dir / "link").symlink_to(real)
    mask = os.umask(0)
    try:
        folder = data_dir / "link" / "new"
        batuta = Batuta(folder)
        words = [
            str(BATUTA),
            command,
            *(["--port", "0", "--no-browser", "--no-discover"] if command == "serve" else []),
        ]
        with subprocess.Popen(
            words, env=batuta.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as it:
            try:
                until((folder / "run" / "loader.sock").exists, what="it runs")
                for place in (real / "new", *(p for p in (real / "new").rglob("*") if p.is_dir())):
                    assert stat.S_IMODE(place.stat().st_mode) == 0o700, place
            finally:
                it.terminate()
                it.wait(timeout=30)
                batuta.run("down")
    finally:
        os.umask(mask)
