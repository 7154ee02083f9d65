"""`batuta keys`: a key is never an argument and never printed; everything else is as with other commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batuta.cli.keys import looks_like_a_key

from .conftest import Batuta, FakeGateway

SECRET = "sk-test-not-a-key-0123456789"
GOOD = {"outcome": "valid", "latency_ms": 210.4, "models": 42, "message": ""}
BAD = {"outcome": "invalid", "latency_ms": 90.0, "models": None, "message": "api.openai.com refused the key"}


def key(key_id: str = "k1", **more: Any) -> dict[str, Any]:
    return {
        "id": key_id,
        "provider": "openai",
        "provider_name": "OpenAI",
        "label": "",
        "last4": "6789",
        "source": "person",
        "state": "good",
        "rests_s": None,
        "last_used": None,
        "last_error": "",
        "daily_limit": None,
        "monthly_limit": None,
        "spent_today": "0",
        "spent_month": "0",
        **more,
    }


def lists(gateway: FakeGateway, *keys: dict[str, Any], **more: Any) -> None:
    gateway.answers["GET /manage/keys"] = {"keys": list(keys), "sealed": None, "master_key": "file", **more}


def takes(gateway: FakeGateway, **more: Any) -> None:
    gateway.answers |= {"POST /manage/keys": (201, {**key(), "hint": "", **more}), "POST /manage/keys/k1/test": GOOD}


def test_a_key_is_read_from_standard_input(batuta: Batuta, gateway: FakeGateway) -> None:
    """It goes to the gateway in a body, is tested, and is in no line that is printed."""
    takes(gateway)
    result = batuta("keys", "add", "openai", "--stdin", "--daily-limit", "5", stdin=f"{SECRET}\n", url=gateway.url)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["OpenAI ...6789 is stored, sealed, as k1.", "good, 210 ms, 42 models"]
    assert gateway.bodies("POST /manage/keys") == [{"provider": "openai", "key": f"{SECRET}\n", "daily_limit": "5"}]
    assert SECRET not in result.output


def test_a_key_is_read_from_a_variable(batuta: Batuta, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; one that is not set is told."""
    monkeypatch.setenv("SOME_KEY", SECRET)
    takes(gateway, hint="keys of OpenAI begin with sk-")
    words = ("keys", "add", "openai", "--no-test", "--json")
    result = batuta(*words, "--from-env", "SOME_KEY", url=gateway.url)
    answer = json.loads(result.stdout)
    assert (answer["key"]["id"], answer["test"]) == ("k1", None)
    assert "begin with sk-" in result.stderr
    assert gateway.bodies("POST /manage/keys")[0]["key"] == SECRET
    missing = batuta(*words, "--from-env", "NO_SUCH_KEY", url=gateway.url)
    assert (missing.exit_code, "NO_SUCH_KEY is not set" in missing.stdout) == (2, True)


@pytest.mark.parametrize(
    "words", [("openai", SECRET), ("openai", "--key", SECRET), ("openai", "--api-key", SECRET), (SECRET,)]
)
def test_a_key_on_the_command_line_is_refused_with_the_reason(
    batuta: Batuta, gateway: FakeGateway, words: tuple[str, ...]
) -> None:
    """It is sent nowhere and not repeated; the person learns that it is known to others now."""
    result = batuta("keys", "add", *words, url=gateway.url)
    assert (result.exit_code, gateway.asked) == (2, [])
    assert "shell's history" in result.stderr
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("openai", False),
        ("my-own-provider", False),
        ("sk-ant-api03-not-a-key", True),
        ("hf_notakeyofanybody", True),
        ("AIza" + "x" * 30, True),
        ("0123456789abcdef0123456789abcdef0", True),
    ],
)
def test_the_shape_of_a_key_is_known(text: str, is_key: bool) -> None:
    """No provider looks like that."""
    assert looks_like_a_key(text) is is_key


def test_without_a_terminal_nobody_is_asked(batuta: Batuta, gateway: FakeGateway) -> None:
    """A script that forgot where the key is learns it at once, and does not wait for ever."""
    result = batuta("keys", "add", "openai", url=gateway.url)
    assert (result.exit_code, "--stdin" in result.stderr) == (2, True)
    both = batuta("keys", "add", "openai", "--stdin", "--from-env", "X", url=gateway.url)
    assert (both.exit_code, "name one" in both.stderr) == (2, True)
    empty = batuta("keys", "add", "openai", "--stdin", stdin="\n", url=gateway.url)
    assert (empty.exit_code, "was empty" in empty.stderr) == (2, True)
    assert gateway.asked == []


def test_a_key_is_not_sent_over_an_open_network(batuta: Batuta) -> None:
    """Another machine is told by https, or not at all."""
    result = batuta("keys", "add", "openai", "--stdin", stdin=SECRET, url="http://192.0.2.1:22888")
    assert (result.exit_code, "unencrypted" in result.stderr) == (2, True)


