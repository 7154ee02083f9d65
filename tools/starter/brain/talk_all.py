"""Everything that starter-brain says beyond help: who it is, small talk, and what it does not know."""

from __future__ import annotations

from tools.starter.brain import identity, identity_limits, small_talk, small_talk_moods, small_talk_short
from tools.starter.brain.unknown import UNKNOWN
from tools.starter.kinds import Topic

__all__ = ["TOPICS", "UNKNOWN"]

TOPICS: tuple[Topic, ...] = (
    *identity.TOPICS,
    *identity_limits.TOPICS,
    *small_talk.TOPICS,
    *small_talk_moods.TOPICS,
    *small_talk_short.TOPICS,
)
"""The topics of the groups identity and small_talk."""
