"""Folders of other programs: what is a model in them, what it is called, and what is left alone."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.discovery import merge
from batuta.catalog.files import FileScanner, Scan, reader
from batuta.catalog.ollama_folder import MOST, OllamaFolder, digest_of, name_of
from batuta.catalog.records import LOCAL, Choices, Found, Learned, ModelRecord, Problem
from batuta.catalog.shelves import Rule, Shelf, enters, revision_of, shelves, stem_of
from batuta.loader import forms
from batuta.loader.paths import known_roots, resolve
from batuta.testing.gguf import tiny_gguf
from batuta.testing.safetensors import tiny_safetensors
from tests.unit.catalog.stage import Reader

WALL = 4_000_000_000.0  # everything on the disk has settled
LIBRARY = "registry.ollama.ai/library"


def home(tmp_path: Path) -> tuple[Shelf, ...]:
    """Return the shelves of a person whose home is empty."""
    return shelves({"HOME": str(tmp_path)})


def scanner_of(tmp_path: Path, read: Any = None, *, roots: tuple[Path, ...] = ()) -> FileScanner:
    return FileScanner(roots, read or Reader(), shelves=home(tmp_path))


def look(scanner: FileScanner) -> Scan:
    return scanner.scan(monotonic=1e6, wall=WALL)


def called(scan: Scan) -> dict[str, str]:
    """Return what each model would be called, with its path's last part."""
    added = merge({}, LOCAL.id, scan.found).added
    return {record.id: Path(record.found.address).name for record in added}


def write(path: Path, text: str = "model") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def in_cache(tmp_path: Path, name: str, *, revision: str = "a1", file: str = "m.gguf", text: str = "model") -> Path:
    """Put a file into Hugging Face's cache as its own client does: a blob, and a link that is its name."""
    model = tmp_path / ".cache/huggingface/hub" / f"models--{name.replace('/', '--')}"
    blob = write(model / "blobs" / sha256(text.encode()).hexdigest(), text)
    link = model / "snapshots" / revision / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


def in_ollama(tmp_path: Path, name: str, content: bytes = b"model", *, kind: str = "model", more: Any = ()) -> Path:
    """Put a model into Ollama's folder; `name` is the manifest's path."""
    folder = tmp_path / ".ollama/models"
    digest = sha256(content).hexdigest()
    blob = folder / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    layers = [{"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"}, *more]
    write(folder / "manifests" / name, json.dumps({"schemaVersion": 2, "layers": layers}))
    return blob


# --- the table -----------------------------------------------------------------------------------------------------


def test_folders_lie_where_their_programs_are_told_to_put_them() -> None:
    """The variables of Hugging Face, llama.cpp and Ollama count; the loader may open files in just these folders."""
    told = {"HOME": "/home/me", "HF_HUB_CACHE": "/hub", "LLAMA_CACHE": "/llama", "OLLAMA_MODELS": "/ollama"}
    paths = [shelf.path for shelf in shelves(told)]
    assert paths[:2] == [Path("/hub"), Path("/llama")]
    assert paths[-1] == Path("/ollama")
    assert shelves({"HOME": "/home/me", "HF_HOME": "/hf"})[0].path == Path("/hf/hub")
    assert set(paths) < set(known_roots(Path("/data"), (), told))


@pytest.mark.parametrize(
    ("rule", "folder", "depth", "expected"),
    [
        (Rule.PLAIN, "anything", 0, True),
        (Rule.HUGGING_FACE, "models--a--b", 0, True),
        (Rule.HUGGING_FACE, "datasets--a--b", 0, False),
        (Rule.HUGGING_FACE, "blobs", 1, False),
        (Rule.HUGGING_FACE, "snapshots", 1, True),
        (Rule.HUGGING_FACE, "a1b2", 2, True),
        (Rule.OLLAMA, "blobs", 0, False),
    ],
)
def test_only_folders_that_may_hold_models_are_entered(rule: Rule, folder: str, depth: int, expected: bool) -> None:
    """Data sets and blobs, thousands of them, cost nothing."""
    assert enters(rule, folder, depth) is expected


def test_names_of_llama_cpp_are_cut_to_the_file() -> None:
    """`org_repository-GGUF_file.gguf` is called by its file; any other name stays."""
    assert stem_of(Rule.LLAMA_CPP, "/c/ggml-org_gemma-3-1b-it-GGUF_gemma-3-1b-it-Q4_K_M.gguf") == "gemma-3-1b-it-Q4_K_M"
    assert stem_of(Rule.LLAMA_CPP, "/c/mine.gguf") == ""
    assert stem_of(Rule.PLAIN, "/c/x-GGUF_y.gguf") == ""


# --- Hugging Face ----------------------------------------------------------------------------------------------------


