"""Every error Batuta raises, and whose fault it is. Knows nothing of HTTP servers or engines.

    BatutaError
    ├── CallerError          the request is wrong; nobody else should be tried
    │   ├── BadRequest           400 invalid_request
    │   ├── Unauthorized         401 unauthorized
    │   ├── Forbidden            403 forbidden
    │   ├── ModelNotFound        404 model_not_found
    │   ├── Conflict             409 conflict
    │   ├── PayloadTooLarge      413 payload_too_large
    │   ├── UnsupportedMedia     415 unsupported_media_type
    │   ├── ContextFull          400 context_full
    │   ├── LoopFound            508 loop
    │   ├── ContentRefused       400 content_refused (a provider's content rules)
    │   ├── LocalOnly            403 local_only (only models of this machine may answer, and none can)
    │   └── UpstreamRejected     the provider says the request is wrong (its own 4xx status)
    ├── ModelError           this model cannot answer now; another one may
    │   ├── ModelLoading         503 model_loading (deadline passed while it loads)
    │   ├── ModelFailed          503 model_failed
    │   ├── ModelDisabled        503 model_disabled
    │   ├── NoFit                503 no_fit
    │   ├── CannotUnload         409 cannot_unload
    │   └── BadModelFile         422 model_file_invalid
    ├── ProviderError        the backend misbehaved
    │   ├── UpstreamUnreachable  502 upstream_unreachable
    │   ├── UpstreamTimeout      504 upstream_timeout
    │   ├── UpstreamFailed       502 upstream_failed
    │   ├── UpstreamOverloaded   503 upstream_overloaded
    │   ├── UpstreamRateLimited  429 upstream_rate_limited
    │   ├── KeyInvalid           502 key_invalid
    │   ├── KeyMissing           502 key_missing (nobody has given a key, or all are switched off)
    │   ├── OutOfCredit          429 out_of_credit
    │   ├── BudgetReached        429 budget_reached (a limit that a person set for a key)
    │   ├── PermissionDenied     502 permission_denied (the key is good, but not for this model)
    │   └── StreamBroken         502 stream_broken (after the commit point: always in-band)
    ├── HostError            this machine is in the way
    │   ├── LoaderDown           503 loader_down
    │   ├── QueueFull            503 queue_full
    │   ├── VaultSealed          503 vault_sealed (the master key is not there)
    │   ├── VaultTampered        503 vault_tampered
    │   ├── AddressInUse         start-up: the port is taken
    │   ├── AlreadyRunning       start-up: this data folder has a gateway
    │   └── BadSettings          start-up: a setting is wrong
    └── BatutaBug            500 internal_error

A message says what happened, to which model, what Batuta did about it and what the user can do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Self


class Culprit(StrEnum):
    """Who has to change something for the same request to succeed."""

    CALLER = "caller"
    MODEL = "model"
    PROVIDER = "provider"
    HOST = "host"
    BATUTA = "batuta"


class Cause(StrEnum):
    """Why a model failed, as the failed cache keeps it and the pages show it."""

    NOT_INSTALLED = "not_installed"
    OUT_OF_MEMORY = "out_of_memory"
    ENGINE_OFFLINE = "engine_offline"
    CORRUPT_FILE = "corrupt_file"
    UNREADABLE_FILE = "unreadable_file"
    FORBIDDEN_PATH = "forbidden_path"
    TIMEOUT = "timeout"
    CRASH = "crash"
    AUTH = "auth"
    QUOTA = "quota"
    UNKNOWN = "unknown"


class BatutaError(Exception):
    """Base of all errors that Batuta raises on purpose.

    Args:
        message: what happened, to what, what was done, what the user can do. No secrets.
        model: id of the model it happened to.
        cause: why, in the failed cache's words.
        suggestion: id of the model that could answer instead.
        retry_after_s: seconds after which the same request may succeed.
        details: extra facts for the error body (plain JSON values).

    Attributes:
        seen: the row of the engines' fault table that it was made from; empty: it did not come from there.
        asked_wait_s: seconds that a backend asked for, where that is more than callers are told (`retry_after_s`).
    """

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    culprit: ClassVar[Culprit] = Culprit.BATUTA
    seen: str = ""
    asked_wait_s: float | None = None

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        cause: Cause | None = None,
        suggestion: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.model = model
        self.cause = cause
        self.suggestion = suggestion
        self.retry_after_s = retry_after_s
        self.details = details or {}

    @property
    def status(self) -> int:
        """HTTP status the error is answered with."""
        return self.http_status

    def again(self) -> Self:
        """Return an equal error with a traceback of its own, for another caller to be told the same."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin


class CallerError(BatutaError):
    """The request itself is wrong: no retry, no fallback, no ejection."""

    http_status = 400
    code = "invalid_request"
    culprit = Culprit.CALLER


class BadRequest(CallerError):
    """A field is missing, malformed or out of range."""


class Unauthorized(CallerError):
    """No key, or a key that is not valid."""

    http_status = 401
    code = "unauthorized"


class Forbidden(CallerError):
    """The key lacks the scope, or a browser page of another origin is calling."""

    http_status = 403
    code = "forbidden"


