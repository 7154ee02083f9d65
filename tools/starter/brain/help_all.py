"""Everything that starter-brain knows about using Batuta, in one tuple. Pure data."""

from __future__ import annotations

from tools.starter.brain import (
    help_about,
    help_clients,
    help_engines,
    help_failures,
    help_files,
    help_memory,
    help_models,
    help_network,
    help_routing,
    help_sources,
    help_start,
    help_trouble,
    help_watching,
)
from tools.starter.kinds import Topic

_FILES = (
    help_start,
    help_sources,
    help_models,
    help_memory,
    help_routing,
    help_clients,
    help_engines,
    help_failures,
    help_network,
    help_trouble,
    help_watching,
    help_files,
    help_about,
)

TOPICS: tuple[Topic, ...] = tuple(topic for file in _FILES for topic in file.TOPICS)
