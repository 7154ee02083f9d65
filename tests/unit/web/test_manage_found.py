"""Providers that nobody named, in the management API: told, switched, forgotten, and never a key's value."""

from __future__ import annotations

from pathlib import Path

from batuta.catalog.external import seen_keys
from batuta.catalog.finding import Door, Knocked, Places
from batuta.engines.base import ReportedModel
from batuta.errors import UpstreamUnreachable
from tests.unit.web.manage_stage import house

KEYS = {"GROQ_API_KEY": "sk-test-not-a-key", "ANTHROPIC_API_KEY": "sk-test-not-a-key"}


async def knock(door: Door) -> Knocked:
    """Find an Ollama behind its own door, and nobody elsewhere."""
    return Knocked(is_open=door.kind == "ollama", kind="ollama" if door.kind == "ollama" else "")


PLACES = Places(knock, keys=seen_keys(KEYS))


async def test_what_was_found_is_told(data_dir: Path) -> None:
    """`source` says found; keys are told by their variables, with what becomes of them."""
    async with house(data_dir, places=PLACES, providers=()) as it:
        it.cast.answers["ollama"] = [ReportedModel("m")]
        await it.ask("GET", "/manage/models", query="refresh=1")
        reply = await it.ask("GET", "/manage/providers")
        found = {view["id"]: view for view in reply.json()["providers"] if view["source"] == "found"}
        assert (found["ollama"]["is_online"], found["ollama"]["models"]) == (True, 1)
        assert (found["groq"]["enabled"], found["groq"]["is_online"], found["groq"]["key_env"]) == (
            False,
            None,
            "GROQ_API_KEY",
        )
        said = {key["variable"]: (key["is_supported"], key["message"]) for key in reply.json()["keys"]}
        assert said["ANTHROPIC_API_KEY"] == (True, "key found, not used until the provider is switched on")
        assert said["GROQ_API_KEY"] == (True, "key found, not used until the provider is switched on")
        assert b"sk-test" not in reply.body


async def test_one_call_switches_a_provider(data_dir: Path) -> None:
    """On and off, with the provider as it is now for an answer; nothing else can be sent, and nobody else switched."""
    async with house(data_dir, places=PLACES, providers=()) as it:
        await it.ask("GET", "/manage/models", query="refresh=1")
        reply = await it.ask("PATCH", "/manage/providers/groq", {"enabled": True})
        assert (reply.status, reply.json()["enabled"], reply.json()["is_online"]) == (200, True, True)
        keys = (await it.ask("GET", "/manage/providers")).json()["keys"]
        assert [key["message"] for key in keys if key["id"] == "groq"] == ["key found, and used"]
        assert (await it.ask("PATCH", "/manage/providers/ollama", {"enabled": False})).json()["enabled"] is False
        assert (await it.ask("PATCH", "/manage/providers/nobody", {"enabled": True})).status == 404
        assert (await it.ask("PATCH", "/manage/providers/local", {"enabled": False})).status == 400
        assert (await it.ask("PATCH", "/manage/providers/ollama", {"enabled": "no"})).status == 400
        assert (await it.ask("PATCH", "/manage/providers/ollama", {"base_url": "http://x"})).status == 400


async def test_what_runs_is_not_forgotten(data_dir: Path) -> None:
    """It would be found again: a conflict that says what to do; once it is gone, it is deleted."""
    async with house(data_dir, places=Places(knock), providers=()) as it:
        await it.ask("GET", "/manage/models", query="refresh=1")
        refused = await it.ask("DELETE", "/manage/providers/ollama")
        assert refused.status == 409
        assert "switch it off" in refused.json()["error"]["message"]
        it.cast.answers["ollama"] = UpstreamUnreachable("nobody answers")
        await it.ask("GET", "/manage/models", query="refresh=1")
        assert (await it.ask("DELETE", "/manage/providers/ollama")).status == 204