class ModelNotFound(CallerError):
    """No model of that id in the catalog."""

    http_status = 404
    code = "model_not_found"


class Conflict(CallerError):
    """What is asked for does not go with how things are now."""

    http_status = 409
    code = "conflict"


class ContextFull(CallerError):
    """The conversation is longer than the model's context. `details`: n_prompt and n_ctx, in tokens, where told."""

    code = "context_full"


class LoopFound(CallerError):
    """The request has come through so many gateways that it is going in a circle."""

    http_status = 508
    code = "loop"


class ContentRefused(CallerError):
    """The provider's rules on content forbid the question or its answer."""

    code = "content_refused"


class LocalOnly(CallerError):
    """Nothing may leave this machine, and no model on it can answer."""

    http_status = 403
    code = "local_only"


class PayloadTooLarge(CallerError):
    """The body is larger than the edge admits."""

    http_status = 413
    code = "payload_too_large"


class UnsupportedMedia(CallerError):
    """A JSON route was sent something else."""

    http_status = 415
    code = "unsupported_media_type"


class UpstreamRejected(CallerError):
    """The provider answered that the request is wrong; its status and words are passed on."""

    code = "upstream_rejected"

    def __init__(self, message: str, *, upstream_status: int = 400, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.upstream_status = upstream_status

    @property
    def status(self) -> int:
        return self.upstream_status


class ModelError(BatutaError):
    """This model cannot answer now; another may."""

    http_status = 503
    code = "model_failed"
    retryable = True
    culprit = Culprit.MODEL


class ModelLoading(ModelError):
    """The deadline passed while the model was being loaded or was queued."""

    code = "model_loading"


class ModelFailed(ModelError):
    """The model is in the failed cache, or has just failed."""


class ModelDisabled(ModelError):
    """A person, or too many failures in a row, switched the model off."""

    code = "model_disabled"


class NoFit(ModelError):
    """The memory budget cannot hold the model, whatever is evicted."""

    code = "no_fit"


class CannotUnload(ModelError):
    """The server that holds the model keeps it for as long as it runs, and is not Batuta's to stop."""

    http_status = 409
    code = "cannot_unload"
    retryable = False


class BadModelFile(ModelError):
    """The model file is missing, unreadable, truncated or not a model."""

    http_status = 422
    code = "model_file_invalid"


class ProviderError(BatutaError):
    """The backend misbehaved."""

    http_status = 502
    code = "upstream_failed"
    retryable = True
    culprit = Culprit.PROVIDER


class UpstreamUnreachable(ProviderError):
    """Connection refused, no such host, TLS failure."""

    code = "upstream_unreachable"


class UpstreamTimeout(ProviderError):
    """A wait on the backend ran out."""

    http_status = 504
    code = "upstream_timeout"


class UpstreamFailed(ProviderError):
    """A 5xx, an error body, or an answer that is no answer."""


class UpstreamOverloaded(ProviderError):
    """The backend is too busy (503, 529)."""

    http_status = 503
    code = "upstream_overloaded"


class UpstreamRateLimited(ProviderError):
    """The backend limits this key (429)."""

    http_status = 429
    code = "upstream_rate_limited"


class KeyInvalid(ProviderError):
    """The provider refuses the key (401, 403)."""

    code = "key_invalid"


class KeyMissing(ProviderError):
    """The provider needs a key and there is none that may be used."""

    code = "key_missing"
    retryable = False


class OutOfCredit(ProviderError):
    """The provider says that the account behind the key has no credit, or a spending limit of its own is reached."""

    http_status = 429
    code = "out_of_credit"
    retryable = False


class BudgetReached(ProviderError):
    """The limit that a person set for a key would be passed; nothing was sent."""

    http_status = 429
    code = "budget_reached"
    retryable = False


class PermissionDenied(ProviderError):
    """The provider knows the key, but does not let it use this model."""

    code = "permission_denied"
    retryable = False


class StreamBroken(ProviderError):
    """The answer stopped in the middle; it is reported in-band and never restarted."""

    code = "stream_broken"


class HostError(BatutaError):
    """This machine is in the way."""

    http_status = 503
    code = "host_error"
    retryable = True
    culprit = Culprit.HOST


class LoaderDown(HostError):
    """The loader process is not there, or does not answer."""

    code = "loader_down"


class QueueFull(HostError):
    """More requests wait than the admission limit allows."""

    code = "queue_full"


class VaultSealed(HostError):
    """The vault's master key is not there, so no stored key can be read; local models serve on."""

    code = "vault_sealed"
    retryable = False


class VaultTampered(HostError):
    """A stored key is not as it was written: changed, moved to another provider, or older than it should be."""

    code = "vault_tampered"
    retryable = False


class AddressInUse(HostError):
    """The port is taken by another program."""

    code = "address_in_use"


class AlreadyRunning(HostError):
    """Another gateway owns this data folder."""

    code = "already_running"


class BadSettings(HostError):
    """A setting is wrong; the message names it and where it came from."""

    code = "bad_settings"


class BatutaBug(BatutaError):
    """A promise of ours was broken. The details are in the log under the request id."""
