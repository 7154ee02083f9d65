"""Google's refusals, as its API words them, mean what they should."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from batuta.engines.dropping import Dropped
from batuta.engines.gemini.answers import failure, named_refusals
from tools.check_tree import ROOT

GOLDEN = sorted((ROOT / "tests/golden/gemini/errors").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_error_means_what_it_should(path: Path) -> None:
    """Each file's status and body become the error beside them, with the wait and the figures they name."""
    golden = orjson.loads(path.read_bytes())
    error = failure(golden["status"], orjson.dumps(golden["body"]), headers={}, where="google", model="m")
    assert error.code == golden["error"], golden["what"]
    assert error.model == "m"
    if "retry_after_s" in golden:
        assert error.retry_after_s == golden["retry_after_s"]
    assert error.details == golden.get("details", {})


def test_there_are_golden_errors() -> None:
    """The files above were found."""
    assert len(GOLDEN) >= 15


def test_a_header_goes_before_the_body() -> None:
    """Where a Retry-After is sent as well, it counts."""
    golden = orjson.loads((GOLDEN[0].parent / "minute_quota.json").read_bytes())
    body = orjson.dumps(golden["body"])
    assert failure(429, body, headers={"retry-after": "2"}, where="google").retry_after_s == 2


@pytest.mark.parametrize("delay", ["soon", "", "-3s", None, 7])
def test_a_delay_that_is_none_is_no_wait(delay: object) -> None:
    """What cannot be read as seconds is not made up."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    body = orjson.dumps({"error": {"code": 429, "message": "m", "details": [None, *details]}})
    assert failure(429, body, headers={}, where="google").retry_after_s is None


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b"<html>", b"null", b"\xff\xfe"])
def test_a_body_that_says_nothing_is_still_an_error(body: bytes) -> None:
    """The status alone decides then."""
    assert failure(503, body, headers={}, where="google").code == "upstream_overloaded"


def test_a_described_refusal_names_all_its_fields() -> None:
    """Words for both penalties name both, so that one second try is enough."""
    body = orjson.dumps({"error": {"code": 400, "message": "Penalty is not enabled for models/x"}})
    dropped = Dropped(inside=("generationConfig",))
    sent = {"generationConfig": {"presencePenalty": 1, "frequencyPenalty": 1}}
    for each in named_refusals(body):
        dropped.learn("x", status=400, answer=each, sent=sent)
    assert dropped.without("x", sent) == {}
