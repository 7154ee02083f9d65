"""What a person means by the name of a download, and which files of a repository that is. Pure.

NAME                        a starter of the catalogue
hf:org/repo                 the repository's middle way between size and quality
hf:org/repo:Q5_K_M          that quantization
hf:org/repo/file.gguf       that file
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from batuta.downloads.errors import UnknownDownload

LONGEST = 300  # characters of a name that are looked at; longer ones are no names
SHOWN = 80  # characters of a wrong name that are repeated
PREFIXES = ("https://huggingface.co/", "huggingface.co/", "https://hf.co/", "hf.co/", "hf://", "hf:")
_PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
_QUANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", re.ASCII)
_STEP = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+()@=-]{0,199}", re.ASCII)
_PART = re.compile(r"(?P<base>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:^|[-._/])((?:UD-)?(?:I?Q\d+|TQ\d+)(?:_[A-Z0-9]+)*|BF16|F16|F32|FP16|MXFP4(?:_[A-Z0-9]+)*)(?=$|[-._/])",
    re.IGNORECASE,
)
_BESIDE = ("mmproj", "imatrix")  # a projector or statistics of another file, in whose name one of these stands
MOST_PARTS = 1000

# From the middle outwards: half the size of eight bits at hardly any loss, then what is nearest to that.
MIDDLE = (
    *(
        "Q4_K_M",
        "UD-Q4_K_XL",
        "UD-Q4_K_M",
        "Q4_K_L",
        "Q4_K_S",
        "IQ4_NL",
        "IQ4_XS",
        "Q4_0",
        "Q4_1",
        "MXFP4",
        "MXFP4_MOE",
    ),
    *("Q5_K_S", "Q5_K_M", "Q5_0", "Q5_1", "Q3_K_L", "Q3_K_M", "Q6_K", "IQ3_M", "Q3_K_S", "IQ3_S", "IQ3_XS", "IQ3_XXS"),
    *("Q8_0", "Q2_K_L", "Q2_K", "IQ2_M", "BF16", "F16", "F32"),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch.

    Attributes:
        repo: `org/repo`.
        quant: the quantization's label as it was given; empty: the middle.
        file: one file's path in the repository; empty: by `quant`.
    """

    repo: str
    quant: str = ""
    file: str = ""

    def __str__(self) -> str:
        if self.file:
            return f"hf:{self.repo}/{self.file}"
        return f"hf:{self.repo}:{self.quant}" if self.quant else f"hf:{self.repo}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the hub lists it. `size` in bytes; `sha256` in small hexadecimal digits, empty where it tells none."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of a repository: all of its files, in order, and the label of its quantization."""

    label: str
    files: tuple[Listed, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def name(self) -> str:
        """The first file's name, without folders."""
        return PurePosixPath(self.files[0].path).name


def parse(name: str, starters: Mapping[str, str]) -> Wanted:
    """Return what a name means.

    Args:
        name: as a person wrote it.
        starters: names of the catalogue -> their sources.

    Raises:
        UnknownDownload: it means nothing; the message names the nearest, or how to write it.
    """
    name = name.strip()
    prefix = next((each for each in PREFIXES if name[: len(each)].lower() == each), "")
    if prefix and len(name) <= LONGEST:
        return _parse_place(name, name[len(prefix) :])
    by_name = {each.casefold(): source for each, source in starters.items()}
    if (source := by_name.get(name.casefold())) is not None:
        return _parse_place(source, source.removeprefix("hf:"))
    if re.fullmatch(rf"{_PLACE.pattern}/{_PLACE.pattern}(?:[:/].+)?", name, re.ASCII):
        raise UnknownDownload(
            f"{name[:SHOWN]!r} is no name of the catalogue; write hf:{name[:SHOWN]} for a repository on Hugging Face",
            suggestion=f"hf:{name}",
        )
    near = nearest(name, starters)
    hint = f"did you mean {near}?" if near else "`batuta pull --list` shows the names; hf:org/repo takes any repository"
    raise UnknownDownload(f"there is no model {name[:SHOWN]!r} to download; {hint}", suggestion=near)


def _parse_place(shown: str, rest: str) -> Wanted:
    place, _, file = _without_view(rest.strip("/")).partition("/")
    repo, _, file = file.partition("/")
    repo, _, quant = repo.partition(":")
    is_right = (
        _PLACE.fullmatch(place)
        and _PLACE.fullmatch(repo)
        and (not quant or _QUANT.fullmatch(quant))
        and not (quant and file)
        and (not file or (is_plain(file) and file.lower().endswith(".gguf")))
    )
    if not is_right:
        raise UnknownDownload(
            f"{shown[:SHOWN]!r} names no file on Hugging Face; write hf:org/repo, hf:org/repo:Q4_K_M or "
            "hf:org/repo/file.gguf"
        )
    return Wanted(f"{place}/{repo}", "" if quant.lower() == "latest" else quant, file)


