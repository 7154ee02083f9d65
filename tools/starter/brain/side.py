"""A topic written one language after the other, which reads better than three tables. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tools.starter.kinds import Topic


@dataclass(frozen=True, slots=True)
class Side:
    """A topic in one language: how people ask, what is answered, and what every answer must match."""

    ask: tuple[str, ...]
    say: tuple[str, ...]
    facts: tuple[str, ...]


def topic(topic_id: str, group: str, *, en: Side, pt: Side) -> Topic:
    """Return the topic of both sides."""
    return Topic(
        id=topic_id,
        ask={"en": en.ask, "pt": pt.ask},
        say={"en": en.say, "pt": pt.say},
        facts={"en": en.facts, "pt": pt.facts},
        group=group,
    )
