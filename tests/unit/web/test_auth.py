"""Keys, sessions and the local token: one reading of every carrier, one answer to every wrong one."""

from __future__ import annotations

import ast
import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import batuta
from batuta.errors import BadRequest, BatutaError, Unauthorized
from batuta.settings import AuthSettings, Settings
from batuta.web.auth import FAILURES, MAX_SESSIONS, WINDOW_S, Auth, Failures, Identity, Scope, bind_problem
from batuta.web.errors import SlowDown

KEY = "sk-test-not-a-key"
PART = "sk-test-only-infers"
ANY = {Scope.INFERENCE, Scope.ADMIN}


@dataclass
class HandClock:
    """A clock whose hands the test moves."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def auth_of(clock: HandClock | None = None, **changes: Any) -> Auth:
    changes = changes or {"auth": AuthSettings(required=True, api_key=KEY, inference_keys=(PART,))}
    return Auth(Settings(**changes), clock=clock or HandClock())


def ask(auth: Auth, headers: dict[bytes, bytes], address: str = "10.0.0.1") -> Identity | BatutaError | None:
    return auth.identify(headers, address=address, must_match=auth.demands_key)


def carriers(key: str) -> dict[str, dict[bytes, bytes]]:
    """Return every way a key can be sent."""
    return {
        "Bearer": {b"authorization": f"Bearer {key}".encode()},
        "bearer, more space": {b"authorization": f"  bearer   {key} ".encode()},
        "Basic, as password": {b"authorization": b"Basic " + base64.b64encode(f"user:{key}".encode())},
        "Basic, as user": {b"authorization": b"Basic " + base64.b64encode(f"{key}:".encode())},
        "x-api-key": {b"x-api-key": key.encode()},
        "x-goog-api-key": {b"x-goog-api-key": key.encode()},
        "api-key": {b"api-key": key.encode()},
    }


@pytest.mark.parametrize("carrier", carriers(""))
def test_every_carrier_gives_the_same_verdict(carrier: str) -> None:
    """The same key is the same caller with the same scopes, however it is sent; a wrong one is wrong everywhere."""
    auth = auth_of()
    full, part = ask(auth, carriers(KEY)[carrier]), ask(auth, carriers(PART)[carrier])
    assert isinstance(full, Identity)
    assert isinstance(part, Identity)
    assert full.scopes == ANY
    assert part.scopes == {Scope.INFERENCE}
    assert isinstance(ask(auth, carriers("sk-test-unknown")[carrier]), Unauthorized)
    assert KEY not in full.who


def test_a_key_of_any_script_can_be_sent() -> None:
    """A key is bytes on the wire; one with accents in the settings matches its UTF-8."""
    auth = auth_of(auth=AuthSettings(required=True, api_key="não-é-chave"))
    assert isinstance(ask(auth, {b"x-api-key": "não-é-chave".encode()}), Identity)
    assert isinstance(ask(auth, {b"x-api-key": b"\xff\xfe"}), Unauthorized)


@pytest.mark.parametrize("value", [b"Digest x", b"sk-bare-key", b"Basic !!!"])
def test_an_unreadable_authorization_says_how_to_write_it(value: bytes) -> None:
    """A header that is no credential at all is a mistake to be explained, not a wrong key."""
    assert isinstance(ask(auth_of(), {b"authorization": value}), BadRequest)


def test_no_credential_is_no_verdict() -> None:
    """Nothing sent, an empty key, a stale cookie: the edge decides what that means here."""
    auth = auth_of()
    for headers in ({}, {b"x-api-key": b" "}, {b"authorization": b"Bearer "}, {b"cookie": b"batuta_session=gone"}):
        assert ask(auth, headers) is None


def test_a_revoked_key_answers_like_an_unknown_one() -> None:
    """Nobody can tell a key that was taken away from one that never was."""
    auth = auth_of()
    identity = ask(auth, carriers(KEY)["Bearer"])
    assert isinstance(identity, Identity)
    auth.revoke(identity.who)
    revoked, unknown = ask(auth, carriers(KEY)["Bearer"]), ask(auth, carriers("sk-test-unknown")["Bearer"])
    assert isinstance(revoked, Unauthorized)
    assert isinstance(unknown, Unauthorized)
    assert revoked.message == unknown.message


def test_ten_wrong_keys_in_a_minute_close_the_address() -> None:
    """After ten failures a wrong key is told to wait; a right one passes all the while, from the same address too."""
    clock = HandClock()
    auth = auth_of(clock)
    for _ in range(FAILURES):
        assert isinstance(ask(auth, carriers("sk-test-guess")["Bearer"]), Unauthorized)
        clock.now += 1
    closed = ask(auth, carriers("sk-test-guess")["Bearer"])
    assert isinstance(closed, SlowDown)
    assert closed.retry_after_s == WINDOW_S - FAILURES
    assert isinstance(ask(auth, carriers(KEY)["Bearer"]), Identity)
    assert isinstance(ask(auth, carriers("sk-test-guess")["Bearer"], address="10.0.0.2"), Unauthorized)
    clock.now += WINDOW_S - FAILURES
    assert isinstance(ask(auth, carriers("sk-test-guess")["Bearer"]), Unauthorized)


def test_sessions_and_the_local_token_are_not_slowed_down() -> None:
    """What nobody can guess needs no limit: a bad neighbour must not lock a person out of the pages."""
    auth = auth_of()
    cookie = auth.sign_in(KEY, address="10.0.0.1")
    assert isinstance(cookie, bytes)
    for _ in range(FAILURES + 1):
        ask(auth, carriers("sk-test-guess")["Bearer"])
    assert isinstance(ask(auth, {b"cookie": cookie.partition(b";")[0]}), Identity)
    token = ask(auth, carriers(auth.local_token.reveal())["Bearer"])
    assert isinstance(token, Identity)
    assert token.scopes == ANY


def test_failures_of_many_addresses_stay_bounded() -> None:
    """An attacker with many addresses fills no memory."""
    failures = Failures()
    for number in range(10_000):
        failures.add(f"address {number}", now=0.0)
    assert len(failures._times) == 4096


def test_a_session_has_the_scopes_of_its_key_and_ends_with_it() -> None:
    """Revoking a key names it and its sessions to whoever cuts streams; signing out names one session."""
    auth, told = auth_of(), list[str]()
    auth.on_revoked(told.append)
    first, second = (auth.sign_in(PART, address="a") for _ in range(2))
    assert isinstance(first, bytes)
    assert isinstance(second, bytes)
    one, two = (ask(auth, {b"cookie": cookie.partition(b";")[0]}) for cookie in (first, second))
    assert isinstance(one, Identity)
    assert isinstance(two, Identity)
    assert one.scopes == {Scope.INFERENCE}
    auth.sign_out(first.partition(b";")[0])
    assert told == [one.who]
    key = ask(auth, carriers(PART)["Bearer"])
    assert isinstance(key, Identity)
    auth.revoke(key.who)
    assert told == [one.who, key.who, two.who]
    assert ask(auth, {b"cookie": second.partition(b";")[0]}) is None


def test_sessions_stay_bounded() -> None:
    """A browser that never sends its cookie back costs a fixed amount of memory."""
    auth = auth_of()
    identity = Identity(frozenset(), "somebody", "loopback")
    for _ in range(MAX_SESSIONS + 5):
        auth.open_session(identity)
    assert f"{MAX_SESSIONS} sessions" in repr(auth)


def test_over_https_the_cookie_stays_there() -> None:
    """Where the connection is encrypted the cookie is marked Secure."""
    assert auth_of().open_session(Identity(frozenset(), "x", "key"), is_https=True).endswith(b"; Secure")


@pytest.mark.parametrize(
    ("changes", "demands"),
    [
        ({}, False),
        ({"auth": AuthSettings(api_key=KEY)}, False),
        ({"auth": AuthSettings(required=True, api_key=KEY)}, True),
        ({"host": "0.0.0.0", "auth": AuthSettings(api_key=KEY)}, True),
        ({"host": "0.0.0.0", "insecure": True}, False),
        ({"host": "0.0.0.0", "insecure": True, "auth": AuthSettings(api_key=KEY)}, True),
    ],
)
def test_when_a_key_is_demanded(changes: dict[str, Any], *, demands: bool) -> None:
    """On loopback only if asked for; elsewhere always, and --insecure does not switch off keys that exist."""
    assert Auth(Settings(**changes), clock=HandClock()).demands_key is demands


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"host": "::1"}, None),
        ({"host": "0.0.0.0"}, "BATUTA_API_KEY"),
        ({"host": "192.168.1.5"}, "--insecure"),
        ({"host": "192.168.1.5", "auth": AuthSettings(api_key="")}, "without a key"),
        ({"host": "192.168.1.5", "auth": AuthSettings(inference_keys=("k",))}, None),
        ({"host": "192.168.1.5", "auth": AuthSettings(api_key=KEY)}, None),
        ({"host": "192.168.1.5", "insecure": True}, None),
        ({"auth": AuthSettings(required=True)}, "nobody could call"),
    ],
)
def test_an_open_door_needs_a_key_or_a_clear_wish(changes: dict[str, Any], problem: str | None) -> None:
    """Listening beyond this machine without a key is refused at start, with what to do about it."""
    found = bind_problem(Settings(**changes))
    assert (found is None) if problem is None else (found is not None and problem in found.message)


SECRET_NAMES = {"key", "api_key", "token", "secret", "password", "digest", "cookie", "credential"}


def _name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("folder", ["web", "vault"])
def test_secrets_are_never_compared_with_equals(folder: str) -> None:
    """`==` stops at the first difference and tells how long it took: digests and compare_digest instead."""
    for path in (Path(batuta.__file__).parent / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(how, ast.Eq | ast.NotEq) for how in node.ops):
                names = {_name_of(side) for side in (node.left, *node.comparators)}
                assert not names & SECRET_NAMES, f"{path.name}:{node.lineno}"
