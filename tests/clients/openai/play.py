"""OpenAI's SDK as a client: chat, streams, tools, structured output, responses, embeddings, errors."""

from __future__ import annotations

from typing import Any

import openai
from pydantic import BaseModel

from tests.clients import stage

ERRORS = (openai.OpenAIError,)
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": stage.WEATHER, "strict": True}},
    {"type": "function", "function": {"name": "clock", "parameters": stage.CLOCK, "strict": True}},
]
FLAT: list[Any] = [{"type": "function", **tool["function"]} for tool in TOOLS]
USAGE: Any = {"include_usage": True}


class Person(BaseModel):
    """The shape of a structured answer."""

    name: str
    age: int


class Plays:
    """The plays of one client."""

    def __init__(self, told: stage.Stage) -> None:
        self.told = told
        self.client = openai.OpenAI(
            base_url=told.url, api_key=told.key, max_retries=0, timeout=stage.TIMEOUT_S, organization=None
        )

    def models(self) -> Any:
        return {"ids": [model.id for model in self.client.models.list()]}

    def chat(self, **fields: Any) -> Any:
        text = {"role": "user", "content": "alpha beta gamma"}
        asked: Any = {"model": self.told.model, "messages": [{"role": "system", "content": "Be brief."}, text]}
        answer = self.client.chat.completions.create(**(asked | fields))
        choice = answer.choices[0]
        usage = answer.usage.model_dump() if answer.usage else None
        return {"text": choice.message.content, "finish": choice.finish_reason, "usage": usage, "model": answer.model}

    def limited(self) -> Any:
        return self.chat(max_completion_tokens=2)

    def image(self) -> Any:
        parts = [
            {"type": "text", "text": "say images"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{stage.PIXEL}"}},
        ]
        return self.chat(messages=[{"role": "user", "content": parts}])

    def stream(self, **headers: str) -> Any:
        asked: Any = {"role": "user", "content": "say Olá, 世界! 🎈 ok"}
        got: dict[str, Any] = {"pieces": [], "finish": None, "usage": None}
        events = self.client.chat.completions.create(
            model=self.told.model, messages=[asked], stream=True, stream_options=USAGE, extra_headers=headers
        )
        for chunk in events:
            got["usage"] = chunk.usage.model_dump() if chunk.usage else got["usage"]
            for choice in chunk.choices:
                got["pieces"] += [choice.delta.content] if choice.delta.content else []
                got["finish"] = choice.finish_reason or got["finish"]
        return got | {"text": "".join(got.pop("pieces"))}

    def framings(self) -> Any:
        """Read the same answer however it is written."""
        forms = (
            "crlf",
            "comments",
            "split-1",
            "split-7",
            "joined",
            "pad-9",
            "no-space",
            "multiline",
            "no-done",
            "gzip",
        )
        return {form: self.stream(**{stage.FAULT: form})["text"] for form in forms}

    def broken(self) -> Any:
        """Read streams that go wrong after two pieces."""
        told: dict[str, Any] = {}
        for fault in ("error-2", "error-named-2", "cut-2", "close-2", "end-2", "bad-event"):
            try:
                told[fault] = self.stream(**{stage.FAULT: fault})
            except (openai.OpenAIError, ValueError, OSError) as error:
                told[fault] = {"raised": type(error).__name__}
            except Exception as error:  # noqa: BLE001  # the SDK lets errors of its HTTP library through
                told[fault] = {"raised": type(error).__name__}
        return told

    def tools(self) -> Any:
        first: Any = {"role": "user", "content": "both for Recife please"}
        answer = self.client.chat.completions.create(
            model=self.told.model, messages=[first], tools=TOOLS, tool_choice="required"
        )
        message: Any = answer.choices[0].message
        calls = message.tool_calls or []
        results: list[Any] = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in calls]
        last = self.client.chat.completions.create(
            model=self.told.model, messages=[first, message.model_dump(exclude_none=True), *results], tools=TOOLS
        )
        told = [(call.function.name, call.function.arguments) for call in calls]
        return {"calls": told, "finish": answer.choices[0].finish_reason, "then": last.choices[0].message.content}

    def tools_stream(self) -> Any:
        asked: Any = {"role": "user", "content": "both for Recife please"}
        with self.client.chat.completions.stream(model=self.told.model, messages=[asked], tools=TOOLS) as events:
            for _ in events:
                pass
            final: Any = events.get_final_completion()
        calls = final.choices[0].message.tool_calls or []
        told = [(call.function.name, call.function.arguments) for call in calls]
        return {"calls": told, "finish": final.choices[0].finish_reason}

    def one_call(self) -> Any:
        asked: Any = {"role": "user", "content": "both for Recife please"}
        answer: Any = self.client.chat.completions.create(
            model=self.told.model, messages=[asked], tools=TOOLS, parallel_tool_calls=False
        )
        return {"calls": [call.function.name for call in answer.choices[0].message.tool_calls]}

    def structured(self) -> Any:
        asked: Any = {"role": "user", "content": "Ada Lovelace"}
        answer: Any = self.client.chat.completions.parse(
            model=self.told.model, messages=[asked], response_format=Person
        )
        return answer.choices[0].message.parsed.model_dump()

    def embeddings(self) -> Any:
        answer = self.client.embeddings.create(model=self.told.embedder, input=["one two", "three"])
        return {"sizes": [len(row.embedding) for row in answer.data], "usage": answer.usage.model_dump()}

    # --- responses ---------------------------------------------------------------------------------------------------

    def responses(self) -> Any:
        answer: Any = self.client.responses.create(model=self.told.model, input="alpha beta", instructions="Be brief.")
        return {"text": answer.output_text, "status": answer.status, "usage": answer.usage.model_dump()}

    def responses_stream(self) -> Any:
        names: list[str] = []
        with self.client.responses.stream(model=self.told.model, input="alpha beta") as events:
            names += [event.type for event in events]
            final = events.get_final_response()
        return {"text": final.output_text, "events": list(dict.fromkeys(names)), "status": final.status}

    def responses_tools(self) -> Any:
        """Call functions while thinking, and send the sealed thoughts back with the results."""
        first: list[Any] = [{"role": "user", "content": "both for Recife please"}]
        fields: Any = {"model": self.told.thinker, "tools": FLAT, "store": False, "reasoning": {"effort": "low"}}
        fields |= {"include": ["reasoning.encrypted_content"]}
        with self.client.responses.stream(input=first, **fields) as events:
            for _ in events:
                pass
            answer = events.get_final_response()
        items: list[Any] = [item.model_dump(exclude_none=True) for item in answer.output]
        calls = [item for item in items if item["type"] == "function_call"]
        for item in items:
            item.pop("parsed_arguments", None)
        results = [{"type": "function_call_output", "call_id": call["call_id"], "output": "42"} for call in calls]
        last = self.client.responses.create(input=first + items + results, **fields)
        return {
            "types": [item["type"] for item in items],
            "calls": [(call["name"], call["arguments"]) for call in calls],
            "then": last.output_text,
        }

    def responses_structured(self) -> Any:
        answer: Any = self.client.responses.parse(model=self.told.model, input="Ada Lovelace", text_format=Person)
        return answer.output_parsed.model_dump()

    # --- errors ------------------------------------------------------------------------------------------------------

    def bad_key(self) -> Any:
        stranger = openai.OpenAI(base_url=self.told.url, api_key="sk-test-not-a-key-at-all", max_retries=0)
        return {"ids": [model.id for model in stranger.models.list()]}

    def no_model(self) -> Any:
        return self.chat(model="nobody")

    def tools_while_thinking(self) -> Any:
        return self.chat(model=self.told.thinker, tools=TOOLS, reasoning_effort="high")

    def old_limit(self) -> Any:
        return self.chat(model=self.told.thinker, max_tokens=5)

    def unknown_field(self) -> Any:
        return self.chat(extra_body={"flavour": "sweet"})

    def limited_rate(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "429-retry-after-7"})

    def no_credit(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "no-credit"})

    def gateway_page(self) -> Any:
        return self.chat(extra_headers={stage.FAULT: "html-502"})


def main() -> None:
    """Play."""
    told = stage.options(model="gpt-4.1-mini", thinker="gpt-5.4", embedder="text-embedding-3-small", provider="openai")
    plays = Plays(told)
    for name in [name for name in vars(Plays) if not name.startswith("_")]:
        told.play(name, getattr(plays, name), *ERRORS)
    told.end()


if __name__ == "__main__":
    main()
