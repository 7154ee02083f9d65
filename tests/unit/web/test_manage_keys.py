"""The keys API: a key goes in, and only four characters of it ever come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batuta.catalog.entities import Provider
from batuta.catalog.external import seen_keys
from batuta.catalog.finding import Door, Knocked, Places
from batuta.engines.base import ReportedModel
from batuta.engines.fault_table import Seen
from batuta.errors import KeyMissing
from batuta.settings import ProviderSettings
from batuta.web.table import Need, need_for
from tests.unit.keys.stage import FIRST, SECOND, error

from .manage_stage import House, house

KEY = "sk-test-not-a-key-first-0123456789"
ENV_KEY = "sk-test-not-a-key-in-a-variable"
ACME = ProviderSettings(id="acme", base_url="https://api.acme.example/v1", key_env="ACME_API_KEY")


async def added(it: House, **fields: Any) -> dict[str, Any]:
    reply = await it.ask("POST", "/manage/keys", {"provider": "openai", "key": KEY, **fields})
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.json()
    return found


async def test_one_step_is_enough(tmp_path: Path) -> None:
    """A key for a known API brings its provider along, which is asked for its models at once."""
    async with house(tmp_path) as it:
        it.cast.answers["openai"] = [ReportedModel("gpt-tiny")]
        key = await added(it, label="mine")
        assert (key["provider"], key["provider_name"], key["label"]) == ("openai", "OpenAI", "mine")
        assert (key["last4"], key["state"], key["source"], key["hint"]) == ("6789", "good", "person", "")
        provider = it.cast.catalog.provider("openai")
        assert provider is not None
        assert (provider.provider.base_url, provider.provider.preset) == ("https://api.openai.com/v1", "openai")
        assert it.cast.catalog.get("openai/gpt-tiny") is not None


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_keys_are_not_missing_before_they_are_read(tmp_path: Path, method: str) -> None:
    """The port opens before the vault: who comes in that moment waits for it, but not without end."""
    async with house(tmp_path, is_read=False) as it:
        body = {"provider": "openai", "key": KEY} if method == "POST" else None
        _, early = it.start(method, "/manage/keys", body)
        await it.clock.advance(1.0)
        assert not early.done()
        await it.vault.open()
        await it.clock.advance(0.1)
        assert (await early).status < 300


async def test_a_vault_that_asks_a_person_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """After five seconds the list says what is known: nothing yet."""
    async with house(tmp_path, is_read=False) as it:
        _, early = it.start("GET", "/manage/keys")
        await it.clock.advance(5.1)
        assert "not been read" in (await early).json()["sealed"]


async def test_no_answer_holds_the_key(tmp_path: Path) -> None:
    """Not the one that took it, not the list, not an error about it; and no proxy or browser may keep any of them."""
    async with house(tmp_path) as it:
        replies = [await it.ask("POST", "/manage/keys", {"provider": "openai", "key": KEY})]
        replies.append(await it.ask("POST", "/manage/keys", {"provider": "openai", "key": KEY}))
        replies.append(await it.ask("POST", "/manage/keys", {"provider": "openai", "key": f"{KEY} {KEY}"}))
        replies.append(await it.ask("POST", "/manage/keys", {"provider": "openai", "key": KEY, "label": KEY}))
        replies.append(await it.ask("POST", "/manage/keys", {"provider": "nobody", "key": KEY}))
        replies.append(await it.ask("POST", "/manage/keys", {"provider": [], "key": KEY, "more": KEY}))
        replies.append(await it.ask("GET", "/manage/keys"))
        name = replies[0].json()["id"]
        replies.append(await it.ask("POST", f"/manage/keys/{name}/test"))
        replies.append(await it.ask("PATCH", f"/manage/keys/{name}", {"key": [KEY]}))
        assert [reply.status for reply in replies] == [201, 409, 400, 400, 400, 400, 200, 200, 400]
        assert not any(KEY.encode() in reply.body for reply in replies)
        assert {reply.headers.get("cache-control") for reply in replies} == {"no-store"}


NO_KEYS = [
    ("   ", "it is empty"),
    (f'"{KEY}"', "stands in quotes"),
    (f"Bearer {KEY}", 'begins with the word "Bearer"'),
    ("sk-test not-a-key", "a space or a line break at character 8"),
    ("sk-test-\u00e9", "not an ASCII letter"),
    ("sk-****abcd", "masked"),
    ("k" * 5000, "no key has more than 4,096"),
]


async def test_what_cannot_be_a_key_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Before anything is stored or added."""
    async with house(tmp_path) as it:
        for key, says in NO_KEYS:
            reply = await it.ask("POST", "/manage/keys", {"provider": "openai", "key": key})
            assert (reply.status, says in reply.json()["error"]["message"]) == (400, True), reply.body
        assert (await it.ask("GET", "/manage/keys")).json()["keys"] == []
        assert it.cast.catalog.provider("openai") is None


