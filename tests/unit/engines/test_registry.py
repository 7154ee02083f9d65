"""Kinds of providers and who serves them."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from batuta.catalog.entities import Provider
from batuta.engines import registry
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.transport import Transport
from batuta.errors import BadSettings


def test_the_built_in_kind_makes_its_engine() -> None:
    """An OpenAI-compatible provider gets its engine."""
    engine = registry.create(Provider("acme", "openai_compat", base_url="http://h"), Transport())
    assert isinstance(engine, OpenAICompatEngine)


def test_an_unknown_kind_is_refused_by_name() -> None:
    """The message says which provider, which kind, and what there is."""
    with pytest.raises(BadSettings, match=r"acme.*'telepathy'.*openai_compat"):
        registry.create(Provider("acme", "telepathy"), Transport())


def test_other_packages_add_kinds_but_replace_none() -> None:
    """An entry point adds its kind; one named like a built-in kind changes nothing."""
    theirs = "batuta.testing.fake_engine:FakeRemoteEngine"
    points = [EntryPoint("fake", theirs, registry.GROUP), EntryPoint("openai_compat", theirs, registry.GROUP)]
    found = registry.find(points)
    assert found["fake"]().__name__ == "FakeRemoteEngine"  # type: ignore[attr-defined]  # it is a class
    assert found["openai_compat"]() is OpenAICompatEngine


def test_an_entry_point_that_cannot_be_loaded_says_so() -> None:
    """A broken package is named with its reason."""
    found = registry.find([EntryPoint("lost", "no_such_package_here:Engine", registry.GROUP)])
    with pytest.raises(BadSettings, match=r"'lost'.*no_such_package_here"):
        found["lost"]()