def _without_view(rest: str) -> str:
    """Drop what a browser's address has between repository and file: `/blob/main/`."""
    rest = rest.partition("?")[0].partition("#")[0]
    return re.sub(r"^([^/]+/[^/]+)/(?:blob|resolve|tree)/main(?:/|$)", r"\1/", rest).rstrip("/")


def is_plain(path: str) -> bool:
    """Say whether a path of a repository stays below its folder and can be a file's name anywhere."""
    return len(path) <= LONGEST and all(_STEP.fullmatch(step) and not step.endswith(".") for step in path.split("/"))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant; None when nothing is close."""
    by_small = {each.casefold(): each for each in known}
    found = get_close_matches(name[:LONGEST].casefold(), by_small, n=1, cutoff=0.5)
    return by_small[found[0]] if found else None


def label_of(path: str) -> str:
    """Return the quantization that a file's path names, in capitals; empty where it names none.

    The last one counts, and the file's name before its folders.
    """
    match = _PART.fullmatch(path)
    stem = match["base"] if match else path.removesuffix(".gguf").removesuffix(".GGUF")
    *folders, last = stem.split("/")
    found = _LABEL.findall(last) or _LABEL.findall("/".join(folders))
    return str(found[-1]).upper() if found else ""


def choices(files: Iterable[Listed]) -> list[Choice]:
    """Return the models of a repository: whole ones, parts taken together, by path. Projectors are no models."""
    single: dict[str, list[Listed]] = {}
    split: dict[tuple[str, int], dict[int, Listed]] = {}
    for file in sorted(files, key=lambda each: each.path):
        name = PurePosixPath(file.path).name.lower()
        if not name.endswith(".gguf") or not is_plain(file.path) or file.size <= 0:
            continue
        if name.startswith("mtp-") or any(word in name for word in _BESIDE):
            continue
        if match := _PART.fullmatch(file.path):
            split.setdefault((match["base"], int(match["total"])), {})[int(match["number"])] = file
        else:
            single[file.path] = [file]
    for (base, total), parts in split.items():
        if total <= MOST_PARTS and sorted(parts) == list(range(1, total + 1)):
            single[base] = [parts[number] for number in sorted(parts)]
    return [Choice(label_of(path), tuple(group)) for path, group in sorted(single.items())]


def pick(wanted: Wanted, files: Sequence[Listed]) -> Choice:
    """Return what to fetch of a repository.

    1. A file was named: that one, with its other parts; by its name alone if only one fits.
    2. A quantization was named: the one with that label, or with that label behind a maker's mark (`UD-`).
    3. Nothing was named: the middle, or what is nearest to it.

    Raises:
        UnknownDownload: there is no such file or quantization; the message names the nearest and what there is.
    """
    found = choices(files)
    if not found:
        raise UnknownDownload(f"{wanted.repo} holds no GGUF model; look for a repository whose name ends in -GGUF")
    if wanted.file:  # 1
        return _by_file(wanted, found)
    if wanted.quant:  # 2
        return _by_quant(wanted, found)
    return min(found, key=lambda choice: (_distance(choice.label), choice.size, choice.files[0].path))  # 3


def _distance(label: str) -> int:
    return MIDDLE.index(label) if label in MIDDLE else len(MIDDLE)


def _by_file(wanted: Wanted, found: Sequence[Choice]) -> Choice:
    meant = wanted.file.casefold()
    exact = [choice for choice in found if meant in {file.path.casefold() for file in choice.files}]
    by_name = [
        choice for choice in found if meant in {PurePosixPath(file.path).name.casefold() for file in choice.files}
    ]
    if exact or len(by_name) == 1:
        return (exact or by_name)[0]
    names = [choice.files[0].path for choice in found]
    near = nearest(wanted.file, names)
    raise UnknownDownload(
        f"{wanted.repo} has no model {wanted.file[:SHOWN]!r}; {_there_is(near, names)}",
        suggestion=f"hf:{wanted.repo}/{near}" if near else None,
    )


def _by_quant(wanted: Wanted, found: Sequence[Choice]) -> Choice:
    meant = wanted.quant.upper().replace("-", "_")
    same = [(choice.label.replace("-", "_"), choice) for choice in found]
    exact = [choice for label, choice in same if label == meant]
    marked = [choice for label, choice in same if label == f"UD_{meant}"]
    if fitting := exact or marked:
        return min(fitting, key=lambda choice: (len(choice.files[0].path), choice.files[0].path))
    labels = sorted({choice.label for choice in found if choice.label})
    near = nearest(wanted.quant, labels)
    raise UnknownDownload(
        f"{wanted.repo} has no quantization {wanted.quant!r}; {_there_is(near, labels)}",
        suggestion=f"hf:{wanted.repo}:{near}" if near else None,
    )


def _there_is(near: str | None, known: Sequence[str]) -> str:
    hint = f"did you mean {near}? It" if near else "it"
    return f"{hint} has {', '.join(known[:20]) or 'none that is named'}{', ...' if len(known) > 20 else ''}"
