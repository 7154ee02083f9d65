"""Asks the gateway that runs. Knows nothing of providers or keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from batuta.catalog.records import COMMANDS, LOCAL
from batuta.chat.dialects import openai
from batuta.chat.types import Delta
from batuta.cli.client import GatewayClient, Refused
from batuta.completion.question import Completion, Question
from batuta.errors import BatutaError, UpstreamFailed, UpstreamRejected, UpstreamTimeout
from batuta.vault.secret import Secret

_BARE: Final = frozenset({LOCAL.id, COMMANDS.id})
"""Providers whose models are called by their name alone."""


async def answer(question: Question, url: str, token: Secret | None) -> Completion:
    """Ask the gateway at `url`. Raises its error, as if it had been raised here; NoGateway when it is gone."""
    client = GatewayClient(url, token)
    model = question.model if question.provider in _BARE else f"{question.provider}/{question.model}"
    path = "/v1/chat/completions"
    try:
        said = await asyncio.to_thread(client.post, path, question.body(model), timeout_s=question.timeout_s)
    except Refused as error:
        raise typed(error, model) from None
    delta = openai.decode_completion(said)
    if not isinstance(delta, Delta):
        raise UpstreamFailed(f"the gateway at {client.url} answered with something that is no answer", model=model)
    return Completion(delta.text, delta.model or model, delta.usage, delta.finish, delta.reasoning)


def typed(error: Refused, model: str) -> BatutaError:
    """Return the gateway's error as the class it was there, so that it can be caught by its kind."""
    code, status = str(error.details.get("code")), int(error.details.get("status") or 0)
    if code == "timeout":
        return UpstreamTimeout(error.message, model=model)
    if code == UpstreamRejected.code:
        return UpstreamRejected(error.message, upstream_status=status, model=model)
    kind: type[BatutaError] = next((each for each in _kinds(BatutaError) if each.code == code), type(error))
    if kind is Refused:
        return error
    return kind(error.message, model=model, suggestion=error.suggestion)


def _kinds(kind: type[BatutaError]) -> Iterator[type[Any]]:
    """Yield the classes below `kind`, and it last: of several with one code, the particular one is meant."""
    for below in kind.__subclasses__():
        yield from _kinds(below)
    if kind.__module__ == BatutaError.__module__:
        yield kind
