"""Turns llama-swap's settings into Batuta's. Pure: a map goes in; entries, and notes on what was left out, come out.

What has no counterpart is never dropped silently: it becomes a note that says why, and what to do instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from batuta import command_line
from batuta.cli import llama_swap_macros as macros
from batuta.cli.llama_swap_words import GLOBAL_NOTES, MODEL_NOTES, PEER_NOTES
from batuta.command_settings import CommandSettings
from batuta.errors import BadSettings
from batuta.settings import ProviderSettings

SHORTEST_START_S: Final = 15  # llama-swap's own lower bound
EMBEDDING: Final = frozenset({"--embedding", "--embeddings", "--task=embed", "--runner=pooling"})
EMBEDDING_PAIRS: Final = frozenset({("--task", "embed"), ("--task", "embedding"), ("--runner", "pooling")})
CONTAINERS: Final = frozenset({"docker", "podman", "nerdctl"})
_ENV_ONLY: Final = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}\Z")
_PROVIDER_ID: Final = re.compile(r"[^a-z0-9_-]+")


@dataclass(slots=True)
class Entry:
    """One entry of Batuta's settings.

    Attributes:
        table: commands | providers.
        name: what llama-swap calls it.
        values: key -> value, in the order in which they are written.
        notes: what the reader should know of it.
        why_off: why it is written as a comment only; empty: it is not.
    """

    table: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    why_off: str = ""


@dataclass(slots=True)
class Draft:
    """What a file becomes: entries, and what concerns no single one of them."""

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def convert(content: Mapping[str, Any]) -> Draft:
    """Return what the content of a llama-swap file becomes.

    Raises:
        BadSettings: it has no `models`, or one of its parts is not of the form it must have.
    """
    models = _map(content.get("models"), "models")
    peers = _map(content.get("peers"), "peers")
    if not models and not peers:
        raise BadSettings("the file has neither `models` nor `peers`: it is no configuration of llama-swap")
    draft = Draft()
    for name, given in models.items():
        draft.entries.append(_model(_name(name, "models"), _map(given, f"models.{name}"), content))
    for name, given in peers.items():
        draft.entries.append(_peer(_name(name, "peers"), _map(given, f"peers.{name}")))
    _routing(draft, content)
    _preload(draft, content)
    _leftovers(draft.notes, content, GLOBAL_NOTES)
    _settle_names(draft)
    for each in draft.entries:
        _validate(each)
    return draft


# --- models --------------------------------------------------------------------------------------------------------


def _model(name: str, given: Mapping[str, Any], content: Mapping[str, Any]) -> Entry:
    entry = Entry("commands", name, {"id": name, "cmd": _tidy(_text(given.get("cmd"), f"models.{name}.cmd"))})
    try:
        known = macros.table(content.get("macros"), given.get("macros"))
        _fill(entry, given, known)
        _times(entry, given, content)
    except macros.BadMacro as error:
        entry.why_off = str(error)
    _leftovers(entry.notes, given, MODEL_NOTES)
    return entry


def _fill(entry: Entry, given: Mapping[str, Any], known: Mapping[str, str]) -> None:
    where, values = f"models.{entry.name}", entry.values

    def text(key: str, default: str = "") -> str:
        return macros.put_in(_text(given.get(key, default), f"{where}.{key}"), known)

    values["cmd"], stop = _tidy(text("cmd")), _tidy(text("cmdStop"))
    _place(entry, text("proxy", "http://localhost:${PORT}"))
    check = text("checkEndpoint", "/health")
    _put(values, "health", "" if check == "none" else check, "/health")
    _put(values, "model", text("useModelName"), "")
    _put(values, "stop", stop, "")
    _put(values, "env", _environment(entry, given.get("env"), known), {})
    _put(values, "name", text("name"), "")
    _put(values, "aliases", _aliases(entry, given.get("aliases")), [])
    _put(values, "slots", _number(given.get("concurrencyLimit"), f"{where}.concurrencyLimit"), 0)
    _abilities(entry, given.get("capabilities"))
    if description := text("description"):
        entry.notes.append(f"description: {description}")
    program, *words = _words(values["cmd"]) or ("",)
    if EMBEDDING.intersection(words) or any(pair in EMBEDDING_PAIRS for pair in pairwise(words)):
        values["capabilities"] = ["embedding"]
        entry.notes.append("Its command says that it embeds, so it is not asked to chat.")
    if program.rpartition("/")[2] in CONTAINERS:
        entry.notes.append("A container's memory cannot be measured: set `memory`, or it is always loaded alone.")
        if not stop:
            entry.notes.append("Give the command that stops the container as `stop`: ending its client may not.")


def _place(entry: Entry, proxy: str) -> None:
    """Take over where the server listens.

    1. ${PORT} in the address: a free port each time. 2. A port of its own: that one. 3. Another machine: not a command.
    """
    has_port = "${PORT}" in entry.values["cmd"]
    parts = _split_url(proxy.replace("${PORT}", "1"))
    if parts is None:
        entry.why_off = f"proxy is no http address: {proxy}"
        return
    if not _is_loopback(parts.hostname or ""):  # 3
        entry.why_off = (
            f"its server is not on this machine ({parts.netloc}); start it there, and write it as a [[providers]] entry"
        )
        return
    if "${PORT}" not in proxy:  # 2
        entry.values["port"] = parts.port or (443 if parts.scheme == "https" else 80)
        if has_port:
            entry.notes.append("In llama-swap ${PORT} was another port than that of `proxy`; here both are `port`.")
    elif not has_port:  # 1
        entry.why_off = "cmd does not say ${PORT} and there is no proxy with a port: nobody knows where it listens"
    if parts.scheme == "https":
        entry.notes.append("proxy was https; Batuta talks plain http to a server on this machine.")
    if parts.path.rstrip("/"):
        entry.values["api"] = f"{parts.path.rstrip('/')}/v1"


def _times(entry: Entry, given: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    where = f"models.{entry.name}"
    if "healthCheckTimeout" in content:
        seconds = _number(content["healthCheckTimeout"], "healthCheckTimeout")
        entry.values["start_timeout_s"] = max(seconds, SHORTEST_START_S)
    unload = _number(given.get("unloadTimeout"), f"{where}.unloadTimeout") or _number(
        content.get("unloadTimeout"), "unloadTimeout"
    )
    _put(entry.values, "stop_timeout_s", unload, 0)
    ttl = _number(given.get("ttl", -1), f"{where}.ttl", least=-1)
    _put(entry.values, "ttl_s", _number(content.get("globalTTL"), "globalTTL") if ttl == -1 else ttl, 0)


def _environment(entry: Entry, given: Any, known: Mapping[str, str]) -> dict[str, str]:
    where = f"models.{entry.name}"
    found: dict[str, str] = {}
    for each in _list(given, f"{where}.env"):
        name, equals, value = _text(each, f"{where}.env").partition("=")
        if not equals or not name:
            entry.notes.append(f"env: {name!r} has no value and was left out; it is written NAME=value.")
        else:
            found[name] = macros.put_in(value, known)
    return found


def _aliases(entry: Entry, given: Any) -> list[str]:
    """Return the aliases, which are texts, or maps with an id of their own."""
    where = f"models.{entry.name}"
    found = []
    for each in _list(given, f"{where}.aliases"):
        if isinstance(each, Mapping):
            found.append(_text(each.get("id"), f"{where}.aliases.id"))
            if left := sorted(set(map(str, each)) - {"id"}):
                entry.notes.append(
                    f"alias {found[-1]}: {', '.join(left)} not taken over; an alias is a name and no more."
                )
        else:
            found.append(_text(each, f"{where}.aliases"))
    return found


def _abilities(entry: Entry, given: Any) -> None:
    where = f"models.{entry.name}"
    known = _map(given, f"{where}.capabilities")
    if not known:
        return
    able = ["chat", "completion"]
    able += ["vision"] if "image" in _list(known.get("in"), f"{where}.capabilities.in") else []
    able += ["tools"] if known.get("tools") is True else []
    _put(entry.values, "context_length", _number(known.get("context"), f"{where}.capabilities.context"), 0)
    if able != ["chat", "completion"]:
        entry.values["capabilities"] = able
    spoken = {*_list(known.get("in"), where), *_list(known.get("out"), where)} - {"text"} - {"image"}
    if spoken or "image" in _list(known.get("out"), where):
        entry.notes.append("capabilities: audio, and pictures as answers, are nothing Batuta routes by.")
    if known.get("reranker") is True:
        entry.notes.append("capabilities.reranker: Batuta has no /v1/rerank.")


# --- peers ---------------------------------------------------------------------------------------------------------


def _peer(name: str, given: Mapping[str, Any]) -> Entry:
    where = f"peers.{name}"
    slug = _PROVIDER_ID.sub("-", name.lower()).strip("-_")[:32] or "peer"
    entry = Entry("providers", name, {"id": slug})
    if slug != name:
        entry.notes.append(f"The peer {name!r} is called {slug!r} here; its models are {slug}/NAME.")
    proxy = _text(given.get("proxy", ""), f"{where}.proxy").rstrip("/")
    entry.values["base_url"] = f"{proxy}/v1"
    if _split_url(proxy) is None:
        entry.why_off = f"proxy is no http address: {proxy}"
    key = _text(given.get("apiKey", ""), f"{where}.apiKey")
    if match := _ENV_ONLY.match(key):
        entry.values["key_env"] = match[1]
    elif key:
        entry.values["key_env"] = f"{re.sub('[^A-Z0-9]+', '_', slug.upper())}_API_KEY"
        entry.notes.append(
            f"Its key is not written here: set the environment variable {entry.values['key_env']} to it."
        )
    models = [_text(each, f"{where}.models") for each in _list(given.get("models"), f"{where}.models")]
    if models:
        entry.notes.append(f"Batuta asks it for its models by itself; llama-swap was told {', '.join(models)}.")
    _leftovers(entry.notes, given, PEER_NOTES)
    return entry


# --- what concerns several models ----------------------------------------------------------------------------------


def _routing(draft: Draft, content: Mapping[str, Any]) -> None:
    routing = _map(content.get("routing"), "routing")
    router = _map(routing.get("router"), "routing.router")
    settings = _map(router.get("settings"), "routing.router.settings")
    groups = _map(content.get("groups"), "groups") | _map(settings.get("groups"), "routing.router.settings.groups")
    for name, given in groups.items():
        _group(draft, str(name), _map(given, f"groups.{name}"))
    for where, matrix in (
        ("matrix", content.get("matrix")),
        ("routing.router.settings.matrix", settings.get("matrix")),
    ):
        if matrix is not None:
            draft.notes.append(
                f"{where}: not taken over. Batuta keeps side by side what fits into memory and evicts what is cheapest "
                "to load again; give each model its `memory`, and pin what has to stay."
            )
    scheduler = _map(routing.get("scheduler"), "routing.scheduler")
    if scheduler.get("settings"):
        draft.notes.append(
            "routing.scheduler: priorities of models are not taken over; a request may carry x-batuta-priority."
        )
    for where, given, known in (
        ("routing", routing, {"router", "scheduler"}),
        ("routing.router", router, {"use", "settings"}),
        ("routing.scheduler", scheduler, {"use", "settings"}),
    ):
        draft.notes += [f"{where}.{name}: unknown, not taken over." for name in given if name not in known]


def _group(draft: Draft, name: str, given: Mapping[str, Any]) -> None:
    members = [_text(each, f"groups.{name}.members") for each in _list(given.get("members"), f"groups.{name}.members")]
    here = {each.name: each for each in draft.entries if each.table == "commands"}
    if strangers := [member for member in members if member not in here]:
        draft.notes.append(f"groups.{name}: there is no model {', '.join(strangers)}.")
    if given.get("persistent") is True:
        for member in members:
            if member in here:
                here[member].values["pinned"] = True
        pinned = ", ".join(member for member in members if member in here) or "none"
        draft.notes.append(f"groups.{name}: persistent became `pinned = true` of {pinned}.")
    swap, exclusive = given.get("swap", True), given.get("exclusive", True)
    draft.notes.append(
        f"groups.{name} ({', '.join(members)}; swap {_word(swap)}, exclusive {_word(exclusive)}): there are no groups. "
        "Models stay side by side while they fit into memory and take turns when they do not; give each its `memory`."
    )
    extra = [key for key in given if key not in {"swap", "exclusive", "persistent", "members"}]
    draft.notes += [f"groups.{name}.{key}: unknown, not taken over." for key in extra]


def _preload(draft: Draft, content: Mapping[str, Any]) -> None:
    hooks = _map(content.get("hooks"), "hooks")
    start = _map(hooks.get("on_startup"), "hooks.on_startup")
    names = [
        _text(each, "hooks.on_startup.preload") for each in _list(start.get("preload"), "hooks.on_startup.preload")
    ]
    here = {each.name: each for each in draft.entries if each.table == "commands" and not each.why_off}
    known = [name for name in names if name in here]
    if known:
        here[known[0]].values["roles"] = ["brain"]
        draft.notes.append(f"hooks.on_startup.preload: {known[0]} has the role brain and is loaded at the start.")
    if rest := [name for name in names if name not in known[:1]]:
        draft.notes.append(
            f"hooks.on_startup.preload: {', '.join(rest)} not taken over; Batuta loads one model at the start, "
            "and every other when it is first wanted."
        )
    draft.notes += [f"hooks.{name}: unknown, not taken over." for name in hooks if name != "on_startup"]
    draft.notes += [f"hooks.on_startup.{name}: unknown, not taken over." for name in start if name != "preload"]


def _leftovers(notes: list[str], given: Mapping[str, Any], table: Mapping[str, str]) -> None:
    """Note everything that was not taken over: with its reason from the table, or as unknown."""
    for name in given:
        reason = table.get(str(name), "unknown, not taken over")
        if reason:
            notes.append(f"{name}: {reason}.")


def _settle_names(draft: Draft) -> None:
    """Leave out aliases that are another model's name already, and say so; llama-swap would not start with them."""
    taken = {each.name.casefold(): each.name for each in draft.entries if each.table == "commands"}
    for entry in draft.entries:
        kept: list[str] = []
        for alias in entry.values.get("aliases", []):
            if (other := taken.setdefault(alias.casefold(), entry.name)) != entry.name or alias in {*kept, entry.name}:
                entry.notes.append(f"alias {alias} left out: it is a name of {other} already.")
            else:
                kept.append(alias)
        if kept:
            entry.values["aliases"] = kept
        else:
            entry.values.pop("aliases", None)
    ids: dict[str, str] = {}
    for entry in draft.entries:
        name = f"{entry.table} {str(entry.values['id']).casefold()}"
        if (other := ids.setdefault(name, entry.name)) != entry.name:
            entry.why_off = entry.why_off or f"{other} has the same id here; give it another one"


