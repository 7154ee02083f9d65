"""Reads requests of Anthropic's messages, as strictly as Anthropic reads them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from batuta.testing.providers.chat_request import Conversation
from batuta.testing.providers.refusals import Refused, Why
from batuta.testing.providers.talk import Asked, Tool, words_in
from batuta.testing.providers.vendor import ApiModel, names

OLD, NEW = "2023-06-01", "2026-10-21"
FIELDS = names(
    "model max_tokens messages system stop_sequences stream tools tool_choice thinking output_config metadata "
    "service_tier cache_control container inference_geo context_management mcp_servers speed temperature top_p "
    "top_k"
)
SAMPLING = ("temperature", "top_p", "top_k")
IN_USER = frozenset({"text", "image", "document", "tool_result", "search_result"})
IN_ASSISTANT = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "document"})
LEAST_BUDGET = 1024


def invalid(message: str) -> Refused:
    """Return a refusal of a request that is not valid."""
    return Refused(Why.BAD, message)


def signature(thinking: str, model: str) -> str:
    """Return the signature of thoughts: whoever sends them back must send exactly these, to the model they are of."""
    return base64.b64encode(hashlib.sha256(f"{model}:{thinking}".encode()).digest()).decode()


def permit(body: Mapping[str, Any], model: ApiModel, version: str) -> None:
    """Refuse what this version or model does not take.

    Raises:
        Refused: it does not.
    """
    for name in sorted(set(body) - FIELDS):
        raise invalid(f"{name}: Extra inputs are not permitted")
    limit = body.get("max_tokens")
    if not isinstance(limit, int):
        raise invalid("max_tokens: Field required")
    if not 0 < limit <= model.most:
        raise invalid(
            f"max_tokens: {limit} > {model.most}, which is the maximum allowed number of output tokens for {model.id}"
        )
    _permit_sampling(body, model, version)
    _permit_thinking(body.get("thinking") or {}, model, limit)


def _permit_sampling(body: Mapping[str, Any], model: ApiModel, version: str) -> None:
    given = [name for name in SAMPLING if name in body]
    if version == NEW and given:
        raise invalid(f"{given[0]}: Extra inputs are not permitted")
    if not model.can_sample and any(body[name] not in {None, 1} for name in given):
        raise invalid(f"`{given[0]}` is deprecated for this model.")
    if body.get("temperature") is not None and body.get("top_p") is not None:
        raise invalid("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if not 0 <= (body.get("temperature") or 0) <= 1:
        raise invalid("temperature: range: 0..1")


def _permit_thinking(thinking: Mapping[str, Any], model: ApiModel, limit: int) -> None:
    kind = thinking.get("type", "disabled")
    if kind == "disabled":
        return
    if kind not in model.thinks.split():
        advice = ' Use "thinking.type.adaptive" and "output_config.effort".' if model.thinks == "adaptive" else ""
        raise invalid(f'"thinking.type.{kind}" is not supported for this model.{advice}')
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < LEAST_BUDGET:
            raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if budget >= limit:
            raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def asked(body: Mapping[str, Any], model: ApiModel, version: str) -> Asked:
    """Return the request without its dialect.

    Raises:
        Refused: it is not valid.
    """
    talk = Conversation()
    if system := body.get("system"):
        talk.system.append(system if isinstance(system, str) else "\n".join(block["text"] for block in system))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    reader = _Reader(talk, model, version)
    for place, message in enumerate(messages):
        reader.take(message, place)
    reader.close(len(messages) - 1)
    if messages[-1].get("role") == "assistant" and not model.can_sample:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    thinking = (body.get("thinking") or {}).get("type", "disabled")
    if thinking == "enabled" and talk.results:
        _begins_with_thoughts(messages)
    talk.words = words_in(messages) + sum(len(text.split()) for text in talk.system)
    form = (body.get("output_config") or {}).get("format") or {}
    return talk.asked(
        thinks=thinking != "disabled",
        schema=form.get("schema"),
        limit=body["max_tokens"],
        stops=tuple(body.get("stop_sequences") or ()),
        **_tools(body),
    )


def _begins_with_thoughts(messages: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a turn with calls that has lost its thoughts while their results are still being answered.

    Raises:
        Refused: it has.
    """
    place = max(place for place, message in enumerate(messages) if message["role"] == "assistant")
    blocks = messages[place]["content"]
    kind = blocks[0].get("type") if isinstance(blocks, list) else "text"
    if kind not in {"thinking", "redacted_thinking"}:
        raise invalid(
            f"messages.{place}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceding the "
            "lastmost set of `tool_use` and `tool_result` blocks)."
        )


