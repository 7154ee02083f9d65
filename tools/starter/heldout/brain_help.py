"""Questions about using Batuta for the measurement alone: no text of the training is among them. Pure data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.starter.heldout import (
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.starter.kinds import Phrasings

ASK: Mapping[str, Phrasings] = {
    **help_start.ASK,
    **help_sources.ASK,
    **help_models.ASK,
    **help_memory.ASK,
    **help_routing.ASK,
    **help_clients.ASK,
    **help_engines.ASK,
    **help_failures.ASK,
    **help_network.ASK,
    **help_trouble.ASK,
    **help_watching.ASK,
    **help_files.ASK,
    **help_about.ASK,
}
