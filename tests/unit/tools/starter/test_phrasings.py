"""The lists of further phrasings: well-formed, for topics that exist, and nothing of the measurement among them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from tools.starter import grammar, phrasings, synonyms
from tools.starter.brain import help_all, talk_all
from tools.starter.brain.unknown_lists import FILL
from tools.starter.coder.exchanges import KINDS
from tools.starter.heldout import brain_help, brain_talk, brain_unknown, coder_a, coder_b
from tools.starter.kinds import LANGUAGES

BOTH = pytest.mark.parametrize("language", LANGUAGES)
TOPICS = {topic.id: topic for topic in (*help_all.TOPICS, *talk_all.TOPICS, *talk_all.UNKNOWN)}
HELD_OUT = {
    "brain": [ask for asks in (brain_help.ASK, brain_talk.ASK) for ask in asks.values()] + [brain_unknown.ASK],
    "coder": [ask for asks in (coder_a.ASK, coder_b.ASK) for ask in asks.values()],
}


def texts(template: str) -> list[str]:
    return [re.sub(r"[?.! ]+$", "", text).casefold() for text in grammar.every(template)]


def test_every_topic_and_kind_has_more_ways() -> None:
    """Nothing is left to its ten narrow templates."""
    assert set(phrasings.of("brain")) == set(TOPICS)
    assert set(phrasings.of("coder")) == {kind.id for kind in KINDS}


@BOTH
def test_a_request_for_a_program_says_every_value(language: str) -> None:
    """Whatever the wording, each slot of the kind is in it."""
    for kind in KINDS:
        for template in phrasings.of("coder")[kind.id][language]:
            assert all(grammar.slots(text) == set(kind.slots) for text in grammar.every(template)), template


@BOTH
def test_slots_of_questions_have_words(language: str) -> None:
    """What a question leaves open can be filled in."""
    for topic, ways in phrasings.of("brain").items():
        for template in ways[language]:
            assert grammar.slots(template) <= set(FILL[language]), (topic, template)


@pytest.mark.parametrize("model", ["brain", "coder"])
@BOTH
def test_nothing_of_the_measurement_is_taught(model: str, language: str) -> None:
    """No held-out wording is a further phrasing, whatever its letters' case and last mark."""
    held_out = {text for ask in HELD_OUT[model] for template in ask[language] for text in texts(template)}
    for ways in phrasings.of(model).values():
        assert not [line for line in ways[language] if held_out.intersection(texts(line))]


@BOTH
def test_a_phrasing_belongs_to_one_topic(language: str) -> None:
    """No further phrasing is given for two topics that are answered differently."""
    owner: dict[str, str] = {}
    for name, ways in phrasings.of("brain").items():
        answered = "unknown" if TOPICS[name].group == "unknown" else name
        for text in {text for template in ways[language] for text in texts(template)}:
            assert owner.setdefault(text, answered) == answered, text


def test_a_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    """Bad TOML and unknown languages say where they are."""
    file = tmp_path / "some.toml"
    file.write_text("[load]\nfr = '''x'''\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"some\.toml: \[load\]"):
        phrasings.read(file)
    file.write_text("[load\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"some\.toml"):
        phrasings.read(file)


@BOTH
def test_synonyms_leave_slots_and_code_alone(language: str) -> None:
    """However many words are exchanged, values and commands stay as they are."""
    rng = Random(3)
    text = {"en": "Delete {model} with `delete model` now, please", "pt": "Apagar {model} com `apagar modelo` agora"}
    made = {synonyms.exchanged(text[language], language, rng, 1.0) for _ in range(50)}
    assert len(made) > 1
    for each in made:
        assert "{model}" in each
        assert ("`delete model`" if language == "en" else "`apagar modelo`") in each


@BOTH
def test_no_word_stands_in_two_groups(language: str) -> None:
    """Reading the list refuses a word whose meaning would be chance; there are enough groups to matter."""
    assert len(synonyms.words(language).others) > 800
