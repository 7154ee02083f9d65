"""Runs the fake providers by hand."""

from batuta.testing.providers.server import FakeProviders

FakeProviders.main()
