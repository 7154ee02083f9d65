"""`generate_completion`: the same answer with and without a gateway, and errors by their kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import batuta
from batuta.catalog.store import FILE, Store
from batuta.catalog.usage_store import UsageStore
from batuta.chat.types import FinishReason
from batuta.cli.client import Refused
from batuta.cli.door import NoGateway
from batuta.clock import SystemClock
from batuta.completion import direct, gateway
from batuta.completion.here import known_api
from batuta.completion.question import Completion, Question
from batuta.errors import (
    BadRequest,
    BatutaError,
    BudgetReached,
    KeyInvalid,
    KeyMissing,
    LoaderDown,
    LocalOnly,
    ModelFailed,
    ModelNotFound,
    UpstreamRejected,
    UpstreamTimeout,
)
from batuta.settings import ProviderSettings, Settings
from batuta.testing.fake_openai import FakeOpenAI
from batuta.vault.secret import Secret
from batuta.vault.sources import Sources
from batuta.vault.vault import Vault

KEY = "sk-test-not-a-key-python"
VARIABLE = "FAKE_API_KEY"
PRICES = '[[price]]\nprovider = "fake"\npattern = ".*"\ninput = 1\noutput = 1\ndate = 2026-11-21\n'


class Stage:
    """A fake API that demands a key, and an installation that knows it as `fake`."""

    def __init__(self, folder: Path, api: FakeOpenAI) -> None:
        self.folder = folder
        self.api = api
        self.environ = {VARIABLE: KEY, "BATUTA_CONFIG": str(folder / "config.toml")}
        (folder / "prices.toml").write_text(PRICES)
        provider = ProviderSettings(id="fake", base_url=api.url, key_env=VARIABLE, is_local=False)
        self.settings = Settings(data_dir=folder, providers=(provider,))

    async def ask(self, prompt: str = "one two three", **rest: Any) -> Completion:
        question = Question(**{"provider": "fake", "model": "fake-small", "prompt": prompt} | rest)
        return await direct.answer(question, self.settings, self.environ)

    def sent(self) -> dict[str, Any]:
        """Return the last body that the API got."""
        body: dict[str, Any] = orjson.loads(self.api.requests[-1].body)
        return body

    @asynccontextmanager
    async def vault(self) -> AsyncIterator[tuple[Store, Vault]]:
        """Open the installation's vault, as a gateway would; its database is made when something is stored."""
        store = Store.in_folder(self.folder)
        await store.open()
        vault = Vault(
            store,
            Sources("file", self.folder, {}),
            clock=SystemClock(),
            on_error=lambda _, error: pytest.fail(str(error)),
        )
        await vault.open()
        try:
            yield store, vault
        finally:
            await vault.aclose()
            await store.aclose()


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    async with FakeOpenAI(key=Secret(KEY)) as api:
        yield Stage(folder, api)


async def test_an_answer_with_its_usage_model_and_cost(data_dir: Path) -> None:
    """The text is what `str()` gives; the rest is beside it."""
    async with stage(data_dir) as it:
        answer = await it.ask()
    assert str(answer) == answer.text != ""
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert (answer.model, answer.finish) == ("fake-small", FinishReason.STOP)
    assert answer.cost == (answer.usage.prompt_tokens + answer.usage.completion_tokens) / 1_000_000


async def test_what_is_asked_is_what_is_sent(data_dir: Path) -> None:
    """System words come first; what is not said is left to the model."""
    async with stage(data_dir) as it:
        await it.ask("Hi", system="Be brief.", temperature=0.0, max_tokens=7)
        sent = it.sent()
        assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
        assert (sent["temperature"], sent["max_tokens"]) == (0.0, 7)
        await it.ask("Hi")
        assert {"temperature", "max_tokens"} & it.sent().keys() == set()


async def test_nothing_is_made_on_the_disk(data_dir: Path) -> None:
    """Where there is no database, none appears."""
    async with stage(data_dir) as it:
        await it.ask()
    assert not (data_dir / FILE).exists()


async def test_a_stored_key_is_used_and_counted(data_dir: Path) -> None:
    """The vault's key goes first; what it cost is in the sums, for the page and for its limit."""
    async with stage(data_dir) as it:
        async with it.vault() as (_, vault):
            key = await vault.add("fake", Secret(KEY))
        del it.environ[VARIABLE]
        answer = await it.ask()
        async with it.vault() as (store, vault):
            (row,) = await UsageStore(store).rows("2020-01-01")
            spent = sum((await UsageStore(store).spending("2020-01-01")).values())
            assert vault.keys()[0].last_used is not None
    assert answer.cost is not None
    assert (row.provider, row.model, row.key_id, row.sums["requests"]) == ("fake", "fake/fake-small", key.id, 1)
    assert row.sums["cost"] == spent == round(answer.cost * 1e9)


