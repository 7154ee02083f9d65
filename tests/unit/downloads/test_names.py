"""Which files a name means; and what is on offer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.downloads.errors import UnknownDownload
from batuta.downloads.names import Choice, Listed, Wanted, choices, is_plain, label_of, parse, pick
from batuta.downloads.part import FOLDER, target_of
from batuta.downloads.starters import OURS, read

SOURCES = {"qwen3.5-2b": "hf:unsloth/Qwen3.5-2B-GGUF:UD-Q4_K_XL", "gpt-oss-20b": "hf:ggml-org/gpt-oss-20b-GGUF"}
REPO = "acme/model-GGUF"
QUANTS = ["Q2_K", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q8_0", "BF16"]


def repo(*names: str, size: int = 100) -> list[Listed]:
    return [Listed(name, size, "a" * 64) for name in names]


def quants(*labels: str) -> list[Listed]:
    return repo(*(f"model-{label}.gguf" for label in labels))


def label(choice: Choice) -> str:
    return choice.label


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("qwen3.5-2b", Wanted("unsloth/Qwen3.5-2B-GGUF", "UD-Q4_K_XL")),
        (" GPT-OSS-20b ", Wanted("ggml-org/gpt-oss-20b-GGUF")),
        ("hf:acme/model-GGUF", Wanted(REPO)),
        ("hf:acme/model-GGUF:q5_k_m", Wanted(REPO, "q5_k_m")),
        ("hf:acme/model-GGUF:latest", Wanted(REPO)),
        ("hf:acme/model-GGUF/sub/m.gguf", Wanted(REPO, file="sub/m.gguf")),
        ("hf.co/acme/model-GGUF:Q8_0", Wanted(REPO, "Q8_0")),
        ("https://huggingface.co/acme/model-GGUF", Wanted(REPO)),
        ("https://huggingface.co/acme/model-GGUF/tree/main", Wanted(REPO)),
        ("https://huggingface.co/acme/model-GGUF/blob/main/m.gguf?download=true", Wanted(REPO, file="m.gguf")),
    ],
)
def test_names_mean_one_thing(name: str, wanted: Wanted) -> None:
    """Starters, repositories, quantizations, files, and addresses as a browser has them."""
    assert parse(name, SOURCES) == wanted


@pytest.mark.parametrize(
    "name",
    [
        *("hf:", "hf:acme", "hf:acme/", "hf:/acme", "hf:acme/m/x.bin", "hf:acme/m/x.safetensors", "hf:acme/m/.gguf/"),
        *("hf:acme/../m", "hf:../etc", "hf:acme/m/../../x.gguf", "hf:acme/m/a\\b.gguf", "hf:acme/m/a\nb.gguf"),
        *("hf:acme/m:Q4 K", "hf:acme/m:Q4/x.gguf", "hf:-acme/m", "hf:acme/m/.hidden.gguf", "hf:" + "a" * 400),
    ],
)
def test_what_is_no_place_is_refused_with_the_way_to_write_it(name: str) -> None:
    """Nothing that could leave the models folder, and nothing but GGUF, has a name."""
    with pytest.raises(UnknownDownload):
        parse(name, SOURCES)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen-3.5-2b", "did you mean qwen3.5-2b"),
        ("gptoss20b", "did you mean gpt-oss-20b"),
        ("zzz", "pull --list"),
        ("acme/model-GGUF", "write hf:acme/model-GGUF"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    """The message names what was probably meant."""
    with pytest.raises(UnknownDownload, match=hint):
        parse(name, SOURCES)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Qwen3.5-2B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("Q8_0/big-00001-of-00002.gguf", "Q8_0"),
        ("BF16/model-Q4_K_M-00002-of-00003.gguf", "Q4_K_M"),
        ("model.IQ4_XS.gguf", "IQ4_XS"),
        ("model_Q4_0.GGUF", "Q4_0"),
        ("Qwen3-4B.gguf", ""),
        ("model-f16.gguf", "F16"),
    ],
)
def test_labels_are_read_from_names(path: str, expected: str) -> None:
    """The last quantization that the file's name holds counts, then the folder's."""
    assert label_of(path) == expected


def test_the_middle_is_taken_when_nothing_is_said() -> None:
    """Q4_K_M where there is one, else the nearest to it; the smaller of two unknown ones."""
    assert label(pick(Wanted(REPO), quants(*QUANTS))) == "Q4_K_M"
    assert label(pick(Wanted(REPO), quants("Q2_K", "Q4_K_S", "Q8_0"))) == "Q4_K_S"
    assert label(pick(Wanted(REPO), quants("F16", "Q8_0"))) == "Q8_0"
    odd = [*repo("b.gguf", size=5), *repo("a.gguf", size=9)]
    assert pick(Wanted(REPO), odd).name == "b.gguf"


def test_a_makers_mark_is_no_hindrance() -> None:
    """Q4_K_XL means UD-Q4_K_XL where that is the only one; an exact label comes first."""
    both = quants("UD-Q4_K_M", "Q4_K_M", "UD-Q4_K_XL")
    assert label(pick(Wanted(REPO, "q4_k_xl"), both)) == "UD-Q4_K_XL"
    assert label(pick(Wanted(REPO, "q4_k_m"), both)) == "Q4_K_M"


def test_projectors_drafts_and_halves_are_no_models() -> None:
    """What cannot answer by itself is not offered: mmproj, imatrix, a draft, a split model with a part missing."""
    files = repo(
        *("mmproj-F16.gguf", "model-imatrix.gguf", "mtp-model.gguf", "readme.md", "../x.gguf"),
        *("half-00001-of-00002.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf"),
    )
    assert [[file.path for file in choice.files] for choice in choices(files)] == [
        ["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]
    ]
    with pytest.raises(UnknownDownload, match="no GGUF model"):
        pick(Wanted(REPO), files[:5])


def test_a_file_is_found_by_path_or_by_its_name_alone() -> None:
    """One part stands for the whole split model; two files of one name need their folders."""
    files = repo("a/m.gguf", "b/m.gguf", "b/big-00001-of-00002.gguf", "b/big-00002-of-00002.gguf")
    assert pick(Wanted(REPO, file="A/M.gguf"), files).files[0].path == "a/m.gguf"
    assert len(pick(Wanted(REPO, file="big-00002-of-00002.gguf"), files).files) == 2
    with pytest.raises(UnknownDownload, match="did you mean"):
        pick(Wanted(REPO, file="m.gguf"), files)


@given(st.sets(st.sampled_from(QUANTS), min_size=1), st.sampled_from(QUANTS), st.booleans())
def test_what_is_asked_for_is_what_comes(there: set[str], asked: str, is_small: bool) -> None:
    """A label that is there is found in any letters; one that is not is never replaced by another."""
    wanted = Wanted(REPO, asked.lower() if is_small else asked)
    if asked in there:
        assert label(pick(wanted, quants(*there))) == asked
    else:
        with pytest.raises(UnknownDownload):
            pick(wanted, quants(*there))


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_an_error(name: str) -> None:
    """Whatever is typed either means files inside the models folder, or is refused."""
    try:
        wanted = parse(f"hf:{name}", SOURCES)
    except UnknownDownload:
        return
    inside = Path("models")
    assert target_of(inside, wanted, wanted.file or "m.gguf").resolve().is_relative_to(inside.resolve())


@given(st.text(max_size=40))
def test_a_plain_path_never_climbs(path: str) -> None:
    """A path that a hub lists and that is taken has no step up, no hidden and no empty one."""
    if is_plain(path):
        assert not {"", ".", ".."} & set(path.split("/"))
        assert not path.startswith((".", "/"))


# --- what is on offer --------------------------------------------------------------------------------------------


def test_the_catalogue_is_sound() -> None:
    """Each entry has a source that means something, a size, a licence; the list has a date."""
    catalogue = read(None)
    assert catalogue.date
    assert catalogue.problem == ""
    for starter in catalogue.starters.values():
        assert parse(starter.name, catalogue.sources).repo
        assert 100_000_000 < starter.size < 100_000_000_000
    assert {starter.use for starter in catalogue.starters.values()} == {"chat", "code", "embedding"}
    assert OURS.is_file()


def test_what_fits_is_what_the_budget_holds() -> None:
    """A file that fills the budget does not fit: a conversation needs room too."""
    starter = read(None).starters["qwen3.5-2b"]
    assert starter.fits([4_000_000_000])
    assert not starter.fits([starter.size])
    assert not starter.fits([])


ENTRY = '[[starters]]\nname = "mine"\ntitle = "Mine"\nsource = "hf:a/b"\nsize = "1GB"\nlicence = "MIT"\n'


def test_ones_own_file_adds_and_replaces(tmp_path: Path) -> None:
    """`starters.toml` beside the settings comes on top; one that is wrong is told and left out."""
    own = tmp_path / "starters.toml"
    assert "mine" not in read(own).starters
    own.write_text(ENTRY + ENTRY.replace('"mine"', '"qwen3.5-2b"'))
    catalogue = read(own)
    assert catalogue.sources["mine"] == "hf:a/b" == catalogue.sources["qwen3.5-2b"]
    for wrong in (ENTRY + "date", ENTRY.replace("hf:a/b", "hf:a"), ENTRY.replace('"1GB"', '"big"')):
        own.write_text(wrong)
        assert str(own) in read(own).problem
        assert "mine" not in read(own).starters


def test_parts_lie_where_no_model_is_looked_for() -> None:
    """The folder of parts is hidden, and inside the models folder, so that the last rename is one."""
    assert FOLDER.startswith(".")
