"""The fake providers as one server: keys, lists of models, checks of keys, records, and what goes wrong by name."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from batuta.engines.local_loads import poll_until
from batuta.testing.providers import FakeProviders, key_of
from tests.unit.testing.providers_play import ASKINGS, TEXT, VERSION, calling, said, streamed

STRANGER = "sk-test-not-a-key-of-anybody"


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ASKINGS)
async def test_each_answers_what_it_is_asked(provider: str) -> None:
    """Whole and streamed, every provider gives the words back in reverse."""
    async with calling() as caller:
        whole = await caller.ask(provider)
        assert whole.status == 200, whole.data
        assert said(provider, whole.json) == "gamma beta alpha"
        stream = await caller.ask(provider, "say Olá, 世界 🎈", stream=True)
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert streamed(provider, stream.events) == "Olá, 世界 🎈"


# --- keys ------------------------------------------------------------------------------------------------------------

BAD_KEYS: dict[str, tuple[int, Any]] = {
    "openai": (401, ("error", "code", "invalid_api_key")),
    "anthropic": (401, ("error", "type", "authentication_error")),
    "google": (400, ("error", "status", "INVALID_ARGUMENT")),
    "mistral": (401, ("detail", "Unauthorized")),
    "cohere": (401, ("message", "invalid api token")),
    "ai21": (401, ("detail", "Forbidden: Bad or missing API token.")),
    "huggingface": (401, ("error", "Invalid username or password.")),
    "deepseek": (401, ("error", "type", "authentication_error")),
    "groq": (401, ("error", "code", "invalid_api_key")),
    "xai": (400, ("code", "Client specified an invalid argument")),
    "openrouter": (401, ("error", "code", 401)),
    "together": (401, ("error", "code", "invalid_api_key")),
    "genspark": (401, ("error", "code", "invalid_api_key")),
}


@pytest.mark.parametrize("provider", ASKINGS)
async def test_a_wrong_key_has_each_ones_own_status(provider: str) -> None:
    """Gemini and xAI say 400 where others say 401, each in its own form; the key itself is not in it."""
    status, (*path, expected) = BAD_KEYS[provider]
    async with calling() as caller:
        answer = await caller.ask(provider, key=STRANGER)
        assert answer.status == status
        found = answer.json
        for name in path:
            found = found[name]
        assert found == expected
        assert STRANGER.encode() not in answer.data
        (seen,) = caller.fakes.asked(provider)
        assert (seen.key, seen.outcome, seen.status) == (STRANGER, "refused", status)


@pytest.mark.parametrize("provider", ASKINGS)
async def test_no_key_is_refused_as_well(provider: str) -> None:
    """Without any key nobody answers."""
    async with calling() as caller:
        asking = ASKINGS[provider]
        plain = VERSION if provider == "anthropic" else {}
        answer = await caller.send("POST", asking.path, asking.body(), plain)
        assert answer.status == (403 if provider == "google" else 401)


async def test_anthropic_takes_its_key_in_two_places() -> None:
    """As x-api-key or as a bearer; where both are, x-api-key counts."""
    async with calling() as caller:
        asking, key = ASKINGS["anthropic"], key_of("anthropic")
        for headers, status in (
            ({"authorization": f"Bearer {key}"}, 200),
            ({"x-api-key": key, "authorization": f"Bearer {STRANGER}"}, 200),
            ({"x-api-key": STRANGER, "authorization": f"Bearer {key}"}, 401),
        ):
            assert (await caller.send("POST", asking.path, asking.body(), VERSION | headers)).status == status


OPEN_LISTS = ("/huggingface/v1/models", "/openrouter/api/v1/models", "/ai21/studio/v1/models")
CLOSED_LISTS = (
    "/openai/v1/models",
    "/anthropic/v1/models",
    "/google/v1beta/models",
    "/mistral/v1/models",
    "/cohere/v1/models",
    "/deepseek/models",
    "/groq/openai/v1/models",
    "/xai/v1/models",
    "/together/v1/models",
    "/genspark/api/llm_proxy/v1/models",
)


@pytest.mark.parametrize("path", OPEN_LISTS)
async def test_some_lists_of_models_prove_no_key(path: str) -> None:
    """They answer 200 to anybody; AI21's is empty then."""
    async with calling() as caller:
        answer = await caller.get(path)
        assert answer.status == 200
        assert bool(answer.json["data"]) == ("ai21" not in path)


