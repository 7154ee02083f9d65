"""The life of keys over restarts: added, sealed, limited, counted; and an installation that nothing may leave."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.external_play import (
    ANTHROPIC,
    LOCAL,
    MISTRAL,
    OPENAI,
    Play,
    error_of,
    playing,
    said,
    who,
)
from tests.support.running import until

pytestmark = pytest.mark.acceptance

ANSWER = "three two one"
OWN = "sk-test-not-a-key-own-9876"
TINY = "0.000001"  # US dollars: less than any answer of these models may cost


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """One gateway for those plays that do not start it anew."""
    with playing(tmp_path_factory.mktemp("keys"), apis=(OPENAI, ANTHROPIC)) as play:
        yield play


@pytest.fixture
def play(stage: Play) -> Play:
    """The stage, cleared."""
    stage.clear()
    return stage


class TestLimits:
    """Limits that a person sets for a key."""

    def test_the_next_key(self, play: Play) -> None:
        """Nothing is sent with a key whose daily limit the answer might pass; the other key answers."""
        first, second = OPENAI.keys
        shown = play.change_key(first, daily_limit=TINY)
        assert Decimal(shown["daily_limit"]) == Decimal(TINY)
        assert said(play.ask(OPENAI.model)) == ANSWER
        assert play.listen(OPENAI.model).text == ANSWER
        assert (play.sent_with(first), play.sent_with(second)) == (0, 2)
        assert play.key(first)["state"] == "good"

    def test_the_next_provider(self, play: Play) -> None:
        """Both keys are at their limits: who allows it is answered by another provider, the others are told."""
        for key in OPENAI.keys:
            play.change_key(key, daily_limit=TINY)
        error = error_of(play.ask(OPENAI.model))
        assert error["code"] == "budget_reached"
        assert "daily limit" in error["message"]
        assert error["suggestion"] in play.views()
        reply = play.ask(OPENAI.model, models=[ANTHROPIC.model])
        assert (said(reply), who(reply.headers)[0]) == (ANSWER, ANTHROPIC.model)
        assert (who(reply.headers)[2] or "").startswith(f"{OPENAI.model}, ")
        assert play.asked(OPENAI) == []

    def test_it_stops_before_it_is_passed(self, play: Play) -> None:
        """Answers are paid for until the next one might pass the limit; then nothing more is sent, nor afterwards."""
        first, second = OPENAI.keys
        play.change_key(second, enabled=False)
        spent = Decimal(play.key(first)["spent_today"])
        limit = spent + Decimal("0.0001")
        play.change_key(first, daily_limit=str(limit))
        replies = [play.ask(OPENAI.model, "word " * 20) for _ in range(12)]
        answered = [reply.status == 200 for reply in replies]
        count = answered.count(True)
        assert 0 < count < 12
        assert answered == [True] * count + [False] * (12 - count)
        assert error_of(replies[-1])["code"] == "budget_reached"
        assert play.sent_with(first) == count
        assert spent < Decimal(play.key(first)["spent_today"]) <= limit
        play.change_key(second, enabled=True)

    def test_usage_and_cost(self, play: Play) -> None:
        """What was used and what it cost is counted by model, provider and key."""
        for api in (OPENAI, ANTHROPIC):
            assert said(play.ask(api.model)) == ANSWER
            assert play.listen(api.model).text == ANSWER
            row = play.usage("model")[api.model]
            assert row["requests"] >= 2
            assert row["completion_tokens"] >= 6
            assert row["cost_usd"] > 0
            assert row["unpriced"] == 0
            spent = play.usage("key")[play.ids[api.keys[0]]]["cost_usd"]
            assert spent > 0
            assert float(play.key(api.keys[0])["spent_today"]) == pytest.approx(spent)
        assert play.usage("provider").keys() >= {OPENAI.id, ANTHROPIC.id}


def test_a_power_cut(tmp_path: Path) -> None:
    """A provider that nobody knew is added with its key in one step and used; key and limits are there after the cut.

    The key is shown by four characters, no file has it in the clear, and nothing is ever sent without it.
    """
    with playing(tmp_path, apis=(OPENAI,), keys=1) as play:
        play.fakes.keys["groq"][OWN] = ""
        shown = play.add_key("own", OWN, base_url=f"{play.door.url}/groq/openai/v1", is_local=True, label="mine")
        assert (shown["last4"], shown["source"], shown["label"]) == ("9876", "person", "mine")
        model = until(
            lambda: next((name for name in play.views() if name.startswith("own/llama")), None), what="models"
        )
        assert said(play.ask(model)) == ANSWER
        play.restart(kill=True)
        reply = until(lambda: (asked := play.ask(model)).status == 200 and asked, what="it answers again")
        assert said(reply) == ANSWER
        assert [seen.key for seen in play.fakes.asked("groq") if seen.method == "POST"] == [OWN, OWN]
        assert {seen.key for seen in play.fakes.asked("groq")} == {OWN}
        listed = play.batuta.ask("GET", "/manage/keys")
        assert OWN.encode() not in listed.body
        assert listed.headers["cache-control"] == "no-store"
        (own,) = [each for each in listed.json()["keys"] if each["provider"] == "own"]
        assert (own["last4"], own["state"], own["last_outcome"]) == ("9876", "good", "valid")
        files = [file for file in play.folder.rglob("*") if file.is_file()]
        assert len(files) > 3
        assert [file for file in files for key in (OWN, OPENAI.keys[0]) if key.encode() in file.read_bytes()] == []


def test_a_restart(tmp_path: Path) -> None:
    """Usage, costs and limits go on where they were: what was spent today still counts."""
    with playing(tmp_path, apis=(OPENAI,), keys=1) as play:
        (key, _) = OPENAI.keys
        assert said(play.ask(OPENAI.model)) == ANSWER
        assert play.listen(OPENAI.model).text == ANSWER
        spent = play.key(key)["spent_today"]
        assert Decimal(spent) > 0
        play.change_key(key, daily_limit=spent)
        before = {by: play.usage(by) for by in ("provider", "model", "key")}
        play.restart()
        reply = until(lambda: (asked := play.ask(OPENAI.model)).status == 429 and asked, what="the keys are read")
        assert error_of(reply)["code"] == "budget_reached"
        assert len(play.asked()) == 2
        assert Decimal(play.key(key)["spent_today"]) == Decimal(spent)
        for by, rows in before.items():
            for name, row in rows.items():
                now = play.usage(by)[name]
                assert (now["cost_usd"], now["completion_tokens"]) == (row["cost_usd"], row["completion_tokens"])


def test_a_sealed_vault(tmp_path: Path) -> None:
    """Without the master key local models answer; external ones are unavailable, say why, and come back with it."""
    with playing(tmp_path, apis=(OPENAI,), keys=1) as play:
        file = play.folder / "vault.key"
        kept = file.read_bytes()
        file.unlink()
        play.restart()
        listed = until(lambda: (all_ := play.manage("GET", "keys"))["keys"] and all_, what="the keys are read")
        assert "master key" in listed["sealed"]
        assert [shown["last4"] for shown in listed["keys"]] == [OPENAI.keys[0][-4:]]
        assert said(play.ask(LOCAL))
        error = error_of(play.ask(OPENAI.model))
        assert (error["code"], error["suggestion"]) == ("vault_sealed", LOCAL)
        assert "master key" in error["message"]
        assert who(play.ask("auto").headers)[0] == LOCAL
        assert play.asked() == []
        view = until(lambda: play.unready(OPENAI.model), what="it is shown as unavailable")
        assert "master key" in view["error"]
        assert play.batuta.ask("POST", "/manage/keys/unseal").status == 503
        file.write_bytes(kept)
        file.chmod(0o600)
        assert play.manage("POST", "keys/unseal")["sealed"] is None
        assert said(play.ask(OPENAI.model)) == ANSWER
        until(lambda: play.unready(OPENAI.model) is None, what="it is shown as ready")


def test_nothing_leaves_the_installation(tmp_path: Path) -> None:
    """With `local_only` there is no connection at all: not for questions, nor lists of models, nor tests of keys."""
    with playing(tmp_path, apis=(OPENAI, MISTRAL), keys=0) as play:
        play.add_key(OPENAI.id, OPENAI.keys[0])
        until(lambda: OPENAI.model in play.views(), what="the models are found")
        assert said(play.ask(OPENAI.model)) == ANSWER
        play.restart(BATUTA_LOCAL_ONLY="true")
        before = (play.door.connections, play.door.bytes)
        assert before[1] > 0
        error = until(lambda: (asked := play.ask(OPENAI.model)).status == 403 and error_of(asked), what="a refusal")
        assert (error["code"], error["suggestion"]) == ("local_only", LOCAL)
        assert LOCAL in error["message"]
        for name in (LOCAL, "auto", "brain"):
            reply = play.ask(name)
            assert said(reply)
            assert who(reply.headers)[0] == LOCAL
        play.add_key(MISTRAL.id, MISTRAL.keys[0])
        for key in (OPENAI.keys[0], MISTRAL.keys[0]):
            assert play.manage("POST", f"keys/{play.ids[key]}/test")["outcome"] in {"unreachable", "unknown"}
        assert play.manage("GET", "models?refresh=1")["models"]
        assert (play.door.connections, play.door.bytes) == before
