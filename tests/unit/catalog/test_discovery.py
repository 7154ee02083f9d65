"""Merging what is reported into what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.catalog.discovery import MOST_MODELS, bad_address, merge, model_stem, new_id, printable
from batuta.catalog.entities import MemoryNeed, Role
from batuta.catalog.records import Choices, Found, Learned, ModelRecord

CHOSEN = Choices(pinned=True, ttl_s=60.0, roles=frozenset({Role.BRAIN}), enabled=False, name="Mine")


def files(*paths: str, size: int = 10, **rest: Any) -> list[Found]:
    return [Found(path, size=size, **rest) for path in paths]


def world(*records: ModelRecord) -> dict[str, ModelRecord]:
    return {record.id: record for record in records}


def applied(known: dict[str, ModelRecord], provider: str, reported: list[Found]) -> dict[str, ModelRecord]:
    return known | world(*merge(known, provider, reported).records)


def test_a_new_file_becomes_a_model_named_by_its_stem() -> None:
    """A file nobody knew is added; its id is its name without the ending, letters kept."""
    (record,) = merge({}, "local", files("/m/Qwen3-8B.Q4_K_M.gguf")).added
    assert (record.id, record.provider_id, record.is_present) == ("Qwen3-8B.Q4_K_M", "local", True)


def test_clashing_stems_get_numbers_and_virtual_names_are_kept_free() -> None:
    """Two files of one name are two models, and no file takes the name `auto`."""
    added = merge({}, "local", files("/a/x.gguf", "/b/x.gguf", "/c/X.gguf", "/auto.gguf", "/brain.gguf", size=0)).added
    assert [record.id for record in added] == ["x", "x-2", "X-3", "auto-2", "brain"]


def test_a_remote_model_is_named_by_provider_and_address() -> None:
    """`provider/address`, slashes and colons kept."""
    added = merge({}, "ollama", files("qwen3:8b", "org/model")).added
    assert [record.id for record in added] == ["ollama/qwen3:8b", "ollama/org/model"]


def test_what_vanished_is_absent_and_keeps_its_settings() -> None:
    """A model that is not reported is marked, not removed; when it comes back, everything is as it was."""
    known = world(ModelRecord("x", "local", Found("/m/x.gguf", size=10), CHOSEN))
    gone = merge(known, "local", [])
    assert [record.is_present for record in gone.absent] == [False]
    back = applied(known | world(*gone.records), "local", files("/m/x.gguf"))
    assert back == known


def test_a_report_touches_no_other_provider() -> None:
    """An empty list from one provider leaves the models of the others alone."""
    known = world(ModelRecord("a/x", "a", Found("x")), ModelRecord("b/x", "b", Found("x")))
    assert [record.id for record in merge(known, "a", []).records] == ["a/x"]


def test_a_moved_file_keeps_its_record() -> None:
    """The same name and size in another folder, while the old path is gone, is the same model."""
    known = world(ModelRecord("x", "local", Found("/old/x.gguf", size=10), CHOSEN))
    found = merge(known, "local", files("/new/x.gguf"))
    assert not found.added
    assert not found.absent
    assert found.changed == (ModelRecord("x", "local", Found("/new/x.gguf", size=10), CHOSEN),)


def test_another_file_of_that_name_is_another_model() -> None:
    """A different size is a different file: the old settings wait for the old file."""
    known = world(ModelRecord("x", "local", Found("/old/x.gguf", size=10), CHOSEN))
    found = merge(known, "local", files("/new/x.gguf", size=11))
    assert [record.id for record in found.added] == ["x-2"]
    assert [record.id for record in found.absent] == ["x"]


def test_another_file_at_the_same_path_forgets_what_loads_showed() -> None:
    """A replaced file keeps the person's settings; what was learned of the old one does not count for it."""
    learned = Learned(memory_bytes=5, load_seconds=(1.0,))
    known = world(ModelRecord("x", "local", Found("/m/x.gguf", size=10), CHOSEN, learned))
    (record,) = merge(known, "local", files("/m/x.gguf", size=12)).changed
    assert (record.choices, record.learned) == (CHOSEN, Learned())


def test_nothing_new_changes_nothing() -> None:
    """The same report again is no change at all."""
    known = applied({}, "local", files("/m/x.gguf", "/m/y.gguf"))
    assert merge(known, "local", files("/m/x.gguf", "/m/y.gguf")).records == ()


@pytest.mark.parametrize("address", ["", "  ", "a\nb", "a\x00b", "a\u202eb", "bad\udcff", "x" * 1025])
def test_a_name_that_could_not_travel_is_a_problem(address: str) -> None:
    """Line breaks, NUL, bidi marks, bytes that are no text and endless names never become ids."""
    found = merge({}, "api", [Found(address), Found("good")])
    assert [record.id for record in found.added] == ["api/good"]
    assert len(found.problems) == 1
    assert found.problems[0].subject.isprintable()


def test_an_endless_list_is_cut() -> None:
    """A provider cannot fill the memory by listing without end."""
    found = merge({}, "api", [Found(f"m{number}") for number in range(MOST_MODELS + 10)])
    assert len(found.added) == MOST_MODELS
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    ("path", "stem"),
    [("/m/a.gguf", "a"), ("/m/a-00001-of-00003.gguf", "a"), ("/m/a-1-of-3.gguf", "a-1-of-3"), ("-of-.gguf", "-of-")],
)
def test_a_split_model_is_named_without_its_numbers(path: str, stem: str) -> None:
    """`-00001-of-00003` is no part of a name."""
    assert model_stem(path) == stem


addresses = st.sampled_from([f"/{folder}/{name}.gguf" for folder in "pq" for name in ("a", "b", "c")])
reports = st.lists(
    st.tuples(st.sampled_from(["local", "api"]), st.dictionaries(addresses, st.integers(1, 3))), max_size=8
)


@given(reports=reports, marks=st.data())
def test_settings_survive_every_report(reports: list[tuple[str, dict[str, int]]], marks: st.DataObject) -> None:
    """Whatever is reported in whatever order: no record is lost, no choice is touched, ids stay unique."""
    known: dict[str, ModelRecord] = {}
    for provider, sizes in reports:
        before = dict(known)
        known = applied(known, provider, [Found(path, size=size) for path, size in sizes.items()])
        assert set(before) <= set(known)
        assert all(known[model_id].choices == record.choices for model_id, record in before.items())
        present = {r.found.address for r in known.values() if r.provider_id == provider and r.is_present}
        assert present == set(sizes)
        assert len({model_id.casefold() for model_id in known}) == len(known)
        pairs = [(record.provider_id, record.found.address) for record in known.values()]
        assert len(set(pairs)) == len(pairs)
        if known:
            chosen = marks.draw(st.sampled_from(sorted(known)))
            known[chosen] = replace(known[chosen], choices=replace(CHOSEN, name=marks.draw(st.text(max_size=3))))


@given(st.text(max_size=40))
def test_every_id_can_travel(address: str) -> None:
    """What passes the check has no control character, and what does not is shown without one."""
    assert printable(address).isprintable()
    if bad_address(address) is None:
        assert not set(new_id("api", address, ())) & set("\r\n\0\x1b")


def test_memory_is_weights_plus_one_shared_cache() -> None:
    """The slots of a local model share its context, so the need does not grow with them."""
    assert MemoryNeed(weights=1000, kv_per_token=2, overhead=100).total(500) == 2100
