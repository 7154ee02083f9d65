"""Turns what the API says of models and memory into rows a template can print. Pure: views and words in, rows out."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from batuta.web.i18n import Language
from batuta.web.waits import wait_text

if TYPE_CHECKING:
    from batuta.web.downloads import DownloadsPanel
    from batuta.web.servers import ServerRow

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
    "offline": N_("offline"),
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
UNKNOWN: Final = CAUSES["unknown"]
CRASH_ELSEWHERE: Final = N_("its server broke off")  # a server has no process here that could crash
SAYS_ENOUGH: Final = frozenset({"not_installed", "engine_offline"})  # causes after which the details are no news
_INSIDE: Final = re.compile(r"(?:https?://)?(?:127(?:\.\d+){3}|localhost|\[::1\]):\d+(?:/v1)?")

WAITED_FOR = frozenset({"loading", "queued"})


@dataclass(frozen=True)
class ModelRow:
    """One line of the models panel. `status` is a key of STATES; texts are in the reader's language.

    Attributes:
        detail: what the API says of an error, in English, where `error` had to leave it out.
        waits: what a request for it waits for, and how long.
        is_ours: Batuta loads it and holds its memory.
    """

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
    detail: str
    waits: str
    pinned: bool
    is_external: bool
    is_ours: bool
    can_pin: bool
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
    """The models panel: rows on this machine, rows elsewhere, rows that are gone, and what went wrong while looking."""

    local: tuple[ModelRow, ...] = ()
    external: tuple[ModelRow, ...] = ()
    gone: tuple[ModelRow, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def rows(self) -> tuple[ModelRow, ...]:
        """All rows."""
        return (*self.local, *self.external, *self.gone)

    @property
    def is_empty(self) -> bool:
        """No model anywhere."""
        return not self.local and not self.external


def panel(models: Iterable[View], problems: Iterable[Problem], words: Language, *, now: float) -> Panel:
    """Sort the models into rows: what is in memory first, then by name. `now` is wall seconds."""
    views = {str(view["id"]): view for view in models}
    names = labels(views.values())
    rows = sorted((model_row(view, words, now=now, names=names) for view in views.values()), key=_order)
    here = [row for row in rows if row.status != "missing"]
    return Panel(
        local=tuple(row for row in here if not row.is_external),
        external=tuple(row for row in here if row.is_external),
        gone=tuple(row for row in rows if row.status == "missing"),
        problems=tuple(problems),
    )


def labels(models: Iterable[View]) -> dict[str, str]:
    """Return what to call each model, by id: its name, or its id where another one has that name too."""
    names = {str(view["id"]): str(view.get("name") or view["id"]) for view in models}
    bearers = Counter(name.casefold() for name in names.values())
    bearers.update(model.casefold() for model, name in names.items() if model.casefold() != name.casefold())
    return {model: name if bearers[name.casefold()] == 1 else model for model, name in names.items()}


_ORDER = {"ready": 0, "loading": 1, "draining": 1, "unloading": 1, "queued": 1, "asleep": 2, "offline": 4}


def _order(row: ModelRow) -> tuple[int, str]:
    return (_ORDER.get(row.status, 3), row.name.casefold())


def model_row(
    view: View,
    words: Language,
    *,
    now: float,
    names: Mapping[str, str] = MappingProxyType({}),
) -> ModelRow:
    """Make one row from one model as `GET /manage/models` shows it.

    Args:
        view: the model.
        words: the reader's language.
        now: wall seconds.
        names: what to call each model, by id.
    """
    status = status_of(view)
    fraction, stage = view.get("progress"), str(view.get("stage") or "")
    percent = None if fraction is None else max(0, min(100, int(fraction * 100)))
    is_external = bool(view.get("is_external"))
    is_ours = is_memory_ours(view)
    name = names.get(str(view["id"])) or str(view.get("name") or view["id"])
    error, detail = _error_text(view, status, words, now=now, name=name)
    waits = wait_text(view, words, names=names)
    return ModelRow(
        id=str(view["id"]),
        dom_id="m-" + hashlib.sha256(str(view["id"]).encode()).hexdigest()[:12],
        name=name,
        provider=str(view.get("provider") or ""),
        status=status,
        state=_state_text(status, percent, words),
        stage_key=stage if stage in STAGES and status in WAITED_FOR else "",
        stage=words.say(STAGES[stage]) if stage in STAGES else "",
        percent=percent if status == "loading" else None,
        seconds=_seconds_text(view, words) if status in WAITED_FOR else "",
        elapsed_s=view.get("elapsed_s"),
        remaining_s=view.get("remaining_s"),
        hint=" · ".join(filter(None, (_hint(view, status, words, names=names), waits))),
        error=error,
        detail=detail,
        waits=waits,
        pinned=bool(view.get("pinned")),
        is_external=is_external,
        is_ours=is_ours,
        can_pin=is_ours and status in {"ready", "loading", "queued", "disk", "asleep", "draining", "unloading"},
        can_load=is_ours and status in {"disk", "asleep"} and not _is_kept_out(view),
        can_unload=is_ours and status == "ready" and not view.get("is_fixed"),
        action={"failed": "retry", "disabled": "enable"}.get(status, ""),
    )


def status_of(view: View) -> str:
    """Choose the one word for a model.

    1. Failed, disabled or gone. 2. Its server is offline: nothing that was true of it before is true now. 3. External.
    4. Where it stands in memory.
    """
    state = str(view.get("state") or "absent")
    if state == "disabled":  # 1
        return state
    if view.get("is_present") is False and state in {"absent", "offline", "failed"}:
        return "missing"
    if state == "offline" or (view.get("cause") == "engine_offline" and not is_memory_ours(view)):  # 2
        return "offline"
    if state == "failed":
        return state
    if view.get("is_external"):  # 3
        return "external"
    if state == "absent":  # 4
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


def _is_kept_out(view: View) -> bool:
    return _fit(view)[0] == "never" or bool(view.get("pinned_by") or view.get("held_by"))


def is_memory_ours(view: View) -> bool:
    """Whether Batuta loads it, also where nobody knows its size; an API's models are always there."""
    return not view.get("is_external") and bool(view.get("is_loadable", any(_bytes(view))))


