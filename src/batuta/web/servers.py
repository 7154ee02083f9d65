"""Turns what the catalog knows of model servers into rows a template can print. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batuta.web.fragments import N_, Problem, View, labels, without_address
from batuta.web.i18n import Language

if TYPE_CHECKING:
    from batuta.catalog.records import ProviderState

PERSON = "person"
MOST_NAMES = 4  # of models in memory, on a line of the list


@dataclass(frozen=True)
class ServerRow:
    """One line of the list of servers.

    Attributes:
        status: ready | offline | unknown; `state` says it in words.
        version: of the program that answers, where it tells.
        holds: which of its models are in memory, in words; empty where none is, or nobody knows.
        note: what to know or do about that program, as it is told (English).
        error: why it is offline, in the reader's language.
        detail: the same in English, where `error` had to leave something out.
        can_change: it was added here, so it can be corrected and removed here.
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
    can_change: bool


def server_rows(states: Iterable[ProviderState], models: Iterable[View], words: Language) -> tuple[ServerRow, ...]:
    """Return the servers worth showing, by name.

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
    return tuple(sorted(rows, key=lambda row: row.name.casefold()))


def _row(state: ProviderState, count: int, held: Sequence[str], words: Language) -> ServerRow:
    provider = state.provider
    status = {True: "ready", False: "offline", None: "unknown"}[state.is_online]
    said = without_address(state.message, provider.name or provider.id) if status == "offline" else ""
    told = words.say(N_("It does not answer. Is the program running, and is the address right?")) if said else ""
    return ServerRow(
        id=provider.id,
        dom_id=f"server-{provider.id}",
        name=provider.name or provider.id,
        address=provider.base_url,
        status=status,
        state=_state(status, count, words),
        version=state.version,
        holds=_holds(held, words) if status == "ready" else "",
        note=state.note if status == "ready" else "",
        error=said if words.code == "en" else told,
        detail="" if words.code == "en" else said,
        key_env=(provider.key_ref or "").removeprefix("env:"),
        max_in_flight=provider.max_in_flight,
        can_change=state.source == PERSON,
    )


def _holds(names: Sequence[str], words: Language) -> str:
    if not names:
        return ""
    shown = sorted(names, key=str.casefold)[:MOST_NAMES]
    return words.say(N_("in memory: %(models)s"), models=", ".join(shown) + (", …" if len(names) > len(shown) else ""))


def _state(status: str, count: int, words: Language) -> str:
    if status == "ready":
        return words.say_many("%(n)s model", "%(n)s models", count)
    return words.say(N_("offline")) if status == "offline" else words.say(N_("not asked yet"))


def without_servers(problems: Iterable[Problem], servers: Iterable[ServerRow]) -> tuple[Problem, ...]:
    """Drop the problems that the list of servers tells already."""
    told = {row.name for row in servers if row.status == "offline"}
    return tuple(problem for problem in problems if problem.subject not in told)