async def test_a_limit_holds_without_a_gateway_too(data_dir: Path) -> None:
    """The call that would pass it is not sent."""
    async with stage(data_dir) as it:
        async with it.vault() as (_, vault):
            key = await vault.add("fake", Secret(KEY))
            await vault.edit(key.id, daily_limit=Decimal("0.000001"))
        del it.environ[VARIABLE]
        with pytest.raises(BudgetReached, match="daily limit"):
            await it.ask()
        assert [request for request in it.api.requests if request.path.endswith("completions")] == []


async def test_errors_come_by_their_kind(data_dir: Path) -> None:
    """A wrong key, none at all, an unknown provider, a model only the gateway can load, and time that ran out."""
    async with stage(data_dir) as it:
        it.environ[VARIABLE] = "sk-test-not-a-key-wrong"
        with pytest.raises(KeyInvalid):
            await it.ask()
        del it.environ[VARIABLE]
        with pytest.raises(KeyMissing, match=VARIABLE):
            await it.ask()
        with pytest.raises(BadRequest, match="those there are"):
            await it.ask(provider="nobody")
        with pytest.raises(LoaderDown, match="batuta up"):
            await it.ask(provider="local")
        it.environ[VARIABLE] = KEY
        it.api.first_s = 30.0
        with pytest.raises(UpstreamTimeout):
            await it.ask(timeout_s=0.2)


async def test_nothing_leaves_where_nothing_may(data_dir: Path) -> None:
    """The privacy switch holds here as it does in the gateway."""
    environ = {"OPENAI_API_KEY": KEY, "BATUTA_CONFIG": str(data_dir / "config.toml")}
    provider = ProviderSettings(id="far", base_url="https://api.example.com/v1", key_env="OPENAI_API_KEY")
    settings = Settings(data_dir=data_dir, local_only=True, providers=(provider,))
    with pytest.raises(LocalOnly):
        await direct.answer(Question("far", "m", "hi"), settings, environ)


def test_a_known_api_needs_no_settings() -> None:
    """Its key is looked for where people keep it: the first variable that is set, or the usual one."""
    groq = known_api("groq", {})
    assert groq is not None
    assert (groq.preset, groq.key_ref) == ("groq", "env:GROQ_API_KEY")
    assert known_api("nobody", {}) is None


# Through the gateway ------------------------------------------------------------------------------------------


async def test_the_gateway_is_asked_by_the_models_id() -> None:
    """`provider/model` there; models of this machine by their name alone."""
    async with FakeOpenAI(models=("fake/small", "qwen")) as api:
        url = api.url.removesuffix("/v1")
        answer = await gateway.answer(Question("fake", "small", "one two"), url, None)
        assert (answer.model, bool(answer.text), answer.usage is not None) == ("fake/small", True, True)
        await gateway.answer(Question("local", "qwen", "one two"), url, None)
        assert [orjson.loads(request.body)["model"] for request in api.requests] == ["fake/small", "qwen"]
        with pytest.raises(ModelNotFound):
            await gateway.answer(Question("fake", "large", "one two"), url, None)


async def test_a_gateway_that_is_gone_is_told() -> None:
    """It is not gone around: its limits would be, too."""
    async with FakeOpenAI() as api:
        url = api.url
    with pytest.raises(NoGateway):
        await gateway.answer(Question("fake", "small", "x"), url, None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("model_not_found", ModelNotFound),
        ("key_invalid", KeyInvalid),
        ("budget_reached", BudgetReached),
        ("model_failed", ModelFailed),
        ("invalid_request", BadRequest),
        ("timeout", UpstreamTimeout),
        ("upstream_rejected", UpstreamRejected),
        ("a_new_one", Refused),
    ],
)
def test_the_gateways_errors_are_ours(code: str, kind: type[BatutaError]) -> None:
    """They can be caught as if they had been raised here, and keep their words."""
    error = gateway.typed(Refused("no", status=418, code=code, suggestion="m2"), "m")
    assert type(error) is kind
    assert error.message == "no"
    if kind is UpstreamRejected:
        assert error.status == 418


# The door -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"prompt": " "}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"model": ""}, "model"),
        ({"provider": ""}, "provider"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
    ],
)
def test_a_question_that_is_none_is_refused_at_once(wrong: dict[str, Any], word: str) -> None:
    """Before anybody is looked for."""
    with pytest.raises(BadRequest, match=word):
        Question(**{"provider": "p", "model": "m", "prompt": "x"} | wrong)


async def test_inside_a_loop_the_other_form_is_named() -> None:
    """It would stop everything else."""
    with pytest.raises(RuntimeError, match="await agenerate_completion"):
        await asyncio.sleep(0, batuta.generate_completion("p", "m", "x"))
