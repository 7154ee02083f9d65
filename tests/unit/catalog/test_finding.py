"""Which programs and keys become providers: the rules, and that no round of discovery undoes what a person said."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.entities import Provider
from batuta.catalog.external import TABLE, External, seen_keys
from batuta.catalog.finding import (
    DOORS,
    FOUND,
    PERSON,
    SETTINGS,
    Door,
    Knocked,
    Places,
    changeable,
    check_is_gone,
    doubles,
    is_overruled,
    is_worth_a_knock,
    is_worth_keeping,
    offered,
    provider_behind,
    restored,
)
from batuta.catalog.neighbours import FIRST_REST_S, LONGEST_REST_S, Neighbours
from batuta.catalog.records import LOCAL, Choices, Found, ModelRecord, ProviderState
from batuta.errors import BadRequest, Conflict

OLLAMA = Door("ollama", 11434)
LLAMA = Door("llama_server", 8080)
HERE = provider_behind(OLLAMA, "ollama")


def state(provider: Provider, source: str = FOUND, *, is_online: bool | None = None) -> ProviderState:
    return ProviderState(provider, source, is_online=is_online)


def test_the_doors_are_those_of_the_kinds() -> None:
    """One table says which program listens where, for discovery and for the doctor."""
    assert {(door.kind, door.port) for door in DOORS} == {
        ("ollama", 11434),
        ("lmstudio", 1234),
        ("llama_server", 8080),
        ("vllm", 8000),
    }


def test_ids_do_not_depend_on_who_came_first() -> None:
    """A program at its usual port is called by its kind; elsewhere by its kind and the port."""
    assert (HERE.id, HERE.name, HERE.base_url, HERE.is_local) == ("ollama", "Ollama", "http://127.0.0.1:11434", True)
    moved = provider_behind(LLAMA, "lmstudio")
    assert (moved.id, moved.kind, moved.name) == ("lmstudio-8080", "lmstudio", "LM Studio :8080")


@pytest.mark.parametrize(
    ("provider", "source", "expected"),
    [
        (Provider("ollama", "ollama", base_url="http://10.0.0.5:11434"), PERSON, True),
        (Provider("mine", "ollama", base_url="http://localhost:11434/v1"), SETTINGS, True),
        (Provider("mine", "openai_compat", base_url="http://[::1]:11434"), PERSON, True),
        (Provider("mine", "ollama", base_url="http://127.0.0.1:11435"), PERSON, False),
        (Provider("other", "ollama", base_url="http://127.0.0.1:11434"), FOUND, False),
        (LOCAL, "builtin", False),
    ],
)
def test_who_was_named_goes_first(provider: Provider, source: str, expected: bool) -> None:
    """The same id or the same place, in whatever words, by a person or by the settings."""
    assert is_overruled(HERE, [state(provider, source)]) is expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], True),
        ([state(HERE, is_online=False)], True),
        ([state(HERE, is_online=True)], False),
        ([state(HERE)], False),
        ([state(replace(HERE, enabled=False), is_online=False)], False),
        ([state(HERE, PERSON, is_online=False)], False),
    ],
)
def test_only_doors_with_somebody_new_are_knocked_at(known: list[ProviderState], expected: bool) -> None:
    """Not where a named one is, where somebody answers or is being asked, or where a person switched it off."""
    assert is_worth_a_knock(OLLAMA, known) is expected


def test_what_may_be_changed_here() -> None:
    """A person's own and what was found; what the settings say is changed there."""
    assert changeable(state(HERE), "ollama").source == FOUND
    with pytest.raises(BadRequest, match="from the settings"):
        changeable(state(HERE, SETTINGS), "ollama")
    with pytest.raises(BadRequest, match="there is no provider"):
        changeable(None, "nobody")


def test_what_would_be_found_again_is_not_deleted() -> None:
    """An engine that is gone is forgotten; one that is there, and a key that is there, are switched off instead."""
    check_is_gone(state(HERE, is_online=False))
    check_is_gone(state(HERE, PERSON, is_online=True))
    for found in (state(HERE, is_online=True), state(replace(HERE, key_ref="env:X_KEY"), is_online=False)):
        with pytest.raises(Conflict, match="switch it off"):
            check_is_gone(found)


# --- a person's word, whatever happens -------------------------------------------------------------------------------

KEY = seen_keys({"GROQ_API_KEY": "sk-test-not-a-key"})[0]
assert KEY.provider is not None
FINDABLE = {HERE.id: HERE, "lmstudio-8080": provider_behind(LLAMA, "lmstudio"), KEY.id: KEY.provider}
steps = st.lists(
    st.one_of(
        st.tuples(st.just("found"), st.sampled_from(sorted(FINDABLE))),
        st.tuples(st.just("gone"), st.sampled_from(sorted(FINDABLE))),
        st.tuples(st.just("on"), st.sampled_from(sorted(FINDABLE))),
        st.tuples(st.just("off"), st.sampled_from(sorted(FINDABLE))),
        st.tuples(st.just("restart"), st.just("")),
        st.tuples(st.just("restart without"), st.just("")),
    ),
    max_size=20,
)


async def _nobody(_door: Door) -> Knocked:
    return Knocked(is_open=False)