def test_a_cache_of_hugging_face_is_read_by_names(tmp_path: Path) -> None:
    """GGUF files are links into blobs and folders are models; data sets and blobs are passed over."""
    in_cache(tmp_path, "org/small-GGUF", file="small-Q4.gguf")
    in_cache(tmp_path, "org/tensors", file="config.json", text="{}")
    in_cache(tmp_path, "org/tensors", file="model.safetensors", text="weights")
    write(tmp_path / ".cache/huggingface/hub/datasets--org--data/snapshots/a1/trap.gguf")
    scanner = scanner_of(tmp_path, lambda path, _: Found(str(path)))
    assert called(look(scanner)) == {"small-Q4": "small-Q4.gguf", "tensors": "a1"}


def test_of_several_revisions_the_current_one_counts(tmp_path: Path) -> None:
    """refs/main says which; a file that only an old revision has is there all the same."""
    for revision, text in (("old", "one"), ("new", "another"), ("mid", "a third")):
        in_cache(tmp_path, "org/m", revision=revision, text=text)
    in_cache(tmp_path, "org/m", revision="old", file="only-old.gguf", text="kept")
    write(tmp_path / ".cache/huggingface/hub/models--org--m/refs/main", "new\n")
    paths = {Path(found.address) for found in look(scanner_of(tmp_path)).found}
    assert {(path.parent.name, path.name) for path in paths} == {("new", "m.gguf"), ("old", "only-old.gguf")}


def test_a_newer_revision_keeps_what_a_person_set(tmp_path: Path) -> None:
    """The model is the same although its path and size are new; what was learned of the old file is forgotten."""
    old = Found("/hub/models--o--m/snapshots/a1/m.gguf", size=5)
    known = {"m": ModelRecord("m", LOCAL.id, old, Choices(pinned=True), Learned(7))}
    found = merge(known, LOCAL.id, [Found("/hub/models--o--m/snapshots/b2/m.gguf", size=6)])
    (changed,) = found.changed
    assert (changed.id, changed.choices.pinned, changed.learned, found.added) == ("m", True, Learned(), ())


def test_a_revision_is_read_from_a_path() -> None:
    """The rest of the path stays the same over revisions."""
    assert revision_of("/h/models--o--m/snapshots/a1/d/m.gguf") == ("a1", "/h/models--o--m/d/m.gguf")
    assert revision_of("/h/models--o--m/snapshots/a1") == ("a1", "/h/models--o--m")
    assert revision_of("/h/snapshots/a1/m.gguf") is None


# --- Ollama ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{LIBRARY}/qwen3/8b", "qwen3:8b"),
        ("registry.ollama.ai/me/mine/latest", "me/mine:latest"),
        ("hf.co/org/repo-GGUF/Q4_K_M", "hf.co/org/repo-GGUF:Q4_K_M"),
    ],
)
def test_names_are_those_that_ollama_uses(path: str, expected: str) -> None:
    """Registry and owner are left out where Ollama leaves them out."""
    assert name_of(Path(path).parts) == expected


def test_blobs_are_called_by_their_models_names(tmp_path: Path) -> None:
    """The id and the name are Ollama's, the path is the blob; one blob with two names is one model."""
    blob = in_ollama(tmp_path, f"{LIBRARY}/qwen3/latest")
    in_ollama(tmp_path, f"{LIBRARY}/qwen3/8b")
    scan = look(scanner_of(tmp_path))
    assert called(scan) == {"qwen3:8b": blob.name}
    assert [found.name for found in scan.found] == ["qwen3:8b"]
    assert scan.ollama == {str(blob): "qwen3:8b"}


def test_what_is_no_whole_gguf_is_left_alone(tmp_path: Path) -> None:
    """The header decides; an adapter is no model, a cloud model has no file; none of it is a problem of ours."""
    good = tiny_gguf(tmp_path / "good.gguf").read_bytes()
    blob = in_ollama(tmp_path, f"{LIBRARY}/good/1b", good)
    in_ollama(tmp_path, f"{LIBRARY}/other/1b", b"not a GGUF")
    adapter = {"mediaType": "application/vnd.ollama.image.adapter", "digest": "sha256:" + "0" * 64}
    in_ollama(tmp_path, f"{LIBRARY}/adapted/1b", b"base", more=[adapter])
    in_ollama(tmp_path, f"{LIBRARY}/cloud/1t", b"none", kind="config")
    write(tmp_path / f".ollama/models/manifests/{LIBRARY}/bad/1b", "no JSON")
    scan = look(scanner_of(tmp_path, reader(forms.inspect, forms.estimate)))
    assert [found.address for found in scan.found] == [str(blob)]
    assert scan.problems == ()


def test_a_digest_leads_nowhere_else(tmp_path: Path) -> None:
    """A manifest that names a path instead of a digest, and a blob that is a link out of the folder, are no models."""
    secret = write(tmp_path / "secret.gguf")
    blob = in_ollama(tmp_path, f"{LIBRARY}/linked/1b")
    blob.unlink()
    blob.symlink_to(secret)
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../../secret.gguf"}]
    write(tmp_path / f".ollama/models/manifests/{LIBRARY}/evil/1b", json.dumps({"layers": layers}))
    assert look(scanner_of(tmp_path)).found == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({"layers": json_values}) | json_values)