def _hint(view: View, status: str, words: Language, *, names: Mapping[str, str]) -> str:
    needed, held = _bytes(view)
    parts = []
    if status in {"disk", "asleep", "queued"} and needed:
        parts.append(words.say(N_("needs %(size)s"), size=words.size(needed)))
        when, evict = _fit(view)
        if pins := tuple(view.get("pinned_by") or ()):
            who = ", ".join(names.get(model, model) for model in pins)
            parts.append(_pinned_text(who, len(pins), words))
        elif held_by := tuple(view.get("held_by") or ()):
            who = ", ".join(names.get(model, model) for model in held_by)
            parts.append(words.say(N_("no room until you stop the server of %(models)s"), models=who))
        elif when == "never":
            parts.append(words.say(N_("more than the memory budget")))
        elif evict:
            parts.append(
                words.say(
                    N_("takes the place of %(models)s"), models=", ".join(names.get(model, model) for model in evict)
                )
            )
        elif when == "after others leave":
            parts.append(words.say(N_("has to wait for room")))
    elif status in {"ready", "draining", "unloading"} and (held or needed):
        parts.append(words.size(held or needed))
    if view.get("is_fixed"):
        parts.append(words.say(N_("stays until you stop its server")))
    if busy := view.get("in_flight"):
        parts.append(words.say_many("%(n)s answer running", "%(n)s answers running", busy))
    if waiting := view.get("waiting"):
        parts.append(words.say_many("%(n)s request waiting", "%(n)s requests waiting", waiting))
    return " · ".join(parts)


def _pinned_text(who: str, count: int, words: Language) -> str:
    return words.say_many(
        "no room while %(models)s is pinned", "no room while %(models)s are pinned", count, models=who
    )