async def test_spaces_around_a_pasted_key_do_no_harm(tmp_path: Path) -> None:
    """A newline that came along with it is not a part of it."""
    async with house(tmp_path) as it:
        name = (await added(it, key=f"  {KEY}\r\n"))["id"]
        assert it.vault.reveal(name).reveal() == KEY


async def test_a_key_of_another_vendor_is_stored_with_a_hint(tmp_path: Path) -> None:
    """A prefix is a strong sign but no proof: the person is told, and may test it."""
    async with house(tmp_path) as it:
        key = await added(it, key="gsk_not_a_key_of_anybody_0123")
        assert "begin with sk-" in key["hint"]
        assert "Groq" in key["hint"]


async def test_any_other_api_comes_with_its_address(tmp_path: Path) -> None:
    """One step too: the address is checked as that of any provider."""
    async with house(tmp_path) as it:
        key = await added(it, provider="mine", base_url="https://llm.example/v1/", name="Mine")
        assert key["provider_name"] == "Mine"
        state = it.cast.catalog.provider("mine")
        assert state is not None
        assert state.provider.base_url == "https://llm.example/v1"
        for url in ("http://llm.example/v1", "http://169.254.169.254/", "file:///etc/passwd", "http://127.0.0.1:9/v1"):
            body = {"provider": "other", "key": KEY, "base_url": url}
            assert (await it.ask("POST", "/manage/keys", body)).status == 400
        body = {"provider": "mine", "key": SECOND, "base_url": "https://evil.example/v1"}
        refused = await it.ask("POST", "/manage/keys", body)
        assert (refused.status, "is there already" in refused.json()["error"]["message"]) == (400, True)


async def test_a_key_whose_provider_cannot_be_added_is_not_stored(tmp_path: Path) -> None:
    """An error means that nothing was changed: the next try is not told that the key is there already."""
    async with house(tmp_path) as it:
        it.cast.catalog.listens_at("127.0.0.1", 22888)
        fields = {"provider": "mine", "key": KEY, "is_local": True}
        itself = await it.ask("POST", "/manage/keys", {**fields, "base_url": "http://127.0.0.1:22888/v1"})
        assert (itself.status, "itself" in itself.json()["error"]["message"]) == (400, True)
        assert (await it.ask("GET", "/manage/keys")).json()["keys"] == []
        assert (await added(it, **fields, base_url="http://127.0.0.1:22889/v1"))["provider"] == "mine"


async def test_a_key_that_is_entered_again_follows_its_provider(tmp_path: Path) -> None:
    """Where the provider has moved, the stored key stays behind; the one that is pasted anew is for the new place."""
    async with house(tmp_path) as it:
        name = (await added(it, provider="mine", base_url="https://llm.example/v1"))["id"]
        moved = Provider("mine", "openai_compat", base_url="https://other.example/v1")
        await it.cast.catalog.add_provider(moved)
        with pytest.raises(KeyMissing, match=r"llm\.example"):
            it.ring.usable(moved)
        await it.ask("PATCH", f"/manage/keys/{name}", {"label": "mine"})
        with pytest.raises(KeyMissing, match=r"llm\.example"):
            it.ring.usable(moved)
        assert (await it.ask("PATCH", f"/manage/keys/{name}", {"key": SECOND})).status == 200
        assert [key.secret.reveal() for key in it.ring.usable(moved)] == [SECOND]


async def test_a_limit_that_is_none_stores_no_key(tmp_path: Path) -> None:
    """A key that was to have a limit is never there without it."""
    async with house(tmp_path) as it:
        limits: list[object] = []
        it.vault.listen(lambda _: limits.extend(record.daily_limit for record in it.vault.keys("openai")))
        assert (await added(it, daily_limit="2.5", monthly_limit="30"))["daily_limit"] == "2.5"
        assert {str(limit) for limit in limits} == {"2.5"}


async def test_a_variable_that_holds_no_key_is_told_and_shown(tmp_path: Path) -> None:
    """Whatever bytes are in it: the list is drawn, and says what is wrong without repeating it."""
    async with house(tmp_path, providers=(ACME,)) as it:
        for value in ("sk-test-not-a-key-\udcff\udcfe\udcfd\udcfc", "sk-test-not-a-key \x1b[2J", f'"{ENV_KEY}"'):
            it.environ["ACME_API_KEY"] = value
            reply = await it.ask("GET", "/manage/keys")
            (row,) = reply.json()["keys"]
            assert (reply.status, row["state"], row["last_outcome"]) == (200, "invalid", "invalid")
            assert row["last_error"]
            assert value.encode("utf-8", "surrogatepass") not in reply.body


