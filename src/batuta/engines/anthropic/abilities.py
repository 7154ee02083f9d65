"""What a model takes: by its name, by what the API says of it, by what a person has set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from batuta.catalog.entities import Capability
from batuta.chat.dialects.anthropic_request import EFFORTS, Abilities
from batuta.engines.base import ReportedModel

PROVIDER: Final = "anthropic"  # whose rows of model_flags.toml hold, whoever serves the dialect
OLD_VERSION: Final = "2023-06-01"
"""The last version of the API in which `temperature`, `top_p` and `top_k` are fields of a request."""

_NAMES: Final = tuple(field.name for field in fields(Abilities))
_THINKING: Final = {"adaptive": "adaptive", "enabled": "budget"}
"""`thinking.type` in the API's list of models -> ours; the first that is supported."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as the API lists it: what the catalog takes, and the flags it tells."""

    model: ReportedModel
    flags: Mapping[str, Any]


def abilities_of(*sources: Mapping[str, Any], version: str = OLD_VERSION) -> Abilities:
    """Return what a model takes.

    Args:
        sources: flags; the later override the earlier. Other words, and values of the wrong kind, are passed over.
        version: of the API; newer ones than 2023-06-01 refuse sampling fields whatever the model.
    """
    chosen: dict[str, Any] = {}
    defaults = Abilities()
    for source in sources:
        for name in _NAMES:
            if name in source and (value := _fitting(source[name], getattr(defaults, name))) is not None:
                chosen[name] = value
    if version > OLD_VERSION:  # dates in this form sort as text
        chosen["sampling"] = "none"
    return Abilities(**chosen)


def _fitting(value: Any, like: Any) -> Any:
    if isinstance(like, tuple):
        return tuple(str(each) for each in value) if isinstance(value, list | tuple) else None
    if isinstance(like, int) and not isinstance(like, bool):
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
    return value if isinstance(value, type(like)) else None


def read_model(row: Mapping[str, Any], flags: Mapping[str, Any]) -> Listed | None:
    """Read one row of `GET /v1/models`; None for a model that is retired, or a row without a name.

    Args:
        row: as it came; `capabilities` and the limits came with versions of 2026.
        flags: what is known of a model of that name, where the row does not say.
    """
    address = row.get("id")
    if not isinstance(address, str) or not address or row.get("lifecycle") == "retired":
        return None
    told = _told(row)
    thinks = {**flags, **told}.get("thinking", "none") != "none"
    sees = _supports(_object(row.get("capabilities")).get("image_input"))
    abilities = {Capability.CHAT, Capability.TOOLS}  # every model of this API answers in turns, and calls tools
    abilities |= {Capability.REASONING} if thinks else set()
    abilities |= {Capability.VISION} if sees is not False else set()  # nobody says: all since 2024 do
    name, context = row.get("display_name"), row.get("max_input_tokens")
    reported = ReportedModel(
        address=address,
        name=name if isinstance(name, str) else "",
        capabilities=frozenset(abilities),
        context_length=context if isinstance(context, int) and context > 0 else 0,
    )
    return Listed(reported, told)


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that a row of the list tells; nothing of what it does not say."""
    capabilities = _object(row.get("capabilities"))
    thinking, effort = _object(capabilities.get("thinking")), _object(capabilities.get("effort"))
    types = _object(thinking.get("types"))
    told: dict[str, Any] = {"max_tokens": row.get("max_tokens")}
    told["has_schemas"] = _supports(capabilities.get("structured_outputs"))
    told["can_rest"] = _supports(types.get("disabled"))
    if _supports(thinking) is False:
        told["thinking"] = "none"
    elif types:
        told["thinking"] = next((our for their, our in _THINKING.items() if _supports(types.get(their))), None)
    if _supports(effort) is not None:
        told["efforts"] = [word for word in EFFORTS if _supports(effort) and _supports(effort.get(word))]
    return {name: value for name, value in told.items() if value is not None}


def _supports(value: Any) -> bool | None:
    """Return what `{"supported": ...}` says; None where it says nothing."""
    said = _object(value).get("supported")
    return said if isinstance(said, bool) else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
