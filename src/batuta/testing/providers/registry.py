"""Which fake providers there are."""

from __future__ import annotations

from batuta.testing.providers.anthropic import Anthropic
from batuta.testing.providers.cohere import Cohere
from batuta.testing.providers.family import AI21, XAI, DeepSeek, Groq, HuggingFace, OpenRouter, Together
from batuta.testing.providers.gemini import Google
from batuta.testing.providers.genspark import Genspark
from batuta.testing.providers.mistral import Mistral
from batuta.testing.providers.openai import OpenAI
from batuta.testing.providers.vendor import Vendor

KINDS: tuple[type[Vendor], ...] = (
    OpenAI,
    Anthropic,
    Google,
    Mistral,
    Cohere,
    AI21,
    HuggingFace,
    DeepSeek,
    Groq,
    XAI,
    OpenRouter,
    Together,
    Genspark,
)


def vendors() -> list[Vendor]:
    """Return one fake of each kind."""
    return [kind() for kind in KINDS]