async def test_a_server_of_this_machine_takes_no_key(tmp_path: Path) -> None:
    """Ollama has none, and a key for it would be a mistake."""
    settings = ProviderSettings(id="studio", kind="ollama", base_url="http://127.0.0.1:11434", is_local=True)
    async with house(tmp_path, providers=(settings,)) as it:
        reply = await it.ask("POST", "/manage/keys", {"provider": "studio", "key": KEY})
        assert (reply.status, "takes no key" in reply.json()["error"]["message"]) == (400, True)


async def test_the_list_says_what_a_person_wants_to_know(tmp_path: Path) -> None:
    """Stored keys in their order, those of the environment, limits and what they cost, and what can be added."""
    async with house(tmp_path, providers=(ACME,)) as it:
        it.environ["ACME_API_KEY"] = ENV_KEY
        first = await added(it, daily_limit=5, monthly_limit="19.99")
        second = await added(it, key=SECOND)
        listed = (await it.ask("GET", "/manage/keys")).json()
        assert [key["id"] for key in listed["keys"]] == [first["id"], second["id"], "env:acme"]
        assert (listed["keys"][0]["daily_limit"], listed["keys"][0]["monthly_limit"]) == ("5", "19.99")
        own = listed["keys"][2]
        assert (own["source"], own["variable"], own["can_change"]) == ("environment", "ACME_API_KEY", False)
        assert own["last4"] == "able"
        assert (listed["sealed"], listed["master_key"]) == (None, "file")
        offers = {each["id"]: each for each in listed["providers"]}
        assert (offers["openai"]["is_new"], offers["mistral"]["is_new"]) == (False, True)
        assert offers["genspark"]["is_unofficial"]
        assert ENV_KEY not in json.dumps(listed)


async def test_a_key_is_changed_in_part(tmp_path: Path) -> None:
    """What is sent changes, the rest stays; null takes a limit away; a new key starts with a clean slate."""
    async with house(tmp_path) as it:
        first = await added(it, daily_limit=5)
        second = await added(it, key=SECOND)
        path = f"/manage/keys/{first['id']}"
        changed = (await it.ask("PATCH", path, {"label": "spare", "position": 1, "monthly_limit": 10})).json()
        assert (changed["label"], changed["position"], changed["daily_limit"]) == ("spare", 1, "5")
        assert [record.id for record in it.vault.keys("openai")] == [second["id"], first["id"]]
        off = (await it.ask("PATCH", path, {"enabled": False, "daily_limit": None})).json()
        assert (off["state"], off["daily_limit"], off["monthly_limit"]) == ("disabled", None, "10")
        it.upstream.checks[KEY] = error(Seen.KEY_REFUSED)
        assert (await it.ask("POST", f"{path}/test")).json()["outcome"] == "invalid"
        assert (await it.ask("PATCH", path, {"enabled": True})).json()["state"] == "invalid"
        anew = (await it.ask("PATCH", path, {"key": FIRST})).json()
        assert (anew["state"], anew["last_outcome"], anew["last4"]) == ("good", "", "irst")


async def test_a_change_that_means_nothing_is_refused(tmp_path: Path) -> None:
    """Empty, negative or unknown."""
    nonsense: tuple[dict[str, Any], ...] = (
        {},
        {"key": None},
        {"daily_limit": -1},
        {"daily_limit": "much"},
        {"position": -1},
        {"last4": "abcd"},
    )
    async with house(tmp_path) as it:
        name = (await added(it))["id"]
        for body in nonsense:
            assert (await it.ask("PATCH", f"/manage/keys/{name}", body)).status == 400


async def test_a_deleted_key_is_gone(tmp_path: Path) -> None:
    """204, then 404 everywhere; its provider stays."""
    async with house(tmp_path) as it:
        name = (await added(it))["id"]
        assert (await it.ask("DELETE", f"/manage/keys/{name}")).status == 204
        for method, path, body in (
            ("GET", "", None),
            ("DELETE", "", None),
            ("PATCH", "", {"label": "x"}),
            ("POST", "/test", None),
        ):
            reply = await it.ask(method, f"/manage/keys/{name}{path}", body)
            assert (reply.status, reply.json()["error"]["code"]) == (404, "key_not_found")
        assert it.cast.catalog.provider("openai") is not None


