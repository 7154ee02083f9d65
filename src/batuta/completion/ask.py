"""`generate_completion`: the public door. Decides who is asked; knows no wire.

1. A gateway runs on this installation's data folder: it is asked. Its keys, limits, queue and sums are the ones that
   count, and a model that is not loaded is loaded.
2. None does: the provider is asked from this process, by the same engines, with the keys of the vault and the
   environment. Limits of keys hold, and what was used is summed up, as if the gateway had been asked.
"""

from __future__ import annotations

import asyncio
import os

from batuta.cli.record import is_alive, read_record
from batuta.completion import direct, gateway
from batuta.completion.question import Completion, Question
from batuta.settings import load_settings


def generate_completion(
    provider: str,
    model: str,
    prompt: str,
    *,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    timeout_s: float = 600.0,
) -> Completion:
    """Ask a model once and return its whole answer.

    Args:
        provider: id of who serves the model: a known API (`openai`, `anthropic`, `google`, `mistral`, ...), a provider
            of your own, or `local`.
        model: its name there.
        prompt: the question.
        system: what the model is told about itself first.
        temperature: how freely it chooses its words; None: the model's own.
        max_tokens: the longest answer; None: the model's own.
        timeout_s: seconds for all of it.

    Raises:
        BatutaError: why there is no answer; see `batuta.errors`.
        RuntimeError: called inside a running event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        question = Question(provider, model, prompt, system, temperature, max_tokens, timeout_s)
        return asyncio.run(_answer(question))
    raise RuntimeError(
        "generate_completion would stop the event loop that runs here; use: await agenerate_completion(...)"
    )


async def agenerate_completion(
    provider: str,
    model: str,
    prompt: str,
    *,
    system: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    timeout_s: float = 600.0,
) -> Completion:
    """Ask a model once and return its whole answer; as `generate_completion`, for code that awaits."""
    return await _answer(Question(provider, model, prompt, system, temperature, max_tokens, timeout_s))


async def _answer(question: Question) -> Completion:
    settings, _ = await asyncio.to_thread(load_settings)
    record = await asyncio.to_thread(read_record, settings.run_dir)
    if record is not None and await asyncio.to_thread(is_alive, record):  # 1
        return await gateway.answer(question, record.url, record.token)
    return await direct.answer(question, settings, os.environ)  # 2
