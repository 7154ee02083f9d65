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

import json
import sys
import time
from pathlib import Path
from typing import Any

from batuta.loader.engines import process

LAST_WORDS_S = 0.25  # llama.cpp's log is written by a thread of its own; leaving at once would lose the reason
EMBEDDING_BATCH = 2048  # a model that only embeds must take a whole input in one batch


def main() -> None:
    """Run one model until standard input ends."""
    if sys.argv[1:] == ["--devices"]:
        _print_devices()
        return
    report = process.own_output()
    params = process.parameters(report, _prepare)
    try:
        server = _serve(params, report)
    except Exception as error:  # noqa: BLE001  # the process door: the loader reads the reason, the log has the rest
        process.say(report, refused=str(error))
        time.sleep(LAST_WORDS_S)
        process.leave(1)
    port = int(server.listening_address.rsplit(":", 1)[1])
    process.say(report, stage="warming")
    process.check_listener(port)
    process.say(report, ready=port)
    process.answer_pings(report, Path(params["log"]))
    # Leaving at once gives the memory back faster than taking the server apart, and cannot hang.
    process.leave(0)


def _prepare() -> None:
    """Import the library. Its devices are not looked at: on a GPU that alone would take some of its memory."""
    import xllamacpp  # noqa: F401  # what a load then imports is there


def _serve(params: dict[str, Any], report: int) -> Any:
    # Imported late: a child that is told to end before it loads need not have paid for it.
    import xllamacpp

    devices = [str(each["name"]) for each in xllamacpp.get_device_info()]
    process.say(report, stage="reading", devices=devices)
    common = xllamacpp.CommonParams()
    # On the host the warm-up computes a token that nobody reads, a third of the load of a cached file, and the first
    # real one takes as long after it as without it. On a GPU it prepares its kernels.
    common.warmup = devices != ["CPU"]
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


def _print_devices() -> None:
    """Print the names of the devices llama.cpp has, as a JSON array."""
    import xllamacpp  # as above

    sys.stdout.write(json.dumps([each["name"] for each in xllamacpp.get_device_info()]) + "\n")


if __name__ == "__main__":
    main()
