"""Turns what disks and engines report into changes of the catalog. Pure: no files, no network, no clock.

A person's choices survive every report, and nothing is ever removed: what vanished is marked absent, and takes its
choices up again when it comes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from batuta.catalog.records import COMMANDS, LOCAL, Found, Learned, ModelRecord, Problem
from batuta.catalog.shelves import CACHED, SNAPSHOTS, revision_of

RESERVED = frozenset({"auto", "commander"})  # names that mean a choice of Batuta's; `brain.gguf` may be called so
LONGEST_ADDRESS = 1024  # characters; a longer "name" is an attack or a mistake
MOST_MODELS = 5000  # of one provider: the largest public list has some hundreds


@dataclass(frozen=True, slots=True)
class Merge:
    """What one report changes. `absent`: records of models that were there before and are not now."""

    added: tuple[ModelRecord, ...] = ()
    changed: tuple[ModelRecord, ...] = ()
    absent: tuple[ModelRecord, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def records(self) -> tuple[ModelRecord, ...]:
        """All records that are new or different."""
        return (*self.added, *self.changed, *self.absent)


def merge(known: Mapping[str, ModelRecord], provider_id: str, reported: Sequence[Found]) -> Merge:
    """Compare one provider's report with the whole catalog.

    1. An address that cannot be an id is a problem, not a model.
    2. A known address keeps its record: what was seen is renewed, what was chosen stays. Another file at the same
       path forgets what was learned of the old one.
    3. A new address with the name and size of a file that vanished is that file, moved: it keeps its record. So does,
       of whatever size, another revision in Hugging Face's cache, and another file that its program calls the same.
    4. Any other new address is a new model with an id of its own.
    5. A known address that was not reported is absent.

    Args:
        known: id -> record of every provider's models.
        provider_id: who reports.
        reported: everything it has.
    """
    usable, problems = _usable(provider_id, reported)  # 1
    ours = {record.found.address: record for record in known.values() if record.provider_id == provider_id}
    changes = [_renewed(ours[address], found) for address, found in usable.items() if address in ours]  # 2
    gone = {address: record for address, record in ours.items() if address not in usable}
    revised = {_lasting(address) or record.id: address for address, record in gone.items()}
    added: list[ModelRecord] = []
    taken = {model_id.casefold() for model_id in known}
    for address, found in usable.items():
        if address in ours:
            continue
        if (moved := _moved_from(found, gone)) is not None:  # 3
            changes.append(replace(gone.pop(moved), found=found, is_present=True))
        elif (former := _former(found, gone, revised)) is not None:
            changes.append(_renewed(gone.pop(former), found))
        else:  # 4
            added.append(ModelRecord(new_id(provider_id, address, taken, found.stem), provider_id, found))
            taken.add(added[-1].id.casefold())
    absent = tuple(replace(record, is_present=False) for record in gone.values() if record.is_present)  # 5
    changed = tuple(record for record in changes if record != known[record.id])
    return Merge(tuple(added), changed, absent, problems)


def _renewed(record: ModelRecord, found: Found) -> ModelRecord:
    old = record.found
    is_same_file = (old.size, old.mtime_ns) == (found.size, found.mtime_ns)
    return replace(record, found=found, is_present=True, learned=record.learned if is_same_file else Learned())


def _moved_from(found: Found, gone: Mapping[str, ModelRecord]) -> str | None:
    if not found.size:
        return None
    name = PurePath(found.address).name
    same = (a for a, record in gone.items() if PurePath(a).name == name and record.found.size == found.size)
    return min(same, default=None)


def _former(found: Found, gone: Mapping[str, ModelRecord], lasting: Mapping[str, str]) -> str | None:
    """Return the address that a downloaded model had before it was updated. `lasting`: what stays -> address."""
    former = lasting.get(_lasting(found.address) or found.stem)
    return former if former in gone else None


def _lasting(address: str) -> str | None:
    revision = revision_of(address)
    return revision[1] if revision is not None else None


def _usable(provider_id: str, reported: Iterable[Found]) -> tuple[dict[str, Found], tuple[Problem, ...]]:
    usable: dict[str, Found] = {}
    problems = []
    for found in reported:
        if reason := bad_address(found.address):
            problems.append(Problem(f"{provider_id}: {printable(found.address)[:80]}", reason))
        elif len(usable) < MOST_MODELS or provider_id == LOCAL.id:
            usable.setdefault(found.address, found)
        else:
            problems.append(Problem(provider_id, f"it lists more than {MOST_MODELS} models; the rest is left out"))
            break
    return usable, tuple(problems)


def bad_address(address: str) -> str | None:
    """Say why a name could not travel in headers, logs and addresses; None if it could."""
    if not address.strip():
        return "its name is empty"
    if len(address) > LONGEST_ADDRESS:
        return f"its name is longer than {LONGEST_ADDRESS} characters; rename it"
    if not address.isprintable():
        return "its name holds control characters or bytes that are not text; rename it"
    return None


def printable(text: str) -> str:
    """Return the text with everything that could move a cursor or break a line shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def new_id(provider_id: str, address: str, taken: Collection[str], stem: str = "") -> str:
    """Return a free id: a file's stem, a command's own id, or `provider/address`; a clash gets `-2`, `-3`, ...

    Args:
        provider_id: whose model it is.
        address: its name there.
        taken: ids, casefolded.
        stem: what the file is called where its path says nothing.
    """
    base = stem or model_stem(address) if provider_id == LOCAL.id else f"{provider_id}/{address}"
    base = address if provider_id == COMMANDS.id else base
    candidate, number = base, 1
    while candidate.casefold() in taken or candidate.casefold() in RESERVED:
        number += 1
        candidate = f"{base}-{number}"
    return candidate


def model_stem(path: str) -> str:
    """Return a model file's name without `.gguf` and without `-00001-of-00003`, or a model folder's name.

    `models--org--name/snapshots/<revision>` of Hugging Face's cache is called `name`.
    """
    if is_cached(path):
        return PurePath(path).parents[1].name.removeprefix(CACHED).split("--", 1)[-1]
    name = PurePath(path).name
    stem = PurePath(path).stem if name.lower().endswith(".gguf") else name  # `Qwen3-0.6B` has no suffix
    head, _, tail = stem.rpartition("-of-")
    first, _, number = head.rpartition("-")
    is_part = len(number) == len(tail) == PART_DIGITS and number.isdecimal() and tail.isdecimal() and first
    return first if is_part else stem


def is_cached(path: str) -> bool:
    """Whether a path is a revision of a model in Hugging Face's cache."""
    pure = PurePath(path)
    return pure.parent.name == SNAPSHOTS and pure.parent.parent.name.startswith(CACHED)


PART_DIGITS = 5  # `-00001-of-00003`, as llama.cpp's splitter writes it
