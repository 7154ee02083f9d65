"""A fake LM Studio. By hand: `python -m batuta.testing.lmstudio --port N`."""

from batuta.testing.lmstudio.server import FakeLMStudio

__all__ = ["FakeLMStudio"]
