"""Batuta: one process in front of every model a person has.

What is public so far: `generate_completion` and its async form, the conversation's types and the errors. Everything
else is reached over HTTP.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batuta import errors
    from batuta.chat.types import ChatRequest, Delta, Message
    from batuta.completion.ask import agenerate_completion, generate_completion
    from batuta.completion.question import Completion

__version__ = "0.1.0"
__all__ = [
    "ChatRequest",
    "Completion",
    "Delta",
    "Message",
    "__version__",
    "agenerate_completion",
    "errors",
    "generate_completion",
]

_HOMES = {
    "ChatRequest": "batuta.chat.types",
    "Completion": "batuta.completion.question",
    "Delta": "batuta.chat.types",
    "Message": "batuta.chat.types",
    "agenerate_completion": "batuta.completion.ask",
    "generate_completion": "batuta.completion.ask",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: the command line must start at once."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "errors":
        return import_module("batuta.errors")
    raise AttributeError(f"module 'batuta' has no attribute {name!r}")
