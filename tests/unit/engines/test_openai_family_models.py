"""Lists of models and answers about keys, in the shapes that the APIs give them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Capability
from batuta.catalog.external import TABLE, KeyCheck
from batuta.engines.base import ListedPrice, ReportedModel
from batuta.engines.openai_family.models import assumed, models_in, next_page, rows_in
from batuta.engines.openai_family.proof import verdict
from batuta.errors import KeyInvalid, OutOfCredit

BY_ID = {row.id: row for row in TABLE}
CHAT, TOOLS, VISION = Capability.CHAT, Capability.TOOLS, Capability.VISION
EMBEDDING = frozenset({Capability.EMBEDDING})


def read(preset: str, row: dict[str, Any]) -> ReportedModel | None:
    return next(iter(models_in([row], BY_ID[preset])), None)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"no": 1}, "x"]}, ["a"]),
        ({"models": [{"name": "a"}]}, ["a"]),
        ([{"id": "a"}], ["a"]),
        ({"data": []}, []),
        ({"error": "no"}, None),
        ("x", None),
        (None, None),
    ],
)
def test_lists_are_read_whatever_they_are_wrapped_in(body: Any, names: list[str] | None) -> None:
    """Rows without a name are nobody; what is no list is none."""
    rows = rows_in(body)
    assert (None if rows is None else [row.get("id") or row.get("name") for row in rows]) == names


def test_a_list_may_have_pages() -> None:
    """Cohere's."""
    assert [next_page({"next_page_token": "t"}), next_page({}), next_page([1])] == ["t", "", ""]


@pytest.mark.parametrize(
    ("preset", "row", "expected"),
    [
        ("openai", {"id": "gpt-x"}, ReportedModel("gpt-x", capabilities=frozenset({CHAT, TOOLS, VISION}))),
        ("openai", {"id": "text-embedding-3-small"}, ReportedModel("text-embedding-3-small", capabilities=EMBEDDING)),
        ("openai", {"id": "whisper-1"}, None),
        ("openai", {"id": "gpt-image-2"}, None),
        (
            "mistral",
            {
                "id": "m",
                "type": "base",
                "max_context_length": 9,
                "capabilities": {"completion_chat": True, "function_calling": True, "vision": False},
            },
            ReportedModel("m", capabilities=frozenset({CHAT, TOOLS}), context_length=9),
        ),
        ("mistral", {"id": "mistral-ocr-1", "capabilities": {"completion_chat": False, "ocr": True}}, None),
        (
            "cohere",
            {"name": "c", "endpoints": ["chat"], "features": ["tools", "vision"], "context_length": 9},
            ReportedModel("c", capabilities=frozenset({CHAT, TOOLS, VISION}), context_length=9),
        ),
        ("cohere", {"name": "e", "endpoints": ["embed"]}, ReportedModel("e", capabilities=EMBEDDING)),
        ("cohere", {"name": "r", "endpoints": ["rerank"]}, None),
        ("cohere", {"name": "old", "endpoints": ["chat"], "is_deprecated": True}, None),
        (
            "openrouter",
            {
                "id": "a/b",
                "name": "A: B",
                "context_length": 9,
                "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                "supported_parameters": ["tools", "reasoning"],
                "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"},
            },
            ReportedModel(
                "a/b",
                "A: B",
                frozenset({CHAT, TOOLS, VISION, Capability.REASONING}),
                9,
                price=ListedPrice(3.0, 15.0, 0.3),
            ),
        ),
        (
            "openrouter",
            {"id": "openrouter/auto", "supported_parameters": [], "pricing": {"prompt": "-1", "completion": "-1"}},
            ReportedModel("openrouter/auto", capabilities=frozenset({CHAT})),
        ),
        (
            "xai",
            {
                "id": "grok",
                "input_modalities": ["text", "image"],
                "output_modalities": ["text"],
                "prompt_text_token_price": 20000,
                "cached_prompt_text_token_price": 5000,
                "completion_text_token_price": 100000,
            },
            ReportedModel("grok", capabilities=frozenset({CHAT, TOOLS, VISION}), price=ListedPrice(2.0, 10.0, 0.5)),
        ),
        ("xai", {"id": "grok-image", "input_modalities": ["text"], "output_modalities": ["image"]}, None),
        (
            "huggingface",
            {
                "id": "o/m",
                "providers": [
                    {"context_length": 5, "pricing": {"input": 0.1, "output": 0.2}},
                    {"context_length": 9, "supports_tools": True, "pricing": {"input": 0.3, "output": 0.4}},
                    {"status": "live"},
                ],
            },
            ReportedModel("o/m", capabilities=frozenset({CHAT, TOOLS}), context_length=9, price=ListedPrice(0.3, 0.4)),
        ),
        (
            "together",
            {"id": "t", "type": "chat", "display_name": "T", "context_length": 9, "pricing": {"input": 1, "output": 2}},
            ReportedModel("t", "T", frozenset({CHAT, TOOLS}), 9, price=ListedPrice(1.0, 2.0)),
        ),
        ("together", {"id": "i", "type": "image"}, None),
        (
            "fireworks",
            {"id": "f", "supports_chat": True, "supports_tools": True, "supports_image_input": False},
            ReportedModel("f", capabilities=frozenset({CHAT, TOOLS})),
        ),
        (
            "groq",
            {"id": "g", "active": True, "context_window": 9},
            ReportedModel("g", capabilities=frozenset({CHAT, TOOLS}), context_length=9),
        ),
        ("groq", {"id": "g", "active": False}, None),
    ],
)
def test_a_row_is_read_as_far_as_it_says_anything(
    preset: str, row: dict[str, Any], expected: ReportedModel | None
) -> None:
    """What a model can do, how much it holds, what it costs; who neither chats nor embeds is left out."""
    found = read(preset, row)
    if found is not None and found.price is not None:
        prices = (found.price.input, found.price.output, found.price.cached)
        found = replace(found, price=ListedPrice(*(None if price is None else round(price, 6) for price in prices)))  # type: ignore[arg-type]  # only the last may be None
    assert found == expected


