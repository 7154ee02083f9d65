"""A fake vLLM. By hand: `python -m batuta.testing.vllm --port N`."""

from batuta.testing.vllm.server import FakeVLLM

__all__ = ["FakeVLLM"]
