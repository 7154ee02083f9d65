"""Runs the fake LM Studio by hand."""

from batuta.testing.lmstudio.server import FakeLMStudio

FakeLMStudio.main()
