"""llama.cpp alone on one file, through xllamacpp: what a load through the whole stack is compared with.

Knows nothing of Batuta. Prints `{"imported": s}`, `{"constructed": s}` (seconds of the constructor), then
`{"port": n}` once its listener says that it is healthy, and waits to be terminated.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from http.client import HTTPConnection


def main(argv: list[str]) -> None:
    """Load the file and serve it."""
    parser = argparse.ArgumentParser(prog="python -m bench.alone", description="xllamacpp alone")
    parser.add_argument("path")
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--gpu-layers", type=int, required=True)
    parser.add_argument("--threads", type=int, default=0, help="0: one a physical core")
    options = parser.parse_args(argv)
    report = os.dup(1)  # llama.cpp prints to standard output too
    os.dup2(2, 1)

    started = time.perf_counter()
    import xllamacpp  # timed, as a part of every load in a fresh process

    imported = time.perf_counter()
    _say(report, imported=imported - started)
    params = xllamacpp.CommonParams()
    params.model.path = options.path
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = options.context
    params.n_parallel = options.slots
    params.kv_unified = True
    params.cache_ram_mib = 0
    params.n_gpu_layers = options.gpu_layers
    if options.threads > 0:
        params.cpuparams.n_threads = options.threads
    params.ui = False
    server = xllamacpp.Server(params)
    _say(report, constructed=time.perf_counter() - imported)
    port = int(server.listening_address.rsplit(":", 1)[1])
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/health")
    if connection.getresponse().status != 200:
        raise SystemExit("the listener is not healthy although the constructor has returned")
    _say(report, port=port)
    signal.pause()


def _say(report: int, **what: float) -> None:
    os.write(report, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