@given(steps)
def test_a_persons_switch_survives_any_sequence_of_rounds(sequence: list[tuple[str, str]]) -> None:
    """Found, gone, restarted, discovery off for a while: a provider is on or off as a person left it."""
    neighbours = Neighbours(Places(_nobody))
    states: dict[str, ProviderState] = {}
    stored: dict[str, tuple[Provider, str]] = {}
    wished: dict[str, bool] = {}
    for what, which in sequence:
        if what == "found":
            if (provider := neighbours.admit(FINDABLE[which], states)) is not None:
                states[which] = state(provider, is_online=True)
        elif what == "gone" and which in states:
            states[which] = replace(states[which], is_online=False)
        elif what in {"on", "off"} and which in states:
            provider = replace(states[which].provider, enabled=what == "on")
            states[which] = state(provider)
            neighbours.note_switch(provider)
            wished[which] = what == "on"
        elif what.startswith("restart"):
            neighbours = Neighbours(Places(_nobody) if what == "restart" else None)
            states = dict(neighbours.restore(stored.values(), {}).states)
        # The database knows what is worth keeping, and never forgets what a person switched.
        stored |= {i: (s.provider, s.source) for i, s in states.items() if i in wished or is_worth_keeping(s, ())}
        for known, each in states.items():
            assert each.provider.enabled == wished.get(known, FINDABLE[known].enabled)


def test_providers_of_earlier_starts() -> None:
    """Those a person added and engines that were found are back; former settings and keys are not, until seen."""
    added = Provider("mine", "openai_compat", base_url="http://127.0.0.1:9/v1")
    was_set = Provider("old", "openai_compat", base_url="http://h/v1")
    with_key = replace(FINDABLE["groq"], enabled=True)
    rows = [(added, PERSON), (HERE, FOUND), (was_set, SETTINGS), (with_key, FOUND)]
    back = restored(rows, {}, is_looking=True)
    assert (set(back.states), set(back.former)) == ({"mine", "ollama"}, {"old", "groq"})
    assert back.switches == {"ollama": True, "groq": True}
    off = restored(rows, {}, is_looking=False)
    assert (set(off.states), "ollama" in off.former) == ({"mine"}, True)
    named = {"x": state(Provider("x", "ollama", base_url="http://localhost:11434"), SETTINGS)}
    assert "ollama" in restored(rows, named, is_looking=True).former


# --- strangers -------------------------------------------------------------------------------------------------------


async def test_a_stranger_is_left_alone_longer_and_longer() -> None:
    """Its log is not filled; a person who asks gets an answer now; a closed door is knocked at in every round."""
    asked: list[float] = []
    clock = {"now": 0.0}
    answers = {"kind": "", "open": True}

    async def knock(_door: Door) -> Knocked:
        asked.append(clock["now"])
        return Knocked(bool(answers["open"]), str(answers["kind"]))

    neighbours = Neighbours(Places(knock, doors=(OLLAMA,)))
    for _ in range(200):
        assert await neighbours.behind(OLLAMA, {}, now=lambda: clock["now"]) is None
        clock["now"] += FIRST_REST_S
    rests = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert rests[:3] == [10.0, 20.0, 40.0]
    assert max(rests) <= LONGEST_REST_S + FIRST_REST_S
    count = len(asked)
    await neighbours.behind(OLLAMA, {}, now=lambda: clock["now"], is_asked=True)
    assert len(asked) == count + 1
    answers["open"] = False
    await neighbours.behind(OLLAMA, {}, now=lambda: clock["now"], is_asked=True)
    answers["open"], answers["kind"] = True, "ollama"  # it has ended, and another program has its port
    assert await neighbours.behind(OLLAMA, {}, now=lambda: clock["now"]) == HERE


# --- Ollama's files --------------------------------------------------------------------------------------------------


def test_a_file_that_ollama_offers_is_not_listed_twice() -> None:
    """It is listed where it runs; without Ollama, or with a person's word on the file, it is listed as a file."""
    file = ModelRecord("qwen3:8b", LOCAL.id, Found("/b/sha256-1"))
    theirs = ModelRecord("ollama/qwen3:8b", "ollama", Found("qwen3:8b"))
    names = {"/b/sha256-1": "qwen3:8b"}
    running = offered([file, theirs], {"ollama": state(HERE, is_online=True)})
    assert running == {"qwen3:8b"}
    assert doubles([file, theirs], names, running) == {"qwen3:8b"}
    assert doubles([replace(file, choices=Choices(pinned=True))], names, running) == frozenset()
    assert offered([theirs], {"ollama": state(HERE, is_online=False)}) == frozenset()
    assert doubles([file], names, frozenset()) == frozenset()
    assert doubles([file], names, None) == {"qwen3:8b"}


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys_are_seen_by_name_and_used_by_nobody() -> None:
    """A provider that was found by its key is off, and holds the variable's name, never the key."""
    (groq,) = seen_keys({"GROQ_API_KEY": "sk-test-not-a-key", "OPENAI_API_KEY": ""})
    assert groq.provider is not None
    assert (groq.provider.enabled, groq.provider.key_ref, groq.provider.is_local) == (False, "env:GROQ_API_KEY", False)
    assert "sk-test" not in repr(groq)


def test_a_key_brings_the_engine_of_its_dialect() -> None:
    """Each API is spoken to in its own dialect, once a person switches it on."""
    found = {key.id: key for key in seen_keys({"ANTHROPIC_API_KEY": "x", "GOOGLE_API_KEY": "y", "GEMINI_API_KEY": "z"})}
    assert [(key.provider and (key.provider.kind, key.provider.enabled), key.variable) for key in found.values()] == [
        (("anthropic", False), "ANTHROPIC_API_KEY"),
        (("gemini", False), "GEMINI_API_KEY"),
    ]


@pytest.mark.parametrize("api", TABLE, ids=[api.id for api in TABLE])
def test_each_row_of_the_table_is_sound(api: External) -> None:
    """An id that can be a provider's, an encrypted address, variables that hold keys."""
    assert api.id.isidentifier()
    assert api.base_url.startswith("https://")
    assert not api.base_url.endswith("/")
    assert all(name.endswith(("_KEY", "_TOKEN")) for name in api.variables)
    assert [other.id for other in TABLE].count(api.id) == 1
