"""The program inside a model's own process: llama.cpp with its HTTP listener, through xllamacpp.

Reads its parameters as one JSON line on standard input (never from arguments or the environment, which others can
read), says on standard output where it stands, and lives no longer than its parent. The constructor of the server
holds the interpreter's lock for the whole load, which is why each model has a process. Imports little: its start is
part of every load. The only file that knows xllamacpp's names; `tests/acceptance/test_loader_engine.py` is its
contract test.

    in:   {"parent": pid, "model": path, ...}      then  "ping N" lines
    out:  {"stage": "reading"}, {"stage": "warming"}, {"ready": port}, {"pong": N}, {"refused": text}
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

LARGEST_LOG = 4 << 20
EMBEDDING_BATCH = 2048  # a model that only embeds must take a whole input in one batch
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run one model until standard input ends."""
    if sys.argv[1:] == ["--devices"]:
        _print_devices()
        return
    report = _own_output()
    params = json.loads(sys.stdin.buffer.readline())
    _die_with(int(params["parent"]))
    try:
        server = _serve(params, report)
    except Exception as error:  # noqa: BLE001  # the process door: the loader reads the reason, the log has the rest
        _say(report, refused=str(error))
        _leave(1)
    port = int(server.listening_address.rsplit(":", 1)[1])
    _say(report, stage="warming")
    _check_listener(port)
    _say(report, ready=port)
    _answer_pings(report, Path(params["log"]))
    # Leaving at once gives the memory back faster than taking the server apart, and cannot hang.
    _leave(0)


def _serve(params: dict[str, Any], report: int) -> Any:
    # Imported late: a child that is told to end before it loads need not have paid for it.
    import xllamacpp

    _say(report, stage="reading", devices=[each["name"] for each in xllamacpp.get_device_info()])
    common = xllamacpp.CommonParams()
    common.model.path = params["model"]
    common.model_alias = {params["alias"]}
    common.hostnames = ["127.0.0.1"]
    common.port = 0  # the system chooses a free one: nobody can take it in between
    common.api_keys = [params["key"]]
    common.n_ctx = params["context"]
    common.n_parallel = params["slots"]
    common.kv_unified = True  # the slots share the context's memory: one long chat may use all of it
    common.cache_ram_mib = 0  # 8 GiB by default, outside every budget
    common.n_gpu_layers = params["gpu_layers"]
    if params["threads"] > 0:
        common.cpuparams.n_threads = params["threads"]
    common.endpoint_metrics = True
    common.endpoint_slots = True
    common.ui = False
    common.cors_origins = "http://127.0.0.1"  # any page may call by default
    common.use_jinja = True
    if params.get("projector"):
        common.mmproj.path = params["projector"]
    _choose_embedding(common, params["embedding"], xllamacpp)
    return xllamacpp.Server(common)


def _choose_embedding(common: Any, kind: str, xllamacpp: Any) -> None:
    """Make `/v1/embeddings` work: `model` for one that only embeds, `chat` for one that chats, `off` for neither.

    A chat model gives the hidden state of the last token: with that pooling alone an input may be longer than one
    batch, and chat goes on as before. An embedding model knows its own pooling.
    """
    if kind == "off":
        return
    common.embedding = True
    if kind == "chat":
        common.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_LAST
    else:
        batch = min(common.n_ctx or EMBEDDING_BATCH, EMBEDDING_BATCH)
        common.n_batch = common.n_ubatch = batch


def _own_output() -> int:
    """Keep standard output for our reports; what llama.cpp prints goes where the errors go, to the log."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _die_with(parent: int) -> None:
    """End when the parent ends, even while the load holds the interpreter's lock; leave no memory dump."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes  # only Linux has the call

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.name == "posix" and os.getppid() != parent:  # it ended before we asked to be told
        _leave(3)


def _check_listener(port: int) -> None:
    """Ask the listener for its health once, as the gateway will."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        head = connection.recv(64)
    if b" 200 " not in head:
        raise RuntimeError(f"the listener answered {head[:64]!r}")


def _answer_pings(report: int, log: Path) -> None:
    for line in sys.stdin.buffer:
        words = line.split()
        if len(words) == 2 and words[0] == b"ping":
            _say(report, pong=int(words[1]))
            _turn_over(log)


def _turn_over(log: Path) -> None:
    """Begin a new log file when this one is large; keep one old."""
    with contextlib.suppress(OSError):
        if log.stat().st_size < LARGEST_LOG:
            return
        log.replace(log.with_suffix(".log.1"))
        fresh = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)


def _say(report: int, **what: Any) -> None:
    # The parent's end is closed when it is gone: nobody is left to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(report, json.dumps(what).encode() + b"\n")


def _leave(code: int) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)


def _print_devices() -> None:
    """Print the names of the devices llama.cpp has, as a JSON array."""
    import xllamacpp  # as above

    sys.stdout.write(json.dumps([each["name"] for each in xllamacpp.get_device_info()]) + "\n")


if __name__ == "__main__":
    main()
