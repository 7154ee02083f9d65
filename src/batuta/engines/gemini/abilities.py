"""What Gemini's models take and can do: from their flags, and from the list of models. Pure; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from batuta.catalog.entities import Capability
from batuta.catalog.model_flags import ModelFlags, known_flags
from batuta.chat.dialects.gemini_request import LEVELS, Traits
from batuta.engines.base import ReportedModel
from batuta.engines.faults import clean

KNOWN: Final = known_flags()  # a file, read with the import: engines are made on the loop
PROVIDER: Final = "google"
"""Whose rows in known/model_flags.toml count, whoever serves the models."""

METHODS: Final[Mapping[str, frozenset[Capability]]] = {
    "generateContent": frozenset({Capability.CHAT}),
    "embedContent": frozenset({Capability.EMBEDDING}),
    "batchEmbedContents": frozenset({Capability.EMBEDDING}),
}
"""supportedGenerationMethods -> what a model can do; other methods (predict, bidiGenerateContent) are none of ours."""

SEES_AND_CALLS: Final = frozenset({Capability.TOOLS, Capability.VISION})
LONGEST_NAME: Final = 120  # characters of a display name


def traits_of(flags: ModelFlags, address: str) -> Traits:
    """Return what a model takes, by its name at Google (`gemini-2.5-pro`, `tunedModels/mine`)."""
    row = flags.of(PROVIDER, address)
    budget: Sequence[int] = row.get("budget", ())
    return Traits(
        levels=tuple(level for level in row.get("levels", ()) if level in LEVELS),
        budget=(budget[0], budget[1]) if len(budget) == 2 else None,
        can_stop_thinking=bool(row.get("can_rest", False)),
        is_signed=bool(row.get("is_signed", False)),
        has_system=bool(row.get("has_system", True)),
        refuses=frozenset(row.get("refuses", ())),
        is_chat=bool(row.get("is_chat", True)),
    )


def reported(row: Mapping[str, Any], flags: ModelFlags) -> ReportedModel | None:
    """Read a row of the list of models; None for one that neither chats nor embeds.

    The list says nothing of tools and images: all of Gemini's models for chat have both, Gemma's are told neither.
    """
    address = address_of(row.get("name"))
    methods = row.get("supportedGenerationMethods")
    can = (
        {one for method in methods if isinstance(method, str) for one in METHODS.get(method, ())} if methods else set()
    )
    if not traits_of(flags, address).is_chat:
        can.discard(Capability.CHAT)
    if not address or not can:
        return None
    if Capability.CHAT in can and address.startswith("gemini-"):
        can |= SEES_AND_CALLS
    if Capability.CHAT in can and row.get("thinking") is True:
        can.add(Capability.REASONING)
    name, limit = row.get("displayName"), row.get("inputTokenLimit")
    return ReportedModel(
        address=address,
        name=clean(name)[:LONGEST_NAME] if isinstance(name, str) else "",
        capabilities=frozenset(can),
        context_length=limit if isinstance(limit, int) and limit > 0 else 0,
    )


def address_of(name: Any) -> str:
    """Return the name that callers use: without `models/`, which all of Google's own begin with."""
    return name.removeprefix("models/") if isinstance(name, str) else ""


def path_of(address: str) -> str:
    """Return a model's path below the API root: tuned models have a folder of their own."""
    return address if "/" in address else f"models/{address}"
