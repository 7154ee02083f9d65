"""Runs the fake vLLM by hand."""

from batuta.testing.vllm.server import FakeVLLM

FakeVLLM.main()
