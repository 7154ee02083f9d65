"""Who answers in another's place, and who is never asked: keys that fail, models that fail, words of the caller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batuta.testing.gguf import tiny_gguf
from tests.acceptance.external_play import (
    ANTHROPIC,
    APIS,
    GOOGLE,
    LOCAL,
    MISTRAL,
    NAMED,
    OPENAI,
    Api,
    Play,
    error_of,
    playing,
    said,
    who,
)

pytestmark = pytest.mark.acceptance

EACH_API = pytest.mark.parametrize("api", APIS, ids=lambda api: api.id)
ALLOW = {"x-batuta-fallback": "allow"}
STAY = {"x-batuta-local-only": "true"}
ANSWER = "three two one"
FAULTS = {"bad-key": "invalid", "no-credit": "no_credit", "429-retry-after-60": "resting"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """One gateway for the module, with two keys for each API; the brain is OpenAI's model."""
    with playing(tmp_path_factory.mktemp("fallback")) as play:
        play.manage("PATCH", f"models/{OPENAI.model}", {"roles": ["brain"]})
        yield play


@pytest.fixture
def play(stage: Play) -> Play:
    """The stage, cleared."""
    stage.clear()
    return stage


def spoil(play: Play, *apis: Api, fault: str = "bad-key") -> None:
    """Have every key of these APIs refused."""
    for api in apis:
        for key in api.keys:
            play.spoil(key, fault)


class TestTwoKeys:
    """Two keys for one provider are used in order of health."""

    @EACH_API
    @pytest.mark.parametrize(("fault", "state"), FAULTS.items())
    def test_the_second_key_answers(self, play: Play, api: Api, fault: str, state: str) -> None:
        """Whole or streamed, with no sign of trouble; the first is shown as it is, and never sent in vain again."""
        first, second = api.keys
        play.spoil(first, fault)
        for _ in range(2):
            reply = play.ask(api.model)
            assert (said(reply), who(reply.headers)) == (ANSWER, (api.model, NAMED, None))
            heard = play.listen(api.model)
            assert (heard.text, heard.error, heard.who) == (ANSWER, None, (api.model, NAMED, None))
        assert (play.sent_with(first), play.sent_with(second)) == (1, 4)
        shown = play.key(first)
        assert shown["state"] == state
        assert shown["message"]
        assert shown["last_error"]
        assert (shown["rests_s"] is None) == (state == "invalid")
        assert (play.key(second)["state"], play.key(second)["last_outcome"]) == ("good", "valid")

    def test_a_refused_key_is_good_again(self, play: Play) -> None:
        """A person tests it: it is asked about once, found good, and used again."""
        first, second = OPENAI.keys
        play.spoil(first, "bad-key")
        assert said(play.ask(OPENAI.model)) == ANSWER
        play.spoil(first, "")
        found = play.manage("POST", f"keys/{play.ids[first]}/test")
        assert found["outcome"] == "valid"
        assert found["models"] > 0
        assert play.key(first)["state"] == "good"
        play.forget()
        assert said(play.ask(OPENAI.model)) == ANSWER
        assert (play.sent_with(first), play.sent_with(second)) == (1, 0)


class TestNoKeyLeft:
    """All keys of a provider are refused."""

    @EACH_API
    def test_a_named_model(self, play: Play, api: Api) -> None:
        """A typed error that names who could answer; after that nothing is sent at all."""
        spoil(play, api)
        error = error_of(play.ask(api.model))
        assert error["code"] == "key_invalid"
        assert error["suggestion"] in play.views()
        assert f"{error['suggestion']} could answer instead" in error["message"]
        assert [play.sent_with(key) for key in api.keys] == [1, 1]
        reply = play.ask(api.model)
        assert error_of(reply)["code"] in {"key_missing", "key_invalid"}
        assert error_of(reply)["suggestion"] in play.views()
        assert [play.sent_with(key) for key in api.keys] == [1, 1]

    def test_another_api_first(self, play: Play) -> None:
        """`brain` is answered by another API with a working key, rather than by a model in memory."""
        play.load_local()
        spoil(play, OPENAI)
        for _ in range(2):
            reply = play.ask("brain")
            assert said(reply) == ANSWER
            model, route, instead = who(reply.headers)
            assert play.views()[model]["is_external"]
            assert not model.startswith("openai/")
            assert route == "external API, ready at once"
            assert (instead or "").startswith(f"{OPENAI.model}, ")

    def test_then_a_loaded_model(self, play: Play) -> None:
        """No key of any API works: the model in memory answers."""
        play.load_local()
        spoil(play, *APIS)
        for _ in range(2):
            reply = play.ask("brain")
            assert said(reply)
            assert who(reply.headers)[:2] == (LOCAL, "local and already loaded")
            assert (who(reply.headers)[2] or "").startswith(f"{OPENAI.model}, ")
        assert all(play.sent_with(key) <= 1 for api in APIS for key in api.keys)

    def test_then_one_that_has_to_be_loaded(self, play: Play) -> None:
        """No key works and nothing is in memory: a local model is loaded for it."""
        play.unload_local()
        spoil(play, *APIS)
        reply = play.ask("brain")
        assert said(reply)
        assert who(reply.headers)[:2] == (LOCAL, "local, has to be loaded")
        assert play.views()[LOCAL]["state"] == "ready"