@pytest.mark.parametrize("path", CLOSED_LISTS)
async def test_the_other_lists_want_a_key(path: str) -> None:
    """Without one, or with a wrong one, there is no list."""
    async with calling() as caller:
        assert (await caller.get(path, VERSION)).status in {401, 403}
        wrong = {"authorization": f"Bearer {STRANGER}"}
        assert (await caller.get(path, VERSION | wrong)).status in {400, 401}


KEY_CHECKS = (
    ("openrouter", "GET", "/openrouter/api/v1/key", ("data", "limit_remaining"), 7.5),
    ("cohere", "POST", "/cohere/v1/check-api-key", ("valid",), True),
    ("huggingface", "GET", "/huggingface/api/whoami-v2", ("type",), "user"),
    ("deepseek", "GET", "/deepseek/user/balance", ("is_available",), True),
    ("xai", "GET", "/xai/v1/api-key", ("api_key_blocked",), False),
    ("genspark", "GET", "/genspark/api/tool_cli/me", ("data", "credit_balance"), 1234),
)


@pytest.mark.parametrize(("provider", "method", "path", "where", "expected"), KEY_CHECKS)
async def test_keys_can_be_checked(
    provider: str, method: str, path: str, where: tuple[str, ...], expected: Any
) -> None:
    """The paths that prove a key tell of it, and refuse a wrong one."""
    async with calling() as caller:
        good = await caller.send(method, path, None, {"authorization": f"Bearer {key_of(provider)}"})
        found = good.json
        for name in where:
            found = found[name]
        assert (good.status, found) == (200, expected)
        assert (await caller.send(method, path, None, {"authorization": f"Bearer {STRANGER}"})).status in {400, 401}


async def test_a_key_without_credit_is_a_good_key() -> None:
    """What costs nothing is answered, and tells that nothing is left where it tells of credit."""
    async with calling() as caller:
        for provider, path, where, expected in (
            ("openai", "/openai/v1/models", "object", "list"),
            ("deepseek", "/deepseek/user/balance", "is_available", False),
            ("openrouter", "/openrouter/api/v1/key", "data", None),
        ):
            caller.fakes.keys[provider][key_of(provider)] = "no-credit"
            told = await caller.get(path, {"authorization": f"Bearer {key_of(provider)}"})
            assert told.status == 200
            assert told.json[where] == expected or told.json[where]["limit_remaining"] == 0
            assert (await caller.ask(provider)).status in {402, 429}


async def test_keys_can_have_a_fault_of_their_own() -> None:
    """One key of a provider has no credit, the other works: what several keys are for."""
    async with calling() as caller:
        caller.fakes.keys["deepseek"]["sk-test-not-a-key-broke"] = "no-credit"
        broke = await caller.ask("deepseek", key="sk-test-not-a-key-broke")
        assert (broke.status, broke.json["error"]["message"]) == (402, "Insufficient Balance")
        assert (await caller.ask("deepseek")).status == 200


# --- lists of models -------------------------------------------------------------------------------------------------


async def test_lists_have_each_ones_shape() -> None:
    """Together's is a bare array, Hugging Face tells the providers of each model, OpenRouter what it can and costs."""
    async with calling() as caller:
        bare = await caller.get("/together/v1/models", {"authorization": f"Bearer {key_of('together')}"})
        assert [row["type"] for row in bare.json] == ["chat", "embedding"]
        routed = await caller.get("/huggingface/v1/models")
        assert routed.json["data"][0]["providers"][0]["supports_tools"] is True
        priced = await caller.get("/openrouter/api/v1/models")
        assert "tools" in priced.json["data"][0]["supported_parameters"]
        able = await caller.get("/mistral/v1/models", {"authorization": f"Bearer {key_of('mistral')}"})
        assert able.json["data"][0]["capabilities"]["function_calling"] is True


