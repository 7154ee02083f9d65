"""All kinds about text, data, files, classes and algorithms. Pure."""

from __future__ import annotations

from tools.starter.coder import (
    algorithms,
    classes,
    dictionaries,
    files,
    functions,
    lists,
    patterns,
    strings,
    words_and_text,
)
from tools.starter.kinds import Kind

KINDS: tuple[Kind, ...] = (
    *strings.KINDS,
    *words_and_text.KINDS,
    *patterns.KINDS,
    *lists.KINDS,
    *dictionaries.KINDS,
    *files.KINDS,
    *classes.KINDS,
    *algorithms.KINDS,
    *functions.KINDS,
)
