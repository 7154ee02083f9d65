"""A fake OpenAI: chat completions, responses, embeddings, models. Strict about what its models do not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from batuta.testing.providers import responses
from batuta.testing.providers.chat import ChatVendor, Json
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.vendor import ApiModel, Exchange, Route, names
from batuta.testing.providers.wire import Reply, Stream

# specs/openai.yaml, CreateChatCompletionRequest; `fast`, `moderation` and the like are newer.
FIELDS = names(
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_retention prompt_cache_options reasoning_effort response_format safety_identifier seed service_tier "
    "stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options"
)
EFFORTS = ("none", "low", "medium", "high", "xhigh")
WITHOUT_NONE = ("low", "medium", "high", "xhigh", "max")
MODELS = (
    ApiModel("gpt-4.1-mini", context=1_047_576, most=32_768),
    # What it thinks by default, and which tools it takes with that, differs by generation.
    ApiModel("gpt-5.4", "asked", "none", EFFORTS, can_call_thinking=False, context=400_000, most=128_000),
    ApiModel("gpt-5.6-terra", "asked", "medium", EFFORTS, can_call_thinking=False, context=400_000, most=128_000),
    ApiModel("gpt-6-astra", "asked", "medium", WITHOUT_NONE, can_call_thinking=False, context=1_000_000, most=128_000),
    ApiModel("gpt-6.1-sol", "asked", "medium", WITHOUT_NONE, can_call_thinking=False, context=1_000_000, most=128_000),
    ApiModel("text-embedding-3-small", is_embedding=True, context=8191),
)
SIGNS: Mapping[Why, Sign] = {
    Why.NO_KEY: Sign(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
        "invalid_request_error",
    ),
    Why.BAD_KEY: Sign(401, "Incorrect API key provided: {key}.", "invalid_request_error", "invalid_api_key"),
    Why.FORBIDDEN: Sign(
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    Why.NO_CREDIT: Sign(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    Why.SPENT: Sign(
        429, "The project has reached its spend limit.", "insufficient_quota", "project_spend_limit_exceeded"
    ),
    Why.RATE: Sign(429, "Rate limit reached for {model}.", "requests", "rate_limit_exceeded"),
    Why.DAILY: Sign(
        429, "Rate limit reached for {model} on requests per day (RPD).", "requests", "rate_limit_exceeded"
    ),
    Why.OVERLOADED: Sign(503, "The engine is currently overloaded, please try again later.", "server_error"),
    Why.NO_MODEL: Sign(
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    Why.UNKNOWN: Sign(400, "Unknown parameter: '{param}'.", "invalid_request_error", "unknown_parameter"),
    Why.CONTENT: Sign(
        400,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        "invalid_request_error",
        "invalid_prompt",
    ),
}


class OpenAI(ChatVendor):
    """OpenAI."""

    id = "openai"
    roots = ("/openai/v1",)
    models = MODELS
    signs = SIGNS
    owner = "system"
    fields: ClassVar[frozenset[str]] = FIELDS

    def family(self, root: str) -> Sequence[Route]:
        return (*super().family(root), Route("POST", f"{root}/responses", self.respond))

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        return {
            "x-request-id": f"req_{exchange.number:08x}",
            "openai-processing-ms": "1",
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "5000",
            "x-ratelimit-remaining-requests": "4999",
            "x-ratelimit-reset-requests": "6m0s",
        }

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        super().permit(body, model)
        for name in sorted(set(body) - self.fields):
            raise Refused(Why.UNKNOWN, param=name)
        if "stream_options" in body and not body.get("stream"):
            raise Refused(
                Why.BAD,
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        effort = permitted_effort(body.get("reasoning_effort"), model, "reasoning_effort")
        if model.efforts:
            if body.get("max_tokens") is not None:
                raise Refused(
                    Why.PARAM,
                    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                    "instead.",
                    param="max_tokens",
                )
            permit_sampling(body, effort)
        if body.get("tools") and effort != "none" and not model.can_call_thinking:
            raise Refused(
                Why.BAD,
                f"Function tools with reasoning_effort are not supported for {model.id} in /v1/chat/completions. To "
                "use function tools, use /v1/responses or set reasoning_effort to 'none'.",
                param="reasoning_effort",
            )

    def head(self, exchange: Exchange, kind: str) -> Json:
        more = {"service_tier": "default", "system_fingerprint": "fp_fake"}
        return super().head(exchange, kind) | more

    def chunk(self, head: Json, choice: Json) -> Json:
        # A field of random length that hides how long tokens are.
        return super().chunk(head, choice) | {"obfuscation": "x" * (7 + head["created"] % 5)}

    def respond(self, exchange: Exchange) -> Reply | Stream:
        """Answer at /responses."""
        body = exchange.body
        model = self.model(body.get("model"))
        self.check(exchange)
        reasoning = body.get("reasoning") or {}
        effort = permitted_effort(reasoning.get("effort"), model, "reasoning.effort")
        for name in sorted(set(body) - responses.FIELDS):
            raise Refused(Why.UNKNOWN, param=name)
        if model.efforts:
            permit_sampling(body, effort)
        asked = responses.asked(body, thinks=model.thinks != "no" and effort != "none")
        answer = self.answer(asked, exchange)
        writer = responses.Writer(exchange, answer, model=model.id, effort=effort if model.efforts else None)
        if exchange.is_stream and not exchange.play.whole:
            return Stream(writer.events(), writer.broken(), self.form)
        return Reply(writer.whole())


def permitted_effort(given: Any, model: ApiModel, param: str) -> str:
    """Return the effort that holds.

    Raises:
        Refused: the model takes none, or not this one.
    """
    if given is None:
        return model.effort
    if not model.efforts:
        raise Refused(Why.PARAM, param=param)
    if given not in model.efforts:
        names = ", ".join(f"'{name}'" for name in model.efforts)
        raise Refused(
            Why.BAD,
            f"Unsupported value: '{param}' does not support '{given}' with this model. Supported values are: {names}.",
            param=param,
            code="unsupported_value",
        )
    return str(given)


def permit_sampling(body: Mapping[str, Any], effort: str) -> None:
    """Refuse sampling that reasoning models do not take unless they do not reason.

    Raises:
        Refused: it is there.
    """
    if effort == "none":
        return
    for name in ("temperature", "top_p"):
        if body.get(name) not in {None, 1}:
            raise Refused(
                Why.BAD,
                f"Unsupported value: '{name}' does not support {body[name]} with this model. Only the default (1) "
                "value is supported.",
                param=name,
                code="unsupported_value",
            )
    for name in ("presence_penalty", "frequency_penalty", "logit_bias", "stop"):
        if body.get(name):
            raise Refused(Why.PARAM, param=name)