def _validate(entry: Entry) -> None:
    """Write as a comment what Batuta would refuse, with the reason."""
    if entry.why_off:
        return
    try:
        (CommandSettings if entry.table == "commands" else ProviderSettings).model_validate(entry.values)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in told["loc"])
        entry.why_off = f"{name}{': ' if name else ''}{told['msg'].removeprefix('Value error, ')}"


# --- reading foreign values ----------------------------------------------------------------------------------------


def _name(given: Any, where: str) -> str:
    if not isinstance(given, str):
        raise BadSettings(f"{where}: the name {given!r} is not a text; put it in quotes")
    return given


def _map(given: Any, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadSettings(f"{where} is not a map of names to values")
    return dict(given)


def _list(given: Any, where: str) -> Sequence[Any]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise BadSettings(f"{where} is not a list")
    return given


def _text(given: Any, where: str) -> str:
    if given is None:
        return ""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise BadSettings(f"{where} is not a text")
    return str(given)


def _number(given: Any, where: str, *, least: int = 0) -> int:
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise BadSettings(f"{where} is {given!r}; it is a whole number, {least} or more")
    return given


def _put(values: dict[str, Any], name: str, given: Any, default: Any) -> None:
    if given != default:
        values[name] = given


def _word(given: Any) -> str:
    return str(given).lower() if isinstance(given, bool) else repr(given)


def _tidy(text: str) -> str:
    """Return a command line without comments, continuations and blank ends."""
    lines = (line.strip().removesuffix("\\").strip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.startswith("#")]
    return "".join(f"{line}\n" for line in kept) if len(kept) > 1 else "".join(kept)


def _words(cmd: str) -> tuple[str, ...]:
    try:
        return command_line.split(cmd)
    except ValueError:
        return ()


def _split_url(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname else None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback or host == "0.0.0.0"
    except ValueError:
        return False