def test_any_manifest_is_read(manifest: Any) -> None:
    """Whatever JSON a manifest is, it yields a digest or nothing."""
    assert digest_of(manifest) is None


def test_an_updated_model_keeps_its_id_and_settings(tmp_path: Path) -> None:
    """A pull brings another blob under the same name: it is the same model."""
    old = in_ollama(tmp_path, f"{LIBRARY}/qwen3/8b", b"first")
    scanner = scanner_of(tmp_path)
    (record,) = merge({}, LOCAL.id, look(scanner).found).added
    old.unlink()
    new = in_ollama(tmp_path, f"{LIBRARY}/qwen3/8b", b"second, larger")
    (changed,) = merge({record.id: record}, LOCAL.id, look(scanner).found).records
    assert (changed.id, changed.found.address) == ("qwen3:8b", str(new))


def test_manifests_that_did_not_change_are_not_read_again(tmp_path: Path) -> None:
    """The second look asks for sizes and times only."""
    in_ollama(tmp_path, f"{LIBRARY}/qwen3/8b")
    folder = OllamaFolder(tmp_path / ".ollama/models")
    problems: list[Problem] = []
    first = folder.models(problems)
    path = tmp_path / f".ollama/models/manifests/{LIBRARY}/qwen3/8b"
    facts = path.stat()
    path.write_bytes(b"x" * facts.st_size)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert folder.models(problems) == first
    assert (problems, MOST > 1000) == ([], True)


# --- all of them -----------------------------------------------------------------------------------------------------


def test_one_file_in_many_places_is_listed_once(tmp_path: Path) -> None:
    """A hard link and a link are the same file; a person's own folder names it."""
    own = write(tmp_path / "own/mine.gguf")
    shared = tmp_path / ".lmstudio/models/pub/repo/theirs.gguf"
    shared.parent.mkdir(parents=True)
    os.link(own, shared)
    (tmp_path / ".cache/llama.cpp").mkdir(parents=True)
    (tmp_path / ".cache/llama.cpp/linked.gguf").symlink_to(own)
    assert called(look(scanner_of(tmp_path, roots=(tmp_path / "own",)))) == {"mine": "mine.gguf"}


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A folder that holds itself is looked at once."""
    path = write(tmp_path / ".lmstudio/models/pub/m.gguf")
    (path.parent / "again").symlink_to(tmp_path / ".lmstudio/models")
    (path.parent / "round").symlink_to(path.parent / "round")
    assert called(look(scanner_of(tmp_path))) == {"m": "m.gguf"}


@pytest.mark.parametrize("place", [".ollama/models/manifests", ".lmstudio/models", ".cache/huggingface/hub"])
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, place: str) -> None:
    """It is a line for the person, no crash, and everything else is found. A file in its place cannot be listed."""
    write(tmp_path / ".cache/llama.cpp/m.gguf")
    write(tmp_path / place)
    scan = look(scanner_of(tmp_path))
    assert called(scan) == {"m": "m.gguf"}
    assert [problem.subject for problem in scan.problems] == [str(tmp_path / place)]


def test_the_loader_opens_what_was_found_and_nothing_beside(tmp_path: Path) -> None:
    """Its path check allows exactly the folders of the table."""
    roots = known_roots(tmp_path / "data", (), {"HOME": str(tmp_path)})
    link = in_cache(tmp_path, "org/m")
    blob = in_ollama(tmp_path, f"{LIBRARY}/qwen3/8b")
    assert resolve(link, roots).parent.name == "blobs"
    assert resolve(blob, roots) == blob.resolve()
    with pytest.raises(Exception, match="outside the model folders"):
        resolve(write(tmp_path / "elsewhere/m.gguf"), roots)


def test_problems_of_other_programs_files(tmp_path: Path) -> None:
    """A damaged GGUF is worth a word wherever it lies; a folder that is no language model is not."""
    write(tmp_path / ".lmstudio/models/p/broken.gguf", "bad: cut off")
    in_cache(tmp_path, "org/pictures", file="config.json", text="{}")
    in_cache(tmp_path, "org/pictures", file="diffusion.safetensors", text="w")
    scan = look(scanner_of(tmp_path, reader(forms.inspect, forms.estimate)))
    assert [Path(problem.subject).name for problem in scan.problems] == ["broken.gguf"]


def test_real_models_of_both_forms_are_found(tmp_path: Path) -> None:
    """A model folder in Hugging Face's cache and a file of LM Studio, read by the loader's own checks."""
    folder = tiny_safetensors(tmp_path / "hub/models--org--tiny/snapshots/a1")
    tiny_gguf(write(tmp_path / ".lmstudio/models/pub/repo/small.gguf"))
    places = shelves({"HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")})
    scan = look(FileScanner((), reader(forms.inspect, forms.estimate), shelves=places))
    assert called(scan) == {"tiny": folder.name, "small": "small.gguf"}
