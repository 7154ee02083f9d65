"""The catalog as a whole: it starts from what is stored, keeps looking, and never loses what a person set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from batuta.catalog.entities import MemoryNeed, Provider, Role
from batuta.catalog.itself import Address
from batuta.catalog.records import LOCAL
from batuta.catalog.store import NotSaved, Store
from batuta.engines.base import EngineInfo, ReportedModel
from batuta.errors import BadRequest, BadSettings, BatutaError, Cause, Conflict, ModelNotFound, UpstreamUnreachable
from batuta.settings import EngineSettings, ProviderSettings
from tests.unit.catalog.stage import OLLAMA, Cast, cast

API = Provider("api", "openai_compat", "An API", "https://api.example.com/v1")
OFFLINE = UpstreamUnreachable("nobody answers at 127.0.0.1:11434")


async def test_a_start_shows_the_models_in_the_folders(data_dir: Path) -> None:
    """After start every file is a spec: context cut to the setting, memory booked once for all slots."""
    async with cast(data_dir, engine=EngineSettings(context_length=1000, slots=4)) as it:
        it.file("tiny.gguf")
        await it.catalog.start()
        spec = it.catalog.specs()["tiny"]
        assert (spec.name, spec.context_length, spec.slots, spec.is_loadable) == ("Name of tiny", 1000, 4, True)
        assert spec.need_bytes == 1000 + 100 + 2 * 1000
        assert [[s.id for s in change.added] for change in it.changes] == [["tiny"]]


async def test_a_small_model_keeps_the_context_it_was_trained_for(data_dir: Path) -> None:
    """The setting is an upper limit."""
    async with cast(data_dir, engine=EngineSettings(context_length=100_000)) as it:
        it.file("tiny.gguf")
        await it.catalog.start()
        assert it.catalog.specs()["tiny"].context_length == 4096


async def test_settings_survive_a_restart(data_dir: Path) -> None:
    """What a person set, what was learned and added is there after a start; unchanged files are not read again."""
    async with cast(data_dir) as it:
        it.file("tiny.gguf")
        await it.catalog.start()
        await it.catalog.patch("tiny", pinned=True, ttl_s=30.0, roles=frozenset({Role.BRAIN}), name="Mine")
        it.catalog.set_learned("tiny", memory_bytes=50_000, load_seconds=2.5)
        await it.catalog.add_provider(API)
    async with cast(data_dir) as it:
        await it.catalog.start()
        spec = it.catalog.specs()["tiny"]
        assert (spec.pinned, spec.ttl_s, spec.roles, spec.name) == (True, 30.0, frozenset({Role.BRAIN}), "Mine")
        assert spec.need_bytes == 50_000
        assert it.catalog.learned("tiny").typical_load_s == 2.5
        assert [state.provider for state in it.catalog.providers()] == [LOCAL, API]
        assert it.reader.reads == []


async def test_discovery_repeats(data_dir: Path) -> None:
    """A file copied in appears within ten seconds; one that is deleted is marked absent."""
    async with cast(data_dir) as it:
        await it.catalog.start()
        await settled(it)
        path = it.file("late.gguf")
        await it.clock.advance(3.0)
        await settled(it)
        await it.clock.advance(10.0)
        await settled(it)
        assert it.catalog.specs()["late"].is_present
        path.unlink()
        await it.clock.advance(10.0)
        await settled(it)
        assert not it.catalog.specs()["late"].is_present
        assert [spec.id for spec in it.changes[-1].absent] == ["late"]


async def settled(it: Cast) -> None:
    """Wait until the look that is under way, in its thread, is over and the next one is waited for."""
    await it.clock.settle()
    while not it.clock.sleepers:  # noqa: ASYNC110  # a thread is waited for, which sets no event
        await asyncio.sleep(0.001)


async def test_refresh_sees_what_is_there_now(data_dir: Path) -> None:
    """A person who asks gets the truth of this moment; nothing new means no message."""
    async with cast(data_dir) as it:
        await it.catalog.start()
        it.file("a.gguf")
        await asyncio.gather(it.catalog.refresh(), it.catalog.refresh())
        assert list(it.catalog.specs()) == ["a"]
        told = len(it.changes)
        await it.catalog.refresh()
        assert len(it.changes) == told


async def test_a_provider_is_asked_and_its_models_listed(data_dir: Path) -> None:
    """Its models are there at once, not loadable, with the context it reports."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["ollama"] = [ReportedModel("qwen3:8b", context_length=2**70)]
        await it.catalog.start()
        await it.catalog.refresh()
        spec = it.catalog.specs()["ollama/qwen3:8b"]
        assert (spec.is_local, spec.is_loadable, spec.slots, spec.address) == (True, False, 0, "qwen3:8b")
        state = it.catalog.provider("ollama")
        assert state is not None
        assert state.is_online


