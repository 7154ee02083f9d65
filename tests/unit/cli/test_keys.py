"""`batuta keys`: a key is never an argument and never printed; everything else is as with other commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batuta.cli.keys import looks_like_a_key

from .conftest import Batuta, FakeGateway

SECRET = "sk-test-not-a-key-0123456789"
BARE = "NotAKeyOfAnybody0123456789abcdef"  # 32 characters without a prefix, as some vendors have them
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
    assert gateway.bodies("POST /manage/keys") == [{"provider": "openai", "key": SECRET, "daily_limit": "5"}]
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
    "words",
    [
        ("add", "openai", SECRET),
        ("add", "openai", "--key", SECRET),
        ("add", "openai", "--api-key", SECRET),
        ("add", "openai", "--from-env", SECRET),
        ("add", "openai", "--from-env", BARE),
        ("add", SECRET),
        ("add", BARE),
        ("test", SECRET),
        ("test", "openai", SECRET),
        ("rm", SECRET),
        ("rotate", SECRET),
        ("unseal", "five words of my own"),
    ],
)
def test_a_key_on_the_command_line_is_refused_with_the_reason(
    batuta: Batuta, gateway: FakeGateway, words: tuple[str, ...]
) -> None:
    """It is sent nowhere and not repeated; the person learns that it is known to others now."""
    lists(gateway, key())
    result = batuta("keys", *words, url=gateway.url)
    assert (result.exit_code, gateway.asked[1:]) == (2, [])
    assert "shell's history" in result.stderr
    assert words[-1] not in result.output


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("openai", False),
        ("my-own-provider", False),
        ("sk-ant-api03-not-a-key", True),
        ("hf_notakeyofanybody", True),
        ("AIza" + "x" * 30, True),
        ("0123456789abcdef0123456789abcdef", True),
        (BARE, True),
        ("a-provider-with-a-long-name-1", False),
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


@pytest.mark.parametrize(("text", "sent"), [("5", "5"), ("2,50", "2.50"), ("$1.5", "1.5"), (" 3 ", "3"), ("0", "0")])
def test_an_amount_is_written_as_people_write_it(batuta: Batuta, gateway: FakeGateway, text: str, sent: str) -> None:
    """With a comma or a point."""
    takes(gateway)
    batuta("keys", "add", "openai", "--stdin", "--monthly-limit", text, stdin=SECRET, url=gateway.url)
    assert gateway.bodies("POST /manage/keys")[0]["monthly_limit"] == sent


@pytest.mark.parametrize("text", ["-5", "x", "1e3", "", "1.", "\N{ARABIC-INDIC DIGIT FIVE}"])
def test_what_is_no_amount_is_told_before_anything_is_sent(batuta: Batuta, gateway: FakeGateway, text: str) -> None:
    """With the option it stands behind, and two that are right."""
    result = batuta("keys", "add", "openai", "--stdin", f"--daily-limit={text}", stdin=SECRET, url=gateway.url)
    assert (result.exit_code, "--daily-limit" in result.stderr, "2.50" in result.stderr) == (2, True, True)
    assert gateway.asked == []


def test_an_api_of_this_network_is_added_by_saying_so(batuta: Batuta, gateway: FakeGateway) -> None:
    """--local is sent on; without it nothing is claimed."""
    takes(gateway)
    words = ("keys", "add", "mine", "--base-url", "http://192.168.1.5/v1", "--stdin")
    batuta(*words, "--local", stdin=SECRET, url=gateway.url)
    batuta(*words, stdin=SECRET, url=gateway.url)
    assert [each.get("is_local") for each in gateway.bodies("POST /manage/keys")] == [True, None]


def test_a_refusal_speaks_of_options(batuta: Batuta, gateway: FakeGateway) -> None:
    """Nobody at a terminal can send a field."""
    said = "base_url: 192.168.1.5 is on this machine or network; send is_local: true if that is meant"
    gateway.answers["POST /manage/keys"] = (400, {"error": {"message": said, "code": "invalid_request"}})
    words = ("keys", "add", "mine", "--base-url", "http://192.168.1.5/v1", "--stdin")
    result = batuta(*words, stdin=SECRET, url=gateway.url)
    assert "add --local if that is meant" in result.stderr


@pytest.mark.parametrize(("found", "is_told"), [(GOOD, False), (BAD, True)])
def test_an_odd_beginning_is_told_unless_the_provider_takes_the_key(
    batuta: Batuta, gateway: FakeGateway, found: dict[str, Any], is_told: bool
) -> None:
    """Whoever made the key knows best."""
    takes(gateway, hint="keys of OpenAI begin with sk-")
    gateway.answers["POST /manage/keys/k1/test"] = found
    result = batuta("keys", "add", "openai", "--stdin", stdin=SECRET, url=gateway.url)
    assert ("begin with sk-" in result.stderr) is is_told


def test_keys_that_cannot_be_read_are_not_called_good(batuta: Batuta, gateway: FakeGateway) -> None:
    """One of the environment is as good as ever."""
    own = key("env:groq", source="environment", variable="GROQ_API_KEY")
    lists(gateway, key(), own, sealed="the master key is not there")
    lines = batuta("keys", "list", url=gateway.url).stdout.splitlines()
    assert "cannot be read" in lines[1]
    assert "stored" in lines[1]
    assert "good" not in lines[1]
    assert "good" in lines[2]
    assert "environment" in lines[2]


def test_nobody_to_ask_deletes_nothing(batuta: Batuta, gateway: FakeGateway) -> None:
    """A script learns of --yes."""
    lists(gateway, key())
    result = batuta("keys", "rm", "k1", stdin="", url=gateway.url)
    assert (result.exit_code, "--yes" in result.stderr) == (2, True)
    assert not any("DELETE" in str(asked) for asked in gateway.asked)


def test_a_passphrase_from_standard_input_ends_with_its_line(batuta: Batuta, gateway: FakeGateway) -> None:
    """Else the one that was piped could not be typed again, and the keys were lost. Spaces are its own."""
    lists(gateway, key(), master_key="passphrase")
    for call in ("rotate", "unseal"):
        gateway.answers[f"POST /manage/keys/{call}"] = {"keys": 1, "sealed": None, "master_key": "passphrase"}
        for line in (" five words \n", " five words \r\n", " five words "):
            assert batuta("keys", call, "--stdin", stdin=line, url=gateway.url).exit_code == 0
        assert gateway.bodies(f"POST /manage/keys/{call}") == [{"passphrase": " five words "}] * 3


def test_a_name_of_a_persons_own_may_look_like_a_key(batuta: Batuta, gateway: FakeGateway) -> None:
    """One that is there is no slip of the hand."""
    name = "the account that the whole Team uses"
    lists(gateway, key(label=name))
    gateway.answers["POST /manage/keys/k1/test"] = GOOD
    assert batuta("keys", "test", name, url=gateway.url).exit_code == 0


def test_the_gateways_refusal_is_told(batuta: Batuta, gateway: FakeGateway) -> None:
    """Its own words, and exit code 1."""
    error = {"message": "the key was not stored: it stands in quotes; paste it without them", "code": "invalid_request"}
    gateway.answers["POST /manage/keys"] = (400, {"error": error})
    result = batuta("keys", "add", "openai", "--stdin", stdin=f'"{SECRET}"', url=gateway.url)
    assert (result.exit_code, "stands in quotes" in result.stderr) == (1, True)
    assert SECRET not in result.output
