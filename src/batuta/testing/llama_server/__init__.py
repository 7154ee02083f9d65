"""A fake llama-server. By hand: `python -m batuta.testing.llama_server --port N`."""

from batuta.testing.llama_server.server import FakeLlamaServer

__all__ = ["FakeLlamaServer"]