async def test_a_provider_that_is_gone_loses_nothing(data_dir: Path) -> None:
    """It is marked offline with its reason and its models stay; when it is back, it is online again."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["ollama"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.refresh()
        it.answers["ollama"] = OFFLINE
        await it.catalog.refresh()
        assert it.catalog.specs()["ollama/m"].is_present
        assert it.catalog.problems() == (("ollama", OFFLINE.message),)
        assert it.changes[-1].providers == ("ollama",)
        it.answers["ollama"] = []
        await it.catalog.refresh()
        assert not it.catalog.specs()["ollama/m"].is_present
        assert it.catalog.problems() == ()


async def test_a_silent_provider_is_not_waited_for(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is limited, and it says so."""
    monkeypatch.setattr("batuta.catalog.service.ASK_WITHIN_S", 0.01)

    async def never(_provider: Provider) -> Sequence[ReportedModel]:
        await asyncio.Event().wait()
        return ()

    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.catalog._list_models = never
        await it.catalog.start()
        await it.catalog.refresh()
        assert "did not list its models" in it.catalog.problems()[0].reason


async def test_far_providers_are_not_pestered(data_dir: Path) -> None:
    """One on this machine is asked at every look, one on the internet every ten minutes."""
    far = ProviderSettings(id="far", base_url="https://api.example.com/v1")
    async with cast(data_dir, providers=(OLLAMA, far)) as it:
        await it.catalog.start()
        await settled(it)
        await it.clock.advance(3.0)
        await settled(it)
        for _ in range(5):
            await it.clock.advance(10.0)
            await settled(it)
        assert it.asked.count("far") == 1
        assert it.asked.count("ollama") >= 4


async def test_a_role_of_the_settings_is_the_models(data_dir: Path) -> None:
    """`brain` may be an id, a path or a file name; the model holds the role, and nobody else can take it."""
    for name in ("big", str(data_dir / "models/big.gguf"), "BIG.gguf"):
        async with cast(data_dir, brain=name) as it:
            it.file("big.gguf")
            it.file("small.gguf")
            await it.catalog.start()
            assert [spec.id for spec in it.catalog.specs().values() if Role.BRAIN in spec.roles] == ["big"]
            with pytest.raises(BadRequest, match="settings"):
                await it.catalog.patch("small", roles=frozenset({Role.BRAIN}))
            await it.catalog.patch("small", roles=frozenset({Role.EXECUTOR}))


async def test_a_model_named_by_path_is_found_wherever_it_lies(data_dir: Path) -> None:
    """MODEL_PATH points outside the models folder: the file is a model all the same."""
    path = data_dir / "elsewhere.gguf"
    async with cast(data_dir, brain=str(path)) as it:
        it.file("elsewhere.gguf", root=data_dir)
        await it.catalog.start()
        assert it.catalog.specs()["elsewhere"].roles == {Role.BRAIN}


