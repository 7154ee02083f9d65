"""What a backend can do instead of answering, what we call it, and how it is dealt with. A table; knows no wire.

Each row has a class; what the gateway does next goes by the class alone (`gateway/fallback.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from batuta.errors import (
    BatutaError,
    BudgetReached,
    CallerError,
    CannotUnload,
    Cause,
    ContentRefused,
    ContextFull,
    KeyInvalid,
    KeyMissing,
    LoaderDown,
    LocalOnly,
    ModelError,
    ModelFailed,
    ModelLoading,
    OutOfCredit,
    PermissionDenied,
    ProviderError,
    QueueFull,
    StreamBroken,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
    VaultSealed,
    VaultTampered,
)


class FaultClass(StrEnum):
    """What kind of thing went wrong, as far as it matters for what to do next."""

    AUTH = "auth"  # the key is no good, or there is none
    PERMISSION = "permission"  # the key is good, not for this model
    QUOTA = "quota"  # no credit, or a limit on money
    RATE = "rate"  # too often; a wait helps
    OVERLOADED = "overloaded"  # too busy; a short wait helps
    BAD_REQUEST = "bad_request"  # the caller's mistake
    CONTEXT = "context"  # the conversation is too long for this model
    CONTENT = "content"  # rules on content
    TIMEOUT = "timeout"  # a wait ran out
    NETWORK = "network"  # no connection, or one that broke
    GONE = "gone"  # what held the model has died or lost it
    FAILED = "failed"  # an error, or an answer that is none
    MODEL = "model"  # this model cannot answer now
    HOST = "host"  # this machine is in the way of this model, not of every one
    LOCAL_ONLY = "local_only"  # it would leave this machine
    OURS = "ours"  # Batuta itself


class Seen(StrEnum):
    """What a backend did instead of answering."""

    REFUSED = "refused"
    NO_SUCH_HOST = "no_such_host"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    SILENT = "silent"
    NO_FREE_CONNECTION = "no_free_connection"
    HUNG_UP = "hung_up"
    NOT_HTTP = "not_http"
    REDIRECT = "redirect"
    KEY_REFUSED = "key_refused"
    RATE_LIMITED = "rate_limited"
    OUT_OF_CREDIT = "out_of_credit"
    LOADING = "loading"
    OVERLOADED = "overloaded"
    TOO_SLOW = "too_slow"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    CONTEXT_FULL = "context_full"
    HTML = "html"
    EMPTY = "empty"
    NO_ANSWER = "no_answer"
    ERROR_IN_ANSWER = "error_in_answer"
    STALLED = "stalled"
    TRUNCATED = "truncated"
    CUT_STREAM = "cut_stream"
    NO_END = "no_end"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    OTHER_ENGINE = "other_engine"
    TOO_OLD = "too_old"
    NOT_INSTALLED = "not_installed"
    OUT_OF_MEMORY = "out_of_memory"
    LOAD_FAILED = "load_failed"
    LOAD_TIMEOUT = "load_timeout"
    MODEL_CRASHED = "model_crashed"
    NOT_RESIDENT = "not_resident"
    WRONG_MODEL = "wrong_model"
    BROKEN_FILE = "broken_file"
    FORBIDDEN = "forbidden"
    CONTENT = "content"
    CANNOT_UNLOAD = "cannot_unload"
    ENGINE_DEAD = "engine_dead"
    FORBIDDEN_ADDRESS = "forbidden_address"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table.

    Attributes:
        shows_as: how it shows.
        error: what it becomes.
        words: what is said of it, after the name of who did it.
        cause: what the failed cache is told.
        kind: how it is dealt with.
        is_repeatable: the same request may be sent there once more: it was not sent, or was answered with an error.
            What a backend may have begun to do is never asked for twice.
    """

    shows_as: str
    error: type[BatutaError]
    words: str
    cause: Cause = Cause.UNKNOWN
    kind: FaultClass = FaultClass.FAILED
    is_repeatable: bool = False


_OFF = Cause.ENGINE_OFFLINE
_K = FaultClass

