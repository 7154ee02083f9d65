"""Plays of Anthropic's SDK, the same for its old and its current line; they differ in the API version they send."""

from __future__ import annotations

from typing import Any

import anthropic  # type: ignore[import-not-found,unused-ignore]

from tests.clients import stage

ERRORS = (anthropic.AnthropicError,)
TOOLS: list[Any] = [
    {"name": "weather", "description": "of a city", "input_schema": dict(stage.WEATHER)},
    {"name": "clock", "input_schema": dict(stage.CLOCK)},
]


class Plays:
    """The plays of one client."""

    def __init__(self, told: stage.Stage) -> None:
        self.told = told
        self.client = anthropic.Anthropic(base_url=told.url, api_key=told.key, max_retries=0, timeout=stage.TIMEOUT_S)

    def models(self) -> Any:
        pages = self.client.models.list(limit=1)
        return {"ids": [model.id for model in pages], "most": pages.data[0].model_dump().get("max_tokens")}

    def chat(self, **fields: Any) -> Any:
        asked: Any = {
            "model": self.told.model,
            "max_tokens": 100,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "alpha beta gamma"}],
        }
        answer = self.client.messages.create(**(asked | fields))
        text = "".join(block.text for block in answer.content if block.type == "text")
        counts = answer.usage.model_dump()
        usage = {name: counts[name] for name in ("input_tokens", "output_tokens", "cache_read_input_tokens")}
        return {"text": text, "stop": answer.stop_reason, "usage": usage, "model": answer.model}

    def limited(self) -> Any:
        return self.chat(max_tokens=2)

    def stopped(self) -> Any:
        return self.chat(stop_sequences=["beta"])

    def image(self) -> Any:
        source = {"type": "base64", "media_type": "image/png", "data": stage.PIXEL}
        parts = [{"type": "image", "source": source}, {"type": "text", "text": "say images"}]
        return self.chat(messages=[{"role": "user", "content": parts}])

    def sampling(self) -> Any:
        # The current SDK has no such parameter any more, so it goes in by the side door.
        return self.chat(extra_body={"temperature": 1.0})

    def sampling_new_model(self) -> Any:
        return self.chat(model="claude-opus-4-7", extra_body={"temperature": 0.2})

    def count(self) -> Any:
        messages: Any = [{"role": "user", "content": "alpha beta gamma"}]
        return {"tokens": self.client.messages.count_tokens(model=self.told.model, messages=messages).input_tokens}

    def stream(self, **headers: str) -> Any:
        asked: Any = {"role": "user", "content": "say Olá, 世界! 🎈 ok"}
        with self.client.messages.stream(
            model=self.told.model, max_tokens=100, messages=[asked], extra_headers=headers
        ) as events:
            text = "".join(events.text_stream)
            final = events.get_final_message()
        return {"text": text, "stop": final.stop_reason, "out": final.usage.output_tokens}

    def framings(self) -> Any:
        """Read the same answer however it is written."""
        forms = ("crlf", "comments", "split-1", "split-7", "joined", "pad-0", "no-space", "multiline", "gzip")
        return {form: self.stream(**{stage.FAULT: form})["text"] for form in forms}

    def broken(self) -> Any:
        """Read streams that go wrong after two pieces."""
        told: dict[str, Any] = {}
        for fault in ("error-2", "cut-2", "close-2"):
            try:
                told[fault] = self.stream(**{stage.FAULT: fault})
            except Exception as error:  # noqa: BLE001  # the SDK lets errors of its HTTP library through
                told[fault] = {"raised": type(error).__name__, "text": str(error)[:80]}
        return told

    def tools(self) -> Any:
        """Call two functions in a stream that thinks first, and send everything back with the results."""
        first: Any = {"role": "user", "content": "both for Recife please"}
        fields: Any = {"model": self.told.thinker, "max_tokens": 4000, "tools": TOOLS}
        fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        with self.client.messages.stream(messages=[first], **fields) as events:
            starts = (event for event in events if event.type == "content_block_start")
            indexes = [(event.content_block.type, event.index) for event in starts]
            answer = events.get_final_message()
        calls = [block for block in answer.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "42"} for call in calls]
        replayed: Any = [
            {name: value for name, value in block.model_dump(exclude_none=True).items() if name in SENT}
            for block in answer.content
        ]
        turns: Any = [first, {"role": "assistant", "content": replayed}, {"role": "user", "content": results}]
        last = self.client.messages.create(messages=turns, **fields)
        return {
            "indexes": indexes,
            "calls": [(call.name, call.input) for call in calls],
            "stop": answer.stop_reason,
            "then": "".join(block.text for block in last.content if block.type == "text"),
        }

    def one_call(self) -> Any:
        asked: Any = {"role": "user", "content": "both for Recife please"}
        choice: Any = {"type": "any", "disable_parallel_tool_use": True}
        answer = self.client.messages.create(
            model=self.told.model, max_tokens=100, messages=[asked], tools=TOOLS, tool_choice=choice
        )
        return {"calls": [block.name for block in answer.content if block.type == "tool_use"]}

    def structured(self) -> Any:
        form = {"type": "json_schema", "schema": dict(stage.PERSON)}
        asked = [{"role": "user", "content": "Ada Lovelace"}]
        return self.chat(messages=asked, extra_body={"output_config": {"format": form}})

    # --- errors ------------------------------------------------------------------------------------------------------

    def bad_key(self) -> Any:
        stranger = anthropic.Anthropic(base_url=self.told.url, api_key="sk-test-not-a-key-at-all", max_retries=0)
        return {"ids": [model.id for model in stranger.models.list()]}

    def no_model(self) -> Any:
        return self.chat(model="nobody")

    def no_limit(self) -> Any:
        return self.chat(max_tokens=10**9)

    def prefill(self) -> Any:
        turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "I say"}]
        return self.chat(model="claude-opus-4-7", messages=turns)

    def limited_rate(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "429-retry-after-7"})

    def no_credit(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "no-credit"})

    def overloaded(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "overloaded"})


SENT = frozenset({"type", "text", "thinking", "signature", "id", "name", "input"})


def main() -> None:
    """Play."""
    told = stage.options(model="claude-haiku-4-5", thinker="claude-haiku-4-5", embedder="", provider="anthropic")
    plays = Plays(told)
    for name in [name for name in vars(Plays) if not name.startswith("_")]:
        told.play(name, getattr(plays, name), *ERRORS)
    told.end()
