"""A small, honest server of OpenAI's dialect: its answers are computed from the requests (see answers.py).

`python -m batuta.testing.fake_openai --port N` prints one JSON line with its URL and runs until it is terminated.
With `--key-env NAME` it demands the key in that environment variable. Latency can be changed while it runs:
`POST /latency {"first_s": 0.2, "token_s": 0.01}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import orjson

from batuta.chat.dialects import openai
from batuta.chat.types import ChatRequest, Delta, FinishReason
from batuta.errors import BadRequest, BatutaError, ModelNotFound, Unauthorized
from batuta.testing import http
from batuta.testing.answers import deltas_for, embeddings_usage, vector_for, words_for
from batuta.vault.secret import Secret

MODELS = ("fake-small", "fake-large")
EMBEDDING_MODEL = "fake-embedding"


class FakeOpenAI:
    """The server, for the length of a `with` block.

    Args:
        models: ids of its chat models; there is an embedding model beside them.
        key: demanded as `Authorization: Bearer` where there is one.
        first_s: seconds before the first word of an answer.
        token_s: seconds before each further word.

    Attributes:
        requests: what was asked, in order.
        port: where it listens.
    """

    def __init__(
        self, models: Sequence[str] = MODELS, *, key: Secret | None = None, first_s: float = 0.0, token_s: float = 0.0
    ) -> None:
        self.models = list(models)
        self.key = key
        self.first_s = first_s
        self.token_s = token_s
        self.requests: list[http.Request] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self, port: int = 0) -> Self:
        """Listen on a loopback port; 0: any free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def aclose(self) -> None:
        """Stop at once."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                while (request := await http.read_request(reader)) is not None:
                    self.requests.append(request)
                    await self._answer(request, writer)
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: http.Request, writer: asyncio.StreamWriter) -> None:
        try:
            match request.method, request.path.partition("?")[0]:
                case "GET", "/health":
                    writer.write(http.json_answer(200, {"status": "ok"}))
                case "GET", "/v1/models":
                    self._admit(request)
                    writer.write(http.json_answer(200, self._list()))
                case "POST", "/v1/chat/completions":
                    await self._chat(self._json(request), writer)
                case "POST", "/v1/completions":
                    await self._complete(self._json(request), writer)
                case "POST", "/v1/embeddings":
                    writer.write(http.json_answer(200, await self._embed(self._json(request))))
                case "POST", "/latency":
                    self._set_latency(request.json())
                    writer.write(http.json_answer(200, {"first_s": self.first_s, "token_s": self.token_s}))
                case _:
                    writer.write(http.json_answer(404, {"error": {"message": f"no {request.method} {request.path}"}}))
        except BatutaError as error:
            writer.write(http.json_answer(error.status, openai.error_body(error)))

    # Requests -----------------------------------------------------------------------------------------------------

    def _admit(self, request: http.Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and not self.key.matches(given):
            raise Unauthorized("Incorrect API key provided.")

    def _json(self, request: http.Request) -> dict[str, Any]:
        self._admit(request)
        try:
            body = request.json()
        except orjson.JSONDecodeError:
            raise BadRequest("The body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        if (name := openai.model_name(body)) not in (*self.models, EMBEDDING_MODEL):
            raise ModelNotFound(f"The model {name!r} does not exist.")
        return body

    def _set_latency(self, body: Any) -> None:
        self.first_s = float(body.get("first_s", self.first_s))
        self.token_s = float(body.get("token_s", self.token_s))

    def _list(self) -> dict[str, Any]:
        rows = [{"id": model, "object": "model", "created": 0, "owned_by": "fake"} for model in self.models]
        rows.append({"id": EMBEDDING_MODEL, "object": "model", "created": 0, "owned_by": "fake", "type": "embeddings"})
        return {"object": "list", "data": rows}

    # Answers ------------------------------------------------------------------------------------------------------

    async def _wait(self, count: int) -> None:
        seconds = self.token_s if count else self.first_s
        if seconds:
            await asyncio.sleep(seconds)

    async def _chat(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        request = openai.parse_chat(body)
        deltas = deltas_for(request, model=request.model)
        answer_id, created = f"chatcmpl-{len(self.requests)}", int(time.time())
        if not request.stream:
            for count, _ in enumerate(deltas):
                await self._wait(count)
            whole = openai.encode_completion(deltas, answer_id=answer_id, model=request.model, created=created)
            writer.write(http.json_answer(200, whole))
            return
        await self._stream(_wanted(deltas, request), request.model, answer_id, created, writer)

    async def _stream(
        self, deltas: list[Delta], model: str, answer_id: str, created: int, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(http.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
        for count, delta in enumerate(deltas):
            await self._wait(count)
            event = openai.encode_delta(delta, answer_id=answer_id, model=model, created=created, is_first=not count)
            writer.write(http.chunk(event))
            await writer.drain()
        writer.write(http.chunk(openai.DONE_EVENT) + http.chunk(b""))

    async def _complete(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if not isinstance(prompt := body.get("prompt"), str):
            raise BadRequest("`prompt` is required: a text.", details={"param": "prompt"})
        words = words_for(prompt)
        limit = body.get("max_tokens")
        said = words if limit is None or limit < 0 else words[:limit]
        finish = FinishReason.STOP if len(said) == len(words) else FinishReason.LENGTH
        head = {"id": f"cmpl-{len(self.requests)}", "object": "text_completion", "created": 0, "model": body["model"]}
        counts = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(said)}
        usage = {**counts, "total_tokens": sum(counts.values())}
        for count, _ in enumerate(said):
            await self._wait(count)
        if not body.get("stream"):
            choice = {"index": 0, "text": "".join(said), "finish_reason": finish, "logprobs": None}
            writer.write(http.json_answer(200, {**head, "choices": [choice], "usage": usage}))
            return
        writer.write(http.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
        for word, end in [*((word, None) for word in said), ("", finish)]:
            choice = {"index": 0, "text": word, "finish_reason": end, "logprobs": None}
            writer.write(http.chunk(b"data: %b\n\n" % orjson.dumps({**head, "choices": [choice]})))
            await writer.drain()
        writer.write(http.chunk(openai.DONE_EVENT) + http.chunk(b""))

    async def _embed(self, body: dict[str, Any]) -> dict[str, Any]:
        inputs = body.get("input")
        texts = [inputs] if isinstance(inputs, str) else inputs
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise BadRequest("`input` is required: a text or a list of texts.", details={"param": "input"})
        await self._wait(0)
        vectors = [vector_for(text) for text in texts]
        return openai.encode_embeddings(vectors, embeddings_usage(texts), model=body["model"])


def _wanted(deltas: list[Delta], request: ChatRequest) -> list[Delta]:
    """Leave the usage out unless the caller asked for it, as OpenAI does."""
    options = request.extra.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage")
    return deltas if wants_usage else [delta for delta in deltas if delta.usage is None]


async def _run(server: FakeOpenAI, port: int) -> None:
    await server.start(port)
    line = orjson.dumps({"port": server.port, "url": server.url}).decode()
    print(line, flush=True)  # noqa: T201  # a program's answer to its caller
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await server.aclose()


def main(argv: Sequence[str]) -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="python -m batuta.testing.fake_openai", description="a fake model server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", help="id of a model; may be repeated")
    parser.add_argument("--key-env", metavar="NAME", help="environment variable with the key it demands")
    parser.add_argument("--first-ms", type=float, default=0.0, help="wait before the first word")
    parser.add_argument("--token-ms", type=float, default=0.0, help="wait before each further word")
    options = parser.parse_args(argv)
    key = Secret(os.environ[options.key_env]) if options.key_env else None
    times = {"first_s": options.first_ms / 1000, "token_s": options.token_ms / 1000}
    server = FakeOpenAI(options.model or MODELS, key=key, **times)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(server, options.port))


if __name__ == "__main__":
    main(sys.argv[1:])
