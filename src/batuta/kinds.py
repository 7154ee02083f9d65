"""The kinds of providers that come with Batuta, and what is true of every provider of a kind. A table; knows no engine.

Other packages add kinds by the entry point group `batuta.engines`; their models are never loaded by Batuta unless
their kind is a row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

GROUP: Final = "batuta.engines"
OPENAI_COMPAT: Final = "openai_compat"
COMMAND: Final = "command"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is true of every provider of a kind.

    Attributes:
        name: what a person calls the program.
        module: where its engine is; imported when it is first used. Empty: made by the composition root.
        is_loaded: its models take memory where it runs, and Batuta loads and unloads them.
        is_preset: context and slots of its models are set outside Batuta.
        has_own_context: a load takes no context along: its models run with the one their program was told of.
        port: where the program listens unless it is told otherwise; 0: nowhere in particular.
        url_env: variable in which a person's own tools say where it is.
    """

    name: str
    module: str
    is_loaded: bool = False
    is_preset: bool = False
    has_own_context: bool = False
    port: int = 0
    url_env: str = ""


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "local_worker": Kind("This machine", "", is_loaded=True),
        COMMAND: Kind("Your own commands", "", is_loaded=True, is_preset=True, has_own_context=True),
        OPENAI_COMPAT: Kind("OpenAI-compatible server", "batuta.engines.openai_compat"),
        "openai_family": Kind("External API", "batuta.engines.openai_family.engine"),
        "anthropic": Kind("Anthropic", "batuta.engines.anthropic.engine"),
        "gemini": Kind("Google Gemini", "batuta.engines.gemini.engine"),
        "lmstudio": Kind(
            "LM Studio", "batuta.engines.lmstudio.engine", is_loaded=True, port=1234, url_env="LMSTUDIO_BASE_URL"
        ),
        "ollama": Kind("Ollama", "batuta.engines.ollama.engine", is_loaded=True, port=11434, url_env="OLLAMA_BASE_URL"),
        "llama_server": Kind(
            "llama-server", "batuta.engines.llama_server.engine", is_loaded=True, has_own_context=True, port=8080
        ),
        "vllm": Kind("vLLM", "batuta.engines.vllm.engine", is_loaded=True, has_own_context=True, port=8000),
    }
)


def is_loaded(kind: str) -> bool:
    """Say whether Batuta loads and unloads the models of providers of this kind."""
    row = KINDS.get(kind)
    return row is not None and row.is_loaded


def is_preset(kind: str) -> bool:
    """Say whether context and slots of models of this kind are set outside Batuta."""
    row = KINDS.get(kind)
    return row is not None and row.is_preset


def has_own_context(kind: str) -> bool:
    """Say whether models of this kind run with a context that no load of Batuta's can set."""
    row = KINDS.get(kind)
    return row is not None and row.has_own_context


def offered() -> list[str]:
    """Return the kinds a person may choose, sorted; reads what installed packages add."""
    from importlib.metadata import entry_points  # tens of milliseconds: only for a kind that is not ours

    ours = (name for name, kind in KINDS.items() if kind.module)
    return sorted({*ours, *(point.name for point in entry_points(group=GROUP))} - {"local_worker"})


def problem(kind: str) -> str | None:
    """Say why a provider cannot be of this kind, naming those there are; None if it can."""
    row = KINDS.get(kind)
    if row is not None and row.module:
        return None
    if kind == COMMAND:
        return "a command of your own is not a provider: write it as a [[commands]] entry, with id and cmd"
    known = offered()
    return None if kind in known else f"{kind!r} is no kind of provider; the kinds are {', '.join(known)}"
