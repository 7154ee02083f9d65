"""What can be wrong with a request, in the form llama-server answers it, so that one table classifies both. Pure."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error with a status and the name llama-server gives its kind."""

    status = 500
    kind = "server_error"

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def to_json(self) -> dict[str, Any]:
        """Return the body."""
        return {"error": {"code": self.status, "message": self.message, "type": self.kind, **self.facts}}


class Invalid(ApiError):
    """A field is missing, malformed, out of range, or asks for what this engine does not do."""

    status, kind = 400, "invalid_request_error"


class TooLong(ApiError):
    """The prompt does not fit the context."""

    status, kind = 400, "exceed_context_size_error"

    def __init__(self, prompt: int, context: int) -> None:
        super().__init__(
            f"request ({prompt} tokens) exceeds the available context size ({context} tokens), try increasing it",
            n_prompt_tokens=prompt,
            n_ctx=context,
        )


class WrongKey(ApiError):
    """No key, or another one."""

    status, kind = 401, "authentication_error"

    def __init__(self) -> None:
        super().__init__("Invalid API Key")


class NoMemory(ApiError):
    """There was not enough memory for this conversation; the model lives."""

    status, kind = 503, "insufficient_memory_error"

    def __init__(self) -> None:
        super().__init__(
            "insufficient memory for this conversation: what it held has been freed. Ask for less at once, shorten it, "
            "or load the model with a smaller context"
        )


class Failed(ApiError):
    """The computation failed; the log has the reason."""


MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "cuda_error_out_of_memory",
    "alloc_failed",
)


BROKEN_WORDS = ("device-side assert", "illegal memory access", "unspecified launch failure", "misaligned address")


def is_device_broken(error: BaseException) -> bool:
    """Whether nothing can be computed on the device any more by this process: such a fault of a GPU stays."""
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(each in words for each in BROKEN_WORDS)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch means that memory ran out: CUDA, ROCm, MPS and the CPU each say it otherwise."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(each in words for each in MEMORY_WORDS)
