"""Asks a process of its own which devices llama.cpp computes on: its code never enters the loader's."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from batuta.loader.forms import ENGINES

ASK_S: Final = 20.0
KINDS: Final = (
    ("cuda", "cuda"),
    ("rocm", "rocm"),
    ("hip", "rocm"),
    ("vulkan", "vulkan"),
    ("mtl", "metal"),
    ("metal", "metal"),
)
"""Mark in a device's name -> kind."""


def kind_of(names: Sequence[str]) -> str:
    """Return what devices of these names are: cuda | rocm | metal | vulkan | cpu."""
    text = " ".join(names).lower()
    return next((kind for mark, kind in KINDS if mark in text), "cpu")


async def ask(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of llama.cpp's devices; `CPU` when it does not tell."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", ENGINES["gguf"].program, "--devices",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(environ),
    )  # fmt: skip
    out = b""
    try:
        async with asyncio.timeout(ASK_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
    with suppress(ValueError):
        return tuple(str(name) for name in json.loads(out))
    return ("CPU",)
