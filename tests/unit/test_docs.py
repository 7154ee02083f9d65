"""The documents hold together: links lead somewhere, and every page can be reached from the first one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from batuta import errors
from tools.check_tree import ROOT, tracked_files

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1\s*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
PAGES = [path for path in tracked_files() if path.suffix == ".md"]


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links, code left out."""
    for match in LINK.finditer(CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))):
        yield match[1] or match[2]


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings make: lower case, punctuation dropped, spaces to hyphens."""
    text = FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def resolve(page: Path, target: str) -> tuple[Path, str]:
    path, _, anchor = target.partition("#")
    there = (ROOT / page).parent / path if path else ROOT / page
    return Path(there.resolve()), anchor


def test_the_layout_is_the_tree() -> None:
    """Every file and folder in the picture of the house is there, and every package is in the picture."""
    house = (ROOT / "docs/explanation/design/house.md").read_text(encoding="utf-8")
    picture = house.split("## Layout", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    folder, drawn = Path(), set()
    for line in picture.splitlines():
        if not (word := re.match(r"( *)([a-z_]+(?:\.py|/))", line)):
            continue
        if not word[1]:
            folder = Path(word[2]) if word[2].endswith("/") else Path()
            drawn.add(Path(word[2]))
        else:
            drawn.add(folder / word[2])
    source = ROOT / "src/batuta"
    packages = {path.parent.relative_to(source) for path in source.glob("*/__init__.py")}
    missing = sorted(str(path) for path in drawn if not (source / path).exists())
    assert (missing, packages - drawn) == ([], set())


def test_every_error_code_is_in_the_reference() -> None:
    """A program that meets a code finds what it means; codes of the start never travel over HTTP."""
    page = (ROOT / "docs/reference/http-inference.md").read_text(encoding="utf-8")
    at_start = {errors.AddressInUse, errors.AlreadyRunning, errors.BadSettings, errors.HostError}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BatutaError)]
    codes = {kind.code for kind in kinds if kind not in at_start}
    assert not sorted(code for code in codes if f"`{code}`" not in page)


def test_threats_name_tests_that_are_there() -> None:
    """What is called defended is shown by a test of that name."""
    text = (ROOT / "THREATS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/.-]+)`", text))
    assert named
    assert not sorted(name for name in named if not (ROOT / name).exists())


def test_links_lead_somewhere() -> None:
    """Every relative link names a file of the tree, and a heading of it where it names one."""
    broken = []
    for page in PAGES:
        for target in links(page):
            if re.match(r"[a-z]+:", target):
                continue
            there, anchor = resolve(page, target)
            if not there.exists() or not there.is_relative_to(ROOT):
                broken.append(f"{page}: {target}")
            elif anchor and there.suffix == ".md" and anchor not in anchors(there.relative_to(ROOT)):
                broken.append(f"{page}: {target} (no such heading)")
    assert not broken


def test_each_page_can_be_reached() -> None:
    """A reader who starts at docs/index.md finds every page of docs."""
    start = Path("docs/index.md")
    reached, queue = {start}, [start]
    while queue:
        page = queue.pop()
        for target in links(page):
            if re.match(r"[a-z]+:", target):
                continue
            there, _ = resolve(page, target)
            if there.suffix == ".md" and there.is_file() and (found := there.relative_to(ROOT)) not in reached:
                reached.add(found)
                queue.append(found)
    lost = sorted(str(page) for page in PAGES if page.parts[0] == "docs" and page not in reached)
    assert not lost
