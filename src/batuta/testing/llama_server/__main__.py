"""Runs the fake llama-server by hand."""

from batuta.testing.llama_server.server import FakeLlamaServer

FakeLlamaServer.main()