def test_the_list_is_a_table(batuta: Batuta, gateway: FakeGateway) -> None:
    """Id, provider, last four characters, state, what was spent of what may be; empty columns are left out."""
    spent = {"daily_limit": "5", "spent_today": "0.50"}
    lists(
        gateway,
        key(label="work", **spent),
        key("env:groq", provider="groq", last4="cdef", source="environment", state="resting", rests_s=30.0),
    )
    lines = batuta("keys", "list", url=gateway.url).stdout.splitlines()
    assert lines[0].split("  ")[0] == "KEY"
    assert "LAST USED" not in lines[0]
    assert all(word in lines[1] for word in ("k1", "openai", "6789", "work", "good", "$0.50 of $5 today"))
    assert all(word in lines[2] for word in ("env:groq", "cdef", "resting, 30 s left", "environment"))
    as_json = json.loads(batuta("keys", "list", "--json", url=gateway.url).stdout)
    assert [each["id"] for each in as_json["keys"]] == ["k1", "env:groq"]


def test_no_key_and_no_seal_are_told(batuta: Batuta, gateway: FakeGateway) -> None:
    """An empty list says how to fill it; a sealed vault says why."""
    lists(gateway, sealed="the master key is not there")
    result = batuta("keys", "list", url=gateway.url)
    assert "batuta keys add openai" in result.stderr
    assert "the master key is not there" in result.stderr


def test_a_test_says_what_was_found(batuta: Batuta, gateway: FakeGateway) -> None:
    """One key or all; the exit code tells a script whether all are good."""
    lists(gateway, key(), key("k2", label="old"))
    gateway.answers |= {"POST /manage/keys/k1/test": GOOD, "POST /manage/keys/k2/test": BAD}
    assert batuta("keys", "test", "k1", url=gateway.url).exit_code == 0
    result = batuta("keys", "test", url=gateway.url)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1] == (
        "OpenAI old ...6789: refused by its provider: api.openai.com refused the key"
    )
    as_json = json.loads(batuta("keys", "test", "old", "--json", url=gateway.url).stdout)
    assert [(each["key"], each["outcome"]) for each in as_json["tests"]] == [("k2", "invalid")]


def test_a_key_is_named_by_what_is_clear(batuta: Batuta, gateway: FakeGateway) -> None:
    """Its id, its name, its last four characters, or its provider where that has one; else the choice is told."""
    lists(gateway, key(), key("k2", last4="4321"), key("k3", provider="mistral", last4="9999"))
    gateway.answers |= {f"POST /manage/keys/k{number}/test": GOOD for number in (1, 2, 3)}
    for name in ("k2", "4321", "mistral"):
        assert batuta("keys", "test", name, url=gateway.url).exit_code == 0
    several = batuta("keys", "test", "openai", url=gateway.url)
    assert (several.exit_code, "k1 (OpenAI ...6789), k2" in several.stderr) == (2, True)
    assert batuta("keys", "test", "nobody", url=gateway.url).exit_code == 2
    leaked = batuta("keys", "rm", SECRET, url=gateway.url)
    assert (leaked.exit_code, SECRET in leaked.output) == (2, False)


def test_deleting_asks_first(batuta: Batuta, gateway: FakeGateway) -> None:
    """`no` leaves it, `yes` or --yes deletes it."""
    lists(gateway, key("env:x/y", label="old"))
    gateway.answers["DELETE /manage/keys/env%3Ax%2Fy"] = {}
    assert batuta("keys", "rm", "old", stdin="n\n", url=gateway.url).exit_code == 1
    assert not gateway.bodies("DELETE /manage/keys/env%3Ax%2Fy")
    assert "is deleted" in batuta("keys", "rm", "old", stdin="y\n", url=gateway.url).stdout
    assert batuta("keys", "rm", "old", "--yes", url=gateway.url).exit_code == 0
    assert len(gateway.bodies("DELETE /manage/keys/env%3Ax%2Fy")) == 2


def test_rotating_and_opening(batuta: Batuta, gateway: FakeGateway) -> None:
    """The new master key's place by name; a passphrase is read like a key."""
    lists(gateway, key())
    gateway.answers["POST /manage/keys/rotate"] = {"keys": 1, "sealed": None, "master_key": "file"}
    gateway.answers["POST /manage/keys/unseal"] = {"keys": 1, "sealed": None, "master_key": "file"}
    result = batuta("keys", "rotate", "--to", "file", url=gateway.url)
    assert result.stdout == "1 key sealed anew; the master key is in the file.\n"
    words = ("keys", "rotate", "--to", "passphrase", "--stdin")
    assert batuta(*words, stdin="five words of my own", url=gateway.url).exit_code == 0
    assert gateway.bodies("POST /manage/keys/rotate") == [
        {"source": "file"},
        {"source": "passphrase", "passphrase": "five words of my own"},
    ]
    assert batuta("keys", "unseal", url=gateway.url).exit_code == 0
    assert batuta("keys", "unseal", "--stdin", stdin="five words", url=gateway.url).exit_code == 0
    assert gateway.bodies("POST /manage/keys/unseal") == [{}, {"passphrase": "five words"}]


def test_the_gateways_refusal_is_told(batuta: Batuta, gateway: FakeGateway) -> None:
    """Its own words, and exit code 1."""
    error = {"message": "the key was not stored: it stands in quotes; paste it without them", "code": "invalid_request"}
    gateway.answers["POST /manage/keys"] = (400, {"error": error})
    result = batuta("keys", "add", "openai", "--stdin", stdin=f'"{SECRET}"', url=gateway.url)
    assert (result.exit_code, "stands in quotes" in result.stderr) == (1, True)
    assert SECRET not in result.output