class _Reader:
    def __init__(self, talk: Conversation, model: ApiModel, version: str) -> None:
        self._talk = talk
        self._model = model
        self._version = version
        self._open: list[str] = []

    def take(self, message: Mapping[str, Any], place: int) -> None:
        role, content = message.get("role"), message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if role not in {"user", "assistant", "system"}:
            raise invalid(f"messages.{place}.role: Input should be 'user' or 'assistant'")
        if not isinstance(blocks, list) or not blocks:
            raise invalid(f"messages.{place}: content must be non-empty")
        if role == "system":
            if self._model.can_sample:
                raise invalid(f"messages.{place}.role: Input should be 'user' or 'assistant'")
            self._talk.system.append("".join(str(block.get("text", "")) for block in blocks))
            return
        self._talk.turns += 1
        if role == "user":
            self._user(blocks, place)
        else:
            self.close(place - 1)
            self._assistant(blocks, place)

    def close(self, place: int) -> None:
        """Refuse calls that wait for their results.

        Raises:
            Refused: there is one.
        """
        if self._open:
            raise invalid(
                f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(self._open)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )

    def _user(self, blocks: Sequence[Any], place: int) -> None:
        texts: list[str] = []
        images = 0
        results = [block for block in blocks if block.get("type") == "tool_result"]
        if self._open and blocks[: len(results)] != results:
            raise invalid(f"messages.{place}: `tool_result` blocks must come first in the message.")
        for number, block in enumerate(blocks):
            kind, where = block.get("type"), f"messages.{place}.content.{number}"
            if kind not in IN_USER:
                raise invalid(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
            if kind == "text":
                if not block.get("text"):
                    raise invalid(f"{where}: text content blocks must be non-empty")
                if self._version == NEW and block.get("citations"):
                    raise invalid(f"{where}.citations: Extra inputs are not permitted")
                texts.append(str(block["text"]))
            elif kind == "image":
                _check_image(block.get("source") or {}, where)
                images += 1
            elif kind == "tool_result":
                self._result(block, where)
        self.close(place - 1)
        self._talk.says_user("".join(texts), images)

    def _result(self, block: Mapping[str, Any], where: str) -> None:
        call_id = str(block.get("tool_use_id"))
        if call_id not in self._open:
            raise invalid(f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}.")
        self._open.remove(call_id)
        content = block.get("content") or ""
        text = content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)
        self._talk.results.append((self._talk.names[call_id], text))

    def _assistant(self, blocks: Sequence[Any], place: int) -> None:
        for number, block in enumerate(blocks):
            kind, where = block.get("type"), f"messages.{place}.content.{number}"
            if kind not in IN_ASSISTANT or (kind == "document" and self._version == NEW):
                raise invalid(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
            if kind == "tool_use":
                if not isinstance(block.get("input"), Mapping):
                    raise invalid(f"{where}.tool_use.input: Input should be a valid dictionary")
                self._open.append(str(block.get("id")))
                self._talk.names[str(block.get("id"))] = str(block.get("name"))
            if kind == "thinking":
                given = str(block.get("thinking"))
                if block.get("signature") != signature(given, self._model.id):
                    raise invalid(f"{where}: Invalid `signature` in `thinking` block")


def _check_image(source: Mapping[str, Any], where: str) -> None:
    kind = source.get("type")
    if kind == "base64":
        if source.get("media_type") not in {f"image/{name}" for name in ("jpeg", "png", "gif", "webp")}:
            raise invalid(f"{where}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', ...")
        if not source.get("data"):
            raise invalid(f"{where}.image.source.base64.data: Field required")
    elif not (kind == "url" and source.get("url")) and kind != "file":
        raise invalid(f"{where}.image.source: Input tag '{kind}' does not match any of the expected tags")


def _tools(body: Mapping[str, Any]) -> dict[str, Any]:
    tools = []
    for place, tool in enumerate(body.get("tools") or ()):
        if not isinstance(tool.get("input_schema"), Mapping) or tool["input_schema"].get("type") != "object":
            raise invalid(f"tools.{place}.custom.input_schema.type: Field required")
        tools.append(Tool(str(tool.get("name")), tool["input_schema"]))
    choice = body.get("tool_choice") or {"type": "auto"}
    kind = choice.get("type")
    if kind not in {"auto", "any", "tool", "none"}:
        raise invalid(f"tool_choice: Input tag '{kind}' does not match any of the expected tags")
    if kind in {"any", "tool"} and (body.get("thinking") or {}).get("type") in {"enabled", "adaptive"}:
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    only = str(choice.get("name", "")) if kind == "tool" else ""
    if only and only not in {tool.name for tool in tools}:
        raise invalid(f"tool_choice: Tool '{only}' not found in provided tools")
    return {
        "tools": () if kind == "none" else tuple(tools),
        "must_call": kind in {"any", "tool"},
        "only": only,
        "is_parallel": choice.get("disable_parallel_tool_use") is not True,
    }