FAULTS: dict[Seen, Fault] = {
    Seen.REFUSED: Fault(
        "connection refused",
        UpstreamUnreachable,
        "refused the connection; is it running?",
        _OFF,
        kind=_K.NETWORK,
        is_repeatable=True,
    ),
    Seen.NO_SUCH_HOST: Fault(
        "the name does not resolve",
        UpstreamUnreachable,
        "has a name nobody knows",
        _OFF,
        kind=_K.NETWORK,
        is_repeatable=True,
    ),
    Seen.TLS: Fault(
        "TLS failure", UpstreamUnreachable, "has no TLS certificate that can be trusted", _OFF, kind=_K.NETWORK
    ),
    Seen.CONNECT_TIMEOUT: Fault(
        "no connection in 5 s",
        UpstreamTimeout,
        "did not take the connection in time",
        _OFF,
        kind=_K.TIMEOUT,
        is_repeatable=True,
    ),
    Seen.SILENT: Fault(
        "nothing before the deadline",
        UpstreamTimeout,
        "did not begin to answer in time",
        Cause.TIMEOUT,
        kind=_K.TIMEOUT,
    ),
    Seen.NO_FREE_CONNECTION: Fault(
        "all connections in use",
        UpstreamOverloaded,
        "has as many connections open as Batuta allows",
        kind=_K.OVERLOADED,
        is_repeatable=True,
    ),
    Seen.HUNG_UP: Fault(
        "closed or reset before the head", UpstreamFailed, "hung up before it answered", Cause.CRASH, kind=_K.NETWORK
    ),
    Seen.NOT_HTTP: Fault("malformed or oversized head", UpstreamFailed, "answered something that is not HTTP"),
    Seen.REDIRECT: Fault("3xx", UpstreamFailed, "wants to send us elsewhere, and Batuta takes no key elsewhere"),
    Seen.KEY_REFUSED: Fault("401, 403", KeyInvalid, "refused the key; check it", Cause.AUTH, kind=_K.AUTH),
    Seen.RATE_LIMITED: Fault(
        "429", UpstreamRateLimited, "limits how often this key may ask", Cause.QUOTA, kind=_K.RATE
    ),
    Seen.OUT_OF_CREDIT: Fault("402", OutOfCredit, "says this key has no credit left", Cause.QUOTA, kind=_K.QUOTA),
    Seen.FORBIDDEN: Fault(
        "the key is good, not for this", PermissionDenied, "does not let this key use the model", kind=_K.PERMISSION
    ),
    Seen.CONTENT: Fault("content rules", ContentRefused, "refused the conversation for its content", kind=_K.CONTENT),
    Seen.LOADING: Fault(
        "503 `Loading model`", ModelLoading, "is still loading the model", Cause.TIMEOUT, kind=_K.MODEL
    ),
    Seen.OVERLOADED: Fault("503, 529", UpstreamOverloaded, "is too busy", kind=_K.OVERLOADED, is_repeatable=True),
    Seen.TOO_SLOW: Fault(
        "408, 504, 524",
        UpstreamTimeout,
        "says that it took too long itself",
        Cause.TIMEOUT,
        kind=_K.TIMEOUT,
        is_repeatable=True,
    ),
    Seen.SERVER_ERROR: Fault("other 5xx, a 1xx or 2xx that is no 200", UpstreamFailed, "failed"),
    Seen.REJECTED: Fault(
        "400, 404, 413, 422, other 4xx", UpstreamRejected, "rejected the request", kind=_K.BAD_REQUEST
    ),
    Seen.CONTEXT_FULL: Fault(
        "words for a full context", ContextFull, "has no room for the whole conversation", kind=_K.CONTEXT
    ),
    Seen.HTML: Fault("200 with HTML", UpstreamFailed, "answered with a web page; is the base URL right?"),
    Seen.EMPTY: Fault("200 with nothing", UpstreamFailed, "answered with nothing"),
    Seen.NO_ANSWER: Fault("200 with other JSON, or none", UpstreamFailed, "answered something that is no answer"),
    Seen.ERROR_IN_ANSWER: Fault(
        "200 with `error`; an error event", UpstreamFailed, "reported an error in place of an answer"
    ),
    Seen.STALLED: Fault(
        "silence in the middle", UpstreamTimeout, "stopped in the middle and said no more", _OFF, kind=_K.TIMEOUT
    ),
    Seen.TRUNCATED: Fault(
        "a body that ends early", UpstreamFailed, "broke its answer off", Cause.CRASH, kind=_K.NETWORK
    ),
    Seen.CUT_STREAM: Fault("a stream that is cut", StreamBroken, "broke its answer off", Cause.CRASH, kind=_K.NETWORK),
    Seen.NO_END: Fault(
        "a stream without `[DONE]` or finish",
        StreamBroken,
        "ended its stream without saying that it was done",
        kind=_K.NETWORK,
    ),
    Seen.TOO_LARGE: Fault("a body above the cap", UpstreamFailed, "sent more than Batuta takes"),
    Seen.BAD_ENCODING: Fault("an encoding nobody asked for", UpstreamFailed, "encoded its answer in an unknown way"),
    Seen.OTHER_ENGINE: Fault(
        "another server at the engine's address",
        UpstreamUnreachable,
        "is not the engine it is set up as",
        _OFF,
        kind=_K.NETWORK,
    ),
    Seen.TOO_OLD: Fault("a version that cannot do it", UpstreamFailed, "is too old a version for this"),
    Seen.NOT_INSTALLED: Fault(
        "the engine has no such model", ModelFailed, "does not have the model", Cause.NOT_INSTALLED, kind=_K.MODEL
    ),
    Seen.OUT_OF_MEMORY: Fault(
        "words for too little memory",
        ModelFailed,
        "has not enough memory for the model",
        Cause.OUT_OF_MEMORY,
        kind=_K.MODEL,
    ),
    Seen.LOAD_FAILED: Fault("words for a failed load", ModelFailed, "could not load the model", kind=_K.MODEL),
    Seen.LOAD_TIMEOUT: Fault(
        "a load that does not end", ModelFailed, "did not load the model in time", Cause.TIMEOUT, kind=_K.MODEL
    ),
    Seen.MODEL_CRASHED: Fault(
        "words for a crash", UpstreamFailed, "lost the model to a crash", Cause.CRASH, kind=_K.GONE
    ),
    # Unreachable, as a model whose process is gone: the next lease loads it again.
    Seen.NOT_RESIDENT: Fault(
        "a model it does not hold", UpstreamUnreachable, "does not hold the model any more", kind=_K.GONE
    ),
    Seen.WRONG_MODEL: Fault(
        "an answer by another model", UpstreamUnreachable, "let another model answer", kind=_K.GONE
    ),
    Seen.BROKEN_FILE: Fault(
        "words for a broken file",
        ModelFailed,
        "cannot read the model's file; fetch it anew",
        Cause.CORRUPT_FILE,
        kind=_K.MODEL,
    ),
    Seen.CANNOT_UNLOAD: Fault("a server of one model", CannotUnload, "cannot unload the model", kind=_K.MODEL),
    Seen.FORBIDDEN_ADDRESS: Fault(
        "an address that is off limits",
        UpstreamUnreachable,
        "is at an address that Batuta does not go to",
        kind=_K.NETWORK,
    ),
    Seen.ENGINE_DEAD: Fault(
        "503 of vLLM's `/health`", UpstreamUnreachable, "answers, but cannot compute", _OFF, kind=_K.GONE
    ),
}


