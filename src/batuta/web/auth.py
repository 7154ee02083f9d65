"""Who is calling: keys, sessions, the local token. One function reads every carrier of a credential.

Knows nothing of routes: what a caller may do with an address is the edge's decision.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from batuta.clock import Clock
from batuta.errors import BadRequest, BadSettings, BatutaError, Unauthorized
from batuta.settings import Settings
from batuta.vault.secret import Secret
from batuta.web.errors import SlowDown

COOKIE: Final = "batuta_session"
FAILURES = 10  # wrong keys from one address within WINDOW_S before the next wrong one is told to wait
WINDOW_S = 60.0
MAX_ADDRESSES = 4096  # remembered for their failures; the longest forgotten go first
MAX_SESSIONS = 1000  # a browser that never sends its cookie back must not fill the memory
_COOKIE_PREFIX = f"{COOKIE}=".encode()
_KEY_HEADERS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key")


class Scope(StrEnum):
    """What a key may be used for."""

    INFERENCE = "inference"
    ADMIN = "admin"


EVERYTHING: Final = frozenset(Scope)
INFERENCE_ONLY: Final = frozenset({Scope.INFERENCE})


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller that passed the edge.

    Attributes:
        scopes: what it may do.
        who: names the key, session or kind of caller; never the credential itself. Safe for logs.
        via: loopback | key | session | token | origin | open.
        set_cookie: value of a Set-Cookie header to send along, when a page is being opened.
    """

    scopes: frozenset[Scope]
    who: str
    via: str
    set_cookie: bytes | None = None

    @property
    def is_revocable(self) -> bool:
        """A key or a session that can be taken away while a request of its runs."""
        return self.via in {"key", "session"}


LOOPBACK: Final = Identity(EVERYTHING, "loopback", "loopback")
ALLOWED_ORIGIN: Final = Identity(INFERENCE_ONLY, "allowed origin", "origin")
ANYBODY: Final = Identity(frozenset(), "anybody", "open")


@dataclass(frozen=True, slots=True)
class _Key:
    digest: bytes
    identity: Identity


@dataclass(frozen=True, slots=True)
class _Session:
    identity: Identity
    parent: str  # `who` of the key it was opened with


class Failures:
    """Counts wrong keys by address, and says how long an address has to wait."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str, *, now: float) -> float:
        """Return the seconds until the address may try again; 0 when it may now."""
        times = self._times.get(address)
        if times is None or len(times) < FAILURES:
            return 0.0
        return max(0.0, times[0] + WINDOW_S - now)

    def add(self, address: str, *, now: float) -> None:
        """Count one more wrong key."""
        self._times.setdefault(address, deque(maxlen=FAILURES)).append(now)
        self._times.move_to_end(address)
        if len(self._times) > MAX_ADDRESSES:
            self._times.popitem(last=False)


class Auth:
    """The keys that are valid now and the sessions opened with them."""

    def __init__(
        self, settings: Settings, *, clock: Clock, new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    ) -> None:
        self._clock = clock
        self._new_token = new_token
        self._failures = Failures()
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._listeners: list[Callable[[str], None]] = []
        self.local_token = Secret(new_token())  # for the command line, through a file only its owner can read
        self._token_digest = _digest(self.local_token.reveal())
        self._keys = _keys_of(settings)
        self.demands_key = settings.auth.required or not (settings.is_loopback or settings.insecure)
        if settings.insecure and self._keys and not settings.is_loopback:
            self.demands_key = True  # --insecure allows a start without keys; it does not switch off those there are

    def identify(
        self, found: Mapping[bytes, bytes], *, address: str, must_match: bool
    ) -> Identity | BatutaError | None:
        """Return whose credential a request carries, whatever carries it.

        1. a key in Authorization (Bearer or Basic), x-api-key, x-goog-api-key or api-key, the first there is
        2. a session cookie

        Args:
            found: the request's headers by lower-case name.
            address: the caller's, whose wrong keys are counted.
            must_match: a key nobody issued is refused; otherwise it counts as none.

        Returns:
            The identity; an error to answer with; or None when no credential counts.
        """
        key = presented_key(found)
        if isinstance(key, BatutaError):
            return key if must_match else None
        if key is not None:  # 1
            if must_match:
                return self._by_key(key, address)
            return self._match(_digest(key)) if self._keys else None
        if (cookie := found.get(b"cookie")) is not None and self._sessions:  # 2
            return self._by_session(cookie)
        return None

    def _by_key(self, key: str, address: str) -> Identity | BatutaError:
        digest = _digest(key)
        if hmac.compare_digest(digest, self._token_digest):  # random and long: nobody guesses it, no limit needed
            return Identity(EVERYTHING, "local token", "token")
        if (identity := self._match(digest)) is not None:  # a neighbour's wrong keys must not lock out a right one
            return identity
        now = self._clock.monotonic()
        if wait := self._failures.wait_s(address, now=now):
            return SlowDown(
                f"Too many wrong keys came from {address or 'this address'}; wait before the next one.",
                retry_after_s=wait,
            )
        self._failures.add(address, now=now)
        return unauthorized()

    def _match(self, digest: bytes) -> Identity | None:
        match = None
        for key in self._keys:  # all of them, so that the time tells nothing
            if hmac.compare_digest(digest, key.digest):
                match = key.identity
        return match

    def _by_session(self, cookie: bytes) -> Identity | None:
        token = session_token(cookie)
        session = self._sessions.get(_digest(token)) if token else None
        return session.identity if session else None

    def open_session(self, identity: Identity, *, is_https: bool = False) -> bytes:
        """Open a session with the scopes of `identity`; return the Set-Cookie value that carries it."""
        token = self._new_token()
        digest = _digest(token)
        who = f"session {digest.hex()[:12]}"
        self._sessions[digest] = _Session(Identity(identity.scopes, who, "session"), identity.who)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        secure = "; Secure" if is_https else ""
        return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}".encode()

    def sign_in(self, key: str, *, address: str, is_https: bool = False) -> bytes | BatutaError:
        """Exchange a key for a session; return the Set-Cookie value, or the error."""
        identity = self._by_key(key, address)
        if isinstance(identity, BatutaError):
            return identity
        return self.open_session(identity, is_https=is_https)

    def sign_out(self, cookie: bytes) -> None:
        """End the session a Cookie header carries, and what runs under it; fine if there is none."""
        if (token := session_token(cookie)) and (session := self._sessions.pop(_digest(token), None)):
            self._tell(session.identity.who)

    def revoke(self, who: str) -> None:
        """Take a key or session away by its `who`; sessions opened with the key go with it."""
        self._keys = tuple(key for key in self._keys if key.identity.who != who)
        gone = [d for d, session in self._sessions.items() if who in (session.parent, session.identity.who)]
        names = [self._sessions.pop(digest).identity.who for digest in gone]
        for name in dict.fromkeys([who, *names]):
            self._tell(name)

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Call `listener(who)` whenever a key or session is taken away, so that its streams can be cut."""
        self._listeners.append(listener)

    def _tell(self, who: str) -> None:
        for listener in self._listeners:
            listener(who)

    def __repr__(self) -> str:
        rule = "key demanded" if self.demands_key else "open on loopback"
        return f"<Auth {rule}, {len(self._keys)} keys, {len(self._sessions)} sessions>"