async def test_names_that_are_nearly_right(data_dir: Path) -> None:
    """Other letters, a path, a file name find the model; anything else is told the nearest."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["ollama"] = [ReportedModel("qwen3:8b")]
        path = it.file("Qwen3-8B.gguf")
        await it.catalog.start()
        await it.catalog.refresh()
        for name in ("Qwen3-8B", "qwen3-8b", str(path), "qwen3-8b.GGUF"):
            assert it.catalog.resolve(name).id == "Qwen3-8B"
        assert it.catalog.resolve("qwen3:8b").id == "ollama/qwen3:8b"
        with pytest.raises(ModelNotFound, match="did you mean Qwen3-8B") as caught:
            it.catalog.resolve("Qwen3-9B")
        assert caught.value.suggestion == "Qwen3-8B"
        with pytest.raises(ModelNotFound) as caught:
            it.catalog.resolve("x\r\ny" * 1000)
        assert caught.value.message.isprintable()


async def test_an_ambiguous_name_is_nobodys(data_dir: Path) -> None:
    """Two files that a name could mean: neither is taken."""
    async with cast(data_dir) as it:
        it.file("a/x.gguf")
        it.file("b/x.gguf")
        await it.catalog.start()
        with pytest.raises(ModelNotFound):
            it.catalog.resolve("x.gguf")


async def test_a_change_that_cannot_be_saved_is_not_made(data_dir: Path) -> None:
    """The disk is full: the caller hears it, the model stays as it was, discovery goes on."""
    async with cast(data_dir) as it:
        it.file("a.gguf")
        await it.catalog.start()
        await it.catalog.refresh()
        it.store._locked = "the disk is full"
        with pytest.raises(NotSaved, match="full"):
            await it.catalog.patch("a", pinned=True)
        with pytest.raises(NotSaved):
            await it.catalog.add_provider(API)
        assert not it.catalog.specs()["a"].pinned
        it.file("b.gguf")
        await it.catalog.refresh()
        assert "b" in it.catalog.specs()
        assert "full" in it.catalog.problems()[0].reason
        it.store._locked = None
        await it.catalog.refresh()
        assert it.catalog.problems() == ()
    async with cast(data_dir) as it:
        await it.catalog.start()
        assert sorted(it.catalog.specs()) == ["a", "b"]


async def test_providers_come_and_go_by_a_persons_hand(data_dir: Path) -> None:
    """Adding asks it at once; deleting takes its models; ids are unique; those of the settings stay."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["api"] = [ReportedModel("m")]
        await it.catalog.start()
        assert (await it.catalog.add_provider(API)).is_online
        assert "api/m" in it.catalog.specs()
        with pytest.raises(BadRequest, match="in the settings already"):
            await it.catalog.add_provider(replace(API, id="ollama"))
        with pytest.raises(BadRequest, match="settings"):
            await it.catalog.remove_provider("ollama")
        await it.catalog.remove_provider("api")
        assert it.changes[-1].removed == ("api/m",)
        with pytest.raises(BadRequest, match="no provider"):
            await it.catalog.remove_provider("api")
    async with cast(data_dir) as it:
        await it.catalog.start()
        assert it.catalog.provider("api") is None


