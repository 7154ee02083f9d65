"""Cohere's SDK as a client of its native API: keys, models, chat, streams, thoughts, tools, embeddings, errors."""

from __future__ import annotations

from typing import Any

import cohere  # type: ignore[import-not-found,unused-ignore]
from cohere.core.api_error import ApiError  # type: ignore[import-not-found,unused-ignore]

from tests.clients import stage

ERRORS = (ApiError,)
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": dict(stage.WEATHER)}},
    {"type": "function", "function": {"name": "clock", "parameters": dict(stage.CLOCK)}},
]


class Plays:
    """The plays of one client."""

    def __init__(self, told: stage.Stage) -> None:
        self.told = told
        self.client = self._client(told.key)

    def _client(self, key: str) -> Any:
        return cohere.ClientV2(api_key=key, base_url=self.told.url, timeout=stage.TIMEOUT_S)

    def _options(self, fault: str) -> Any:
        return {"max_retries": 0, "additional_headers": {stage.FAULT: fault} if fault else {}}

    def models(self) -> Any:
        return {"ids": [model.name for model in self.client.models.list(endpoint="chat", page_size=5).models]}

    def chat(self, text: Any = "alpha beta gamma", fault: str = "", **fields: Any) -> Any:
        asked: Any = {"model": self.told.model, "messages": [{"role": "user", "content": text}]}
        answer = self.client.chat(**(asked | fields), request_options=self._options(fault))
        content = answer.message.content or []
        said = "".join(part.text for part in content if part.type == "text")
        thought = "".join(part.thinking for part in content if part.type == "thinking")
        usage = {"in": answer.usage.tokens.input_tokens, "out": answer.usage.tokens.output_tokens}
        return {"text": said, "thoughts": thought, "finish": answer.finish_reason, "usage": usage}

    def limited(self) -> Any:
        return self.chat(max_tokens=2)

    def stopped(self) -> Any:
        return self.chat(stop_sequences=["beta"])

    def image(self) -> Any:
        url = {"url": f"data:image/png;base64,{stage.PIXEL}"}
        return self.chat([{"type": "text", "text": "say images"}, {"type": "image_url", "image_url": url}])

    def thoughts(self) -> Any:
        return self.chat(model=self.told.thinker)

    def stream(self, fault: str = "", model: str = "") -> Any:
        got: dict[str, Any] = {"text": "", "thoughts": "", "finish": None, "out": None}
        for event in self.client.chat_stream(
            model=model or self.told.model,
            messages=[{"role": "user", "content": "say Olá, 世界! 🎈 ok"}],
            request_options=self._options(fault),
        ):
            if event.type == "content-delta":
                got["text"] += event.delta.message.content.text or ""
                got["thoughts"] += event.delta.message.content.thinking or ""
            if event.type == "message-end":
                got["finish"] = event.delta.finish_reason
                got["out"] = event.delta.usage.tokens.output_tokens if event.delta.usage else None
        return got

    def thoughts_stream(self) -> Any:
        return self.stream(model=self.told.thinker)

    def framings(self) -> Any:
        """Read the same answer however it is written."""
        forms = ("crlf", "comments", "split-1", "split-7", "joined", "pad-9", "gzip")
        return {form: self.stream(form)["text"] for form in forms}

    def broken(self) -> Any:
        """Read streams that go wrong after two pieces."""
        told: dict[str, Any] = {}
        for fault in ("error-2", "cut-2", "end-2"):
            try:
                told[fault] = self.stream(fault)
            except Exception as error:  # noqa: BLE001  # the SDK lets errors of its HTTP library through
                told[fault] = {"raised": type(error).__name__}
        return told

    def tools(self) -> Any:
        first: Any = {"role": "user", "content": "both for Recife please"}
        answer = self.client.chat(model=self.told.model, messages=[first], tools=TOOLS, tool_choice="REQUIRED")
        calls = answer.message.tool_calls
        results = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in calls]
        last = self.client.chat(model=self.told.model, messages=[first, answer.message, *results], tools=TOOLS)
        return {
            "calls": [(call.function.name, call.function.arguments) for call in calls],
            "plan": answer.message.tool_plan,
            "finish": answer.finish_reason,
            "then": last.message.content[0].text,
        }

    def tools_stream(self) -> Any:
        asked: Any = {"role": "user", "content": "both for Recife please"}
        calls: dict[int, list[str]] = {}
        for event in self.client.chat_stream(model=self.told.model, messages=[asked], tools=TOOLS):
            if event.type == "tool-call-start":
                calls[event.index] = [event.delta.message.tool_calls.function.name, ""]
            if event.type == "tool-call-delta":
                calls[event.index][1] += event.delta.message.tool_calls.function.arguments
        return {"calls": list(calls.values())}

    def structured(self) -> Any:
        return self.chat("Ada Lovelace", response_format={"type": "json_object", "schema": dict(stage.PERSON)})

    def embeddings(self) -> Any:
        made = self.client.embed(
            model=self.told.embedder, input_type="search_query", texts=["one two", "three"], embedding_types=["float"]
        )
        return {"sizes": [len(vector) for vector in made.embeddings.float_]}

    # --- errors ------------------------------------------------------------------------------------------------------

    def bad_key(self) -> Any:
        return {"ids": [model.name for model in self._client("sk-test-not-a-key-at-all").models.list().models]}

    def no_model(self) -> Any:
        return self.chat(model="nobody")

    def limited_rate(self) -> Any:
        return self.chat(fault="429-retry-after-7")

    def invalid_token(self) -> Any:
        return self.chat(fault="498")


def main() -> None:
    """Play."""
    told = stage.options(
        model="command-a-03-2025",
        thinker="command-a-reasoning-08-2025",
        embedder="embed-v4.0",
        provider="cohere",
    )
    plays = Plays(told)
    for name in [name for name in vars(Plays) if not name.startswith("_")]:
        told.play(name, getattr(plays, name), *ERRORS)
    told.end()


if __name__ == "__main__":
    main()