class TestFailingLocalModel:
    """A local model that cannot be loaded."""

    @pytest.fixture
    def broken(self, play: Play) -> Iterator[str]:
        """A model whose file lost its end behind Batuta's back."""
        file = play.folder / "models" / "broken.gguf"
        tiny_gguf(file)
        play.manage("GET", "models?refresh=1")
        with file.open("r+b") as opened:
            opened.truncate(file.stat().st_size // 2)
        yield "broken"
        file.unlink()
        play.manage("GET", "models?refresh=1")

    def test_an_external_model_answers(self, play: Play, broken: str) -> None:
        """Where the caller allows it, and the headers say why."""
        reply = play.ask(broken, headers=ALLOW)
        assert said(reply) == ANSWER
        model, route, instead = who(reply.headers)
        assert play.views()[model]["is_external"]
        assert route == "external API, ready at once"
        assert (instead or "").startswith(f"{broken}, ")

    def test_alone(self, play: Play, broken: str) -> None:
        """A caller who named it gets its error, with the external model that could answer; nothing is sent to it."""
        error = error_of(play.ask(broken))
        assert play.views()[error["suggestion"]]["is_external"]
        assert play.manage("GET", f"models/{broken}/alternative")["model"] == error["suggestion"]
        assert play.asked() == []

    def test_nothing_leaves(self, play: Play, broken: str) -> None:
        """With `x-batuta-local-only` a model of this machine answers, and not a byte goes out."""
        before = (play.door.connections, play.door.bytes)
        reply = play.ask(broken, headers=ALLOW | STAY)
        assert said(reply)
        assert who(reply.headers)[0] == LOCAL
        assert (play.door.connections, play.door.bytes) == before


class TestLocalOnly:
    """A request that may not leave this machine."""

    @pytest.mark.parametrize("headers", [STAY, {"x-batuta-policy": "local-only"}], ids=["wish", "policy"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_named_model_that_is_elsewhere(self, play: Play, headers: dict[str, str], stream: bool) -> None:
        """Refused, naming the model of this machine that could answer; not a byte goes out."""
        before = (play.door.connections, play.door.bytes)
        for api in APIS:
            error = error_of(play.ask(api.model, headers=headers, stream=stream))
            assert (error["code"], error["suggestion"]) == ("local_only", LOCAL)
            assert LOCAL in error["message"]
        assert (play.door.connections, play.door.bytes) == before
        assert play.asked() == []

    def test_in_the_body(self, play: Play) -> None:
        """The field `local_only` says the same, and a virtual name is answered here."""
        before = (play.door.connections, play.door.bytes)
        assert error_of(play.ask(OPENAI.model, local_only=True))["code"] == "local_only"
        reply = play.ask("brain", local_only=True)
        assert said(reply)
        assert who(reply.headers)[0] == LOCAL
        assert who(reply.headers)[2] == f"{OPENAI.model}, local_only"
        assert (play.door.connections, play.door.bytes) == before

    def test_the_next_request_may_leave(self, play: Play) -> None:
        """The wish is one request's: the bytes are counted, so that the tests before this one mean something."""
        before = play.door.bytes
        assert said(play.ask(OPENAI.model)) == ANSWER
        assert play.door.bytes > before


class TestCallersWord:
    """What the caller says about who may answer."""

    def test_own_list(self, play: Play) -> None:
        """The names of `models` are tried in their order, those that nobody knows are passed over, no others are."""
        spoil(play, OPENAI, GOOGLE)
        names = [GOOGLE.model, "nobody/at-all", MISTRAL.model, ANTHROPIC.model]
        reply = play.ask(OPENAI.model, models=names)
        assert said(reply) == ANSWER
        model, route, instead = who(reply.headers)
        assert (model, route) == (MISTRAL.model, "number 4 of the caller's list")
        for passed in (OPENAI.model, GOOGLE.model, "nobody/at-all"):
            assert f"{passed}, " in (instead or "")
        assert play.asked(ANTHROPIC) == []

    def test_own_list_alone(self, play: Play) -> None:
        """When none of the list can, the caller is told why of each, and nobody else is asked."""
        spoil(play, OPENAI, GOOGLE)
        error = error_of(play.ask(OPENAI.model, models=[GOOGLE.model]))
        assert {OPENAI.model, GOOGLE.model} <= error["details"]["tried"].keys()
        assert play.asked(ANTHROPIC, MISTRAL) == []

    def test_same_or_smaller_cost(self, play: Play) -> None:
        """Who stands in for a cheap model costs no more than it; without that wish a dearer one would have."""
        spoil(play, MISTRAL)
        dear = who(play.ask(MISTRAL.model, headers=ALLOW).headers)[0]
        reply = play.ask(MISTRAL.model, headers=ALLOW | {"x-batuta-policy": "same-or-smaller-cost"})
        cheap = who(reply.headers)[0]
        assert play.views()[dear]["is_external"]
        assert cheap == LOCAL