async def test_lists_come_in_pages() -> None:
    """Anthropic, Google and Cohere page, each by its own names, and a page after the last is empty."""
    async with calling() as caller:
        ids: list[str] = []
        after = ""
        while True:
            path = f"/anthropic/v1/models?limit=3{after}"
            page = (await caller.get(path, VERSION | {"x-api-key": key_of("anthropic")})).json
            ids += [row["id"] for row in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after_id={page['last_id']}"
        assert ids == [model.id for model in caller.fakes.vendors["anthropic"].shelf]
        google = {"x-goog-api-key": key_of("google")}
        first = (await caller.get("/google/v1beta/models?pageSize=3", google)).json
        rest = (await caller.get(f"/google/v1beta/models?pageSize=3&pageToken={first['nextPageToken']}", google)).json
        assert (len(first["models"]), len(rest["models"]), "nextPageToken" in rest) == (3, 1, False)
        bearer = {"authorization": f"Bearer {key_of('cohere')}"}
        chats = (await caller.get("/cohere/v1/models?page_size=1&endpoint=chat", bearer)).json
        assert (chats["models"][0]["endpoints"], chats["next_page_token"]) == (["chat"], "1")


# --- records ---------------------------------------------------------------------------------------------------------


async def test_every_request_is_recorded() -> None:
    """Method, path, body, headers and the key that came: the key in a field of its own, in no header."""
    async with calling() as caller:
        await caller.ask("google", fault="slow-1")
        await caller.get("/nowhere")
        first, second = caller.fakes.requests
        assert (first.provider, first.method, first.key, first.fault) == ("google", "POST", key_of("google"), "slow-1")
        assert first.body["contents"][0]["parts"][0]["text"] == TEXT
        assert not [value for value in first.headers.values() if key_of("google") in value]
        assert (second.provider, second.path, second.status) == ("", "/nowhere", 404)
        assert caller.fakes.counts[f"google POST {first.path}"] == 1
        assert (caller.fakes.in_flight, caller.fakes.peak) == (0, 1)


async def test_who_hangs_up_is_recorded() -> None:
    """A caller that leaves a silent provider is seen to have left."""
    async with calling() as caller:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.ask("openai", fault="silent"), 0.05)

        async def is_over() -> bool:
            return not caller.fakes.in_flight

        assert await poll_until(is_over, poll_s=0.005, within_s=2)
        assert caller.fakes.requests[0].outcome == "left"


async def test_faults_can_be_planned() -> None:
    """The next requests go wrong in turn, then all is well; a name that nobody knows is refused."""
    async with calling() as caller:
        caller.fakes.plan("openai", "503", times=2)
        caller.fakes.plan("openai", "429-retry-after-7")
        statuses = [(await caller.ask("openai")).status for _ in range(4)]
        assert statuses == [503, 503, 429, 200]
        with pytest.raises(ValueError, match="no mishap is called 'thunder'"):
            caller.fakes.plan("openai", "thunder")
        assert (await caller.ask("openai", fault="thunder")).status == 400


async def test_a_models_name_can_ask_for_a_fault() -> None:
    """`MODEL.fault-NAME` and `fault-NAME` alone; with Google the model stands in the path."""
    async with calling() as caller:
        assert (await caller.ask("openai", model="gpt-4.1-mini.fault-503")).status == 503
        assert (await caller.ask("openai", model="fault-503+slow-1")).status == 503
        assert (await caller.ask("google", model="gemini-2.5-flash.fault-429")).status == 429
        assert (await caller.ask("openai", model="gpt-4.1-mini.fault-slow-1")).json["model"] == "gpt-4.1-mini"
        assert (await caller.ask("openai", model="gpt-9")).status == 404