def _error_text(view: View, status: str, words: Language, *, now: float, name: str) -> tuple[str, str]:
    """Return why it cannot answer in the reader's language, and the API's English where that had to be left out.

    1. Gone and offline say it all by themselves. 2. Addresses inside this machine mean nothing to a person.
    """
    if status in {"missing", "offline"}:  # 1
        return "", ""
    cause = str(view.get("cause") or "")
    message = "" if cause in SAYS_ENOUGH else without_address(str(view.get("error") or ""), name)  # 2
    is_english = words.code == "en"
    parts = [cause_text(cause, words, is_ours=is_memory_ours(view))] if cause in CAUSES else []
    if message:
        parts += [message] if is_english else [] if parts else [words.say(UNKNOWN)]
    if status == "failed" and (retry_at := view.get("retry_at") or 0) > now:
        parts.append(words.say(N_("next try in %(seconds)s s"), seconds=words.number(retry_at - now)))
    return " · ".join(parts), "" if is_english else message


def without_address(message: str, name: str) -> str:
    """Return a message with a name in place of each address inside this machine."""
    return _INSIDE.sub(name, message)


def cause_text(cause: str, words: Language, *, is_ours: bool = True) -> str:
    """Return a cause in words. `is_ours`: the process that ran it was one of Batuta's."""
    if cause == "crash" and not is_ours:
        return words.say(CRASH_ELSEWHERE)
    text = CAUSES.get(cause, UNKNOWN)
    return words.say(text)


HUES = 6  # colours of the memory bar in the style sheet


def device_row(view: View, words: Language, *, names: Mapping[str, str] = MappingProxyType({})) -> DeviceRow:
    """Make one memory bar from one device of the memory view. `names`: what to call each model, by id."""
    budget = max(1, int(view.get("budget") or 0))
    segments = []
    start = used = 0
    for index, part in enumerate(view.get("segments") or ()):
        count = int(part.get("bytes") or 0)
        if not count:  # a server that does not say what its model takes: no size is better than a wrong one
            continue
        used += count
        width = min(1000 - start, max(12, round(1000 * count / budget)))
        name = names.get(str(part.get("model"))) or str(part.get("name") or part.get("model") or "")
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
class ScoreRow:
    """One measured score of a bundled model, in the reader's language."""

    model: str
    part: str
    share: str
    count: str


@dataclass(frozen=True)
class Welcome:
    """What stands where a conversation will be.

    Attributes:
        is_empty: no model anywhere, so the ways to get one are shown.
        folders: where model files are looked for.
        settings_file: path.
        problems: files and servers that could not be used.
        is_starter: only the bundled pair answers.
        scores: what was measured of the pair.
    """

    is_empty: bool
    folders: tuple[str, ...]
    settings_file: str
    problems: tuple[Problem, ...] = ()
    is_starter: bool = False
    scores: tuple[ScoreRow, ...] = ()


PARTS = {
    "help": N_("answers questions about using Batuta"),
    "identity and small talk": N_("says what it is, small talk"),
    "unknown": N_("admits what it does not know"),
    "plan": N_("writes a plan for a task it knows"),
    "programs": N_("writes a short program that prints the right thing"),
    "repairs": N_("mends a broken program"),
}
"""What was measured of a bundled model -> how people read it."""


def is_only_starter(views: Sequence[View]) -> bool:
    """Say whether nothing but the bundled pair could answer."""
    here = [view for view in views if view.get("is_present", True) and view.get("enabled", True)]
    return bool(here) and all(view.get("card") is not None for view in here)


def score_rows(views: Sequence[View], words: Language) -> tuple[ScoreRow, ...]:
    """Return the measured scores of the bundled models among the views. Pure."""
    return tuple(
        ScoreRow(
            str(view["name"]),
            words.say(PARTS.get(score["part"], score["part"])),
            f"{score['right'] / max(score['asked'], 1):.0%}",
            words.say(N_("%(right)s of %(asked)s"), right=score["right"], asked=score["asked"]),
        )
        for view in views
        for score in (view.get("card") or {}).get("scores", ())
    )


@dataclass(frozen=True)
class Snapshot:
    """Everything on the page that changes by itself."""

    panel: Panel
    devices: tuple[DeviceRow, ...]
    welcome: Welcome
    servers: tuple[ServerRow, ...] = ()
    downloads: DownloadsPanel | None = None
    swaps: tuple[str, ...] = ()
