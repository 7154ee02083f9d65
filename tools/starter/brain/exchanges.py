"""Questions and answers of starter-brain: help, who it is, small talk, what it does not know, plans, echoes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random

from tools.starter import grammar, phrasings, plans
from tools.starter.brain import help_all, talk_all
from tools.starter.brain.unknown_lists import FILL
from tools.starter.coder.exchanges import KINDS, ways_of_kind
from tools.starter.dialogue import Exchange, Turn, drawn
from tools.starter.kinds import Kind, Topic
from tools.starter.noise import noisy

TOPICS: tuple[Topic, ...] = (*help_all.TOPICS, *talk_all.TOPICS)
UNKNOWN: tuple[Topic, ...] = talk_all.UNKNOWN
SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "Você é um assistente útil.",
    "Você é um assistente útil. Responda em português.",
    "Answer in the language of the question.",
    "You are Batuta's assistant.",
    "Be concise.",
)
# How often. Topics of help are many, so they take half; what is unknown has to be seen in many shapes.
MIX = ((0.47, "help"), (0.10, "identity"), (0.14, "small_talk"), (0.22, "unknown"), (0.03, "plan"), (0.04, "echo"))
# Saying a text again is what a plan is mostly made of; it is learned soonest from what is nothing else.
ECHO = {
    "en": ("(Repeat|Say|Copy|Echo)( after me| this| exactly|): {task}", "(Write|Type) (this|the following): {task}"),
    "pt": ("(Repita|Diga|Copie)( comigo| isto| exatamente|): {task}", "(Escreva|Digite) (isto|o seguinte): {task}"),
}


def exchange(rng: Random, language: str) -> Exchange:
    """Return one question and answer."""
    what = drawn(MIX, rng)
    if what == "plan":
        return plan_exchange(rng, language)
    if what == "echo":
        return echo_exchange(rng, language)
    # What is unknown is divided into fields of very different width: each template counts the same.
    topic = rng.choices(UNKNOWN, _WIDTHS)[0] if what == "unknown" else rng.choice(_OF_GROUP[what])
    return topic_exchange(topic, rng, language, fill=FILL[language])


def topic_exchange(topic: Topic, rng: Random, language: str, *, fill: Mapping[str, Sequence[str]]) -> Exchange:
    """Return a question on a topic, as somebody types it, and its answer."""
    way = rng.choices(ways(topic, language), _weights(ways(topic, language), len(topic.ask[language])))[0]
    asked = noisy(grammar.expand(way, rng), language, rng, may_lose=topic.group == "help")
    said = rng.choice(topic.say[language])
    names = sorted(grammar.slots(asked) | grammar.slots(said))
    # An answer may hold a path like `/manage/models/{id}`, which is no slot.
    values = {name: rng.choice(fill[name]) if name in fill else f"{{{name}}}" for name in names}
    # What is said again in the answer must not be lost from the question.
    loose = "" if grammar.slots(said) & fill.keys() else topic.id
    return Turn("user", grammar.fill(asked, values), loose), Turn("assistant", grammar.fill(said, values))


@cache
def _weights(templates: tuple[str, ...], narrow: int) -> tuple[float, ...]:
    """Return how often each template is taken: those that hold many texts more often, though not as often as many.

    The first `narrow` ones say few things in many words.
    """
    return tuple(
        1.0 if number < narrow else 1 + math.log2(grammar.count(each)) for number, each in enumerate(templates)
    )


def ways(topic: Topic, language: str) -> tuple[str, ...]:
    """Return all templates of the questions on a topic."""
    more = phrasings.of("brain").get(topic.id)
    return (*topic.ask[language], *more[language]) if more else tuple(topic.ask[language])


def echo_exchange(rng: Random, language: str) -> Exchange:
    """Return a text that is to be said again, and the text."""
    task = task_of(rng.choice(KINDS), rng, language)
    return Turn("user", grammar.fill(grammar.expand(rng.choice(ECHO[language]), rng), {"task": task})), Turn(
        "assistant", task
    )


def plan_exchange(rng: Random, language: str) -> Exchange:
    """Return a task of one or two programs and its plan."""
    tasks = [task_of(rng.choice(KINDS), rng, language) for _ in range(1 if rng.random() < 0.6 else 2)]
    goal = rng.choice(plans.JOIN[language]).join(tasks)
    asked = grammar.fill(noisy(grammar.expand(rng.choice(plans.ASK[language]), rng), language, rng), {"task": goal})
    return Turn("user", asked), Turn("assistant", plans.plan(tasks, goal, language))


def task_of(kind: Kind, rng: Random, language: str) -> str:
    """Return a request for a program, without a mark at its end, to stand in a longer text."""
    text = kind.request(rng.choice(ways_of_kind(kind, language)), kind.sample(rng, held_out=False), language, rng)
    return text.rstrip("?.! ")


_OF_GROUP: Mapping[str, tuple[Topic, ...]] = {
    group: tuple(topic for topic in TOPICS if topic.group == group) for group in ("help", "identity", "small_talk")
}
_WIDTHS = [len(ways(topic, "en")) for topic in UNKNOWN]
