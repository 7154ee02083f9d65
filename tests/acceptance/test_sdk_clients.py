"""The vendors' own SDKs, unmodified and without retries, read what the fake providers send.

Each SDK runs in an environment of its own below build/clients, made by `make clients`: their pins clash with each other
and with ours.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from batuta.testing.providers import FakeProviders
from tools.check_tree import ROOT

pytestmark = pytest.mark.acceptance

CLIENTS = Path(os.environ.get("BATUTA_CLIENTS", ROOT / "build/clients"))
# Name of the client: where its provider is on the server of fakes, and the calls of its version.
PLACES = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic",
    "anthropic_2023": "/anthropic",
    "google": "/google",
    "mistral": "/mistral",
    "cohere": "/cohere",
}
LIMIT_S = 60.0
UNICODE = "Olá, 世界! 🎈 ok"
CALLS = [["weather", {"city": "both for Recife please", "days": 2}], ["clock", {"zone": "UTC"}]]
PERSON = {"name": "Ada Lovelace", "age": 2}


async def played(name: str, url: str, *options: str) -> dict[str, Any]:
    """Return what came of a client's plays."""
    python = CLIENTS / name / "bin/python"
    process = await asyncio.create_subprocess_exec(
        python,
        *("-m", f"tests.clients.{name}.play", "--url", url, *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            told, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaint.decode()[-2000:]
    results: dict[str, Any] = json.loads(told)
    return results


@pytest.fixture
def client(request: pytest.FixtureRequest, skip_loudly: Callable[[str], NoReturn]) -> str:
    """Return the name of a client whose environment is there, or skip, loudly."""
    name: str = request.param
    if not (CLIENTS / name / "bin/python").exists():
        skip_loudly(f"THE SDK CLIENT {name} DID NOT RUN: no environment at {CLIENTS / name}; run `make clients`")
    return name


def arguments(calls: list[list[Any]]) -> list[list[Any]]:
    """Return calls with their arguments as objects."""
    return [[name, json.loads(given) if isinstance(given, str) else given] for name, given in calls]


def check_talk(results: dict[str, Any]) -> None:
    """Check what every SDK must have read."""
    assert results["chat"]["text"] == "gamma beta alpha"
    assert results["limited"]["text"] == "gamma beta"
    assert results["image"]["text"] == "1"
    assert results["stream"]["text"] == UNICODE
    assert {text for form, text in results["framings"].items() if form != "took_s"} == {UNICODE}
    assert arguments(results["tools"]["calls"]) == CALLS
    assert results["tools"]["then"] == "weather gave 42 and clock gave 42"


def check_refusals(results: dict[str, Any], **expected: tuple[str, int]) -> None:
    """Check the kind of error and the status that an SDK made of each refusal."""
    for play, (kind, status) in expected.items():
        told = results[play]
        assert (play, told["raised"], told.get("status_code", told.get("code"))) == (play, kind, status)


def check_openai(results: dict[str, Any]) -> None:
    assert "gpt-4.1-mini" in results["models"]["ids"]
    assert results["stream"]["usage"]["total_tokens"] == 9
    assert arguments(results["tools_stream"]["calls"]) == CALLS
    assert results["one_call"]["calls"] == ["weather"]
    assert PERSON.items() <= results["structured"].items()
    assert results["embeddings"]["sizes"] == [8, 8]
    assert (results["responses"]["text"], results["responses_stream"]["text"]) == ("beta alpha", "beta alpha")
    assert results["responses_stream"]["events"][-1] == "response.completed"
    assert results["responses_tools"]["types"] == ["reasoning", "function_call", "function_call"]
    assert results["responses_tools"]["then"] == "weather gave 42 and clock gave 42"
    assert PERSON.items() <= results["responses_structured"].items()
    broken = results["broken"]
    assert {broken[name]["raised"] for name in ("error-2", "error-named-2")} == {"APIError"}
    assert all("raised" in broken[name] for name in ("cut-2", "close-2", "bad-event"))
    assert broken["end-2"]["finish"] is None
    check_refusals(
        results,
        bad_key=("AuthenticationError", 401),
        no_model=("NotFoundError", 404),
        tools_while_thinking=("BadRequestError", 400),
        old_limit=("BadRequestError", 400),
        unknown_field=("BadRequestError", 400),
        limited_rate=("RateLimitError", 429),
        no_credit=("RateLimitError", 429),
        gateway_page=("InternalServerError", 502),
    )
    assert results["tools_while_thinking"]["param"] == "reasoning_effort"
    assert results["no_credit"]["code"] == "insufficient_quota"
    assert results["limited_rate"]["retry-after"] == "7"


def check_anthropic(results: dict[str, Any]) -> None:
    assert len(results["models"]["ids"]) == 4  # one a page
    assert results["tools"]["indexes"] == [["thinking", 0], ["tool_use", 1], ["tool_use", 2]]
    assert results["stopped"]["stop"] == "stop_sequence"
    assert json.loads(results["structured"]["text"]) == PERSON
    assert results["count"]["tokens"] == 3
    assert all("raised" in told for name, told in results["broken"].items() if name != "took_s")
    check_refusals(
        results,
        bad_key=("AuthenticationError", 401),
        no_model=("NotFoundError", 404),
        no_limit=("BadRequestError", 400),
        prefill=("BadRequestError", 400),
        sampling_new_model=("BadRequestError", 400),
        limited_rate=("RateLimitError", 429),
        overloaded=("OverloadedError", 529),
    )
    assert results["no_credit"]["status_code"] == 402


def check_anthropic_current(results: dict[str, Any]) -> None:
    check_anthropic(results)
    check_refusals(results, sampling=("BadRequestError", 400))


def check_anthropic_2023(results: dict[str, Any]) -> None:
    check_anthropic(results)
    assert results["sampling"]["text"] == "gamma beta alpha"


def check_google(results: dict[str, Any]) -> None:
    assert len(results["models"]["ids"]) == 4  # two a page
    assert results["tools"]["signed"] == [True, False]
    assert results["tools_stream"]["calls"] == CALLS[1:]
    assert (results["thoughts"]["text"], results["thoughts"]["thoughts"]) == (UNICODE, "5 words came in.")
    assert json.loads(results["structured"]["text"]) == PERSON
    assert (results["count"]["tokens"], results["embeddings"]["sizes"]) == (3, [8, 8])
    assert (results["broken"]["error-2"]["raised"], results["broken"]["end-2"]["finish"]) == ("ServerError", None)
    assert (results["blocked"]["text"], results["blocked"]["finish"]) == (None, None)
    check_refusals(
        results,
        bad_key=("ClientError", 400),
        no_model=("ClientError", 404),
        tools_unsigned=("ClientError", 400),
        daily=("ClientError", 429),
        limited_rate=("ClientError", 429),
        overloaded=("ServerError", 503),
    )
    assert "PerDay" in results["daily"]["text"] or "QuotaFailure" in results["daily"]["text"]


def check_mistral(results: dict[str, Any]) -> None:
    assert "mistral-embed" in results["models"]["ids"]
    assert results["tools"]["ids"] == [9, 9]
    assert [index for index, *_ in results["tools_stream"]["calls"]] == [0, 1]
    assert results["thoughts"]["text"] == "[3 words came in.]gamma beta alpha"
    assert results["thoughts_stream"]["text"].endswith(UNICODE)
    assert results["stream"]["tokens"] == 9
    assert json.loads(results["structured"]["text"]) == PERSON
    assert results["embeddings"]["sizes"] == [8, 8]
    check_refusals(
        results,
        bad_key=("SDKError", 401),
        no_model=("SDKError", 400),
        foreign_id=("SDKError", 400),
        limited_rate=("SDKError", 429),
        overloaded=("SDKError", 429),
        unknown_field=("HTTPValidationError", 422),
    )


def check_cohere(results: dict[str, Any]) -> None:
    assert results["models"]["ids"] == ["command-a-03-2025", "command-a-reasoning-08-2025"]
    assert results["tools"]["plan"] == "I will call weather and clock."
    assert arguments(results["tools_stream"]["calls"]) == CALLS
    assert (results["thoughts_stream"]["text"], results["thoughts_stream"]["thoughts"]) == (UNICODE, "5 words came in.")
    assert json.loads(results["structured"]["text"]) == PERSON
    assert results["embeddings"]["sizes"] == [8, 8]
    assert results["broken"]["error-2"]["finish"] == "ERROR"
    check_refusals(
        results,
        bad_key=("UnauthorizedError", 401),
        no_model=("NotFoundError", 404),
        limited_rate=("TooManyRequestsError", 429),
        invalid_token=("InvalidTokenError", 498),
    )


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "openai": check_openai,
    "anthropic": check_anthropic_current,
    "anthropic_2023": check_anthropic_2023,
    "google": check_google,
    "mistral": check_mistral,
    "cohere": check_cohere,
}
VERSIONS = {"anthropic": "2026-10-21", "anthropic_2023": "2023-06-01"}


@pytest.mark.parametrize("client", PLACES, indirect=True)
async def test_the_sdk_reads_its_fake(client: str) -> None:
    """Talk, streams in every form, tools there and back, thoughts, structured answers and errors: all as intended."""
    async with FakeProviders() as fakes:
        results = await played(client, fakes.url + PLACES[client])
        check_talk(results)
        CHECKS[client](results)
        if version := VERSIONS.get(client):
            assert {seen.headers.get("anthropic-version") for seen in fakes.requests} == {version}
        # Retries are off: no play asked twice for what failed.
        refused = [seen for seen in fakes.requests if seen.status in {429, 503, 529}]
        assert len(refused) == len({(seen.path, seen.fault) for seen in refused})
