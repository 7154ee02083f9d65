"""LocalWorker, held to the contract with a real loader and a tiny model of random weights in processes of their own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from batuta.catalog.entities import Capability, ModelSpec
from batuta.engines.local_worker import LocalWorker
from batuta.engines.transport import Transport
from batuta.settings import EngineSettings
from tests.acceptance.loader_play import stage
from tests.contract.subjects import Subject

IS_PROCESS = True


def _spec(name: str, path: Path, capability: Capability) -> ModelSpec:
    return ModelSpec(
        name,
        "local",
        str(path),
        capabilities=frozenset({capability}),
        context_length=512,
        slots=2,
        is_local=True,
        is_loadable=True,
        options={"embedding": True} if capability is Capability.EMBEDDING else {},
    )


@asynccontextmanager
async def make() -> AsyncIterator[Subject]:
    """Start a loader and give the engine over it."""
    transport = Transport()
    with tempfile.TemporaryDirectory(prefix="batuta-contract-") as folder:
        async with stage(Path(folder)) as loader:
            engine = LocalWorker(loader.client, transport, settings=EngineSettings(), loader_patience_s=0.2)
            other = loader.small.with_name("vectors.gguf")
            await asyncio.to_thread(shutil.copyfile, loader.small, other)
            yield Subject(
                engine,
                _spec("brain", loader.small, Capability.CHAT),
                _spec("vectors", other, Capability.EMBEDDING),
                is_scripted=False,
            )
            await engine.aclose()
            await transport.aclose()
