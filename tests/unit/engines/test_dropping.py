"""Fields that a model refuses: found in its words, left out from then on, never at the cost of the answer's meaning."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.engines.dropping import KEPT, Dropped, named_fields

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [],
    "temperature": 1,
    "seed": 1,
    "tools": [],
    "generationConfig": {"topK": 1, "responseSchema": {}},
}


def refusal(message: str, **fields: Any) -> bytes:
    return orjson.dumps({"error": {"message": message, **fields}})


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (refusal("`temperature` is deprecated for this model."), "temperature"),
        (refusal("temperature: Extra inputs are not permitted"), "temperature"),
        (
            refusal(
                "Unsupported value: 'temperature' does not support 0.5 with this model.",
                param="temperature",
                code="unsupported_value",
            ),
            "temperature",
        ),
        (refusal("No.", param="seed", code="unsupported_parameter"), "seed"),
        (refusal("property 'seed' is unsupported"), "seed"),
        (refusal("Unrecognized request argument supplied: seed"), "seed"),
        (orjson.dumps({"error": "Argument not supported on this model: seed"}), "seed"),
        (orjson.dumps({"message": "unknown field: parameter seed is not supported"}), "seed"),
        (orjson.dumps({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "no"}]}), "seed"),
        (orjson.dumps([{"error": {"message": 'Unknown name "topK": Cannot find field.'}}]), "generationConfig.topK"),
        (refusal('"generationConfig.topK" is not supported for this model'), "generationConfig.topK"),
        (refusal("`responseSchema` is not supported"), None),
        (refusal("`generationConfig` is not supported"), None),
        (refusal("tools.0.custom.strict: Extra inputs are not permitted"), None),
        (refusal("`temperature` must be at most 1", param="temperature"), None),
        (refusal("`top_k` is not supported"), None),
        (refusal("messages: wrong"), None),
        (b"<html>seed is not supported", None),
        (b"[]", None),
        (b"7", None),
    ],
)
def test_a_refusal_names_what_may_go(answer: bytes, path: str | None) -> None:
    """In each provider's words; a wrong value, what was not sent, and what has to stay is nothing to leave out."""
    dropped = Dropped(kept=KEPT | {"generationConfig.responseSchema"}, inside=("generationConfig",))
    assert dropped.learn("m", status=400, answer=answer, sent=BODY) == path
    assert dropped.of("m") == (frozenset() if path is None else {path})


def test_what_was_refused_is_left_out_for_that_model_alone() -> None:
    """Other models get the whole body; the body itself is not changed; a parent that is left empty goes too."""
    dropped = Dropped(inside=("a",))
    sent = {"model": "m", "seed": 1, "a": {"b": 1}}
    assert dropped.learn("m", status=422, answer=refusal("`seed` is not supported"), sent=sent) == "seed"
    assert dropped.without("m", sent) == {"model": "m", "a": {"b": 1}}
    assert dropped.learn("m", status=400, answer=refusal("`b` is not supported"), sent=sent) == "a.b"
    assert dropped.without("m", sent) == {"model": "m"}
    assert dropped.without("m", {"a": {"b": 1, "c": 2}}) == {"a": {"c": 2}}
    assert dropped.without("m", {"a": 7}) == {"a": 7}
    assert dropped.without("other", sent) == sent
    assert "seed" in repr(dropped)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_other_statuses_are_about_something_else(status: int) -> None:
    """Only 400 and 422 refuse a field."""
    assert Dropped().learn("m", status=status, answer=refusal("`seed` is not supported"), sent=BODY) is None


JSON = st.recursive(
    st.none() | st.text("ab.`'", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["error", "message", "detail", "loc", "param"]), inner)
    ),
    max_leaves=6,
)


@given(JSON)
def test_nothing_that_a_server_says_breaks_the_reading(body: Any) -> None:
    """Any JSON is read for names; what has to stay always stays."""
    assert all(isinstance(name, str) for name in named_fields(orjson.dumps(body)))
    dropped = Dropped()
    dropped.learn("m", status=400, answer=orjson.dumps(body), sent=dict.fromkeys(KEPT, 1))
    assert not dropped.of("m")
