"""Fakes of the OpenAI family: AI21, Hugging Face's router, DeepSeek, Groq, xAI, OpenRouter, Together.

Only what each does differently is here; the rest is a ChatVendor's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from batuta.testing.providers.chat import ENDS, ChatVendor, Json
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer, End
from batuta.testing.providers.vendor import CREATED, ApiModel, Exchange, Route, Told, masked, names
from batuta.testing.providers.wire import Event, Form, Part, Reply, Stream

PRICE = {"input": 0.15, "output": 0.6}


class AI21(ChatVendor):
    """AI21: answers without object, created and model; no pieces of calls in streams; few fields are taken."""

    id = "ai21"
    roots = ("/ai21/studio/v1",)
    usage_in = "last"
    models_open = True
    models = (ApiModel("jamba-large", context=256_000), ApiModel("jamba-mini", context=256_000))
    fields: ClassVar[frozenset[str]] = names(
        "model messages max_tokens temperature top_p stop n stream tools response_format documents"
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(401, "Forbidden: Bad or missing Authorization header."),
        Why.BAD_KEY: Sign(401, "Forbidden: Bad or missing API token."),
        Why.NO_CREDIT: Sign(403, "You have used all your credit."),
        Why.PARAM: Sign(422, "Extra inputs are not permitted: {param}"),
        Why.UNKNOWN: Sign(422, "Extra inputs are not permitted: {param}"),
    }

    def list_models(self, exchange: Exchange) -> Reply:
        # Without a key the list is empty and the status is 200 all the same: it proves no key.
        return super().list_models(exchange) if exchange.key else Reply({"object": "list", "data": []})

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        for name in sorted(set(body) - self.fields):
            raise Refused(Why.UNKNOWN, param=name)
        if (body.get("response_format") or {}).get("type") == "json_schema":
            raise Refused(Why.PARAM, param="response_format")
        super().permit(body, model)

    def head(self, exchange: Exchange, kind: str) -> Json:
        return {"id": super().head(exchange, kind)["id"]}

    def error(self, told: Told) -> Any:
        return {"detail": told.message}

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        yield Part.OTHER, {"role": "assistant", "content": ""}
        for piece in answer.pieces:
            yield Part.PIECE, {"content": piece}
        if answer.calls:
            calls = [self.call(exchange, call, place) for place, call in enumerate(answer.calls)]
            yield Part.PIECE, {"tool_calls": calls}


class HuggingFace(ChatVendor):
    """Hugging Face's router: a public list with the providers of each model, whose habits then show."""

    id = "huggingface"
    roots = ("/huggingface/v1",)
    models_open = True
    thoughts_in = "reasoning"
    owner = "openai"
    models = (
        ApiModel("openai/gpt-oss-120b", "always"),
        ApiModel("meta-llama/Llama-3.3-70B-Instruct"),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(401, "Invalid username or password."),
        Why.BAD_KEY: Sign(401, "Invalid username or password."),
        Why.NO_CREDIT: Sign(402, "You have exceeded your monthly included credits for Inference Providers."),
        Why.NO_MODEL: Sign(
            400, "The requested model '{model}' does not exist", "invalid_request_error", "model_not_found"
        ),
    }
    policies: ClassVar[frozenset[str]] = frozenset({"fastest", "cheapest", "preferred", "groq", "together", "cerebras"})

    def routes(self) -> Sequence[Route]:
        return (*super().routes(), Route("GET", "/huggingface/api/whoami-v2", self.whoami))

    def whoami(self, exchange: Exchange) -> Reply:
        """Tell whose key it is: the only path that proves one."""
        self.check(exchange)
        auth = {"type": "access_token", "accessToken": {"displayName": "fake", "role": "fineGrained"}}
        return Reply({"type": "user", "id": "0123456789abcdef", "name": "someone", "auth": auth})

    def model(self, name: Any) -> ApiModel:
        plain, _, policy = str(name or "").partition(":")
        return super().model(plain if policy in self.policies else name)

    def row(self, model: ApiModel) -> Json:
        costly = {
            "provider": "groq",
            "status": "live",
            "context_length": model.context,
            "pricing": PRICE,
            "supports_tools": True,
            "supports_structured_output": True,
            "first_token_latency_ms": 120,
            "throughput": 900,
            "is_model_author": False,
        }
        bare = {"provider": "together", "status": "live", "is_model_author": False}
        return super().row(model) | {"owned_by": model.id.split("/")[0], "providers": [costly, bare]}

    def chat(self, exchange: Exchange) -> Reply | Stream:
        # What a provider behind the router sends comes through, even a `retry-after` with a good answer.
        return replace(super().chat(exchange), headers={"x-inference-provider": "groq", "retry-after": "0"})

    def error(self, told: Told) -> Any:
        if told.why in {Why.NO_KEY, Why.BAD_KEY, Why.NO_CREDIT, Why.OVERLOADED}:
            return {"error": told.message}
        return super().error(told)

    def call(self, exchange: Exchange, call: Any, place: int) -> Json:
        return {"index": place, **super().call(exchange, call, place)}

    def completion(self, exchange: Exchange, answer: Answer) -> Json:
        whole = super().completion(exchange, answer)
        whole["choices"][0] |= {"seed": None, "text": None}
        return {**whole, "prompt": []}