async def test_a_provider_is_replaced_by_its_own_id(data_dir: Path) -> None:
    """A wrong address is mended by adding it again; what was set about its models stays."""
    async with cast(data_dir) as it:
        it.answers["api"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.add_provider(API)
        await it.catalog.patch("api/m", pinned=True)
        it.answers["api"] = UpstreamUnreachable("nobody there")
        elsewhere = replace(API, base_url="https://other.example.com/v1")
        assert not (await it.catalog.add_provider(elsewhere)).is_online
        assert it.catalog.is_offline("api")
        assert it.catalog.specs()["api/m"].pinned
    async with cast(data_dir) as it:
        await it.catalog.start()
        assert [s.provider for s in it.catalog.providers() if s.provider.id == "api"] == [elsewhere]


async def test_what_a_request_finds_out_of_a_provider_is_known_at_once(data_dir: Path) -> None:
    """Refused: offline. Answered: back. The look has the last word, and nobody is told twice."""
    async with cast(data_dir) as it:
        it.answers["api"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.add_provider(API)
        told = len(it.changes)
        it.catalog.note_reached("api", "refused the connection")
        it.catalog.note_reached("api", "refused the connection")
        assert it.catalog.is_offline("api")
        assert ("api", "refused the connection") not in it.catalog.problems()
        it.catalog.note_reached("api")
        assert not it.catalog.is_offline("api")
        assert len(it.changes) == told + 2
        it.catalog.note_reached("api", "refused the connection")
        await it.catalog.refresh()
        assert not it.catalog.is_offline("api")


async def test_a_model_that_is_gone_can_be_forgotten(data_dir: Path) -> None:
    """With its settings, over restarts; one that is there cannot: it would be found again at once."""
    async with cast(data_dir) as it:
        path = it.file("old.gguf")
        await it.catalog.start()
        await it.catalog.patch("old", pinned=True)
        with pytest.raises(Conflict, match="still there"):
            await it.catalog.forget("old")
        path.unlink()
        await it.catalog.refresh()
        await it.catalog.forget("old")
        assert it.changes[-1].removed == ("old",)
        with pytest.raises(ModelNotFound):
            await it.catalog.forget("old")
    async with cast(data_dir) as it:
        await it.catalog.start()
        assert it.catalog.get("old") is None


async def test_a_brain_that_is_nobodys_is_a_problem_until_it_is_there(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt name in the settings is told with the nearest ids, in the problems and once in the log."""
    async with cast(data_dir, brain="tinny") as it:
        it.file("tiny.gguf")
        await it.catalog.start()
        await it.catalog.refresh()
        await it.catalog.refresh()
        (problem,) = it.catalog.problems()
        assert problem.subject == "brain"
        assert "'tinny'" in problem.reason
        assert "did you mean tiny?" in problem.reason
        assert sum("tinny" in record.getMessage() for record in caplog.records) == 1
        it.file("tinny.gguf")
        await it.catalog.refresh()
        assert it.catalog.problems() == ()


@pytest.mark.parametrize(
    ("host", "url", "is_itself"),
    [
        ("127.0.0.1", "http://localhost:22888/v1", True),
        ("127.0.0.1", "http://127.0.0.1:22888", True),
        ("127.0.0.1", "http://[::1]:22888/v1", True),
        ("0.0.0.0", "http://127.0.0.1:22888/v1", True),
        ("10.0.0.5", "http://10.0.0.5:22888/v1", True),
        ("10.0.0.5", "http://localhost:22888/v1", False),
        ("127.0.0.1", "http://localhost:11434/v1", False),
        ("127.0.0.1", "http://10.0.0.5:22888/v1", False),
    ],
)
def test_an_address_of_its_own_is_known(host: str, url: str, is_itself: bool) -> None:
    """By the port, and any name of the host it listens on."""
    assert Address(host, 22888).is_at(url) is is_itself


async def test_a_gateway_is_not_its_own_provider(data_dir: Path) -> None:
    """Added by a person or named in the settings, it is refused; one that was saved earlier is told, and not asked."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        with pytest.raises(BadSettings, match="ollama"):
            it.catalog.listens_at("127.0.0.1", 11434)
    async with cast(data_dir) as it:
        await it.catalog.start()
        it.catalog.listens_at("127.0.0.1", 22888)
        own = replace(API, base_url="http://localhost:22888/v1")
        with pytest.raises(BadRequest, match="itself"):
            await it.catalog.add_provider(own)
        it.catalog.listens_at("127.0.0.1", 1)
        await it.catalog.add_provider(own)
        it.catalog.listens_at("127.0.0.1", 22888)
        it.asked.clear()
        await it.catalog.refresh()
        assert it.asked == []
        assert it.catalog.is_offline("api")


async def test_a_provider_that_left_the_settings(data_dir: Path) -> None:
    """Its models are absent, with their settings, until it is back."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["ollama"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.refresh()
        await it.catalog.patch("ollama/m", pinned=True)
    async with cast(data_dir) as it:
        await it.catalog.start()
        assert not it.catalog.specs()["ollama/m"].is_present
        assert it.catalog.provider("ollama") is None
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        it.answers["ollama"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.refresh()
        spec = it.catalog.specs()["ollama/m"]
        assert (spec.is_present, spec.pinned) == (True, True)


async def test_a_switched_off_provider_switches_its_models_off(data_dir: Path) -> None:
    """It is not asked, and nobody is sent to it."""
    async with cast(data_dir) as it:
        it.answers["api"] = [ReportedModel("m")]
        await it.catalog.start()
        await it.catalog.add_provider(replace(API, enabled=False))
        assert it.asked == []


async def test_settings_with_one_id_twice_are_refused(data_dir: Path) -> None:
    """`local` is Batuta's own provider."""
    with pytest.raises(BadSettings, match="local"):
        async with cast(data_dir, providers=(replace_id(OLLAMA, "local"),)):
            pass


def replace_id(settings: ProviderSettings, ident: str) -> ProviderSettings:
    return settings.model_copy(update={"id": ident})


async def test_a_kill_before_the_first_save_costs_nothing(data_dir: Path) -> None:
    """What discovery saw is saved some seconds after the start, and with every look from then on."""
    async with cast(data_dir) as it:
        it.file("a.gguf")
        await it.catalog.start()
        await settled(it)
        await it.clock.advance(3.0)
        await settled(it)
        other = Store.in_folder(data_dir)
        assert [record.id for record in (await other.open()).models] == ["a"]
        await other.aclose()


WEIRD = ("qwen3:8b", "org/model@q4_k_m", "my model", "模型-é")


async def test_models_of_programs_that_load_are_loadable(data_dir: Path) -> None:
    """Context up to the setting, our slots, what loads showed; on another machine they are as far as any API's."""
    here = ProviderSettings(id="ollama", kind="ollama", base_url="http://127.0.0.1:11434")
    there = ProviderSettings(id="far", kind="lmstudio", base_url="http://192.0.2.1:1234", is_local=False)
    async with cast(data_dir, providers=(here, there)) as it:
        it.answers["ollama"] = [ReportedModel(n, context_length=131_072, memory=MemoryNeed(1000)) for n in WEIRD]
        it.answers["far"] = [ReportedModel("m", context_length=131_072)]
        await it.catalog.start()
        await it.catalog.refresh()
        specs = it.catalog.specs()
        assert {f"ollama/{name}" for name in WEIRD} <= specs.keys()
        spec = specs["ollama/qwen3:8b"]
        assert (spec.is_loadable, spec.is_local, spec.context_length, spec.slots) == (True, True, 8192, 4)
        far = specs["far/m"]
        assert (far.is_loadable, far.is_local, far.context_length, far.slots) == (False, False, 131_072, 0)
        it.catalog.set_learned(spec.id, memory_bytes=5000, load_seconds=2.0)
        assert it.catalog.specs()[spec.id].need_bytes == 5000
        for name in WEIRD:
            assert it.catalog.resolve(name).id == f"ollama/{name}"
        with pytest.raises(ModelNotFound):
            it.catalog.resolve("qwen3")


async def test_a_provider_tells_who_it_is(data_dir: Path) -> None:
    """Version and note are kept and told when they change; who is not what its kind says is offline, with a reason."""
    async with cast(data_dir, providers=(OLLAMA,)) as it:
        said: list[EngineInfo | BatutaError | None] = [EngineInfo("0.12\x1b[2J", "start it with --x"), None]

        async def describe(_provider: Provider) -> EngineInfo | None:
            if isinstance(said[0], BatutaError):
                raise said[0]
            return said[0]

        it.catalog._describe = describe
        await it.catalog.start()
        await it.catalog.refresh()
        state = it.catalog.provider("ollama")
        assert state is not None
        assert (state.version, state.note) == ("0.12\\x1b[2J", "start it with --x")
        told = len(it.changes)
        await it.catalog.refresh()
        assert len(it.changes) == told
        said[0] = EngineInfo("0.13")
        it.catalog.ask_soon("ollama")
        await it.clock.settle()
        assert it.changes[-1].providers == ("ollama",)
        said[0] = UpstreamUnreachable("nginx answers there", cause=Cause.ENGINE_OFFLINE)
        await it.catalog.refresh()
        state = it.catalog.provider("ollama")
        assert state is not None
        assert (state.is_online, state.message, state.version) == (False, "nginx answers there", "0.13")
    it.catalog.ask_soon("ollama")  # after the end nothing is begun


async def test_a_context_that_no_load_can_set_is_told_as_it_is(data_dir: Path) -> None:
    """llama-server and vLLM run with what they were started with, whatever the setting says."""
    kinds = {"llama": "llama_server", "vllm": "vllm"}
    there = tuple(
        ProviderSettings(id=name, kind=kind, base_url=f"http://127.0.0.1:{8000 + number}")
        for number, (name, kind) in enumerate(kinds.items())
    )
    async with cast(data_dir, providers=there) as it:
        for name in kinds:
            it.answers[name] = [ReportedModel("m", context_length=32_768), ReportedModel("unknown")]
        await it.catalog.start()
        await it.catalog.refresh()
        for name in kinds:
            contexts = [it.catalog.specs()[f"{name}/{model}"].context_length for model in ("m", "unknown")]
            assert contexts == [32_768, 0]
