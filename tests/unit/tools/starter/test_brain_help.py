"""starter-brain's help: well-formed, true to its own facts, and measured with questions that it never saw."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from batuta.cli.main import COMMANDS
from tools.starter import grammar
from tools.starter.brain.help_all import TOPICS
from tools.starter.heldout.brain_help import ASK
from tools.starter.kinds import LANGUAGES, Topic

SOON = {"keys", "pull", "story", "plan", "route"}
"""Subcommands that the answers may name before they exist."""

BOTH = pytest.mark.parametrize("language", LANGUAGES)


def _training(language: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for topic in TOPICS:
        for template in topic.ask[language]:
            for text in grammar.every(template):
                texts.setdefault(_plain(text), []).append(topic.id)
    return texts


def _plain(text: str) -> str:
    return text.casefold().rstrip("?.! ")


def _answers(language: str) -> list[tuple[Topic, str]]:
    return [(topic, answer) for topic in TOPICS for answer in topic.say[language]]


def test_ids_are_unique_and_cover_the_product() -> None:
    """There are at least 72 topics, each with its own id and its own held-out questions."""
    ids = [topic.id for topic in TOPICS]
    assert len(ids) >= 72
    assert len(set(ids)) == len(ids)
    assert set(ASK) == set(ids)


@BOTH
def test_templates_are_enough_and_readable(language: str) -> None:
    """Each topic has ten templates of 8 to 100 texts for training and five for measuring, without slots."""
    for topic in TOPICS:
        assert len(topic.ask[language]) == 10, topic.id
        assert len(ASK[topic.id][language]) == 5, topic.id
        for template in topic.ask[language]:
            assert 8 <= grammar.count(template) <= 100, template
            assert not grammar.slots(template), template
        for template in ASK[topic.id][language]:
            assert grammar.every(template), template
            assert not grammar.slots(template), template


@BOTH
def test_answers_have_their_own_facts(language: str) -> None:
    """Each answer has what its topic demands, is short, and is a whole sentence."""
    for topic, answer in _answers(language):
        assert topic.is_answered_by(answer, language), topic.id
        assert 8 <= len(answer.split()) <= 60, topic.id
        assert answer[0].isupper() or answer[0] == "`", topic.id
        assert answer[-1] in ".`", topic.id


@BOTH
def test_facts_tell_topics_apart(language: str) -> None:
    """An answer about something else seldom has all facts of a topic: for three other topics at most."""
    for topic in TOPICS:
        others = {
            other.id
            for other, answer in _answers(language)
            if other != topic and topic.is_answered_by(answer, language)
        }
        assert len(others) <= 3, (topic.id, others)


@BOTH
def test_a_question_belongs_to_one_topic(language: str) -> None:
    """No training text is asked of two topics."""
    shared = {text: topics for text, topics in _training(language).items() if len(set(topics)) > 1}
    assert not shared


@BOTH
def test_held_out_questions_are_new(language: str) -> None:
    """No held-out question is a text of the training, whatever its letters' case and last mark."""
    known = _training(language)
    asked = [_plain(text) for ask in ASK.values() for template in ask[language] for text in grammar.every(template)]
    assert not [text for text in asked if text in known]
    assert [text for text, times in Counter(asked).items() if times > 1] == []


@BOTH
def test_commands_exist(language: str) -> None:
    """Every `batuta ...` that an answer names is a subcommand."""
    known = set(COMMANDS) | SOON
    for topic, answer in _answers(language):
        for command in re.findall(r"`batuta ([a-z-]+)", answer):
            assert command in known, (topic.id, command)
