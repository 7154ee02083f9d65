"""Google's SDK as a client: models, chat, streams, thoughts and their signatures, functions, embeddings, errors."""

from __future__ import annotations

from typing import Any

from google import genai  # type: ignore[import-not-found,unused-ignore]
from google.genai import errors, types  # type: ignore[import-not-found,unused-ignore]

from tests.clients import stage

ERRORS = (errors.APIError, ValueError)
DECLARED: list[Any] = [
    {"name": "weather", "description": "of a city", "parameters_json_schema": dict(stage.WEATHER)},
    {"name": "clock", "description": "now", "parameters_json_schema": dict(stage.CLOCK)},
]


class Plays:
    """The plays of one client."""

    def __init__(self, told: stage.Stage) -> None:
        self.told = told
        self.client = self._client(told.key)

    def _client(self, key: str, headers: dict[str, str] | None = None) -> Any:
        options = types.HttpOptions(base_url=self.told.url, timeout=int(stage.TIMEOUT_S * 1000), headers=headers or {})
        return genai.Client(api_key=key, http_options=options)

    def models(self) -> Any:
        return {"ids": [model.name for model in self.client.models.list(config={"page_size": 2})]}

    def chat(self, text: Any = "alpha beta gamma", model: str = "", client: Any = None, **config: Any) -> Any:
        answer = (client or self.client).models.generate_content(
            model=model or self.told.model, contents=text, config={"system_instruction": "Be brief.", **config}
        )
        counts = answer.usage_metadata
        usage = {"in": counts.prompt_token_count, "out": counts.candidates_token_count, "all": counts.total_token_count}
        finish = answer.candidates[0].finish_reason.value if answer.candidates else None
        return {"text": answer.text if answer.candidates else None, "finish": finish, "usage": usage}

    def limited(self) -> Any:
        return self.chat(max_output_tokens=2)

    def stopped(self) -> Any:
        return self.chat(stop_sequences=["beta"])

    def image(self) -> Any:
        return self.chat([types.Part.from_bytes(data=b"not really", mime_type="image/png"), "say images"])

    def stream(self, fault: str = "", **config: Any) -> Any:
        client = self._client(self.told.key, {stage.FAULT: fault}) if fault else self.client
        texts, finish, thoughts = [], None, ""
        for chunk in client.models.generate_content_stream(
            model=self.told.model, contents="say Olá, 世界! 🎈 ok", config=config or None
        ):
            for part in chunk.candidates[0].content.parts or []:
                if part.thought:
                    thoughts += part.text
                else:
                    texts.append(part.text or "")
            finish = chunk.candidates[0].finish_reason or finish
        return {"text": "".join(texts), "thoughts": thoughts, "finish": finish.value if finish else None}

    def thoughts(self) -> Any:
        return self.stream(thinking_config={"include_thoughts": True})

    def framings(self) -> Any:
        """Read the same answer however it is written."""
        forms = ("lf", "split-1", "split-7", "joined", "pad-9", "gzip")
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
        """Call two functions, and send the model's turn back as it came, with the results."""
        config = {"tools": [{"function_declarations": DECLARED}], "automatic_function_calling": {"disable": True}}
        first = types.Content(role="user", parts=[types.Part(text="both for Recife please")])
        answer = self.client.models.generate_content(model=self.told.thinker, contents=[first], config=config)
        turn = answer.candidates[0].content
        calls = answer.function_calls
        back = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "42"}))
            for call in calls
        ]
        results = types.Content(role="user", parts=back)
        last = self.client.models.generate_content(
            model=self.told.thinker, contents=[first, turn, results], config=config
        )
        return {
            "calls": [(call.name, call.args) for call in calls],
            "signed": [bool(part.thought_signature) for part in turn.parts if part.function_call],
            "finish": answer.candidates[0].finish_reason.value,
            "then": last.text,
        }

    def tools_unsigned(self) -> Any:
        """Send a call back without its signature."""
        turns = [
            types.Content(role="user", parts=[types.Part(text="go")]),
            types.Content(role="model", parts=[types.Part.from_function_call(name="clock", args={"zone": "UTC"})]),
            types.Content(
                role="user", parts=[types.Part.from_function_response(name="clock", response={"result": "42"})]
            ),
        ]
        return self.chat(turns, model=self.told.thinker)

    def tools_stream(self) -> Any:
        config = {"tools": [{"function_declarations": DECLARED}], "automatic_function_calling": {"disable": True}}
        config |= {"tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["clock"]}}}
        calls: list[Any] = []
        for chunk in self.client.models.generate_content_stream(
            model=self.told.thinker, contents="say something", config=config
        ):
            calls += [(call.name, call.args) for call in chunk.function_calls or []]
        return {"calls": calls}

    def structured(self) -> Any:
        return self.chat("Ada Lovelace", response_mime_type="application/json", response_json_schema=dict(stage.PERSON))

    def count(self) -> Any:
        counted = self.client.models.count_tokens(model=self.told.model, contents="alpha beta gamma")
        return {"tokens": counted.total_tokens}

    def embeddings(self) -> Any:
        made = self.client.models.embed_content(model=self.told.embedder, contents=["one two", "three"])
        return {"sizes": [len(vector.values) for vector in made.embeddings]}

    # --- errors ------------------------------------------------------------------------------------------------------

    def bad_key(self) -> Any:
        return self.chat(client=self._client("sk-test-not-a-key-at-all"))

    def no_model(self) -> Any:
        return self.chat(model="nobody")

    def daily(self) -> Any:
        return self.chat(client=self._client(self.told.key, {stage.FAULT: "daily"}))

    def limited_rate(self) -> Any:
        return self.chat(client=self._client(self.told.key, {stage.FAULT: "429-retry-info-9"}))

    def overloaded(self) -> Any:
        return self.chat(client=self._client(self.told.key, {stage.FAULT: "overloaded"}))

    def blocked(self) -> Any:
        return self.chat(client=self._client(self.told.key, {stage.FAULT: "finish-BLOCKED"}))


def main() -> None:
    """Play."""
    told = stage.options(
        model="gemini-2.5-flash",
        thinker="gemini-3-pro-preview",
        embedder="gemini-embedding-001",
        provider="google",
    )
    plays = Plays(told)
    for name in [name for name in vars(Plays) if not name.startswith("_")]:
        told.play(name, getattr(plays, name), *ERRORS)
    told.end()


if __name__ == "__main__":
    main()
