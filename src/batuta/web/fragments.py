"""Turns what the API says of models and memory into rows a template can print. Pure: views and words in, rows out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from batuta.web.i18n import Language

View = Mapping[str, Any]


def N_(message: str) -> str:  # noqa: N802  # the name gettext tools look for
    """Mark a sentence for the catalogues without translating it yet."""
    return message


STATES: Final[Mapping[str, str]] = {
    "ready": N_("ready"),
    "loading": N_("loading"),
    "queued": N_("waiting"),
    "disk": N_("on disk"),
    "asleep": N_("asleep"),
    "draining": N_("finishing its answers"),
    "unloading": N_("unloading"),
    "external": N_("external"),
    "failed": N_("failed"),
    "disabled": N_("disabled"),
    "missing": N_("gone"),
}
STAGES: Final[Mapping[str, str]] = {
    "queued": N_("in the queue"),
    "evicting": N_("making room"),
    "starting": N_("starting"),
    "reading": N_("reading weights"),
    "warming": N_("warming up"),
}
CAUSES: Final[Mapping[str, str]] = {
    "not_installed": N_("not installed"),
    "out_of_memory": N_("out of memory"),
    "engine_offline": N_("its server is offline"),
    "corrupt_file": N_("the file is damaged"),
    "unreadable_file": N_("the file cannot be read"),
    "forbidden_path": N_("the file lies outside the models folders"),
    "timeout": N_("took too long"),
    "crash": N_("its process crashed"),
    "auth": N_("the key is missing or refused"),
    "quota": N_("quota used up"),
    "unknown": N_("unknown reason"),
}


WAITED_FOR = frozenset({"loading", "queued"})


@dataclass(frozen=True)
class ModelRow:
    """One line of the models panel. `status` is a key of STATES; texts are in the reader's language."""

    id: str
    dom_id: str
    name: str
    provider: str
    status: str
    state: str
    stage_key: str
    stage: str
    percent: int | None
    seconds: str
    elapsed_s: float | None
    remaining_s: float | None
    hint: str
    error: str
    pinned: bool
    is_external: bool
    can_load: bool
    can_unload: bool
    action: str


@dataclass(frozen=True)
class Segment:
    """One model's part of a device's budget, in thousandths of it from the left."""

    name: str
    size: str
    start: int
    width: int
    hue: int


@dataclass(frozen=True)
class DeviceRow:
    """One memory bar."""

    id: str
    name: str
    budget: str
    used: str
    free: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Problem:
    """A file or provider that could not become a model, and why."""

    subject: str
    reason: str