async def test_redirects_are_laid_as_traps() -> None:
    """Whoever follows one is recorded with the key that came along."""
    async with calling() as caller:
        answer = await caller.ask("openai", fault="redirect")
        assert (answer.status, answer.headers["location"]) == (307, "/fake/elsewhere")
        assert not [seen for seen in caller.fakes.requests if seen.path == "/fake/elsewhere"]
        await caller.send("POST", "/fake/elsewhere", {}, {"authorization": "Bearer sk-test-not-a-key-lost"})
        assert caller.fakes.requests[-1].path == "/fake/elsewhere"
        assert caller.fakes.requests[-1].key == "sk-test-not-a-key-lost"


async def test_it_can_be_led_over_http() -> None:
    """For those who run it by hand: plans, keys, requests and counts; of a key only its end is told."""
    async with calling() as caller:
        planned = {"provider": "groq", "fault": "overloaded", "times": 1}
        assert (await caller.send("POST", "/fake/plan", planned, {})).status == 200
        assert (await caller.ask("groq")).status == 498
        given = {"provider": "groq", "key": "sk-test-not-a-key-second", "fault": ""}
        assert (await caller.send("POST", "/fake/keys", given, {})).status == 200
        assert (await caller.ask("groq", key="sk-test-not-a-key-second")).status == 200
        told = await caller.get("/fake/requests")
        assert [row["key_end"] for row in told.json if row["provider"]] == ["groq", "cond"]
        assert b"sk-test-not-a-key" not in told.data
        assert (await caller.get("/fake/counts")).json["peak"] == 1
        await caller.send("DELETE", "/fake/requests", None, {})
        assert not caller.fakes.requests
        assert (await caller.send("POST", "/fake/plan", {"provider": "x", "fault": "503"}, {})).status == 400
        assert (
            await caller.send("POST", "/fake/keys", {"provider": "groq", "key": "k", "fault": "?"}, {})
        ).status == 400


async def test_genspark_speaks_three_dialects_with_one_key() -> None:
    """OpenAI's, Anthropic's and Gemini's, at their paths, all with the same key."""
    async with calling() as caller:
        key = key_of("genspark")
        claude: Any = ASKINGS["anthropic"].body()
        path = "/genspark/api/anthropic/v1/messages"
        assert (await caller.send("POST", path, claude, VERSION | {"x-api-key": key})).status == 200
        path = "/genspark/api/llm_proxy/gemini/v1beta/models/gemini-2.5-flash:generateContent"
        assert (await caller.send("POST", path, ASKINGS["google"].body(), {"x-goog-api-key": key})).status == 200


@pytest.mark.parametrize(("kind", "phrase"), [("credit", "genspark.ai/pricing"), ("ban", "not permitted")])
async def test_genspark_tells_bad_news_as_an_answer(kind: str, phrase: str) -> None:
    """Status 200 and a sentence, as JSON even where a stream was asked for."""
    async with calling() as caller:
        answer = await caller.ask("genspark", fault=f"notice-{kind}", stream=True)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert phrase in answer.json["choices"][0]["message"]["content"]


async def test_unknown_paths_are_refused_in_each_ones_form() -> None:
    """A path below a provider that it does not have gets the provider's own 404."""
    async with calling() as caller:
        assert (await caller.get("/anthropic/v2/none")).json["error"]["type"] == "not_found_error"
        assert (await caller.get("/openai/v1/none")).json["error"]["message"] == "Not Found"
        assert "no fake provider" in (await caller.get("/nobody")).json["error"]


def test_each_path_is_one_providers() -> None:
    """No two routes answer the same path, and every provider has a key from the start."""
    fakes = FakeProviders()
    paths = [(method, path) for method, path, _ in fakes.routes()]
    assert len(paths) == len(set(paths))
    assert set(fakes.keys) == set(ASKINGS)


def test_the_package_of_fakes_stays_cheap_to_import() -> None:
    """Importing batuta.testing brings neither the fakes nor a server with it."""
    code = "import sys, batuta.testing; print([m for m in sys.modules if m.startswith(('aiohttp', 'batuta.testing.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.strip() == "[]"
