"""What overhead is measured on: no gateway, a null relay, nginx, Batuta, and any other server that is named.

Starts them in front of one mock, each on the gateway's core. Knows nothing of cases, rounds or figures.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.common import ROOT
from bench.processes import NotStarted, Process, free_port, python, wait_for_port

LISTENING = re.compile(r"https?://127\.0\.0\.1:(\d+)")
START_S = 30.0
GRACE_S = 5.0  # seconds a loader stays without its gateway
PEERS = ("litellm", "portkey", "bifrost", "llama-swap")  # named in the report where they are on the PATH

_NGINX = """\
daemon off;
worker_processes 1;
{user}pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 1m;
  keepalive_requests 100000000;
  upstream mock {{ server 127.0.0.1:{mock}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    tcp_nodelay on;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that answers chat completions.

    Attributes:
        prefix: what its ids put before the mock's model names (`bench/` in Batuta).
        base: path of its API root.
        pid: root of its process tree, 0 where its CPU and memory are not ours to read.
    """

    name: str
    port: int
    pid: int = 0
    prefix: str = ""
    base: str = "/v1"
    headers: Mapping[str, str] = field(default_factory=dict)


def installed_peers() -> list[str]:
    """Return the names of other gateways found on the PATH."""
    return [name for name in PEERS if shutil.which(name)]


def parse_peer(text: str) -> Target:
    """Read `NAME=URL[,pid=N][,prefix=P][,key_env=VARIABLE]`.

    Raises:
        ValueError: it is not of that form, or not on 127.0.0.1.
    """
    name, _, rest = text.partition("=")
    url, *options = rest.split(",")
    parts = urlsplit(url)
    if not name or parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"} or not parts.port:
        raise ValueError(f"{text!r} is not a peer; write it like litellm=http://127.0.0.1:9301/v1,pid=1234")
    given = dict(option.partition("=")[::2] for option in options)
    if unknown := given.keys() - {"pid", "prefix", "key_env"}:
        raise ValueError(f"peer {name} has the unknown option {unknown.pop()!r}; there are pid, prefix and key_env")
    headers = {}
    if variable := given.get("key_env"):
        headers["authorization"] = f"Bearer {os.environ[variable]}"
    base = parts.path.rstrip("/")
    return Target(name, parts.port, int(given.get("pid", 0)), given.get("prefix", ""), base, headers)


def start_mock(folder: Path, *, core: int | None, port: int = 0) -> tuple[Process, Target]:
    """Start the mock model server; as a target it is `direct`."""
    process = Process("mock", python("bench.mock", "--port", str(port)), folder=folder, core=core)
    return process, Target("direct", int(process.read_json(timeout_s=START_S)["port"]))


def start_relay(folder: Path, *, mock_port: int, core: int | None) -> tuple[Process, Target]:
    """Start the null TCP relay."""
    process = Process("relay", python("bench.relay", "--target", str(mock_port)), folder=folder, core=core)
    return process, Target("relay", int(process.read_json(timeout_s=START_S)["port"]), process.pid)


def start_nginx(folder: Path, *, mock_port: int, core: int | None) -> tuple[Process, Target] | None:
    """Start nginx with one worker and no buffering; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    port = free_port()
    own = folder / "nginx"
    own.mkdir()
    user = f"user {getpass.getuser()};\n" if os.geteuid() == 0 else ""  # or the worker could not use the folder
    config = own / "nginx.conf"
    config.write_text(_NGINX.format(folder=own, mock=mock_port, port=port, user=user), encoding="utf-8")
    process = Process("nginx", [program, "-p", str(own), "-c", str(config)], folder=folder, core=core)
    wait_for_port(port, timeout_s=START_S, process=process)
    return process, Target("nginx", port, process.pid)


def batuta_program() -> Path | None:
    """Return the `batuta` command beside this interpreter, None when it is not installed."""
    program = Path(sys.executable).with_name("batuta")
    return program if program.exists() else None


def batuta_environ(folder: Path, settings: str, **extra: str) -> dict[str, str]:
    """Return an environment in which Batuta sees only `folder` and these settings (TOML text)."""
    config = folder / "config.toml"
    config.write_text(settings, encoding="utf-8")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name in ("PATH", "LANG", "TMPDIR") if (value := os.environ.get(name))}
    return kept | {
        "HOME": str(home),
        "BATUTA_CONFIG": str(config),
        "BATUTA_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT / "src"),
        **extra,
    }


def batuta_settings(*, port: int, tables: str = "") -> str:
    """Return the TOML of a gateway that looks at nothing but what it is given."""
    switches = "starter = false\ndiscover = false\nbrowser = false"
    # The grace is short so that a loader, should it be missed at the end, does not stay.
    return f'host = "127.0.0.1"\nport = {port}\n{switches}\n{tables}[loader]\ngrace_s = {GRACE_S}\n'


def start_batuta(folder: Path, *, mock_port: int, core: int | None) -> tuple[Process, Target]:
    """Start Batuta with the mock as its only provider.

    Raises:
        NotStarted: it is not installed, or did not say where it listens.
    """
    program = batuta_program()
    if program is None:
        raise NotStarted(f"there is no batuta command beside {sys.executable}; `make run` installs it")
    own = folder / "batuta"
    own.mkdir()
    provider = f'[[providers]]\nid = "bench"\nbase_url = "http://127.0.0.1:{mock_port}/v1"\nis_local = true\n'
    environ = batuta_environ(own, batuta_settings(port=0, tables=provider))
    process = Process("gateway", [str(program), "serve"], folder=folder, core=core, environ=environ)
    try:
        return process, Target("batuta", listening_port(process), process.pid, "bench/")
    except NotStarted:
        process.stop()
        raise


def listening_port(process: Process, *, timeout_s: float = START_S) -> int:
    """Read a gateway's output up to the line that says where it listens; return the port."""
    for _ in range(200):
        if found := LISTENING.search(process.read_line(timeout_s=timeout_s)):
            return int(found.group(1))
    raise NotStarted(f"{process.name} wrote 200 lines and none says where it listens")
