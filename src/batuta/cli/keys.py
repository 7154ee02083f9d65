"""`batuta keys`: the keys of external providers, kept by the gateway. A key is typed unseen, and never printed."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer

from batuta.cli.client import GatewayClient, connect
from batuta.cli.door import FAILED, door
from batuta.cli.escapes import one_line
from batuta.cli.key_input import KeyInArguments, read_secret
from batuta.cli.options import AsJson, DataDir, Url, salvaged
from batuta.cli.terminal import duration, print_json, print_table, warn
from batuta.cli.views import listed
from batuta.errors import BadSettings, BatutaError
from batuta.observe.redact import MASK, Redactor

app = typer.Typer(
    add_completion=False,
    help="Add, list, test, rotate and delete the keys of external providers.",
    no_args_is_help=True,
)
TEST_S = 40.0  # seconds for a test; the gateway gives its provider 15
_COLUMNS = ["KEY", "PROVIDER", "ENDS IN", "NAME", "STATE", "LAST USED", "SPENT", "SOURCE", "LAST ERROR"]
_GOOD = frozenset({"valid"})
_SOURCES = {"person": "stored"}
_OPTIONS = {"send is_local: true": "add --local", "send its address as base_url": "add --base-url and its address"}
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]*")
_LONGEST_PROVIDER = 32  # characters; an id that long is far rarer than a key
_SHORTEST_KEY = 20
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]+)?")

Provider = Annotated[
    str,
    typer.Argument(
        metavar="PROVIDER",
        help="Id of the provider: openai, anthropic, mistral, ... or one of yours.",
        show_default=False,
    ),
]
Refused = Annotated[list[str] | None, typer.Argument(hidden=True)]
RefusedOption = Annotated[str | None, typer.Option("--key", "--api-key", hidden=True)]
Stdin = Annotated[bool, typer.Option("--stdin", metavar="", help="Read the key from standard input.")]
FromEnv = Annotated[
    str | None,
    typer.Option("--from-env", metavar="NAME", help="Read the key from this variable.", show_default=False),
]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="Id, name or provider of the key, as `batuta keys list` shows it.", show_default=False
    ),
]


@app.command()
def add(
    provider: Provider,
    refused: Refused = None,
    *,
    from_stdin: Stdin = False,
    from_env: FromEnv = None,
    label: Annotated[str, typer.Option("--name", metavar="NAME", help="A name of your own for it.")] = "",
    base_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Address of the API of a provider that is not known.", show_default=False),
    ] = None,
    is_local: Annotated[
        bool, typer.Option("--local", metavar="", help="That API runs on this machine or network.")
    ] = False,
    daily: Annotated[
        str | None, typer.Option("--daily-limit", metavar="USD", help="At most a day, US dollars.", show_default=False)
    ] = None,
    monthly: Annotated[
        str | None, typer.Option("--monthly-limit", metavar="USD", help="At most a month.", show_default=False)
    ] = None,
    no_test: Annotated[bool, typer.Option("--no-test", metavar="", help="Do not ask the provider about it.")] = False,
    key: RefusedOption = None,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add a key: typed unseen, from standard input or from a variable. Its provider comes with it."""
    with door(as_json=as_json):
        if refused or key or looks_like_a_key(provider):
            raise KeyInArguments
        client = connect(salvaged(data_dir), url)
        _insist_on_privacy(client)
        secret = read_secret(f"Key of {one_line(provider)}", from_stdin=from_stdin, from_env=from_env)
        body: dict[str, Any] = {
            "provider": provider,
            "key": secret.reveal(),
            "label": label,
            "base_url": base_url,
        }
        body |= {"daily_limit": dollars(daily, "--daily-limit"), "monthly_limit": dollars(monthly, "--monthly-limit")}
        body |= {"is_local": is_local or None}
        added = _stored(client, {name: value for name, value in body.items() if value not in {None, ""}})
        found = None if no_test else _test(client, added)
        if as_json:
            print_json({"key": added, "test": found})
        else:
            print(f"{_title(added)} is stored, sealed, as {one_line(added['id'])}.")
            if found is not None:
                print(result_text(found))
        if added.get("hint") and (found is None or found["outcome"] != "valid"):  # what the provider says counts more
            warn(f"batuta: {one_line(added['hint'])}")