def test_a_server_nobody_has_described_is_read_as_any_other() -> None:
    """As an OpenAI-compatible server is, names of a Batuta's own choice left out."""
    rows: list[dict[str, Any]] = [{"id": "a", "max_model_len": 9}, {"id": "auto", "owned_by": "batuta"}]
    assert models_in(rows, None) == [ReportedModel("a", context_length=9)]


def test_who_has_no_list_is_known_by_the_table() -> None:
    """With a date on it, as everything there."""
    assert [model.address for model in assumed(BY_ID["perplexity"])][:2] == ["sonar", "sonar-pro"]


_ANY = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
_FIELDS = (
    *("capabilities", "endpoints", "features", "providers", "pricing", "type", "architecture", "context_length"),
    *("supported_parameters", "input_modalities", "output_modalities", "supports_chat", "name", "active"),
)
_ROW = st.dictionaries(
    st.sampled_from(_FIELDS),
    _ANY | st.dictionaries(st.sampled_from(["input", "output", "prompt", "completion"]), _ANY, max_size=3),
    max_size=6,
)


@given(_ROW, st.sampled_from(TABLE))
def test_no_row_is_so_odd_that_reading_it_fails(row: dict[str, Any], api: Any) -> None:
    """Lists change without notice."""
    models_in([{"id": "a", **row}], api)


@pytest.mark.parametrize(
    ("answer", "check", "expected"),
    [
        ({"valid": True}, KeyCheck(yes=("valid",)), None),
        ({"valid": False}, KeyCheck(yes=("valid",)), KeyInvalid),
        ({}, KeyCheck(yes=("valid",)), KeyInvalid),
        ({"blocked": False}, KeyCheck(no=("blocked",)), None),
        ({"blocked": True}, KeyCheck(no=("blocked",)), KeyInvalid),
        ({"data": {"left": 1.5}}, KeyCheck(credit="data.left"), None),
        ({"data": {"left": 0}}, KeyCheck(credit="data.left"), OutOfCredit),
        ({"data": {"left": -0.1}}, KeyCheck(credit="data.left"), OutOfCredit),
        ({"data": {"left": None}}, KeyCheck(credit="data.left"), None),
        ({"data": "odd"}, KeyCheck(credit="data.left"), None),
        ({"ok": False}, KeyCheck(credit="ok"), OutOfCredit),
        ({"ok": True}, KeyCheck(credit="ok"), None),
        ([1], KeyCheck(), None),
    ],
)
def test_what_an_answer_says_of_a_key(answer: Any, check: KeyCheck, expected: type[Exception] | None) -> None:
    """Good, bad, or good without money; no limit is no lack."""
    found = verdict(answer, check, where="acme")
    assert type(found) is (expected or type(None))


@pytest.mark.parametrize(
    ("api", "answer", "expected"),
    [
        ("xai", {"team_blocked": True}, KeyInvalid),
        ("xai", {"api_key_blocked": True}, KeyInvalid),
        ("xai", {"api_key_disabled": True}, KeyInvalid),
        ("xai", {"team_blocked": False, "api_key_blocked": False, "api_key_disabled": False}, None),
        ("cohere", {"valid": False}, KeyInvalid),
        ("cohere", {"valid": True}, None),
        ("deepseek", {"is_available": False}, OutOfCredit),
        ("deepseek", {"is_available": True}, None),
        ("openrouter", {"data": {"limit_remaining": 0}}, OutOfCredit),
        ("openrouter", {"data": {"limit_remaining": None}}, None),
        ("genspark", {"status": "ok", "data": {"credit_balance": 0}}, OutOfCredit),
        ("genspark", {"status": "ok", "data": {"credit_balance": 3.5}}, None),
    ],
)
def test_each_api_s_proof_is_read(api: str, answer: Any, expected: type[Exception] | None) -> None:
    """What the table says of an API's own answer: blocked, not valid, no money, or good."""
    (row,) = (row for row in TABLE if row.id == api)
    found = verdict(answer, row.check, where="w")
    assert (None if found is None else type(found)) is expected