@dataclass(frozen=True)
class Panel:
    """The models panel: rows on this machine, rows elsewhere, and what went wrong while looking."""

    local: tuple[ModelRow, ...] = ()
    external: tuple[ModelRow, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_empty(self) -> bool:
        """No model anywhere."""
        return not self.local and not self.external


def panel(models: Iterable[View], problems: Iterable[Problem], words: Language, *, now: float) -> Panel:
    """Sort the models into rows: what is in memory first, then by name. `now` is wall seconds."""
    rows = sorted((model_row(view, words, now=now) for view in models), key=_order)
    return Panel(
        local=tuple(row for row in rows if not row.is_external),
        external=tuple(row for row in rows if row.is_external),
        problems=tuple(problems),
    )


_ORDER = {"ready": 0, "loading": 1, "draining": 1, "unloading": 1, "queued": 1, "asleep": 2}


def _order(row: ModelRow) -> tuple[int, str]:
    return (_ORDER.get(row.status, 3), row.name.casefold())


def model_row(view: View, words: Language, *, now: float) -> ModelRow:
    """Make one row from one model as `GET /manage/models` shows it."""
    status = status_of(view)
    fraction, stage = view.get("progress"), str(view.get("stage") or "")
    percent = None if fraction is None else max(0, min(100, int(fraction * 100)))
    is_external = bool(view.get("is_external"))
    is_memory_ours = not is_external and any(_bytes(view))  # another program's models are its own to load
    return ModelRow(
        id=str(view["id"]),
        dom_id="m-" + hashlib.sha256(str(view["id"]).encode()).hexdigest()[:12],
        name=str(view.get("name") or view["id"]),
        provider=str(view.get("provider") or ""),
        status=status,
        state=_state_text(status, percent, words),
        stage_key=stage if stage in STAGES and status in WAITED_FOR else "",
        stage=words.say(STAGES[stage]) if stage in STAGES else "",
        percent=percent if status == "loading" else None,
        seconds=_seconds_text(view, words) if status in WAITED_FOR else "",
        elapsed_s=view.get("elapsed_s"),
        remaining_s=view.get("remaining_s"),
        hint=_hint(view, status, words),
        error=_error_text(view, status, words, now=now),
        pinned=bool(view.get("pinned")),
        is_external=is_external,
        can_load=is_memory_ours and status in {"disk", "asleep"} and _fit(view)[0] != "never",
        can_unload=is_memory_ours and status == "ready",
        action={"failed": "retry", "disabled": "enable"}.get(status, ""),
    )


def status_of(view: View) -> str:
    """Choose the one word for a model: 1. failed, disabled or gone, 2. external, 3. where it stands in memory."""
    state = str(view.get("state") or "absent")
    if state in {"failed", "disabled"}:  # 1
        return state
    if state == "absent" and view.get("is_present") is False:
        return "missing"
    if view.get("is_external"):  # 2
        return "external"
    if state == "absent":  # 3
        return "queued" if view.get("waiting") else "disk"
    return state if state in STATES else "disk"


def _state_text(status: str, percent: int | None, words: Language) -> str:
    if status == "loading" and percent is not None:
        return words.say(N_("loading %(percent)s %%"), percent=percent)
    return words.say(STATES[status])


def _seconds_text(view: View, words: Language) -> str:
    parts = []
    if (elapsed := view.get("elapsed_s")) is not None:
        parts.append(words.say(N_("%(seconds)s s"), seconds=words.number(elapsed)))
    if (remaining := view.get("remaining_s")) is not None:
        parts.append(words.say(N_("about %(seconds)s s left"), seconds=words.number(remaining)))
    return " · ".join(parts)


def _bytes(view: View) -> tuple[int, int]:
    memory = view.get("memory_bytes") or {}
    return int(memory.get("needed") or 0), int(memory.get("held") or 0)


def _fit(view: View) -> tuple[str, tuple[str, ...]]:
    return str(view.get("fits") or ""), tuple(view.get("evict") or ())


def _hint(view: View, status: str, words: Language) -> str:
    needed, held = _bytes(view)
    parts = []
    if status in {"disk", "asleep", "queued"} and needed:
        parts.append(words.say(N_("needs %(size)s"), size=words.size(needed)))
        when, evict = _fit(view)
        if when == "never":
            parts.append(words.say(N_("more than the memory budget")))
        elif evict:
            parts.append(words.say(N_("takes the place of %(models)s"), models=", ".join(evict)))
        elif when == "after others leave":
            parts.append(words.say(N_("has to wait for room")))
    elif status in {"ready", "draining", "unloading"} and (held or needed):
        parts.append(words.size(held or needed))
    if busy := view.get("in_flight"):
        parts.append(words.say_many("%(n)s answer running", "%(n)s answers running", busy))
    if waiting := view.get("waiting"):
        parts.append(words.say_many("%(n)s request waiting", "%(n)s requests waiting", waiting))
    return " · ".join(parts)


def _error_text(view: View, status: str, words: Language, *, now: float) -> str:
    cause, message = str(view.get("cause") or ""), view.get("error")
    parts = [words.say(CAUSES[cause])] if cause in CAUSES else []
    if message:
        parts.append(str(message))
    if status == "failed" and (retry_at := view.get("retry_at") or 0) > now:
        parts.append(words.say(N_("next try in %(seconds)s s"), seconds=words.number(retry_at - now)))
    return " · ".join(parts)


HUES = 6  # colours of the memory bar in the style sheet


def device_row(view: View, words: Language) -> DeviceRow:
    """Make one memory bar from one device of the memory view."""
    budget = max(1, int(view.get("budget") or 0))
    segments = []
    start = used = 0
    for index, part in enumerate(view.get("segments") or ()):
        count = int(part.get("bytes") or 0)
        used += count
        width = min(1000 - start, max(12, round(1000 * count / budget)))
        name = str(part.get("name") or part.get("model") or "")
        segments.append(Segment(name=name, size=words.size(count), start=start, width=width, hue=index % HUES))
        start += width
    return DeviceRow(
        id=str(view.get("id") or ""),
        name=str(view.get("name") or view.get("id") or ""),
        budget=words.size(budget),
        used=words.size(used),
        free=words.size(max(0, budget - used)),
        segments=tuple(segments),
    )


@dataclass(frozen=True)
class Welcome:
    """What stands where a conversation will be. `is_empty`: no model anywhere, so the ways to get one are shown."""

    is_empty: bool
    folders: tuple[str, ...]
    settings_file: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """Everything on the page that changes by itself."""

    panel: Panel
    devices: tuple[DeviceRow, ...]
    welcome: Welcome