@app.command(name="list")
def list_(*, data_dir: DataDir = None, url: Url = None, as_json: AsJson = False) -> None:
    """List the keys: their last four characters, how they do, when they were last used and what they cost."""
    with door(as_json=as_json):
        answer = connect(salvaged(data_dir), url).get("/manage/keys")
        if as_json:
            print_json(answer)
            return
        if answer.get("sealed"):
            warn(f"batuta: the stored keys cannot be read: {one_line(answer['sealed'])}")
        is_sealed = bool(answer.get("sealed"))
        rows = [row(each, time.time(), is_sealed=is_sealed) for each in listed(answer, "keys")]
        kept = [place for place in range(len(_COLUMNS)) if any(each[place] not in {"", "-"} for each in rows)]
        print_table(
            [_COLUMNS[place] for place in kept],
            [[each[place] for place in kept] for each in rows],
            empty="No key yet. `batuta keys add openai` adds one.",
        )


@app.command(name="test")
def check(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Which; all of them when none is named.", show_default=False)
    ] = None,
    refused: Refused = None,
    *,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Ask the provider whether a key is good. The exit code is 1 when one is not."""
    with door(as_json=as_json):
        if refused:
            raise KeyInArguments
        client = connect(salvaged(data_dir), url)
        wanted = listed(client.get("/manage/keys"), "keys") if key is None else [find(client, key)]
        tested = [(each, _test(client, each)) for each in wanted]
        if as_json:
            print_json(
                {"tests": [{"key": each["id"], "provider": each["provider"], **found} for each, found in tested]}
            )
        elif not tested:
            print("No key yet. `batuta keys add openai` adds one.")
        for each, found in () if as_json else tested:
            print(f"{_title(each)}: {result_text(found)}")
        if any(found["outcome"] not in _GOOD for _, found in tested):
            raise typer.Exit(FAILED)


@app.command()
def rotate(
    refused: Refused = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Where the new master key is to be: keyring, passphrase, file or environment.",
            show_default=False,
        ),
    ] = None,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", metavar="", help="Read the new passphrase from standard input.")
    ] = False,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Seal all keys anew, with a new master key. The keys themselves stay as they are."""
    with door(as_json=as_json):
        if refused:
            raise KeyInArguments
        client = connect(salvaged(data_dir), url)
        body: dict[str, Any] = {"source": to} if to else {}
        is_by_passphrase = to == "passphrase" or (
            to is None and client.get("/manage/keys").get("master_key") == "passphrase"
        )
        if is_by_passphrase or from_stdin:
            _insist_on_privacy(client)
            body["passphrase"] = read_secret("New passphrase", from_stdin=from_stdin).reveal()
        answer = client.post("/manage/keys/rotate", body)
        if as_json:
            print_json(answer)
        else:
            count = answer["keys"]
            print(
                f"{count} key{'' if count == 1 else 's'} sealed anew; the master key is in the {answer['master_key']}."
            )


@app.command()
def unseal(
    refused: Refused = None,
    *,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", metavar="", help="Read the passphrase from standard input.")
    ] = False,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Open stored keys that could not be read when Batuta started: by the passphrase, or by asking again."""
    with door(as_json=as_json):
        if refused:
            raise KeyInArguments
        client = connect(salvaged(data_dir), url)
        _insist_on_privacy(client)
        is_by_passphrase = from_stdin or client.get("/manage/keys").get("master_key") == "passphrase"
        body = {"passphrase": read_secret("Passphrase", from_stdin=from_stdin).reveal()} if is_by_passphrase else {}
        answer = client.post("/manage/keys/unseal", body)
        if as_json:
            print_json(answer)
        else:
            print("The stored keys can be read again.")


@app.command()
def rm(
    key: Key,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask whether that is meant.")] = False,
    data_dir: DataDir = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Delete a key for good."""
    with door(as_json=as_json):
        client = connect(salvaged(data_dir), url)
        found = find(client, key)
        if not yes and not as_json and not _is_meant(f"Delete {_title(found)}? It cannot be brought back"):
            raise typer.Exit(FAILED)
        client.delete(_path(found))
        if as_json:
            print_json({"deleted": found["id"]})
        else:
            print(f"{_title(found)} is deleted.")


# --- words ---------------------------------------------------------------------------------------------------------


def dollars(text: str | None, option: str) -> str | None:
    """Return an amount as the gateway takes it. `option`: what a person wrote it behind.

    Raises:
        BadSettings: it is no amount.
    """
    if text is None:
        return None
    amount = text.strip().removeprefix("$").replace(",", ".")
    if not _AMOUNT.fullmatch(amount):
        raise BadSettings(f"{option} is {text[:40]!r}; write US dollars like 5 or 2.50")
    return amount