def presented_key(found: Mapping[bytes, bytes]) -> str | BatutaError | None:
    """Return the key a request's headers carry, an error when it cannot be read, None when there is none."""
    if (value := found.get(b"authorization")) is not None:
        return _from_authorization(value)
    for name in _KEY_HEADERS:
        if value := found.get(name, b"").strip():
            return value.decode("utf-8", "surrogateescape")
    return None


def _from_authorization(value: bytes) -> str | BatutaError | None:
    scheme, _, rest = value.strip().partition(b" ")
    rest = rest.strip()
    kind = scheme.lower()
    if kind == b"bearer":
        return rest.decode("utf-8", "surrogateescape") or None
    if kind != b"basic":
        return BadRequest("The Authorization header is neither Bearer nor Basic; send `Authorization: Bearer KEY`.")
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode("utf-8", "surrogateescape").partition(":")
    except binascii.Error:
        return BadRequest("The Authorization header says Basic, but what follows is not base64 of `user:key`.")
    return password or user or None


def session_token(cookie: bytes) -> str:
    """Return the session token in a Cookie header; empty when there is none."""
    for part in cookie.split(b";"):
        pair = part.strip()
        if pair.startswith(_COOKIE_PREFIX):
            return pair.removeprefix(_COOKIE_PREFIX).decode("utf-8", "surrogateescape")
    return ""


def unauthorized() -> Unauthorized:
    """Return the one answer to no key, an unknown key and a revoked key: they must not be told apart."""
    return Unauthorized(
        "A valid key is needed here. Send it as `Authorization: Bearer KEY`, or sign in on the start page."
    )


def bind_problem(settings: Settings) -> BadSettings | None:
    """Return why these settings must not be listened with, or None: an open door needs a key or a clear wish."""
    has_key = bool(_keys_of(settings))
    if settings.auth.required and not has_key:
        return BadSettings(
            "auth.required is on, but there is no key: nobody could call. Set BATUTA_API_KEY, or auth.api_key in the "
            "settings file."
        )
    if settings.is_loopback or has_key or settings.insecure:
        return None
    return BadSettings(
        f"Batuta does not listen on {settings.host} without a key: whoever reaches this machine could use its models "
        "and your API keys. Set BATUTA_API_KEY, or listen on 127.0.0.1, or start with --insecure if that is what you "
        "want."
    )


def _keys_of(settings: Settings) -> tuple[_Key, ...]:
    scoped = [(key, INFERENCE_ONLY) for key in settings.auth.inference_keys]
    if settings.auth.api_key:
        scoped.append((settings.auth.api_key, EVERYTHING))
    return tuple(
        _Key(_digest(key), Identity(scopes, f"key {Secret(key).fingerprint}", "key")) for key, scopes in scoped if key
    )


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
