"""A fake Genspark: three dialects below one host, one key, and notices where others send errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from batuta.testing.providers.anthropic import Anthropic
from batuta.testing.providers.chat import ChatVendor, Json
from batuta.testing.providers.gemini import Google
from batuta.testing.providers.refusals import Refused, Sign, Why
from batuta.testing.providers.talk import Answer
from batuta.testing.providers.vendor import ApiModel, Exchange, Route, Told, any_key
from batuta.testing.providers.wire import Reply

CREDIT = (
    "You have used all your credits. Please visit https://www.genspark.ai/pricing to upgrade your plan or buy more."
)
BAN = "Your account is not permitted to use this service. Please contact support."


class _AnthropicSide(Anthropic):
    root = "/genspark/api/anthropic"


class _GeminiSide(Google):
    bases = ("/genspark/api/llm_proxy/gemini/v1beta",)
    roots = ()


class Genspark(ChatVendor):
    """Genspark's proxy, as third parties have seen it."""

    id = "genspark"
    roots = ("/genspark/api/llm_proxy/v1",)
    models = (ApiModel("gpt-5.4"), ApiModel("claude-sonnet-4-6"), ApiModel("kimi-k2", can_sample=False))
    signs: ClassVar[Mapping[Why, Sign]] = {
        Why.NO_MODEL: Sign(400, "Model {model} is not supported. Allowed models: gpt-5.4, claude-sonnet-4-6, kimi-k2"),
        Why.UNKNOWN: Sign(422, "Validation error"),
        Why.PARAM: Sign(400, "{param} is not supported with this model", "invalid_request_error"),
    }

    def __init__(self, models: Sequence[ApiModel] | None = None) -> None:
        super().__init__(models)
        self._sides = (_AnthropicSide(), _GeminiSide())

    def routes(self) -> Sequence[Route]:
        sides = [route for side in self._sides for route in side.routes()]
        return (*super().routes(), Route("GET", "/genspark/api/tool_cli/me", self.me), *sides)

    def key_in(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        del query
        return any_key(headers)

    def me(self, exchange: Exchange) -> Reply:
        """Tell whose key it is and what is left."""
        left = 0 if exchange.is_broke else 1234
        data = {"email": "someone@example.org", "plan": "plus", "credit_balance": left}
        return Reply({"status": "ok", "data": data})

    def permit(self, body: Mapping[str, Any], model: ApiModel) -> None:
        if body.get("temperature") is not None and model.id.startswith(("gpt-5", "kimi")):
            raise Refused(Why.PARAM, param="temperature")
        thinking = body.get("thinking")
        if isinstance(thinking, Mapping) and thinking.get("type") not in {"enabled", "disabled"}:
            raise Refused(Why.UNKNOWN, param="thinking")
        super().permit(body, model)

    def error(self, told: Told) -> Any:
        if told.status == 422:
            return {"status": -2, "message": told.message, "errors": [{"loc": [told.param], "msg": "not valid"}]}
        return super().error(told)


def notice(kind: str, exchange: Exchange) -> Reply:
    """Return an answer of status 200 that is a notice: no stream, even where one was asked for.

    Raises:
        Refused: there is no such notice.
    """
    if kind not in {"credit", "ban"}:
        raise Refused(Why.BAD, f"no notice is called {kind!r}: `credit` or `ban`")
    text = CREDIT if kind == "credit" else BAN
    message: Json = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    vendor = Genspark()
    head = {"id": f"chatcmpl-{exchange.number:08x}", "object": "chat.completion", "created": exchange.created}
    usage = vendor.usage(Answer(pieces=tuple(text.split())))
    return Reply({**head, "model": exchange.body.get("model", ""), "choices": [choice], "usage": usage})