async def test_a_key_of_the_environment_is_changed_there(tmp_path: Path) -> None:
    """409 that names the variable; it can be tested."""
    async with house(tmp_path, providers=(ACME,)) as it:
        it.environ["ACME_API_KEY"] = ENV_KEY
        for method, body in (("DELETE", None), ("PATCH", {"label": "x"})):
            reply = await it.ask(method, "/manage/keys/env:acme", body)
            assert (reply.status, "ACME_API_KEY" in reply.json()["error"]["message"]) == (409, True)
        assert (await it.ask("POST", "/manage/keys/env:acme/test")).json()["outcome"] == "valid"
        assert (await it.ask("GET", "/manage/keys/env:acme")).json()["last_outcome"] == "valid"


async def test_a_test_is_one_word_with_figures(tmp_path: Path) -> None:
    """Outcome, milliseconds, models; a bad key is an answer, not an error; the second test in a second is refused."""
    async with house(tmp_path) as it:
        path = f"/manage/keys/{(await added(it))['id']}"
        found = (await it.ask("POST", f"{path}/test")).json()
        assert (found["outcome"], found["models"], found["message"]) == ("valid", 2, "")
        assert found["latency_ms"] >= 0
        again = await it.ask("POST", f"{path}/test")
        assert (again.status, again.headers["retry-after"]) == (429, "1")
        await it.clock.advance(1)
        it.upstream.checks[KEY] = error(Seen.OUT_OF_CREDIT)
        assert (await it.ask("POST", f"{path}/test")).json()["outcome"] == "valid_no_credit"
        shown = (await it.ask("GET", path)).json()
        assert (shown["state"], shown["rests_s"], shown["last_outcome"]) == ("no_credit", 3600.0, "valid_no_credit")
        assert shown["last_error"]


async def test_everything_is_sealed_anew(tmp_path: Path) -> None:
    """Rotation answers how many keys it was; every one is still itself."""
    async with house(tmp_path) as it:
        name = (await added(it))["id"]
        before = (tmp_path / "vault.key").read_bytes()
        reply = await it.ask("POST", "/manage/keys/rotate")
        assert reply.json() == {"keys": 1, "sealed": None, "master_key": "file"}
        assert (tmp_path / "vault.key").read_bytes() != before
        assert it.vault.reveal(name).reveal() == KEY
        assert (await it.ask("POST", "/manage/keys/rotate", {"source": "pocket"})).status == 400


async def test_a_sealed_vault_says_so_and_can_be_opened(tmp_path: Path) -> None:
    """Keys are listed without being readable; adding one is refused with the reason; opening brings them back."""
    async with house(tmp_path) as it:
        name = (await added(it))["id"]
        hidden = (tmp_path / "vault.key").rename(tmp_path / "elsewhere")
        await it.vault.open()
        listed = (await it.ask("GET", "/manage/keys")).json()
        assert listed["sealed"]
        assert [key["id"] for key in listed["keys"]] == [name]
        refused = await it.ask("POST", "/manage/keys", {"provider": "openai", "key": SECOND})
        assert (refused.status, refused.json()["error"]["code"]) == (503, "vault_sealed")
        assert (await it.ask("POST", f"/manage/keys/{name}/test")).status == 503
        hidden.rename(tmp_path / "vault.key")
        assert (await it.ask("POST", "/manage/keys/unseal")).json()["sealed"] is None


async def test_a_key_that_is_added_is_meant_to_be_used(tmp_path: Path) -> None:
    """A provider that is off is switched on; the key in the variable it was found by stays unused."""

    async def nobody(_: Door) -> Knocked:
        return Knocked(is_open=False)

    environ = {"OPENAI_API_KEY": ENV_KEY}
    async with house(tmp_path, places=Places(nobody, doors=(), keys=seen_keys(environ))) as it:
        it.environ |= environ
        (seen,) = (await it.ask("GET", "/manage/keys")).json()["keys"]
        assert (seen["id"], seen["state"]) == ("env:openai", "disabled")
        await added(it)
        state = it.cast.catalog.provider("openai")
        assert state is not None
        assert (state.provider.enabled, state.provider.key_ref, state.source) == (True, None, "person")
        await it.cast.catalog.switch_provider("openai", enabled=False)
        await added(it, key=SECOND)
        keys = (await it.ask("GET", "/manage/keys")).json()["keys"]
        assert [key["last4"] for key in keys] == ["6789", "cond"]
        assert it.cast.asked.count("openai") == 2


def test_only_admins_get_near_the_keys() -> None:
    """The door is chosen by the path; a key for inference opens none of these."""
    paths = ("/manage/keys", "/manage/keys/x", "/manage/keys/x/test", "/manage/keys/rotate", "/manage/keys/unseal")
    assert {need_for(path) for path in paths} == {Need.ADMIN}
    assert need_for("/api-keys") is Need.PAGE
