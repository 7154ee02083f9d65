"""Looking for model files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batuta.catalog.entities import Capability
from batuta.catalog.files import FileScanner, Scan, is_model_name, reader
from batuta.loader.gguf import inspect
from batuta.loader.memory import estimate
from batuta.testing.gguf import tiny_gguf
from tests.unit.catalog.stage import Reader

WALL = 2_000_000_000.0  # later than the files' own times: they are settled


def write(path: Path, text: str = "model") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def scan_of(root: Path, read: Reader | None = None) -> Scan:
    return FileScanner((root,), read or Reader()).scan(monotonic=0.0, wall=WALL)


def names(scan: Scan) -> list[str]:
    return [Path(found.address).name for found in scan.found]


def test_models_are_found_in_all_folders_below(tmp_path: Path) -> None:
    """Recursion, only whole GGUF files, no projectors; a file that is no model by itself is not listed."""
    for name in ("a.gguf", "deep/er/b.GGUF", "notes.txt", "mmproj-a.gguf", "x.gguf.part", "y.part.gguf", ".z.gguf"):
        write(tmp_path / name)
    write(tmp_path / "draft.gguf", "part")
    assert names(scan_of(tmp_path)) == ["a.gguf", "b.GGUF"]


@pytest.mark.parametrize("name", ["m.gguf.incomplete", "m.download.gguf", "M-MMPROJ.gguf", ".gguf", "m.gguf.tmp"])
def test_names_that_are_no_models(name: str) -> None:
    """Files on their way and files that belong to another model are passed over."""
    assert not is_model_name(name)


def test_no_link_leads_out_of_the_roots(tmp_path: Path) -> None:
    """A link to a file or folder elsewhere is not followed; one within the roots is, and counts once."""
    root = tmp_path / "models"
    write(tmp_path / "secret/s.gguf")
    write(root / "blobs/abc")
    write(root / "a.gguf")
    (root / "out.gguf").symlink_to(tmp_path / "secret/s.gguf")
    (root / "folder").symlink_to(tmp_path / "secret")
    (root / "again.gguf").symlink_to(root / "a.gguf")
    (root / "named.gguf").symlink_to(root / "blobs/abc")
    (root / "nowhere.gguf").symlink_to(root / "missing")
    (root / "blobs/loop").symlink_to(root)
    assert sorted(names(scan_of(root))) == ["a.gguf", "named.gguf"]


def test_a_split_model_counts_once(tmp_path: Path) -> None:
    """All parts there: one model, its first part's path, the sizes added up."""
    for number in (1, 2, 3):
        write(tmp_path / f"big-0000{number}-of-00003.gguf", "x" * number)
    scan = scan_of(tmp_path)
    assert names(scan) == ["big-00001-of-00003.gguf"]
    assert scan.found[0].size == 6


def test_a_split_model_with_a_missing_part_is_a_problem_once_it_has_settled(tmp_path: Path) -> None:
    """While the parts are being copied nothing is said; later the missing ones are named."""
    path = write(tmp_path / "big-00001-of-00003.gguf")
    scanner = FileScanner((tmp_path,), Reader())
    assert scanner.scan(monotonic=0.0, wall=path.stat().st_mtime + 1).problems == ()
    (problem,) = scanner.scan(monotonic=9.0, wall=WALL).problems
    assert "only 1 of its 3 parts" in problem.reason
    assert scanner.scan(monotonic=9.0, wall=WALL).found == ()


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    """Path, size and time decide; a changed file is read again, a deleted one is forgotten."""
    read = Reader()
    path = write(tmp_path / "a.gguf")
    scanner = FileScanner((tmp_path,), read)
    scanner.scan(monotonic=0.0, wall=WALL)
    scanner.scan(monotonic=1.0, wall=WALL)
    assert read.reads == ["a.gguf"]
    write(path, "another model")
    assert scanner.scan(monotonic=2.0, wall=WALL).found[0].size == 13
    path.unlink()
    assert scanner.scan(monotonic=3.0, wall=WALL).found == ()
    assert read.reads == ["a.gguf", "a.gguf"]


def test_what_an_earlier_run_found_is_not_read_again(tmp_path: Path) -> None:
    """A primed scanner trusts what has the same size and time."""
    write(tmp_path / "a.gguf")
    found = scan_of(tmp_path).found
    read = Reader()
    scanner = FileScanner((tmp_path,), read)
    scanner.prime(found)
    assert scanner.scan(monotonic=0.0, wall=WALL).found == found
    assert read.reads == []