CLASSES: tuple[tuple[type[BatutaError], FaultClass], ...] = (
    (KeyInvalid, _K.AUTH),
    (KeyMissing, _K.AUTH),
    (PermissionDenied, _K.PERMISSION),
    (OutOfCredit, _K.QUOTA),
    (BudgetReached, _K.QUOTA),
    (UpstreamRateLimited, _K.RATE),
    (UpstreamOverloaded, _K.OVERLOADED),
    (UpstreamTimeout, _K.TIMEOUT),
    (UpstreamUnreachable, _K.NETWORK),
    (StreamBroken, _K.NETWORK),
    (ProviderError, _K.FAILED),
    (ContextFull, _K.CONTEXT),
    (ContentRefused, _K.CONTENT),
    (LocalOnly, _K.LOCAL_ONLY),
    (CallerError, _K.BAD_REQUEST),
    (ModelError, _K.MODEL),
    (QueueFull, _K.HOST),
    (LoaderDown, _K.HOST),
    (VaultSealed, _K.HOST),
    (VaultTampered, _K.HOST),
    (BatutaError, _K.OURS),
)
"""The class of an error that came from no row of the table; the first that fits counts."""


def class_of(error: BatutaError) -> FaultClass:
    """Return the class of an error: that of its row, else by what it is.

    A broken stream has the class of what broke it.
    """
    if error.seen:
        return FAULTS[Seen(error.seen)].kind
    if isinstance(error, UpstreamFailed) and error.cause is Cause.CRASH:
        return FaultClass.NETWORK  # it hung up: how a process' death looks to whoever waited for its first word
    return next(kind for fits, kind in CLASSES if isinstance(error, fits))


def is_repeatable(error: BatutaError) -> bool:
    """Say whether the same request may be sent to the same backend once more; see `Fault`."""
    return bool(error.seen) and FAULTS[Seen(error.seen)].is_repeatable