class DeepSeek(ChatVendor):
    """DeepSeek: thoughts in reasoning_content, a balance, comments that keep a connection alive."""

    id = "deepseek"
    roots = ("/deepseek", "/deepseek/v1")
    usage_in = "last"
    thoughts_in = "reasoning_content"
    form = Form(pause=b": keep-alive\n\n")
    models = (ApiModel("deepseek-chat"), ApiModel("deepseek-reasoner", "always"))
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(
            401, "Authentication Fails (auth header format should be Bearer sk-...)", "authentication_error"
        ),
        Why.BAD_KEY: Sign(
            401,
            "Authentication Fails, Your api key: ****{key} is invalid",
            "authentication_error",
            "invalid_request_error",
        ),
        Why.NO_CREDIT: Sign(402, "Insufficient Balance", "unknown_error", "invalid_request_error"),
        Why.NO_MODEL: Sign(400, "Model Not Exist", "invalid_request_error", "invalid_request_error"),
    }

    def family(self, root: str) -> Sequence[Route]:
        return (Route("GET", f"{root}/user/balance", self.balance), *super().family(root))

    def balance(self, exchange: Exchange) -> Reply:
        """Tell what is left."""
        total = "0.00" if exchange.is_broke else "4.20"
        info = {"currency": "USD", "total_balance": total, "granted_balance": "0.00", "topped_up_balance": total}
        return Reply({"is_available": not exchange.is_broke, "balance_infos": [info]})

    def refusal(self, refused: Refused, exchange: Exchange) -> Reply:
        reply = super().refusal(refused, exchange)
        if refused.why is Why.BAD_KEY:
            error = reply.body["error"]
            error["message"] = error["message"].replace(masked(exchange.key or ""), (exchange.key or "")[-4:])
        return reply

    def usage(self, answer: Answer) -> Json:
        missed = answer.tokens_in - answer.cached
        return super().usage(answer) | {
            "prompt_cache_hit_tokens": answer.cached,
            "prompt_cache_miss_tokens": missed,
        }


