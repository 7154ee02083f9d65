"""What must never be written down is not, and what may be is left alone."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batuta.observe.redact import MASK, Redactor, escape_control, escape_json, is_secret_name
from batuta.vault.secret import Secret

CANARY = "sk-test-not-a-key"


@pytest.mark.parametrize(
    "text",
    [
        f"key {CANARY} refused",
        f"Authorization: Bearer {CANARY}",
        "authorization: bearer abcdef123456",
        "Basic dXNlcjpwYXNzd29yZA==",
        "postgresql://batuta:hunter22@db/batuta",
        "https://api.example/v1?api_key=abcdef123456&x=1",
        '{"api_key": "abcdef123456"}',
        "token=abcdef123456",
        "password: hunter22",
        "AIza" + "a" * 35,
    ],
)
def test_text_that_looks_like_a_secret_is_masked(text: str) -> None:
    """A secret's usual shapes are masked wherever they stand in a text."""
    masked = Redactor().text(text)
    assert MASK in masked
    for part in (CANARY, "abcdef123456", "hunter22", "dXNlcjpwYXNzd29yZA", "a" * 35):
        assert part not in masked


@pytest.mark.parametrize(
    "text",
    [
        "loaded brain in 2.4 s",
        "task-list of the desk-top",
        "http://127.0.0.1:22888/v1/chat/completions",
        "12 tokens a second, key_ref env:OPENAI_API_KEY",
        "/data/models/Qwen3.5-2B-UD-Q4_K_XL.gguf",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Model names, addresses and figures come through unchanged."""
    assert Redactor().text(text) == text


@pytest.mark.parametrize("name", ["api_key", "apiKey", "X-Api-Key", "token", "access_token", "password", "Set-Cookie"])
def test_fields_with_secret_names_are_masked(name: str) -> None:
    """A field named like a secret shows nothing of its value, however deep it lies."""
    assert is_secret_name(name)
    assert "quiet" not in str(Redactor().value({"outer": [{name: "quiet value"}]}))


@pytest.mark.parametrize("name", ["tokens", "prompt_tokens", "key_ref", "model", "keyboard", "monkey"])
def test_fields_with_ordinary_names_are_kept(name: str) -> None:
    """Names that only sound alike keep their values."""
    assert Redactor().field(name, "value") == "value"


def test_numbers_under_secret_names_are_kept() -> None:
    """A count or a switch is no secret, even when its name says token."""
    assert Redactor().field("token", 12) == 12
    assert Redactor().field("auth", value=True) is True


@settings(max_examples=60, deadline=None)
@given(value=st.text(min_size=8, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_remembered_value_never_appears(value: str, before: str, after: str) -> None:
    """The very value of a known secret is masked in texts, names and nested fields alike."""
    redactor = Redactor()
    redactor.remember(Secret(value))
    mask = f"{MASK}{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    shown = redactor.text(before + value + after)
    if value not in mask and value not in before + mask + after:
        assert value not in shown
        assert value not in redactor.value({"a": [before + value], "b": (value, {"c": value})})["a"][0]


def test_short_values_are_not_remembered() -> None:
    """A secret as short as a word would blank out ordinary texts, so it is left to names and shapes."""
    redactor = Redactor()
    redactor.remember(Secret("brain"))
    assert redactor.text("brain is ready") == "brain is ready"


def test_long_values_are_cut() -> None:
    """One record cannot fill the disk."""
    shown = Redactor().text("x" * 100_000)
    assert len(shown) < 5000
    assert "95904 more characters" in shown


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_escaped_text_is_one_visible_line(text: str) -> None:
    """No control, line-separating or direction-changing character is left after escaping."""
    shown = escape_control(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(), st.text()))
def test_escaped_json_reads_back_the_same(record: dict[str, str]) -> None:
    """Escaping changes how JSON is written, not what it says."""
    line = escape_json(json.dumps(record, ensure_ascii=False))
    assert len(line.splitlines()) == 1
    assert json.loads(line) == record


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.binary(), lambda x: st.lists(x, max_size=3))
)
def test_any_value_becomes_json(value: object) -> None:
    """Whatever is logged can be written as strict JSON."""
    json.dumps(Redactor().value(value), allow_nan=False)
