"""Reads lists of models in the shapes that the APIs of the family give them. Pure.

Each says something else beside the id: what a model can do, how long a conversation may be, what it costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from batuta.catalog.entities import Capability
from batuta.catalog.external import External
from batuta.engines.base import ListedPrice, ReportedModel
from batuta.engines.openai_compat import own_models, reported

Row = Mapping[str, Any]

CHAT: Final = frozenset({Capability.CHAT})
EMBEDDING: Final = frozenset({Capability.EMBEDDING})
MILLION: Final = 1_000_000

_EMBEDS: Final = re.compile(r"embed", re.IGNORECASE)
_NO_WORDS: Final = re.compile(
    r"\b(whisper|tts|dall-e|sora|moderation|realtime|transcribe|transcription|rerank|guard|ocr|image|imagen|video|audio"
    r"|voxtral-.*-transcribe|flux|stable-diffusion|davinci-002|babbage-002)\b",
    re.IGNORECASE,
)
"""Names of models that neither chat nor embed, for lists that say nothing but names."""

LENGTHS: Final = ("context_length", "max_context_length", "context_window", "max_model_len", "max_prompt_length")


def rows_in(body: Any) -> list[Row] | None:
    """Return the rows of a list, whatever it is wrapped in; None when it is no list.

    OpenAI's has `data`, Cohere's and xAI's `models`, Together's is bare.
    """
    listed = body.get("data", body.get("models")) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        return None
    return [row for row in listed if isinstance(row, dict) and _address(row)]


def next_page(body: Any) -> str:
    """Return the token of the next page (Cohere's); empty: there is none."""
    token = body.get("next_page_token") if isinstance(body, dict) else None
    return token if isinstance(token, str) else ""


def models_in(rows: Iterable[Row], api: External | None) -> list[ReportedModel]:
    """Return the models that chat or embed. An API that nobody has described is read as any OpenAI-like server is."""
    if api is None:
        return [reported(row) for row in own_models([row for row in rows if isinstance(row.get("id"), str)])]
    read = (_model(row, api) for row in rows if not _is_retired(row))
    return [model for model in read if model is not None]


def assumed(api: External) -> list[ReportedModel]:
    """Return what an API without a list serves, as far as it is known."""
    return [ReportedModel(name, capabilities=api.assumes) for name in api.models]


def _address(row: Row) -> str:
    name = row.get("id") or row.get("name")
    return name if isinstance(name, str) else ""


def _is_retired(row: Row) -> bool:
    """Say whether a row is of a model that answers no more (Groq's `active`, Cohere's `is_deprecated`)."""
    return row.get("active") is False or row.get("is_deprecated") is True


def _model(row: Row, api: External) -> ReportedModel | None:
    address = _address(row)
    told = next((found for read in _ABILITIES if (found := read(row)) is not None), None)
    if told is None:
        told = EMBEDDING if _EMBEDS.search(address) else frozenset() if _NO_WORDS.search(address) else api.assumes
    if not told:
        return None
    name = row.get("display_name") or row.get("name")
    return ReportedModel(
        address,
        name=name if isinstance(name, str) and name != address else "",
        capabilities=told,
        context_length=_length(row),
        price=next((price for read in _PRICES if (price := read(row)) is not None), None),
    )


def _able(*, chats: bool, embeds: bool = False, tools: bool, sees: bool, thinks: bool = False) -> frozenset[Capability]:
    if not chats:
        return EMBEDDING if embeds else frozenset()
    more = {Capability.TOOLS: tools, Capability.VISION: sees, Capability.REASONING: thinks}
    return CHAT | {capability for capability, has in more.items() if has}


# --- what a model can do: each reads one shape, None when the row has another ----------------------------------------


def _mistral(row: Row) -> frozenset[Capability] | None:
    said = row.get("capabilities")
    if not isinstance(said, dict):
        return None
    embeds = _EMBEDS.search(_address(row)) is not None
    chats, tools, sees = (bool(said.get(name)) for name in ("completion_chat", "function_calling", "vision"))
    return _able(chats=chats, embeds=embeds, tools=tools, sees=sees, thinks=bool(said.get("reasoning")))


def _cohere(row: Row) -> frozenset[Capability] | None:
    endpoints, features = row.get("endpoints"), _names(row.get("features"))
    if not isinstance(endpoints, list):
        return None
    chats, embeds = "chat" in endpoints, "embed" in endpoints
    return _able(
        chats=chats,
        embeds=embeds,
        tools="tools" in features,
        sees="vision" in features or row.get("supports_vision") is True,
        thinks="reasoning" in features,
    )


def _openrouter(row: Row) -> frozenset[Capability] | None:
    takes = row.get("supported_parameters")
    if not isinstance(takes, list):
        return None
    built = _object(row.get("architecture"))
    goes_in, comes_out = _names(built.get("input_modalities")), _names(built.get("output_modalities"))
    chats = "text" in comes_out or not comes_out
    return _able(
        chats=chats,
        embeds="embeddings" in comes_out,
        tools="tools" in takes,
        sees="image" in goes_in,
        thinks="reasoning" in takes,
    )


def _xai(row: Row) -> frozenset[Capability] | None:
    goes_in, comes_out = row.get("input_modalities"), row.get("output_modalities")
    if not isinstance(goes_in, list) or not isinstance(comes_out, list):
        return None
    return _able(
        chats="text" in comes_out, embeds="embedding" in comes_out, tools="text" in comes_out, sees="image" in goes_in
    )


def _huggingface(row: Row) -> frozenset[Capability] | None:
    served = _objects(row.get("providers"))
    if not served:
        return None
    goes_in = _names(_object(row.get("architecture")).get("input_modalities"))
    tools = any(each.get("supports_tools") is True for each in served)
    return _able(chats=True, tools=tools, sees="image" in goes_in)


def _fireworks(row: Row) -> frozenset[Capability] | None:
    if not isinstance(chats := row.get("supports_chat"), bool):
        return None
    tools, sees = row.get("supports_tools") is True, row.get("supports_image_input") is True
    return _able(chats=chats, embeds=_EMBEDS.search(_address(row)) is not None, tools=tools, sees=sees)


def _together(row: Row) -> frozenset[Capability] | None:
    kinds = {"chat": CHAT | {Capability.TOOLS}, "embedding": EMBEDDING, "language": CHAT | {Capability.COMPLETION}}
    kind = row.get("type")
    if not isinstance(kind, str) or kind in {"base", "model"}:  # Mistral's, and who says nothing by it
        return None
    return frozenset(kinds.get(kind, ()))


_ABILITIES: Final[Sequence[Callable[[Row], frozenset[Capability] | None]]] = (
    _mistral,
    _cohere,
    _openrouter,
    _xai,
    _huggingface,
    _fireworks,
    _together,
)


def _length(row: Row) -> int:
    """Return tokens of context; of several who serve a model, the most that any of them takes."""
    lengths = [row.get(name) for name in LENGTHS]
    lengths += [each.get("context_length") for each in _objects(row.get("providers"))]
    return max((length for length in lengths if isinstance(length, int) and length > 0), default=0)


# --- what it costs: each reads one unit ------------------------------------------------------------------------------


def _by_token(row: Row) -> ListedPrice | None:
    """OpenRouter: texts, dollars for one token. Negative: it depends on whoever serves it."""
    pricing = _object(row.get("pricing"))
    cost, answer = _number(pricing.get("prompt")), _number(pricing.get("completion"))
    if cost is None or answer is None:
        return None
    cached = _number(pricing.get("input_cache_read"))
    return ListedPrice(cost * MILLION, answer * MILLION, None if cached is None else cached * MILLION)


def _by_million(row: Row) -> ListedPrice | None:
    """Together: dollars for a million tokens. Hugging Face: the same of each who serves it; the dearest counts."""
    told = [_object(row.get("pricing")), *(_object(each.get("pricing")) for each in _objects(row.get("providers")))]
    known = [(_number(each.get("input")), _number(each.get("output"))) for each in told]
    pairs = [(cost, answer) for cost, answer in known if cost is not None and answer is not None]
    return ListedPrice(*max(pairs, key=sum)) if pairs else None


def _by_cents(row: Row) -> ListedPrice | None:
    """xAI: whole numbers, US cents for a hundred million tokens."""
    names = ("prompt_text_token_price", "completion_text_token_price", "cached_prompt_text_token_price")
    cost, answer, cached = (_number(row.get(name)) for name in names)
    if cost is None or answer is None:
        return None
    return ListedPrice(cost / 10_000, answer / 10_000, None if cached is None else cached / 10_000)


_PRICES: Final = (_by_token, _by_million, _by_cents)


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < MILLION else None


def _object(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Row]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
