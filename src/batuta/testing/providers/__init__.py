"""Fake external providers in one process. By hand: `python -m batuta.testing.providers --port N`."""

from batuta.testing.providers.server import FakeProviders, key_of

__all__ = ["FakeProviders", "key_of"]
