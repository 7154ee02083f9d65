"""Why a model's process ended before it was ready: its last words and its exit -> our cause. One table, no I/O."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from batuta.errors import BadModelFile, Cause, ModelError, ModelFailed

# Pattern in the last log lines -> (error, cause, what it means). The first that matches decides.
FAULTS: tuple[tuple[str, type[ModelError], Cause, str], ...] = (
    # The words of `engines/hf/load.py` go first: they are exact, and a log may hold anything.
    (r"it needs code of its own to run", BadModelFile, Cause.CORRUPT_FILE, "Batuta never runs a model's own code"),
    (r"transformers [\d.]+\S* does not know its architecture|architecture keeps no key-value cache", BadModelFile,
     Cause.CORRUPT_FILE, "transformers cannot run its architecture here"),
    (r"it needs a package that is not installed|No module named '(torch|transformers)'", ModelFailed,
     Cause.NOT_INSTALLED, "a package is not installed"),
    (r"the file does not hold the model it describes|the safetensors file is corrupt|no safetensors weights",
     BadModelFile, Cause.CORRUPT_FILE, "the file does not hold the model it describes"),
    (r"its tokenizer cannot be read|describes no model that transformers", BadModelFile, Cause.CORRUPT_FILE,
     "its config or its tokenizer is not sound"),
    (r"the device \S+ was asked for", ModelFailed, Cause.NOT_INSTALLED, "the device is not there"),
    (r"out of memory|cudaErrorMemoryAllocation|std::bad_alloc|cannot allocate memory", ModelFailed, Cause.OUT_OF_MEMORY,
     "there was not enough memory"),
    (r"failed to (re)?allocate|unable to allocate|failed to create (context|kv cache)|alloc.*failed", ModelFailed,
     Cause.OUT_OF_MEMORY, "there was not enough memory"),
    (r"unknown model architecture", BadModelFile, Cause.CORRUPT_FILE,
     "this version of llama.cpp does not know its architecture"),
    (r"unknown (pre-)?tokenizer|cannot find tokenizer|unsupported model|invalid vector subscript", BadModelFile,
     Cause.CORRUPT_FILE, "this version of llama.cpp cannot use its tokenizer or layout"),
    (r"wrong (shape|number of tensors)|missing tensor|tensor .* not found|key not found|invalid (magic|gguf)|corrupt",
     BadModelFile, Cause.CORRUPT_FILE, "the file does not hold the model it describes"),
    (r"error loading model|failed to load model", BadModelFile, Cause.CORRUPT_FILE, "llama.cpp refused the file"),
    (r"couldn't bind|address already in use", ModelFailed, Cause.ENGINE_OFFLINE, "no port was free on loopback"),
    (r"No module named 'xllamacpp'|ImportError|cannot open shared object", ModelFailed, Cause.NOT_INSTALLED,
     "the llama.cpp engine is not installed properly"),
)  # fmt: skip

_NOISE = re.compile(r"^\s*$|^\d+\.\d\d\.\d{3}\.\d{3} [IDT] ")


def telling(lines: Sequence[str], *, at_most: int = 4) -> list[str]:
    """Return the last lines that say something: no empty ones, no progress chatter of llama.cpp."""
    kept = [line.rstrip()[:300] for line in lines if not _NOISE.match(line)]
    return kept[-at_most:]


def classify(model: str, lines: Sequence[str], *, exit_code: int | None, was_oom_killed: bool = False) -> ModelError:
    """Return the error for a process that ended while it loaded `model`.

    1. The kernel killed it for memory: OUT_OF_MEMORY. 2. Its words match the table. 3. Anything else: CRASH.
    """
    words = telling(lines)
    details = {"log": words, "exit_code": exit_code}
    if was_oom_killed:  # 1
        return ModelFailed(
            f"{model} was not loaded: the system ended its process because memory ran out. Unload something, choose a "
            f"smaller context, or a smaller model.",
            model=model,
            cause=Cause.OUT_OF_MEMORY,
            details=details,
        )
    text = "\n".join(lines)
    for pattern, kind, cause, meaning in FAULTS:  # 2
        if re.search(pattern, text, re.IGNORECASE):
            last = f" Its last words: {words[-1]}" if words else ""
            return kind(f"{model} was not loaded: {meaning}.{last}", model=model, cause=cause, details=details)
    return ModelFailed(  # 3
        f"{model} was not loaded: its process ended ({describe_exit(exit_code)}). The log is in logs/models.",
        model=model,
        cause=Cause.CRASH,
        details=details,
    )


def describe_exit(code: int | None) -> str:
    """Return an exit status in words."""
    if code is None:
        return "still running"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
