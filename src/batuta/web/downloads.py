"""Turns downloads and the catalogue of models on offer into rows a template can print. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from batuta.web.fragments import N_
from batuta.web.i18n import Language

if TYPE_CHECKING:
    from batuta.downloads.service import Pull
    from batuta.downloads.starters import Catalogue, Starter

STATES: Final = {
    "queued": N_("waiting for the one before it"),
    "listing": N_("asking the hub"),
    "checking": N_("checking what is there"),
    "downloading": N_("downloading"),
    "waiting": N_("waiting to try again"),
    "finishing": N_("finishing"),
    "failed": N_("not downloaded"),
}
USES: Final = {"chat": N_("chat"), "code": N_("code"), "embedding": N_("embeddings")}
REASONS: Final = {
    "unknown_download": N_("the hub has no such model"),
    "hub_refused": N_("the hub wants a token (HF_TOKEN), or its licence accepted"),
    "hub_unreachable": N_("the hub cannot be reached"),
    "hub_failed": N_("the hub answered something that cannot be used"),
    "hub_busy": N_("the hub is too busy"),
    "download_cut": N_("the connection broke too often; what came is kept"),
    "download_corrupt": N_("what came was not the right file and was deleted"),
    "model_file_invalid": N_("what came is no usable model and was deleted"),
    "no_space": N_("the disk is full"),
    "disk_refused": N_("the models folder cannot be written to"),
}
ELSE: Final = N_("unknown reason")
SHOWN_AFTER_END: Final = frozenset({"failed"})  # what is done is a model, what was called off is nothing


@dataclass(frozen=True)
class PullRow:
    """A download. `detail`: the error in English, where the reader's language had to leave it out."""

    id: str
    dom_id: str
    name: str
    status: str
    state: str
    percent: int | None
    hint: str
    error: str
    detail: str
    can_stop: bool


@dataclass(frozen=True)
class StarterRow:
    """A model on offer. `fits`: whether this machine holds it, in words."""

    name: str
    dom_id: str
    title: str
    hint: str
    is_small_enough: bool
    fits: str


@dataclass(frozen=True)
class DownloadsPanel:
    """What is being downloaded, and what could be. `date`: of the offer."""

    pulls: tuple[PullRow, ...] = ()
    starters: tuple[StarterRow, ...] = ()
    date: str = ""


def downloads_panel(
    pulls: Iterable[Pull], catalogue: Catalogue | None, budgets: Iterable[int], words: Language
) -> DownloadsPanel:
    """Return the rows: downloads that run or failed, and what of the offer is not among them; what fits first."""
    last = {pull.wanted: pull for pull in pulls}  # of several tries, the last
    shown = [pull for pull in last.values() if not pull.is_ended or pull.state in SHOWN_AFTER_END]
    running = {pull.name for pull in shown if not pull.is_ended}
    budgets = tuple(budgets)
    starters = [
        starter for starter in (catalogue.starters.values() if catalogue else ()) if starter.name not in running
    ]
    rows = [_starter(starter, budgets, words) for starter in starters]
    return DownloadsPanel(
        pulls=tuple(_pull(pull, words) for pull in shown),
        starters=tuple(sorted(rows, key=lambda row: not row.is_small_enough)),
        date=catalogue.date if catalogue else "",
    )


def _starter(starter: Starter, budgets: tuple[int, ...], words: Language) -> StarterRow:
    fits = starter.fits(budgets)
    size = words.say(N_("about %(size)s"), size=words.size(starter.size))
    return StarterRow(
        name=starter.name,
        dom_id=f"starter-{starter.name.replace('.', '-')}",
        title=starter.title,
        hint=" · ".join((size, words.say(USES[starter.use]), starter.licence)),
        is_small_enough=fits,
        fits=words.say(N_("fits here")) if fits else words.say(N_("more than the memory budget")),
    )


def _pull(pull: Pull, words: Language) -> PullRow:
    percent = int(pull.bytes * 100 / pull.total) if pull.total and not pull.is_ended else None
    error = pull.error
    is_english = words.code == "en"
    reason = words.say(REASONS.get(error.code, ELSE)) if error else ""
    return PullRow(
        id=pull.id,
        dom_id=pull.id,
        name=pull.name,
        status="failed" if pull.is_ended else "loading",
        state=words.say(STATES[pull.state]),
        percent=percent,
        hint=_hint(pull, words),
        error=error.message if error and is_english else reason,
        detail=error.message if error and not is_english else "",
        can_stop=pull.is_stoppable,
    )


def _hint(pull: Pull, words: Language) -> str:
    if pull.is_ended or not pull.total:
        return ""
    parts = [words.say(N_("%(done)s of %(total)s"), done=words.size(pull.bytes), total=words.size(pull.total))]
    if pull.state == "downloading" and (rate := pull.rate.value) is not None:
        parts.append(words.say(N_("%(size)s a second"), size=words.size(rate)))
    left = pull.rate.remaining_s(pull.total) if pull.state == "downloading" else None
    if left is not None and left >= 90:
        parts.append(words.say(N_("about %(minutes)s min left"), minutes=words.number(left / 60)))
    elif left is not None:
        parts.append(words.say(N_("about %(seconds)s s left"), seconds=words.number(left)))
    return " · ".join(parts)