def looks_like_a_key(text: str) -> bool:
    """Say whether an argument that should be a provider has the shape of a key: some have no beginning of their own."""
    is_mixed = len(text) >= _SHORTEST_KEY and not _PROVIDER.fullmatch(text)
    return MASK in Redactor().text(text) or len(text) >= _LONGEST_PROVIDER or is_mixed


def find(client: GatewayClient, wanted: str) -> dict[str, Any]:
    """Return the key that a person means: by its id, its name, its last four characters, or its provider.

    Raises:
        BadSettings: there is none, or several.
    """
    keys = listed(client.get("/manage/keys"), "keys")
    for field in ("id", "label", "last4", "provider"):
        found = [each for each in keys if each.get(field) == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"{one_line(each['id'])} ({_title(each)})" for each in found)
            raise BadSettings(f"{wanted} could be several keys: {several}; name one by its id")
    if looks_like_a_key(wanted):
        raise KeyInArguments
    raise BadSettings(f"there is no key {wanted!r}; `batuta keys list` shows them")


def _insist_on_privacy(client: GatewayClient) -> None:
    """Raise BadSettings where what is typed would be sent over a network for everybody there to read."""
    parts = urlsplit(client.url)
    host = parts.hostname or ""
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        is_here = False
    if parts.scheme != "https" and not is_here:
        raise BadSettings(f"the key would travel to {client.url} unencrypted; run this on that machine, or use https")


def _stored(client: GatewayClient, body: Mapping[str, Any]) -> dict[str, Any]:
    """Store a key. What the gateway says of fields is said of options."""
    try:
        added: dict[str, Any] = client.post("/manage/keys", dict(body))
    except BatutaError as error:
        for field, option in _OPTIONS.items():
            error.message = error.message.replace(field, option)
        raise
    return added


def _is_meant(question: str) -> bool:
    """Ask yes or no. Raises BadSettings where nobody can answer."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        raise BadSettings("nobody answered; nothing was deleted. In a script, say --yes") from None


def _path(key: Mapping[str, Any], action: str = "") -> str:
    return f"/manage/keys/{quote(str(key['id']), safe='')}{action}"


def _test(client: GatewayClient, key: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.post(_path(key, "/test"), timeout_s=TEST_S)
    return found


def _title(key: Mapping[str, Any]) -> str:
    name = f" {key['label']}" if key.get("label") else ""
    return one_line(f"{key.get('provider_name') or key['provider']}{name} ...{key.get('last4') or '????'}")


_OUTCOMES = {
    "valid": "good",
    "invalid": "refused by its provider",
    "valid_no_credit": "good, but without credit",
    "rate_limited": "known, but limited for now",
    "unreachable": "its provider does not answer",
    "unknown": "could not be found out",
}


def result_text(found: Mapping[str, Any]) -> str:
    """Return what a test has found in words: `good, 210 ms, 42 models`."""
    outcome = str(found.get("outcome"))
    parts = [_OUTCOMES.get(outcome, outcome)]
    if outcome == "valid":
        parts.append(f"{found.get('latency_ms', 0):.0f} ms")
        if found.get("models") is not None:
            parts.append(f"{found['models']} model{'' if found['models'] == 1 else 's'}")
    text = ", ".join(parts)
    return one_line(f"{text}: {found['message']}" if found.get("message") else text)


def row(key: Mapping[str, Any], now: float, *, is_sealed: bool = False) -> list[str]:
    """Return a row of `batuta keys list`. `now`: wall seconds; `is_sealed`: stored keys cannot be read."""
    last = key.get("last_used")
    source = str(key.get("source", ""))
    return [
        str(key.get("id", "-")),
        str(key.get("provider", "-")),
        str(key.get("last4") or "-"),
        str(key.get("label") or ""),
        "cannot be read" if is_sealed and source != "environment" else _state(key),
        f"{duration(max(now - last, 0))} ago" if isinstance(last, int | float) else "-",
        _spent(key),
        _SOURCES.get(source, source),
        str(key.get("last_error") or ""),
    ]


def _state(key: Mapping[str, Any]) -> str:
    state = str(key.get("state", "-")).replace("_", " ")
    rests = key.get("rests_s")
    return f"{state}, {duration(rests)} left" if isinstance(rests, int | float) else state


def _spent(key: Mapping[str, Any]) -> str:
    parts = []
    for word, spent, limit in (("today", "spent_today", "daily_limit"), ("month", "spent_month", "monthly_limit")):
        amount, most = str(key.get(spent) or "0"), key.get(limit)
        if most is not None or amount.strip("0."):
            parts.append(f"${amount}{f' of ${most}' if most is not None else ''} {word}")
    return ", ".join(parts)
