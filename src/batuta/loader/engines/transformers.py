"""The program inside a model's own process: transformers, for models in safetensors form.

Speaks to its loader as `llamacpp` does (see `process`) and serves the same HTTP surface on loopback. With the files in
`hf/` the only code that imports torch and transformers; `tests/acceptance/test_transformers.py` is its contract test.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from batuta.loader.engines import process
from batuta.loader.engines.hf.parking import Gate, Parking
from batuta.loader.engines.hf.reasons import explain

START_S = 10.0  # for the listener, once the model is there
BACKLOG = 128
BROKEN = 70  # exit code: EX_SOFTWARE


def main() -> None:
    """Run one model until standard input ends."""
    report = process.own_output()
    params = json.loads(sys.stdin.buffer.readline())
    process.die_with(int(params["parent"]))
    try:
        port, parking = _serve(params, report)
    except Exception as error:  # noqa: BLE001  # the process door: the loader reads the reason, the log has the rest
        traceback.print_exception(error, file=sys.stderr)
        process.say(report, refused=explain(error))
        process.leave(1)
    process.check_listener(port)
    if parking is None:
        process.say(report, ready=port)
        process.answer_pings(report, Path(params["log"]))
    else:
        process.say(report, ready=port, parks=True, device_bytes=parking.device_bytes)
        process.answer_pings(report, Path(params["log"]), parking.orders())
    process.leave(0)


def _serve(params: dict[str, Any], report: int) -> tuple[int, Parking | None]:
    """Load the model and listen; return the port, and what parks the model if it can be parked."""
    # Imported late: they take seconds, and a child that is told to end before it loads need not pay for them.
    import torch
    import transformers

    from batuta.loader.engines.hf.load import choose_device, device_name, load

    logging: Any = transformers.utils.logging  # it has no types
    logging.disable_progress_bar()
    if params["threads"] > 0:
        torch.set_num_threads(params["threads"])
    device = choose_device(params.get("device", "auto"), gpu_layers=params["gpu_layers"])
    process.say(report, stage="reading", devices=[device_name(device)])
    loaded = load(params, device)
    process.say(report, stage="warming")
    gc.collect()
    gc.freeze()  # what is here stays: a collection, which parking needs, then looks at what has come since
    gate, computer = Gate(), _computer(params, loaded)
    port = _listen(_application(params, loaded, computer, gate))
    if loaded.arena is None:
        return port, None
    return port, Parking(gate, computer, loaded.arena, held=lambda: int(loaded.device_bytes))


def _application(params: dict[str, Any], loaded: Any, computer: Any, gate: Gate) -> Any:
    from batuta.loader.engines.hf.app import Service, make_app  # as above
    from batuta.loader.engines.hf.steps import Steps

    embed = Steps(loaded).embed if params["embedding"] != "off" else None
    can_answer = params["embedding"] != "model"
    service = Service(params["alias"], loaded, computer, embed=embed, can_answer=can_answer, gate=gate)
    return make_app(service, params["key"])


def _computer(params: dict[str, Any], loaded: Any) -> Any:
    """Return what computes: transformers' batches on GPUs of NVIDIA and AMD, turns elsewhere, or what was asked for."""
    from batuta.loader.engines.hf.errors import is_out_of_memory  # as above
    from batuta.loader.engines.hf.steps import Steps
    from batuta.loader.engines.hf.turns import Rota, TurnTaker

    wanted = params.get("batching", "auto")
    if params["embedding"] != "model" and (
        wanted == "batch" or (wanted == "auto" and loaded.device.startswith("cuda"))
    ):
        from batuta.loader.engines.hf.batch import Batcher  # the manager's code is needed nowhere else

        try:
            return Batcher(loaded, slots=params["slots"], on_broken=_give_up)
        except (ValueError, RuntimeError, NotImplementedError, AttributeError, TypeError) as error:
            if wanted == "batch" or is_out_of_memory(error):
                raise
            sys.stderr.write(f"this model cannot be batched, so its conversations take turns: {error}\n")
    rota = Rota(slots=params["slots"], room=loaded.context)
    return TurnTaker(Steps(loaded), rota, on_broken=_give_up)


def _give_up() -> None:
    """End the process: its loader sees it and begins a new one, which a process that only fails would prevent."""
    process.leave(BROKEN)


def _listen(app: Any) -> int:
    """Start the server in a thread of its own; return its port."""
    import uvicorn  # as above

    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)  # the system chooses a free port
    config = uvicorn.Config(
        app, loop="asyncio", http="httptools", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    server = uvicorn.Server(config)
    threading.Thread(target=lambda: asyncio.run(server.serve([listener])), name="http", daemon=True).start()
    until = time.monotonic() + START_S
    while not server.started:
        if time.monotonic() > until:
            raise RuntimeError(f"the listener did not start within {START_S:g} s")
        time.sleep(0.002)
    return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
