"""Why a load failed reaches the person as one of our causes, through the two tables."""

from __future__ import annotations

import pytest

from batuta.errors import BadModelFile, Cause, ModelError, ModelFailed
from batuta.loader import faults
from batuta.loader.engines.hf.reasons import Refused, explain


class SafetensorError(Exception):
    """Named as the one of the safetensors library."""


SEEN: list[tuple[BaseException, type[ModelError], Cause, str]] = [
    (
        ValueError("Loading x requires you to execute the configuration file; set `trust_remote_code=True`"),
        BadModelFile,
        Cause.CORRUPT_FILE,
        "never runs a model's",
    ),
    (
        ValueError("model type `x` but Transformers does not recognize this architecture"),
        BadModelFile,
        Cause.CORRUPT_FILE,
        "does not know its architecture",
    ),
    (ImportError("requires `gptqmodel`"), ModelFailed, Cause.NOT_INSTALLED, "gptqmodel"),
    (ModuleNotFoundError("No module named 'torch'"), ModelFailed, Cause.NOT_INSTALLED, "torch"),
    (
        RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"),
        ModelFailed,
        Cause.OUT_OF_MEMORY,
        "not enough memory",
    ),
    (MemoryError(), ModelFailed, Cause.OUT_OF_MEMORY, "not enough memory"),
    (RuntimeError("size mismatch for lm_head.weight"), BadModelFile, Cause.CORRUPT_FILE, "does not hold the model"),
    (SafetensorError("Error while deserializing header"), BadModelFile, Cause.CORRUPT_FILE, "corrupt"),
    (Refused("the device mps was asked for, and it is not there"), ModelFailed, Cause.NOT_INSTALLED, "mps"),
    (
        ValueError("Couldn't instantiate the backend tokenizer from one of"),
        BadModelFile,
        Cause.CORRUPT_FILE,
        "tokenizer",
    ),
    (KeyError("added_tokens"), BadModelFile, Cause.CORRUPT_FILE, "tokenizer cannot be read"),
    (ZeroDivisionError("modulo by zero"), BadModelFile, Cause.CORRUPT_FILE, "describes no model"),
    (KeyError("rope"), ModelFailed, Cause.CRASH, "process ended"),
]


@pytest.mark.parametrize(("error", "kind", "cause", "words"), SEEN, ids=lambda value: str(value)[:30])
def test_a_reason_becomes_a_cause(error: BaseException, kind: type[ModelError], cause: Cause, words: str) -> None:
    """What transformers says is put in words, and the words are classified."""
    told = faults.classify("tiny", ["Traceback (most recent call last):", explain(error)], exit_code=1)
    assert (type(told), told.cause) == (kind, cause)
    assert words in told.message
