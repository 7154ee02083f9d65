"""Checks the lists of phrasings: names, brackets and slots. Prints what is wrong, and how many there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from tools.starter import grammar, phrasings
from tools.starter.brain import help_all, talk_all
from tools.starter.brain.unknown_lists import FILL
from tools.starter.coder.exchanges import KINDS
from tools.starter.kinds import LANGUAGES, Phrasings


def main() -> int:
    """Check the files given, or all of them."""
    wanted = set(sys.argv[1:])
    topics = {topic.id for topic in (*help_all.TOPICS, *talk_all.TOPICS, *talk_all.UNKNOWN)}
    slots = {topic: {language: set(FILL[language]) for language in LANGUAGES} for topic in topics}
    kinds = {kind.id: {language: set(kind.slots) for language in LANGUAGES} for kind in KINDS}
    wrong = 0
    for model, known in (("brain", slots), ("coder", kinds)):
        for file in sorted((phrasings.FOLDER / model).glob("*.toml")):
            if wanted and file.name not in wanted and str(file) not in wanted and file.stem not in wanted:
                continue
            tables = phrasings.read(file)
            lines = sum(len(ways[language]) for ways in tables.values() for language in LANGUAGES)
            print(f"{file.name}: {len(tables)} tables, {lines} lines")
            for fault in _faults(tables, known, exactly=model == "coder"):
                wrong += 1
                print(f"  {fault}")
    return wrong > 0


def _faults(
    tables: Mapping[str, Phrasings], known: Mapping[str, Mapping[str, set[str]]], *, exactly: bool
) -> Iterator[str]:
    for name, ways in tables.items():
        if name not in known:
            yield f"[{name}] is no topic or kind"
            continue
        for language in LANGUAGES:
            yield from _of_lines(f"[{name}] {language}", ways[language], known[name][language], exactly=exactly)


def _of_lines(where: str, lines: Sequence[str], slots: set[str], *, exactly: bool) -> Iterator[str]:
    for line in lines:
        try:
            texts = grammar.every(line) if grammar.count(line) < 5000 else [line]
        except grammar.BadTemplate as error:
            yield f"{where}: {error}"
            continue
        for text in texts:
            has = grammar.slots(text)
            if has - slots or (exactly and has != slots):
                yield f"{where}: {line!r} has the slots {sorted(has)}, known are {sorted(slots)}"
                break


if __name__ == "__main__":
    sys.exit(main())
