"""llama-server for the contract, the real one: llama.cpp's own listener with a tiny model, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from batuta.catalog.entities import Provider
from batuta.engines.llama_server.engine import LlamaServerEngine
from batuta.engines.transport import Transport
from batuta.testing.gguf import tiny_gguf
from batuta.vault.secret import Secret
from tests.contract.subject_llama_server import KEY, spec_of
from tests.contract.subjects import Make, Subject

IS_PROCESS = True
NAME = "org/tiny model:é"


@asynccontextmanager
async def listener(folder: Path, **changes: object) -> AsyncIterator[int]:
    """Run llama.cpp's listener with a tiny model; give its port."""
    params: dict[str, object] = {
        "parent": os.getpid(), "model": str(tiny_gguf(folder / "m.gguf")), "alias": NAME, "key": KEY, "context": 2048,
        "slots": 8, "gpu_layers": 0, "threads": 1, "embedding": "chat", "projector": None,
        "log": str(folder / "m.log"), **changes,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "batuta.loader.engines.llamacpp"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(params).encode() + b"\n")
        async with asyncio.timeout(20):
            while "ready" not in (report := json.loads(await process.stdout.readline())):
                pass
        yield int(report["ready"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def make() -> AsyncIterator[Subject]:
    """Give the engine in front of the real listener."""
    with tempfile.TemporaryDirectory() as folder:
        async with listener(Path(folder)) as port:
            transport = Transport()
            provider = Provider("subject", "llama_server", base_url=f"http://127.0.0.1:{port}", is_local=True)
            engine = LlamaServerEngine(provider, transport, key=Secret(KEY), poll_s=0.01)
            yield Subject(engine, spec_of(NAME), spec_of(NAME), is_scripted=False, can_unload=False)
            await engine.aclose()
            await transport.aclose()


SUBJECTS: dict[str, Make] = {"llama_server real": make}