class Groq(ChatVendor):
    """Groq: thoughts in reasoning, x_groq around its streams, an event named `error` in the middle."""

    id = "groq"
    roots = ("/groq/openai/v1",)
    thoughts_in = "reasoning"
    owner = "Groq"
    models = (
        ApiModel("openai/gpt-oss-20b", "always", context=131_072, row={"active": True, "context_window": 131_072}),
        ApiModel("llama-3.3-70b-versatile", row={"active": True, "context_window": 131_072}),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.BAD_KEY: Sign(401, "Invalid API Key", "invalid_request_error", "invalid_api_key"),
        Why.NO_KEY: Sign(401, "Invalid API Key", "invalid_request_error", "invalid_api_key"),
        Why.RATE: Sign(429, "Rate limit reached for model `{model}`.", "tokens", "rate_limit_exceeded"),
        Why.DAILY: Sign(429, "Rate limit reached on tokens per day (TPD).", "tokens", "rate_limit_exceeded"),
        Why.OVERLOADED: Sign(498, "Flex tier capacity exceeded.", "internal_server_error", "capacity_exceeded"),
        Why.UNKNOWN: Sign(400, "property '{param}' is unsupported", "invalid_request_error"),
        Why.PARAM: Sign(400, "property '{param}' is not supported with this model", "invalid_request_error"),
    }

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        limits = {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-remaining-requests": "14399",
            "x-ratelimit-reset-requests": "2m59.56s",
        }
        return {**super().headers(exchange), **limits}

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        for name in ("logprobs", "logit_bias", "top_logprobs"):
            if body.get(name):
                raise Refused(Why.PARAM, param=name)
        super().permit(body, model)

    def chat(self, exchange: Exchange) -> Reply | Stream:
        # Where the model writes arguments that are no JSON, Groq has no answer at all.
        if exchange.play.arguments == "broken":
            failed = {
                "message": "Failed to call a function. See 'failed_generation' for more details.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": '<function=f>{"a": </function>',
            }
            return Reply({"error": failed}, 400)
        return super().chat(exchange)

    def events(self, exchange: Exchange, answer: Answer) -> Iterator[Event]:
        around = {"id": f"req_{exchange.number:08x}"}
        for place, event in enumerate(super().events(exchange, answer)):
            if place == 0:
                yield Event(event.data | {"x_groq": around}, event.name, event.part)
            elif event.part is Part.END and exchange.play.usage:
                said = {name: value for name, value in self.usage(answer).items() if not name.endswith("details")}
                yield Event(event.data | {"x_groq": around | {"usage": said}}, event.name, event.part)
            else:
                yield event

    def broken(self, exchange: Exchange) -> tuple[Event, ...]:
        del exchange
        error = {"message": "The server failed in the middle.", "type": "internal_server_error", "status_code": 500}
        return (Event({"error": error}, "error"),)


class XAI(ChatVendor):
    """xAI: flat errors, 400 for a wrong key, a path that tells of the key."""

    id = "xai"
    roots = ("/xai/v1",)
    thoughts_in = "reasoning_content"
    models = (
        ApiModel("grok-4", "always", context=256_000),
        ApiModel("grok-4-fast-non-reasoning", context=2_000_000),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(401, "No API key was given.", code="unauthenticated:no-credentials"),
        Why.BAD_KEY: Sign(
            400,
            "Incorrect API key provided: {key}. You can obtain an API key from https://console.x.ai.",
            code="Client specified an invalid argument",
        ),
        Why.FORBIDDEN: Sign(403, "The key may not do this.", code="The caller does not have permission"),
        Why.NO_CREDIT: Sign(403, "Your team has used all its credits.", code="permission-denied"),
        Why.RATE: Sign(429, "Too many requests.", code="Some resource has been exhausted"),
        Why.NO_MODEL: Sign(404, "The model {model} does not exist.", code="Some requested entity was not found"),
        Why.PARAM: Sign(
            400, "Argument not supported on this model: {param}", code="Client specified an invalid argument"
        ),
        Why.BAD: Sign(400, "The request is not valid.", code="Client specified an invalid argument"),
    }

    def family(self, root: str) -> Sequence[Route]:
        more = (Route("GET", f"{root}/api-key", self.api_key), Route("GET", f"{root}/language-models", self.detailed))
        return (*more, *super().family(root))

    def api_key(self, exchange: Exchange) -> Reply:
        """Tell of the key."""
        self.check(exchange)
        switched_off = dict.fromkeys(("team_blocked", "api_key_blocked", "api_key_disabled"), False)
        return Reply(
            {
                "redacted_api_key": masked(exchange.key or ""),
                "name": "fake",
                "user_id": "u",
                "team_id": "t",
                "acls": ["api-key:model:*", "api-key:endpoint:*"],
                **switched_off,
            }
        )

    def detailed(self, exchange: Exchange) -> Reply:
        """List the models with what they take and cost."""
        del exchange
        told = {
            "input_modalities": ["text", "image"],
            "output_modalities": ["text"],
            "prompt_text_token_price": 30000,
            "completion_text_token_price": 150000,
        }
        return Reply({"models": [self.row(model) | told for model in self.shelf]})

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        refused = ("presence_penalty", "frequency_penalty", "stop") if model.thinks == "always" else ()
        for name in (*refused, *(() if model.efforts else ("reasoning_effort",))):
            if body.get(name) is not None:
                raise Refused(Why.PARAM, param=name)
        super().permit(body, model)

    def error(self, told: Told) -> Any:
        return {"code": told.code or "error", "error": told.message}


