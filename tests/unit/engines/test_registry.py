"""Kinds of providers and who serves them."""

from __future__ import annotations

import ast
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import batuta
from batuta.catalog.entities import Provider
from batuta.engines import registry
from batuta.engines.openai_compat import OpenAICompatEngine
from batuta.engines.transport import Transport
from batuta.errors import BadSettings
from batuta.kinds import GROUP, KINDS, is_loaded, offered, problem


def test_the_built_in_kind_makes_its_engine() -> None:
    """An OpenAI-compatible provider gets its engine."""
    engine = registry.create(Provider("acme", "openai_compat", base_url="http://h"), Transport())
    assert isinstance(engine, OpenAICompatEngine)


def test_an_unknown_kind_is_refused_by_name() -> None:
    """The message says which provider, which kind, and what there is."""
    with pytest.raises(BadSettings, match=r"acme.*'telepathy'.*lmstudio, ollama, openai_compat"):
        registry.create(Provider("acme", "telepathy"), Transport())


def test_other_packages_add_kinds_but_replace_none() -> None:
    """An entry point adds its kind; one named like a built-in kind changes nothing."""
    theirs = "batuta.testing.fake_engine:FakeRemoteEngine"
    points = [EntryPoint("fake", theirs, GROUP), EntryPoint("openai_compat", theirs, GROUP)]
    found = registry.find(points)
    assert found["fake"]().__name__ == "FakeRemoteEngine"  # type: ignore[attr-defined]  # it is a class
    assert found["openai_compat"]() is OpenAICompatEngine


def test_an_entry_point_that_cannot_be_loaded_says_so() -> None:
    """A broken package is named with its reason."""
    found = registry.find([EntryPoint("lost", "no_such_package_here:Engine", GROUP)])
    with pytest.raises(BadSettings, match=r"'lost'.*no_such_package_here"):
        found["lost"]()


def test_no_engine_of_another_program_is_imported_before_it_is_used() -> None:
    """A start pays for none of them: only the registry knows their modules, by name."""
    lazy = {row.module for kind, row in KINDS.items() if row.module and kind != "openai_compat"}
    for path in Path(batuta.__file__).parent.rglob("*.py"):
        if path.parent.name in {"engines", "testing"}:
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        found = {node.module for node in nodes if isinstance(node, ast.ImportFrom)} & lazy
        assert not found, f"{path} imports {found}"


def test_the_built_in_kinds() -> None:
    """Each is served, and Batuta loads the models of programs that load; a slip is told with what there is."""
    assert set(registry.find([])) == set(offered()) == set(KINDS) - {"local_worker", "command"}
    assert {kind for kind in KINDS if is_loaded(kind)} == set(KINDS) - {
        *("openai_compat", "openai_family", "anthropic", "gemini")
    }
    assert not is_loaded("another package's")
    assert problem("ollama") is None
    for wrong in ("olama", "local_worker"):
        assert "lmstudio, ollama, openai_compat" in (problem(wrong) or "")


def test_a_module_without_its_engine_says_so() -> None:
    """An installation that lacks a part is told which."""
    with pytest.raises(BadSettings, match=r"'nosuch'.*cannot be loaded"):
        registry.engine_of("batuta.engines.nosuch", "nosuch")
    with pytest.raises(BadSettings, match="no class there is of that kind"):
        registry.engine_of("batuta.engines.openai_compat", "nosuch")
