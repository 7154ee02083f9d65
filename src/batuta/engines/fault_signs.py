"""How backends show their faults: statuses, words, names of errors, and each one's own signs. Tables; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from batuta.engines.fault_table import Seen


@dataclass(frozen=True, slots=True)
class Sign:
    """How one backend shows a fault in a way of its own. Looked at before what is common to all.

    Attributes:
        seen: what it is.
        status: the HTTP status it comes with; None: any, or none.
        words: found in the raw body, or in `kind: message` of an error inside an answer; None: whatever it says.
    """

    seen: Seen
    status: int | None = None
    words: re.Pattern[str] | None = None

    def fits(self, status: int | None, raw: str) -> bool:
        """Say whether this is what the backend shows."""
        is_status = self.status is None or self.status == status
        return is_status and (self.words is None or self.words.search(raw) is not None)


STATUSES: dict[int, Seen] = {
    401: Seen.KEY_REFUSED,
    402: Seen.OUT_OF_CREDIT,
    403: Seen.KEY_REFUSED,
    408: Seen.TOO_SLOW,
    429: Seen.RATE_LIMITED,
    499: Seen.SERVER_ERROR,  # Ollama's "request canceled": not the caller's fault
    503: Seen.OVERLOADED,
    504: Seen.TOO_SLOW,
    524: Seen.TOO_SLOW,
    529: Seen.OVERLOADED,
}
"""Statuses with a meaning of their own; the rest go by their class."""

_FULL = (
    r"exceeds the available context size|maximum context length|maximum model length|context_length_exceeded"
    r"|\binput length exceeds the context length"  # Ollama's, of texts to embed
    r"|context the overflows|context overflows|tokens to keep from the initial prompt is greater"  # LM Studio's
)
_UNABLE = r"\b(image|audio|video)\w* inputs? (is|are) not supported|failed to initialize samplers"

WORDS: tuple[tuple[re.Pattern[str], Seen], ...] = (
    (re.compile(f"{_FULL}|exceed_context_size_error", re.IGNORECASE), Seen.CONTEXT_FULL),
    (re.compile(_UNABLE, re.IGNORECASE), Seen.REJECTED),
    # Ollama's: 404, 500, 400 for the same words, or the last line of a stream.
    (re.compile(r"\bmodel \\?['\"].{1,300}?['\"] not found", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"requires more (system )?memory|out of memory|unable to allocate", re.IGNORECASE), Seen.OUT_OF_MEMORY),
    (re.compile(r"timed out waiting for (llama|server)", re.IGNORECASE), Seen.LOAD_TIMEOUT),
    (re.compile(r"invalid file magic|not within the file bounds", re.IGNORECASE), Seen.BROKEN_FILE),
    (re.compile(r"process (has terminated|no longer running)", re.IGNORECASE), Seen.MODEL_CRASHED),
    # LM Studio's, of several versions: most come with 400, 500 or inside a 200.
    (re.compile(r"insufficient system resources|not enough resources to load", re.IGNORECASE), Seen.OUT_OF_MEMORY),
    (re.compile(r"\bLM Studio API token is required|malformed LM Studio API token", re.IGNORECASE), Seen.KEY_REFUSED),
    (re.compile(r"model has crashed", re.IGNORECASE), Seen.MODEL_CRASHED),
    (re.compile(r"no models loaded\.|model (is |was )?unloaded\b", re.IGNORECASE), Seen.NOT_RESIDENT),
    (
        re.compile(r"valid downloaded model|valid model\..{0,8}your models:", re.IGNORECASE | re.DOTALL),
        Seen.NOT_INSTALLED,
    ),
    (re.compile(r"model_load_failed|failed to load model", re.IGNORECASE), Seen.LOAD_FAILED),
    # llama-server's router: 400, 404 and 500, and text where a model's process is gone.
    (re.compile(r"\bmodel (name=.{1,300}? )?is not found", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"\bmodel is not loaded|\bmodel name=.{1,300}? is not running", re.IGNORECASE), Seen.NOT_RESIDENT),
    (re.compile(r"\bmodel name=.{1,300}? failed to load|failed to spawn server", re.IGNORECASE), Seen.LOAD_FAILED),
    (re.compile(r"\bmodel limit reached", re.IGNORECASE), Seen.OVERLOADED),
    (re.compile(r"^proxy error: ", re.IGNORECASE), Seen.MODEL_CRASHED),
    # vLLM's: 404, and 500 or an error event once its engine is gone.
    (re.compile(r"\bthe model `[^`]{1,300}` does not exist\.(\W|$)", re.IGNORECASE), Seen.NOT_INSTALLED),
    (re.compile(r"\bEngineCore encountered an issue|\bEngineDeadError\b"), Seen.MODEL_CRASHED),
)
"""What a backend's words mean whatever their status: llama.cpp answers 500 to an image that a model cannot see."""

PROMPT_TOKENS = (
    r'"n_prompt_tokens":\s*(\d+)',
    r"\brequest \((\d+) tokens\)",
    r"resulted in (\d+) tokens",
    r"\((\d+) in the messages",
    r"requested (\d+) tokens",
    r"contains (?:at least )?(\d+) (?:input )?tokens",
    r"prompt \(length (\d+)\)",
    r"keep the first (\d+) tokens",
    r"\bn_keep: (\d+)",
    r"input token count \((\d+)\)",  # Gemini's
    r"prompt is too long: (\d+) tokens",  # Anthropic's
)
CONTEXT_TOKENS = (
    r'"n_ctx":\s*(\d+)',
    r"context size \((\d+) tokens\)",
    r"maximum context length (?:is|of) (\d+)",
    r"maximum model length of (\d+)",
    r"context length of only (\d+) tokens",
    r"\bn_ctx: (\d+)",
    r"maximum number of tokens allowed \(?(\d+)",
    r"\d tokens > (\d+) maximum",
)

KINDS: dict[str, Seen] = {
    "authentication_error": Seen.KEY_REFUSED,
    "invalid_api_key": Seen.KEY_REFUSED,
    "permission_error": Seen.KEY_REFUSED,
    "rate_limit_error": Seen.RATE_LIMITED,
    "rate_limit_exceeded": Seen.RATE_LIMITED,
    "insufficient_quota": Seen.OUT_OF_CREDIT,
    "overloaded_error": Seen.OVERLOADED,
    "invalid_request_error": Seen.REJECTED,
    "exceed_context_size_error": Seen.CONTEXT_FULL,
    "context_length_exceeded": Seen.CONTEXT_FULL,
    "not_found_error": Seen.REJECTED,
}
"""What an in-band error calls itself, where it names no status."""
