"""Folders of safetensors are found beside files: each once, under a name a person knows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batuta.catalog.discovery import model_stem
from batuta.catalog.entities import Capability
from batuta.catalog.files import FileScanner, Scan, reader
from batuta.loader import forms
from batuta.testing.gguf import tiny_gguf
from batuta.testing.safetensors import tiny_safetensors

LATER = 2e9  # wall seconds: everything on the disk has settled


def look(scanner: FileScanner) -> Scan:
    return scanner.scan(monotonic=1e6, wall=LATER)


@pytest.fixture
def scanner(tmp_path: Path) -> FileScanner:
    return FileScanner((tmp_path,), reader(forms.inspect, forms.estimate))


def test_a_folder_is_one_model_beside_files(tmp_path: Path, scanner: FileScanner) -> None:
    """Two shards are one model; a GGUF in the same folder is another; memory and context come with it."""
    folder = tiny_safetensors(tmp_path / "Qwen2.5-0.5B", shards=2)
    tiny_gguf(folder / "other.gguf")
    found = {each.address: each for each in look(scanner).found}
    assert set(found) == {str(folder), str(folder / "other.gguf")}
    model = found[str(folder)]
    assert model.name == "Qwen2.5-0.5B"
    assert model.context_length == 4096
    assert model.memory.weights > 0
    assert {Capability.CHAT, Capability.TOOLS, Capability.EMBEDDING} <= model.capabilities


def test_an_unchanged_folder_is_not_read_again(tmp_path: Path) -> None:
    """The second look costs one stat a file; a changed configuration is read again."""
    folder = tiny_safetensors(tmp_path / "tiny", template=None)
    read: list[Path] = []

    def inspect(path: Path, roots: tuple[Path, ...]) -> forms.Info:
        read.append(path)
        return forms.inspect(path, roots)

    scanner = FileScanner((tmp_path,), reader(inspect, forms.estimate))
    [first] = look(scanner).found
    assert Capability.CHAT not in first.capabilities
    look(scanner)
    assert read == [folder]
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    os.utime(folder / "chat_template.jinja", (LATER - 100, LATER - 100))
    [again] = look(scanner).found
    assert Capability.CHAT in again.capabilities
    assert len(read) == 2


def test_of_hugging_faces_cache_the_current_revision_is_listed(tmp_path: Path, scanner: FileScanner) -> None:
    """`refs/main` says which; without it, the one that came last."""
    model = tmp_path / "models--org--My.Model-1.5"
    for number, revision in enumerate(("old", "new")):
        folder = tiny_safetensors(model / "snapshots" / revision)
        for file in folder.iterdir():
            os.utime(file, (1e9 + number, 1e9 + number))
    [latest] = look(scanner).found
    assert latest.address.endswith("new")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("old")
    [named] = look(scanner).found
    assert named.address.endswith("old")
    assert named.name == "org/My.Model-1.5"
    assert model_stem(named.address) == "My.Model-1.5"


def test_parts_of_other_models_are_no_models(tmp_path: Path, scanner: FileScanner) -> None:
    """A picture model's text encoder is left out; a folder that lacks a shard is a problem with its reason."""
    part = tiny_safetensors(tmp_path / "text_encoder")
    config = (part / "config.json").read_text().replace("LlamaForCausalLM", "CLIPTextModel")
    (part / "config.json").write_text(config)
    broken = tiny_safetensors(tmp_path / "broken", shards=2)
    (broken / "model-00002-of-00002.safetensors").unlink()
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    scan = look(scanner)
    assert scan.found == ()
    [problem] = scan.problems
    assert problem.subject == str(broken)
    assert "missing" in problem.reason
