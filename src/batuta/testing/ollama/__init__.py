"""A fake Ollama. By hand: `python -m batuta.testing.ollama --port N`."""

from batuta.testing.ollama.server import FakeOllama

__all__ = ["FakeOllama"]
