"""Mistral's SDK as a client: models, chat, streams, thoughts, tools, embeddings, errors."""

from __future__ import annotations

from typing import Any

from mistralai.client import Mistral, errors  # type: ignore[import-not-found,unused-ignore]

from tests.clients import stage

ERRORS = (errors.MistralError,)
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
        # Without a retry configuration it makes one attempt.
        return Mistral(api_key=key, server_url=self.told.url, timeout_ms=int(stage.TIMEOUT_S * 1000))

    def models(self) -> Any:
        return {"ids": [model.id for model in self.client.models.list().data]}

    def chat(self, text: Any = "alpha beta gamma", fault: str = "", **fields: Any) -> Any:
        asked: Any = {"model": self.told.model, "messages": [{"role": "user", "content": text}]}
        headers = {stage.FAULT: fault} if fault else None
        answer = self.client.chat.complete(**(asked | fields), http_headers=headers)
        choice = answer.choices[0]
        usage = {"in": answer.usage.prompt_tokens, "out": answer.usage.completion_tokens}
        return {"text": plain(choice.message.content), "finish": choice.finish_reason, "usage": usage}

    def limited(self) -> Any:
        return self.chat(max_tokens=2)

    def image(self) -> Any:
        url = f"data:image/png;base64,{stage.PIXEL}"
        return self.chat([{"type": "text", "text": "say images"}, {"type": "image_url", "image_url": url}])

    def thoughts(self) -> Any:
        return self.chat(model=self.told.thinker)

    def stream(self, fault: str = "", model: str = "") -> Any:
        texts, finish, usage = [], None, None
        with self.client.chat.stream(
            model=model or self.told.model,
            messages=[{"role": "user", "content": "say Olá, 世界! 🎈 ok"}],
            http_headers={stage.FAULT: fault} if fault else None,
        ) as events:
            for event in events:
                choice = event.data.choices[0]
                texts.append(plain(choice.delta.content))
                finish = choice.finish_reason or finish
                usage = event.data.usage.total_tokens if event.data.usage else usage
        return {"text": "".join(texts), "finish": finish, "tokens": usage}

    def thoughts_stream(self) -> Any:
        return self.stream(model=self.told.thinker)

    def framings(self) -> Any:
        """Read the same answer however it is written."""
        forms = ("crlf", "comments", "split-1", "split-7", "joined", "pad-9", "no-space", "no-done", "gzip")
        return {form: self.stream(form)["text"] for form in forms}

    def tools(self) -> Any:
        first: Any = {"role": "user", "content": "both for Recife please"}
        answer = self.client.chat.complete(model=self.told.model, messages=[first], tools=TOOLS, tool_choice="any")
        message = answer.choices[0].message
        calls = message.tool_calls
        results = [
            {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": "42"} for call in calls
        ]
        last = self.client.chat.complete(model=self.told.model, messages=[first, message, *results], tools=TOOLS)
        return {
            "calls": [(call.function.name, call.function.arguments) for call in calls],
            "ids": [len(call.id) for call in calls],
            "finish": answer.choices[0].finish_reason,
            "then": last.choices[0].message.content,
        }

    def tools_stream(self) -> Any:
        asked: Any = {"role": "user", "content": "both for Recife please"}
        calls: list[Any] = []
        with self.client.chat.stream(model=self.told.model, messages=[asked], tools=TOOLS) as events:
            for event in events:
                said = event.data.choices[0].delta.tool_calls or []
                calls += [(call.index, call.function.name, call.function.arguments) for call in said]
        return {"calls": calls}

    def foreign_id(self) -> Any:
        """Send a call back under an id that is not Mistral's."""
        call = {"id": "call_abc", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
        turns = [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_abc", "content": "42"},
        ]
        return self.chat(messages=turns)

    def structured(self) -> Any:
        named = {"name": "person", "schema": dict(stage.PERSON), "strict": True}
        return self.chat("Ada Lovelace", response_format={"type": "json_schema", "json_schema": named})

    def embeddings(self) -> Any:
        made = self.client.embeddings.create(model=self.told.embedder, inputs=["one two", "three"])
        return {"sizes": [len(row.embedding) for row in made.data], "tokens": made.usage.total_tokens}

    # --- errors ------------------------------------------------------------------------------------------------------

    def bad_key(self) -> Any:
        return {"ids": [model.id for model in self._client("sk-test-not-a-key-at-all").models.list().data]}

    def no_model(self) -> Any:
        return self.chat(model="nobody")

    def limited_rate(self) -> Any:
        return self.chat(fault="429-retry-after-7")

    def overloaded(self) -> Any:
        return self.chat(fault="overloaded")

    def unknown_field(self) -> Any:
        return self.chat(fault="param-messages")


def plain(content: Any) -> Any:
    """Return content as text, thoughts in brackets."""
    if not isinstance(content, list):
        return content or ""
    told = []
    for part in content:
        if part.type == "thinking":
            inside = "".join(each.text for each in part.thinking)
            told.append(f"[{inside}]" if inside else "")
        else:
            told.append(part.text)
    return "".join(told)


def main() -> None:
    """Play."""
    told = stage.options(
        model="mistral-small-latest",
        thinker="magistral-medium-latest",
        embedder="mistral-embed",
        provider="mistral",
    )
    plays = Plays(told)
    for name in [name for name in vars(Plays) if not name.startswith("_")]:
        told.play(name, getattr(plays, name), *ERRORS)
    told.end()


if __name__ == "__main__":
    main()
