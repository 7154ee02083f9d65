"""The promises of starter-brain's talk beyond help: well formed, honest, varied, and measured by other questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

import pytest

from tools.starter import grammar
from tools.starter.brain import unknown_lists
from tools.starter.brain.talk_all import TOPICS, UNKNOWN
from tools.starter.brain.unknown_near import NEAR
from tools.starter.heldout import brain_talk, brain_unknown
from tools.starter.kinds import LANGUAGES, Topic

ALL = (*TOPICS, *UNKNOWN)
MOST_WORDS = 40


def filled(template: str, lists: Mapping[str, tuple[str, ...]], rng: Random) -> str:
    """Return one text of a template with words of the lists."""
    return grammar.fill(grammar.expand(template, rng), {name: rng.choice(entries) for name, entries in lists.items()})


def training_questions(language: str, topics: tuple[Topic, ...], *, amount: int, rng: Random) -> set[str]:
    """Return the different questions among so many samples, in lower case and without marks."""
    templates = [template for topic in topics for template in topic.ask[language]]
    made = (filled(rng.choice(templates), unknown_lists.FILL[language], rng) for _ in range(amount))
    return {bare(text) for text in made}


def bare(text: str) -> str:
    """Return a text as two people would write it alike."""
    return re.sub(r"[^\w+*/-]+", " ", text.lower()).strip()


def test_ids_are_unique() -> None:
    """No two topics have the same name."""
    ids = [topic.id for topic in ALL]
    assert len(set(ids)) == len(ids)
    assert all(topic.group == ("unknown" if topic in UNKNOWN else topic.group) for topic in ALL)
    assert {topic.group for topic in TOPICS} == {"identity", "small_talk"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_a_topic_has_enough_phrasings_and_short_answers(topic: Topic) -> None:
    """Every topic is asked for in eight ways or more and answered by one or two short answers."""
    for language in LANGUAGES:
        assert len(topic.ask[language]) >= 8
        assert sum(grammar.count(template) for template in topic.ask[language]) >= 20
        assert 1 <= len(topic.say[language]) <= 2
        assert all(len(answer.split()) <= MOST_WORDS for answer in topic.say[language])


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.id)
def test_each_answer_has_its_facts(topic: Topic) -> None:
    """What starter-brain should say counts as right, and each slot of it is in the question as well."""
    for language in LANGUAGES:
        asked = set.intersection(*(grammar.slots(template) for template in topic.ask[language]))
        values = {name: entries[0] for name, entries in unknown_lists.FILL[language].items()}
        for answer in topic.say[language]:
            assert grammar.slots(answer) <= asked
            said = grammar.fill(answer, values)
            for fact in topic.facts[language]:
                assert re.search(grammar.fill(fact, values), said, re.IGNORECASE), (fact, said)


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.id)
def test_templates_parse_and_their_slots_have_words(topic: Topic) -> None:
    """Every template has matching brackets, and every slot has a list, and so in the held-out questions."""
    for language in LANGUAGES:
        for template in topic.ask[language]:
            assert grammar.count(template) >= 1
            assert grammar.slots(template) <= set(unknown_lists.FILL[language]), template


@pytest.mark.parametrize("language", LANGUAGES)
def test_unknown_questions_are_many_and_different(language: str) -> None:
    """Questions outside are asked in so many ways that they are hardly ever the same twice."""
    assert sum(len(topic.ask[language]) for topic in UNKNOWN) >= 100
    assert len(NEAR[LANGUAGES.index(language)]) >= 40
    assert len(training_questions(language, UNKNOWN, amount=3000, rng=Random(1))) > 2500  # a fixed sample


def test_an_admission_is_plain() -> None:
    """All four admissions of a language say so in plain words."""
    for topic in UNKNOWN:
        assert all("I don't know" in answer for answer in topic.say["en"])
        assert all("não sei" in answer.lower() for answer in topic.say["pt"])
        assert len(topic.say["en"]) == len(topic.say["pt"]) == 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_words_are_not_trained(language: str) -> None:
    """No word of a held-out list is in the training's list of the same slot, and both have the same slots."""
    train, held_out = unknown_lists.FILL[language], brain_unknown.FILL[language]
    assert set(held_out) == set(train)
    for name, entries in held_out.items():
        assert not set(entries) & set(train[name]), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_questions_are_not_trained(language: str) -> None:
    """No held-out question comes out of a training template."""
    rng = Random(2)  # a fixed sample
    unknown = training_questions(language, UNKNOWN, amount=6000, rng=rng)
    assert len(brain_unknown.ASK[language]) >= 80
    for template in brain_unknown.ASK[language]:
        assert bare(filled(template, brain_unknown.FILL[language], rng)) not in unknown
        assert template not in [one for topic in UNKNOWN for one in topic.ask[language]]
    known = {bare(text) for topic in TOPICS for one in topic.ask[language] for text in grammar.every(one)}
    for topic_id, ask in brain_talk.ASK.items():
        for question in ask[language]:
            assert bare(question) not in known, (topic_id, question)


def test_every_topic_is_measured() -> None:
    """Each topic of talk has four held-out questions a language, with the slots that its answers need."""
    assert set(brain_talk.ASK) == {topic.id for topic in TOPICS}
    for topic in TOPICS:
        for language in LANGUAGES:
            questions = brain_talk.ASK[topic.id][language]
            assert len(questions) == 4
            needed = set().union(*(grammar.slots(answer) for answer in topic.say[language]))
            assert all(grammar.slots(question) >= needed for question in questions)


def test_no_question_belongs_to_two_topics() -> None:
    """The same words never ask for two different topics of talk."""
    for language in LANGUAGES:
        owner: dict[str, str] = {}
        for topic in TOPICS:
            for text in {bare(text) for one in topic.ask[language] for text in grammar.every(one)}:
                assert owner.setdefault(text, topic.id) == topic.id, (text, topic.id, owner[text])


def test_portuguese_contracts() -> None:
    """Portuguese lists contract their article with the preposition before it."""
    assert unknown_lists.contracted("de", "o Japão") == "do Japão"
    assert unknown_lists.contracted("em", "os Estados Unidos") == "nos Estados Unidos"
    assert unknown_lists.contracted("de", "Portugal") == "de Portugal"
