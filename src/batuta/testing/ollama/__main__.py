"""Runs the fake Ollama by hand."""

from batuta.testing.ollama.server import FakeOllama

FakeOllama.main()