def test_a_bad_file_is_a_problem_and_no_model(tmp_path: Path) -> None:
    """It is named with its cause, read only once, and forgotten when it is replaced."""
    read = Reader()
    path = write(tmp_path / "a.gguf", "bad: truncated")
    scanner = FileScanner((tmp_path,), read)
    for _ in range(2):
        scan = scanner.scan(monotonic=0.0, wall=WALL)
        assert scan.found == ()
        assert [problem.subject for problem in scan.problems] == [str(path)]
        assert "truncated" in scan.problems[0].reason
    assert read.reads == ["a.gguf"]
    write(path, "good now")
    scan = scanner.scan(monotonic=0.0, wall=WALL)
    assert (names(scan), scan.problems) == (["a.gguf"], ())


def test_a_file_being_copied_is_nothing_yet(tmp_path: Path) -> None:
    """A file that cannot be read and was changed just now is waited for; it becomes a model when it is whole."""
    path = write(tmp_path / "a.gguf", "bad: truncated")
    scanner = FileScanner((tmp_path,), Reader())
    now = path.stat().st_mtime
    scan = scanner.scan(monotonic=0.0, wall=now + 1)
    assert (scan.found, scan.problems, scan.pending) == ((), (), (str(path),))
    write(path, "whole model")
    assert names(scanner.scan(monotonic=1.0, wall=now + 2)) == ["a.gguf"]


def test_a_copy_that_stopped_is_a_problem(tmp_path: Path) -> None:
    """No change for ten seconds: it is not being copied any more, whatever the wall clock says."""
    path = write(tmp_path / "a.gguf", "bad: truncated")
    os.utime(path, (WALL + 1000, WALL + 1000))  # a time in the future
    scanner = FileScanner((tmp_path,), Reader())
    assert scanner.scan(monotonic=0.0, wall=WALL).problems == ()
    assert len(scanner.scan(monotonic=11.0, wall=WALL + 11).problems) == 1


def test_a_file_named_by_a_person_need_not_lie_in_a_folder(tmp_path: Path) -> None:
    """It is listed once, also when a root holds it; one that is not there is a problem."""
    inside, outside = write(tmp_path / "models/a.gguf"), write(tmp_path / "b.gguf")
    scanner = FileScanner((tmp_path / "models",), Reader(), files=(inside, outside, tmp_path / "c.gguf"))
    scan = scanner.scan(monotonic=0.0, wall=WALL)
    assert names(scan) == ["b.gguf", "a.gguf"]
    assert [problem.subject for problem in scan.problems] == [str(tmp_path / "c.gguf")]


def test_a_missing_folder_is_told_only_if_a_person_named_it(tmp_path: Path) -> None:
    """Batuta's own folder may not exist yet; a folder from the settings should."""
    gone = tmp_path / "gone"
    assert FileScanner((gone,), Reader()).scan(monotonic=0.0, wall=WALL).problems == ()
    (problem,) = FileScanner((gone,), Reader(), must_exist=True).scan(monotonic=0.0, wall=WALL).problems
    assert problem.subject == str(gone)


def test_a_name_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 and line breaks in names never reach an id."""
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.gguf"))).write_text("model")
    write(tmp_path / "two\nlines.gguf")
    scan = scan_of(tmp_path)
    assert scan.found == ()
    assert len(scan.problems) == 2
    assert all(problem.subject.isprintable() for problem in scan.problems)


def test_many_files_cost_little_the_second_time(tmp_path: Path) -> None:
    """Nothing is opened again."""
    for number in range(300):
        (tmp_path / f"m{number}.gguf").touch()
    read = Reader()
    scanner = FileScanner((tmp_path,), read)
    scanner.scan(monotonic=0.0, wall=WALL)
    read.reads.clear()
    assert len(scanner.scan(monotonic=1.0, wall=WALL).found) == 300
    assert read.reads == []


def test_a_real_header_is_understood(tmp_path: Path) -> None:
    """The loader's reader and this scan fit together on a real, tiny model."""
    tiny_gguf(tmp_path / "tiny.gguf")
    (found,) = FileScanner((tmp_path,), reader(inspect, estimate)).scan(monotonic=0.0, wall=WALL).found
    assert found.memory.weights > 0
    assert found.context_length > 0
    assert Capability.CHAT in found.capabilities
