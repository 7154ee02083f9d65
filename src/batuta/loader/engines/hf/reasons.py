"""Why a model could not be loaded: what transformers raises -> what a person is told. One table; imports no torch.

`loader/faults.py` knows these words and makes typed errors of them.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import Final

from batuta.loader.engines.hf.errors import is_out_of_memory


class Refused(Exception):
    """The model cannot be run; the text says why."""


OWN_CODE: Final = (
    "it needs code of its own to run, and Batuta never runs a model's code (trust_remote_code is off); choose a model "
    "whose architecture transformers knows"
)
UNKNOWN: Final = "transformers {version} does not know its architecture as one that writes text"

BAD_FACTS: Final = "its config.json describes no model that transformers {version} can build"

# Pattern in the exception's kind and text -> words. The first that matches decides.
REASONS: Final[tuple[tuple[str, str], ...]] = (
    (r"trust_remote_code|custom code|remote code", OWN_CODE),
    (r"does not recognize this architecture|Unrecognized (model|configuration class)|model_type", UNKNOWN),
    (r"^(ImportError|ModuleNotFoundError|PackageNotFoundError)", "it needs a package that is not installed"),
    (r"no file named .*safetensors", "there are no safetensors weights in its folder"),
    (r"size mismatch|shape mismatch|ignore_mismatched_sizes", "the file does not hold the model it describes"),
    (r"backend tokenizer|added_tokens|^JSONDecodeError|data did not match any variant", "its tokenizer cannot be read"),
    (r"^\w*ValidationError|^ZeroDivisionError", BAD_FACTS),
    (r"SafetensorError|HeaderTooLarge|InvalidHeader|incomplete metadata", "the safetensors file is corrupt"),
)


def explain(error: BaseException) -> str:
    """Return in one line why a model could not be loaded."""
    if isinstance(error, Refused):
        return str(error)
    said = " ".join(str(error).split())[:300]
    if is_out_of_memory(error):
        return f"out of memory: {said}"
    kind = type(error).__name__
    words = next((words for pattern, words in REASONS if re.search(pattern, f"{kind}: {error}", re.IGNORECASE)), kind)
    return f"{words.format(version=_version())}: {said}"


def _version() -> str:
    try:
        return metadata.version("transformers")
    except metadata.PackageNotFoundError:
        return "(not installed)"
