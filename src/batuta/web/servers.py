"""Turns what the catalog knows of model servers into rows a template can print. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batuta.catalog.finding import CHANGEABLE, FOUND, PERSON
from batuta.web.fragments import N_, Problem, View, labels, without_address
from batuta.web.i18n import Language

if TYPE_CHECKING:
    from batuta.catalog.entities import Provider
    from batuta.catalog.external import SeenKey
    from batuta.catalog.records import ProviderState

MOST_NAMES = 4  # of models in memory, on a line of the list


@dataclass(frozen=True)
class ServerRow:
    """One line of the list of servers.

    Attributes:
        status: ready | offline | unknown | disabled; `state` says it in words.
        version: of the program that answers, where it tells.
        holds: which of its models are in memory, in words; empty where none is, or nobody knows.
        note: what to know or do about that program, as it is told (English).
        error: why it is offline, in the reader's language.
        detail: the same in English, where `error` had to leave something out.
        can_change: it was added here, so it can be corrected here.
        can_remove: it was added here, or was found and is gone.
        switch: what can be done to it: on | off; empty: neither.
    """

    id: str
    dom_id: str
    name: str
    address: str
    status: str
    state: str
    version: str
    holds: str
    note: str
    error: str
    detail: str
    key_env: str
    max_in_flight: int
    can_change: bool = False
    can_remove: bool = False
    switch: str = ""


def server_rows(
    states: Iterable[ProviderState], models: Iterable[View], words: Language, keys: Iterable[SeenKey] = ()
) -> tuple[ServerRow, ...]:
    """Return the servers worth showing, by name, and the keys that cannot be used yet.

    1. Not this machine's own loader. 2. Not one that came with Batuta and never answered: nobody asked for it.
    """
    models = list(models)
    counts = Counter(str(model.get("provider")) for model in models if model.get("is_present") is not False)
    names = labels(models)
    held: dict[str, list[str]] = {}
    for model in models:
        if model.get("is_loadable") and model.get("is_loaded"):
            held.setdefault(str(model.get("provider")), []).append(names[str(model["id"])])
    shown = [
        state
        for state in states
        if state.provider.base_url and (state.source != "builtin" or state.is_online or counts[state.provider.id])
    ]
    rows = (_row(state, counts[state.provider.id], held.get(state.provider.id, ()), words) for state in shown)
    strangers = (_key_row(key, words) for key in keys if key.provider is None)
    return tuple(sorted((*rows, *strangers), key=lambda row: (row.status == "disabled", row.name.casefold())))


def _key_row(key: SeenKey, words: Language) -> ServerRow:
    """Return the line for a key whose API Batuta cannot speak to."""
    state = words.say(N_("its key is in %(variable)s; not supported yet"), variable=key.variable)
    return ServerRow(key.id, f"server-{key.id}", key.name, "", "disabled", state, "", "", "", "", "", key.variable, 0)


def _row(state: ProviderState, count: int, held: Sequence[str], words: Language) -> ServerRow:
    provider = state.provider
    status = {True: "ready", False: "offline", None: "unknown"}[state.is_online] if provider.enabled else "disabled"
    said = without_address(state.message, provider.name or provider.id) if status == "offline" else ""
    told = words.say(N_("It does not answer. Is the program running, and is the address right?")) if said else ""
    return ServerRow(
        id=provider.id,
        dom_id=f"server-{provider.id}",
        name=provider.name or provider.id,
        address=provider.base_url,
        status=status,
        state=_state(status, count, provider, words),
        version=state.version,
        holds=_holds(held, words) if status == "ready" else "",
        note=state.note if status == "ready" else "",
        error=said if words.code == "en" else told,
        detail="" if words.code == "en" else said,
        key_env=(provider.key_ref or "").removeprefix("env:"),
        max_in_flight=provider.max_in_flight,
        can_change=state.source == PERSON,
        can_remove=state.source == PERSON or (state.source == FOUND and status == "offline" and not provider.key_ref),
        switch=_switch(state),
    )


def _switch(state: ProviderState) -> str:
    if state.source not in CHANGEABLE:
        return ""
    if not state.provider.enabled:
        return "on"
    return "off" if state.source == FOUND else ""  # one that a person added is removed


def _holds(names: Sequence[str], words: Language) -> str:
    if not names:
        return ""
    shown = sorted(names, key=str.casefold)[:MOST_NAMES]
    return words.say(N_("in memory: %(models)s"), models=", ".join(shown) + (", …" if len(names) > len(shown) else ""))


def _state(status: str, count: int, provider: Provider, words: Language) -> str:
    if status == "disabled" and provider.key_ref:
        variable = provider.key_ref.removeprefix("env:")
        return words.say(N_("its key is in %(variable)s; nothing is sent until you use it"), variable=variable)
    if status == "disabled":
        return words.say(N_("switched off"))
    if status == "ready":
        return words.say_many("%(n)s model", "%(n)s models", count)
    return words.say(N_("offline")) if status == "offline" else words.say(N_("not asked yet"))


def without_servers(problems: Iterable[Problem], servers: Iterable[ServerRow]) -> tuple[Problem, ...]:
    """Drop the problems that the list of servers tells already."""
    told = {row.name for row in servers if row.status == "offline"}
    return tuple(problem for problem in problems if problem.subject not in told)