class OpenRouter(ChatVendor):
    """OpenRouter: comments before the first event, reasoning_details, errors with numbers."""

    id = "openrouter"
    roots = ("/openrouter/api/v1",)
    models_open = True
    usage_in = "always"
    thoughts_in = "reasoning"
    form = Form(opening=b": OPENROUTER PROCESSING\n\n")
    models = (
        ApiModel("anthropic/claude-sonnet-4.6", "asked", row={"name": "Anthropic: Claude Sonnet 4.6"}),
        ApiModel("meta-llama/llama-3.3-70b-instruct:free", row={"name": "Meta: Llama 3.3 70B Instruct (free)"}),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_KEY: Sign(401, "No auth credentials found"),
        Why.BAD_KEY: Sign(401, "User not found."),
        Why.NO_CREDIT: Sign(402, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
        Why.SPENT: Sign(402, "This key has reached its limit."),
        Why.FORBIDDEN: Sign(403, "This key may not use this model."),
        Why.CONTENT: Sign(403, "The request was refused by a guardrail."),
        Why.RATE: Sign(429, "Rate limit exceeded"),
        Why.DAILY: Sign(429, "Rate limit exceeded: free-models-per-day"),
        Why.OVERLOADED: Sign(503, "No instances available"),
        Why.NO_MODEL: Sign(400, "{model} is not a valid model ID"),
        Why.BROKEN: Sign(502, "Provider returned error"),
    }

    def family(self, root: str) -> Sequence[Route]:
        return (Route("GET", f"{root}/key", self.key), *super().family(root))

    def key(self, exchange: Exchange) -> Reply:
        """Tell of the key: what was used of it and what is left."""
        left = 0 if exchange.is_broke else 7.5
        label = masked(exchange.key or "")
        spans = dict.fromkeys(("usage_daily", "usage_weekly", "usage_monthly"), 0)
        own = dict.fromkeys(("byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"), 0)
        told = {
            "label": label,
            "usage": 10 - left,
            "limit": 10,
            "limit_remaining": left,
            "limit_reset": None,
            "is_free_tier": False,
            "is_management_key": False,
            "is_provisioning_key": False,
            "include_byok_in_limit": False,
            "creator_user_id": None,
            "expires_at": None,
            "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
        }
        return Reply({"data": told | spans | own})

    def row(self, model: ApiModel) -> Json:
        modalities = {"input_modalities": ["text", "image"], "output_modalities": ["text"], "modality": "text->text"}
        return {
            "id": model.id,
            "canonical_slug": model.id.split(":")[0],
            "name": model.id,
            "created": CREATED,
            "description": "",
            "context_length": model.context,
            "architecture": modalities | {"tokenizer": "Other", "instruct_type": None},
            "pricing": {"prompt": "0.000003", "completion": "0.000015"},
            "top_provider": {
                "context_length": model.context,
                "max_completion_tokens": model.most,
                "is_moderated": False,
            },
            "per_request_limits": None,
            "supported_parameters": ["max_tokens", "temperature", "tools", "tool_choice", "response_format"],
            "default_parameters": None,
            "supported_voices": None,
            "links": {"details": f"/api/v1/models/{model.id}/endpoints"},
            **model.row,
        }

    def list_models(self, exchange: Exchange) -> Reply:
        """List a page of the models: `limit`, `offset`."""
        first, size = int(exchange.query.get("offset", 0)), int(exchange.query.get("limit", 500))
        rows = [self.row(model) for model in self.shelf[first : first + size]]
        last = first + size >= len(self.shelf)
        following = None if last else f"/api/v1/models?offset={first + size}&limit={size}"
        return Reply({"data": rows, "total_count": len(self.shelf), "links": {"next": following}})

    def thinks(self, body: Mapping[str, Any], model: ApiModel) -> bool:
        wanted = body.get("reasoning")
        effort = wanted.get("effort", "none") if isinstance(wanted, Mapping) else "none"
        is_on = isinstance(wanted, Mapping) and (wanted.get("enabled") is True or "max_tokens" in wanted)
        return super().thinks(body, model) or (model.thinks == "asked" and (is_on or effort != "none"))

    def head(self, exchange: Exchange, kind: str) -> Json:
        head = super().head(exchange, kind)
        return {**head, "id": f"gen-{exchange.number:08x}", "provider": "Fake", "system_fingerprint": "fp_fake"}

    def chunk(self, head: Json, choice: Json) -> Json:
        return super().chunk(head, choice | {"native_finish_reason": choice["finish_reason"]})

    def message(self, exchange: Exchange, answer: Answer) -> Json:
        message = super().message(exchange, answer)
        if answer.thoughts:
            message["reasoning_details"] = [self._detail(answer.thinking)]
        return message

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        for part, delta in super().deltas(exchange, answer):
            if self.thoughts_in in delta:
                yield part, {"content": "", **delta, "reasoning_details": [self._detail(delta[self.thoughts_in])]}
            else:
                yield part, delta

    def _detail(self, text: str) -> Json:
        return {"type": "reasoning.text", "text": text, "signature": None, "format": "anthropic-claude-v1", "index": 0}

    def error(self, told: Told) -> Any:
        error: Json = {"code": told.status, "message": told.message}
        if told.why in {Why.BROKEN, Why.OVERLOADED, Why.RATE}:
            error["metadata"] = {"provider_name": "Fake", "raw": told.message}
        return {"error": error, "user_id": "user_fake"}

    def broken(self, exchange: Exchange) -> tuple[Event, ...]:
        error = {"code": 502, "message": "Provider disconnected unexpectedly"}
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
        head = self.head(exchange, "chat.completion.chunk")
        return (Event({**head, "error": error, "choices": [choice]}), Event(b"[DONE]", part=Part.DONE))


class Together(ChatVendor):
    """Together: its list of models is a bare array; an answer that is complete ends in `eos`."""

    id = "together"
    roots = ("/together/v1",)
    usage_in = "last"
    ends = {**ENDS, End.STOP: "eos"}  # noqa: RUF012  # the base declares it as a class variable that is only read
    models = (
        ApiModel("meta-llama/Llama-3.3-70B-Instruct-Turbo", row={"type": "chat"}),
        ApiModel("intfloat/multilingual-e5-large-instruct", is_embedding=True, row={"type": "embedding"}),
    )
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.BAD_KEY: Sign(401, "Invalid API key provided.", "invalid_request_error", "invalid_api_key"),
        Why.NO_CREDIT: Sign(402, "Credit limit exceeded, please navigate to billing.", "credit_limit", "credit_limit"),
        Why.CONTEXT: Sign(403, "Input token count is too long for this model.", "invalid_request_error"),
        Why.OVERLOADED: Sign(503, "The engine is overloaded.", "service_unavailable", "engine_overloaded"),
    }

    def row(self, model: ApiModel) -> Json:
        more = {
            "display_name": model.id,
            "organization": model.id.split("/")[0],
            "context_length": model.context,
            "pricing": {"hourly": 0, "input": 0.88, "output": 0.88, "base": 0, "finetune": 0},
        }
        line = super().row(model)
        del line["owned_by"]
        return line | more

    def list_models(self, exchange: Exchange) -> Reply:
        del exchange
        return Reply([self.row(model) for model in self.shelf])

    def call(self, exchange: Exchange, call: Any, place: int) -> Json:
        return {"index": place, **super().call(exchange, call, place)}

    def deltas(self, exchange: Exchange, answer: Answer) -> Iterator[tuple[Part, Json]]:
        # Its description has the role in every delta, and calls whole.
        yield Part.OTHER, {"role": "assistant", "content": ""}
        for piece in answer.pieces:
            yield Part.PIECE, {"role": "assistant", "content": piece}
        for place, call in enumerate(answer.calls):
            yield Part.PIECE, {"role": "assistant", "tool_calls": [self.call(exchange, call, place)]}

    def last_delta(self, answer: Answer) -> Json:
        del answer
        return {"role": "assistant", "content": ""}

    def completion(self, exchange: Exchange, answer: Answer) -> Json:
        whole = super().completion(exchange, answer)
        choice = whole["choices"][0]
        del choice["logprobs"]
        choice |= {"seed": 1, "text": ""}
        return {**whole, "prompt": []}
