"""The pages: what they print for each state, in both languages, and what they never print."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from batuta.lifecycle.forecast import StepKind
from batuta.observe.events import CatalogChanged, LoaderChanged, ModelStateChanged, RequestEnded, Swapped
from batuta.web.errors import install_error_handlers
from batuta.web.fragments import (
    CAUSES,
    STATES,
    Problem,
    Snapshot,
    Welcome,
    device_row,
    labels,
    model_row,
    panel,
    status_of,
)
from batuta.web.i18n import NAMES, language
from batuta.web.routes import pages
from batuta.web.swaps import MOST
from batuta.web.toasts import AT_MOST, LASTS_S, still_fresh, toast
from tests.unit.web.pages_support import (
    GB,
    WALL,
    FakeServices,
    StillClock,
    every_state,
    external,
    forecast,
    one_device,
    server,
    view,
)

WEB = Path(pages.__file__).parent.parent
ENGLISH = language("en")
HOSTILE = '</li><script>alert(1)</script>"\' onmouseover=alert(1) <hx-partial hx-target="#prompt">'


def made(services: FakeServices) -> Any:
    stand_in: Any = services
    return pages._Pages(stand_in, models=lambda found: found.models, memory=lambda found: found.devices)


def client(services: FakeServices) -> TestClient:
    app = FastAPI()
    install_error_handlers(app)
    stand_in: Any = services
    app.include_router(pages.router(stand_in, models=lambda found: found.models, memory=lambda found: found.devices))
    return TestClient(app)


def page(services: FakeServices, **headers: str) -> str:
    with client(services) as browser:
        response = browser.get("/", headers=headers)
    assert response.status_code == 200
    return response.text


# --- rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("model", every_state(), ids=lambda model: f"{model['id']}-{model['state']}")
def test_each_state_is_told_in_words(model: dict[str, Any], code: str) -> None:
    """A person who sees no colours reads the state of every model, in their language."""
    words = language(code)
    row = model_row(model, words, now=WALL)
    html = page(FakeServices(models=[model]), **{"accept-language": words.tag})
    assert row.state
    assert f'<span class="state">{row.state}</span>' in html
    assert words.say(STATES[row.status]).split()[0] in row.state


def test_status_has_one_meaning() -> None:
    """Failed and disabled come before external; a local model stands where the lifecycle says."""
    assert status_of(external("a", "b") | {"state": "failed"}) == "failed"
    assert status_of(external("a", "b")) == "external"
    assert status_of(view("a", waiting=2)) == "queued"
    assert status_of(view("a", is_present=False)) == "missing"
    assert status_of(external("a", "b") | {"state": "absent", "is_present": False}) == "missing"
    assert status_of(view("a", "draining")) == "draining"
    assert status_of(view("a", "something new")) == "disk"


def test_loading_row_tells_stage_percent_and_seconds() -> None:
    """Loading or dead? The question has an answer at a glance."""
    loading = view("a", "loading", progress=0.43, stage="reading", elapsed_s=8.2, remaining_s=11.4)
    row = model_row(loading, ENGLISH, now=WALL)
    assert (row.state, row.stage, row.seconds) == ("loading 43 %", "reading weights", "8 s · about 11 s left")
    assert model_row(loading, language("pt_BR"), now=WALL).seconds == "8 s · faltam cerca de 11 s"


def test_failed_row_tells_cause_message_and_next_try() -> None:
    """A failure stays on screen with its reason, and with the time of the next try if there is one."""
    model = view("a", "failed", cause="out_of_memory", error="9.1 GB needed", retry_at=WALL + 30)
    assert model_row(model, ENGLISH, now=WALL).error == "out of memory · 9.1 GB needed · next try in 30 s"
    assert model_row(model, ENGLISH, now=WALL + 31).error == "out of memory · 9.1 GB needed"


@pytest.mark.parametrize("rest", [{"state": "offline"}, {"cause": "engine_offline", "error": "refused"}])
@pytest.mark.parametrize("model", [external("a", "b"), view("b/a", "ready", provider="b", memory_bytes={})])
def test_model_of_a_dead_server_is_offline_and_not_ready(model: dict[str, Any], rest: dict[str, Any]) -> None:
    """Nobody reads "ready" of a model whose server does not answer; the list of servers says why."""
    row = model_row(model | rest, ENGLISH, now=WALL)
    assert (row.status, row.state, row.error) == ("offline", "offline", "")


def test_portuguese_page_says_no_english_sentence_as_its_own() -> None:
    """The API's English stands behind a disclosure and is marked as English; what the cause says is said once."""
    portuguese = language("pt_BR")
    failed = view("a", "failed", cause="corrupt_file", error="the file ends after 1.2 of 4.3 GB")
    row = model_row(failed, portuguese, now=WALL)
    assert (row.error, row.detail) == ("o arquivo está danificado", "the file ends after 1.2 of 4.3 GB")
    html = page(FakeServices(models=[failed]), **{"accept-language": "pt-BR"})
    assert '<span lang="en">the file ends after 1.2 of 4.3 GB</span>' in html
    gone = view("a", is_present=False, cause="not_installed", error="its file is gone")
    assert "its file is gone" not in page(FakeServices(models=[gone]), **{"accept-language": "pt-BR"})


def test_no_address_inside_this_machine_is_shown() -> None:
    """A port of a process that Batuta started means nothing to a person: the model is named in its place."""
    failed = view("a", "failed", cause="crash", error="127.0.0.1:41685 broke its answer off.")
    assert model_row(failed, ENGLISH, now=WALL).error == "its process crashed · a broke its answer off."


def test_server_elsewhere_has_no_process_that_crashes() -> None:
    """Of a model of another program nobody says that its process crashed: that process is not ours."""
    broken = external("a", "b") | {"state": "failed", "cause": "crash"}
    assert model_row(broken, ENGLISH, now=WALL).error == "its server broke off"
    rows = {"a": model_row(broken, ENGLISH, now=WALL)}
    fact = ModelStateChanged("a", "ready", "failed", "broke", cause="crash")
    assert (note := toast(fact, ENGLISH, now=0.0, rows=rows)) is not None
    assert note.text == "a failed: its server broke off."


def test_models_of_one_name_are_told_apart() -> None:
    """Two files with the same name inside are shown by their ids everywhere; a name of its own stays."""
    models = [view("UPPER", "ready", name="tiny"), view("tiny-2", name="Tiny"), view("big", name="Big One")]
    rows = panel(models, (), ENGLISH, now=WALL).rows
    assert {row.id: row.name for row in rows} == {"UPPER": "UPPER", "tiny-2": "tiny-2", "big": "Big One"}
    services = FakeServices(models=models)
    services.devices = [{"budget": GB, "segments": [{"model": "UPPER", "name": "tiny", "bytes": 9}]}]
    html = page(services)
    assert "<title>UPPER: 9 B</title>" in html
    assert 'aria-label="Unload UPPER"' in html
    ready = ModelStateChanged("big", "loading", "ready", "loaded")
    assert (note := toast(ready, ENGLISH, now=0.0, rows={row.id: row for row in rows})) is not None
    assert note.text == "Big One is ready."


def test_name_that_is_another_models_id_is_not_used() -> None:
    """The id `tiny` names one model only, so a model called tiny is shown by its id."""
    assert labels([view("tiny", name="First"), view("b", name="tiny")]) == {"tiny": "First", "b": "b"}


def test_gone_models_stand_apart_and_can_be_forgotten() -> None:
    """A deleted file does not stand among the models that can be used; the last one gone brings the guide back."""
    services = FakeServices(models=[view("a"), view("old", is_present=False)])
    html = page(services)
    assert "1 model is gone" in html
    assert html.index("1 model is gone") < html.index('data-model="old"')
    assert 'aria-label="Forget old"' in html
    services.models = [view("old", is_present=False)]
    assert "No model yet" in page(services)


def test_pins_are_named_where_they_are_the_obstacle() -> None:
    """Who cannot be loaded because another is pinned is not said to be too large; the pin has a button."""
    blocked = view("big-b", fits="after unpinning big-a", pinned_by=["big-a"])
    row = model_row(blocked, ENGLISH, now=WALL, names={"big-a": "Big A"})
    assert (row.can_load, row.hint) == (False, "needs 5.0 GB · no room while Big A is pinned")
    html = page(FakeServices(models=[blocked, view("big-a", "ready", pinned=True), external("x/y", "x")]))
    assert html.count('data-action="unpin"') == 1
    assert html.count('data-action="pin"') == 1


def test_wait_names_whom_it_waits_for() -> None:
    """Queued behind an answer that runs: the row says whose, how long, and what comes then, in both languages."""
    steps = [
        {"kind": "finish", "model": "a", "answers": 2, "seconds": 6.2},
        {"kind": "unload", "model": "a", "seconds": 0.3},
        {"kind": "load", "model": "b", "seconds": 4.6, "tier": "disk"},
    ]
    models = [view("a", "ready", in_flight=2, name="Big A"), view("b", waiting=1, forecast=forecast(*steps))]
    waits = [panel(models, (), language(code), now=WALL).rows[1].waits for code in ("en", "pt_BR")]
    assert waits == [
        "waiting for Big A to finish 2 answers (about 6 s), then loading b (4.6 s)",
        "esperando Big A terminar 2 respostas (cerca de 6 s), depois carregando b (4,6 s)",
    ]
    assert waits[0] in panel(models, (), ENGLISH, now=WALL).rows[1].hint
    leaving = view("a", "draining", in_flight=2, waiting=1, forecast=forecast(steps[0]))
    assert model_row(leaving, ENGLISH, now=WALL).waits == "after 2 answers of its own (about 6 s)"


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("kind", StepKind)
@pytest.mark.parametrize("answers", [1, 2])
@pytest.mark.parametrize("others", [1, 2])
def test_each_wait_has_words_in_each_language(code: str, kind: StepKind, answers: int, others: int) -> None:
    """One or many answers, one or many models: no language falls back on English."""
    steps = [
        {"kind": kind.value, "model": model, "answers": answers, "seconds": 200.0} for model in ("a", "c")[:others]
    ]
    row = model_row(view("b", waiting=1, forecast=forecast(*steps)), language(code), now=WALL)
    english = model_row(view("b", waiting=1, forecast=forecast(*steps)), ENGLISH, now=WALL)
    assert row.waits
    assert (row.waits == english.waits) == (code == "en")


def test_a_load_that_has_begun_is_told_by_its_progress() -> None:
    """Stage, percent and seconds stand in the row already."""
    loading = view("a", "loading", stage="reading", progress=0.5, forecast=forecast({"kind": "load", "model": "a"}))
    assert model_row(loading, ENGLISH, now=WALL).waits == ""


def test_the_last_swap_is_told_below_the_memory() -> None:
    """Who left for whom, what came back, how long it took, by the names of the panel."""
    services = FakeServices(models=[view("brain", name="Brain 13B"), view("coder", "ready")])
    with client(services) as browser:
        for number in range(MOST + 1):
            services.bus.publish(Swapped("brain", ("coder",), 9 * GB, float(number), drain_s=0.5, load_s=2.0))
        english = browser.get("/", headers={"accept-language": "en"}).text
        portuguese = browser.get("/", headers={"accept-language": "pt-BR"}).text
    lines = re.findall(r"<li>(coder left .*?)</li>", english)
    assert lines == ["coder left for Brain 13B: 9.0 GB back, 1.0 s (0.5 drained, 2.0 loaded)"]
    assert "coder deu lugar a Brain 13B: 9,0 GB de volta, 1,0 s" in portuguese


async def test_a_wait_is_said_anew_each_second(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens but time: what is left of the wait goes on being true."""
    monkeypatch.setattr(pages, "WAIT_S", 0.001)
    step = {"kind": "load", "model": "b", "seconds": 5.0}
    tab.services.models[:] = [view("b", waiting=1, forecast=forecast(step))]
    assert "loading b (5.0 s)" in await tab.picture()
    step["seconds"] = 4.0
    tab.services.models[:] = [view("b", waiting=1, forecast=forecast(step))]
    assert "loading b (4.0 s)" in await tab.picture()


def test_servers_are_listed_with_what_can_be_done() -> None:
    """A wrong address is no dead end: the server is named with its state, and can be corrected and removed."""
    services = FakeServices(models=[external("good/m", "good"), external("dead/m", "dead")])
    services.catalog.servers = [
        server("good", source="settings", is_online=True),
        server("dead", is_online=False, message="dead refused the connection; is it running?"),
        server("usual", source="builtin", is_online=False),
    ]
    services.catalog.found = [("dead", "dead refused the connection; is it running?")]
    html = page(services)
    assert "2 servers" in html
    assert "1 model</span> · http://127.0.0.1:23100/good/v1" in html
    assert "offline</span> · http://127.0.0.1:23100/dead/v1" in html
    assert html.count("dead refused the connection") == 1  # not among the problems too
    assert re.findall(r'data-server="(\w+)"', html) == ["dead", "good"]
    assert (html.count('data-action="change"'), html.count('data-action="remove"')) == (1, 1)
    assert html.count('id="server-form"') == 1
    portuguese = page(services, **{"accept-language": "pt-BR"})
    assert "Não responde. O programa está em execução" in portuguese


def test_another_programs_models_are_not_ours_to_load() -> None:
    """A model of Ollama says where it is and has no load or unload button: Batuta does not hold its memory."""
    theirs = view("ollama/gemma", "ready", provider="ollama", memory_bytes={"needed": 0, "held": 0})
    row = model_row(theirs, ENGLISH, now=WALL)
    assert (row.can_load, row.can_unload) == (False, False)
    assert "ready</span> · ollama" in page(FakeServices(models=[theirs]))


def test_servers_tell_their_version_and_what_they_hold() -> None:
    """Who answers, what it has in memory by name, and what a person should know of it; nothing of one that is away."""
    held = [view(f"ollama/{n}", "ready", provider="ollama", is_loadable=True, name=f"<b>{n}") for n in "abcde"]
    services = FakeServices(models=[*held, view("ollama/z", provider="ollama", is_loadable=True)])
    up = server("ollama", is_online=True, version="0.12.3<i>", note="start it with <x>")
    services.catalog.servers = [up]
    html = page(services)
    assert "in memory: &lt;b&gt;a, &lt;b&gt;b, &lt;b&gt;c, &lt;b&gt;d, …" in html
    assert "version 0.12.3&lt;i&gt;" in html
    assert "start it with &lt;x&gt;" in html
    portuguese = page(services, **{"accept-language": "pt-BR"})
    assert "na memória: " in portuguese
    assert "versão 0.12.3" in portuguese
    services.catalog.servers = [replace(up, is_online=False, message="gone")]
    assert "in memory: " not in page(services)


def test_a_programs_model_of_unknown_size_can_be_loaded() -> None:
    """LM Studio's older versions tell no sizes."""
    on_disk = view("lmstudio/m", is_loadable=True, memory_bytes={"needed": 0, "held": 0})
    assert model_row(on_disk, ENGLISH, now=WALL).can_load
    assert model_row(on_disk | {"state": "ready"}, ENGLISH, now=WALL).can_unload


def test_what_only_a_person_can_stop_has_no_button() -> None:
    """Neither for itself nor for those that it keeps out; both rows say so, in both languages."""
    held = view("vllm/m", "ready", provider="vllm", is_loadable=True, is_fixed=True)
    kept_out = view("big", fits="after stopping vllm/m", held_by=["vllm/m"])
    names = {"vllm/m": "M"}
    for words, stays, no_room in (
        (ENGLISH, "stays until you stop its server", "no room until you stop the server of M"),
        (language("pt_BR"), "fica até que você pare o servidor dele", "sem espaço até que você pare o servidor de M"),
    ):
        row, other = (model_row(each, words, now=WALL, names=names) for each in (held, kept_out))
        assert (row.can_unload, row.hint.rpartition(" · ")[2]) == (False, stays)
        assert (other.can_load, other.hint.rpartition(" · ")[2]) == (False, no_room)


def test_hint_tells_what_a_load_would_cost() -> None:
    """Before loading, a person sees the size, and who would have to go."""
    on_disk = view("a", memory_bytes={"needed": 9.1 * GB, "held": 0})
    assert model_row(on_disk, ENGLISH, now=WALL).hint == "needs 9.1 GB"
    evicting = on_disk | {"fits": "after evicting b, c", "evict": ["b", "c"]}
    assert model_row(evicting, ENGLISH, now=WALL).hint == "needs 9.1 GB · takes the place of b, c"
    blocked = on_disk | {"fits": "after others leave"}
    assert model_row(blocked, ENGLISH, now=WALL).hint == "needs 9.1 GB · has to wait for room"
    never = model_row(on_disk | {"fits": "never"}, ENGLISH, now=WALL)
    assert (never.can_load, never.hint) == (False, "needs 9.1 GB · more than the memory budget")


def test_buttons_offer_only_what_can_be_done() -> None:
    """Load what is on disk, unload what is in memory, retry what failed, switch on what is off; no more."""
    offers = {
        row.id: (row.can_load, row.can_unload, row.action)
        for row in (model_row(model, ENGLISH, now=WALL) for model in every_state())
    }
    assert offers["qwen3.5-9b"] == (False, True, "")
    assert offers["gemma-4-e4b"] == (True, False, "")
    assert offers["granite-4-tiny"] == (False, False, "retry")
    assert offers["bonsai-27b"] == (False, False, "enable")
    assert offers["mistral/mistral-medium"] == (False, False, "")


def test_panel_shows_what_is_in_memory_first() -> None:
    """The models that can answer now are on top; external ones stand apart."""
    rows = panel(every_state(), (), ENGLISH, now=WALL)
    assert [row.id for row in rows.local][:2] == ["qwen3.5-9b", "devstral-small"]
    assert [row.id for row in rows.external] == ["mistral/mistral-medium", "openrouter/glm-5-air"]


@given(st.lists(st.integers(0, 40 * GB), max_size=12), st.integers(0, 30 * GB))
@settings(max_examples=60)
def test_memory_bar_never_overflows(held: list[int], budget: int) -> None:
    """Whatever is held, the segments stand side by side within the bar."""
    device = device_row({"budget": budget, "segments": [{"model": "m", "bytes": size} for size in held]}, ENGLISH)
    edge = 0
    for segment in device.segments:
        assert segment.start == edge
        edge += segment.width
    assert edge <= 1000


# --- pages -------------------------------------------------------------------------------------------------------


def test_page_speaks_the_visitors_language() -> None:
    """`lang` and words follow the browser; the cookie wins over it."""
    services = FakeServices(models=every_state())
    with client(services) as browser:
        portuguese = browser.get("/", headers={"accept-language": "pt-BR"}).text
        assert browser.post("/ui/language", json={"language": "en"}).status_code == 204
        english = browser.get("/", headers={"accept-language": "pt-BR"}).text
    assert '<html lang="pt-BR">' in portuguese
    assert "Escreva uma mensagem" in portuguese
    assert '<html lang="en">' in english
    assert "Write a message" in english


def test_unknown_language_is_refused_with_a_reason() -> None:
    """The answer names the languages there are."""
    with client(FakeServices()) as browser:
        response = browser.post("/ui/language", json={"language": "tlh"})
    assert response.status_code == 400
    assert "en, pt-BR" in response.json()["error"]["message"]


def test_chosen_theme_is_there_from_the_first_byte() -> None:
    """A dark page does not flash white; a made-up theme is no theme."""
    with client(FakeServices()) as browser:
        assert 'data-theme="dark"' in browser.get("/", headers={"cookie": "batuta_theme=dark"}).text
        assert "data-theme" not in browser.get("/", headers={"cookie": 'batuta_theme="><b>'}).text


@pytest.mark.parametrize("code", NAMES)
def test_empty_computer_is_shown_three_ways(code: str) -> None:
    """No model anywhere: the page says so, names the folder and the settings file, and what was found but unusable."""
    services = FakeServices(devices=[])
    services.catalog.found = [("/models/half.gguf", "the file ends after 0.4 of 2.0 GB")]
    words = language(code)
    html = page(services, **{"accept-language": words.tag})
    assert words.say("No model yet") in html
    assert str(services.settings.model_roots[0]) in html
    assert "config.toml" in html
    assert html.count('href="/api-keys"') >= 2  # in the guide and beside the settings
    assert "the file ends after 0.4 of 2.0 GB" in html
    assert html.count('<form class="provider"') == 2  # in the guide and in the side panel


def test_hostile_names_stay_text() -> None:
    """A model, provider, reason or file name made of markup is shown as it is written and does nothing."""
    services = FakeServices(
        models=[
            view(HOSTILE, "failed", error=HOSTILE, name=HOSTILE),
            external(HOSTILE + "x", HOSTILE),
            view("a", "ready", name=HOSTILE),
        ],
        devices=[{"id": HOSTILE, "name": HOSTILE, "budget": GB, "segments": [{"model": HOSTILE, "bytes": GB}]}],
    )
    services.catalog.found = [(HOSTILE, HOSTILE)]
    with client(services) as browser:
        for html in (browser.get("/").text, browser.get("/ui/models").text):
            assert "<script>alert" not in html
            assert '<hx-partial hx-target="#prompt"' not in html
            assert not re.search(r"<[^>]*\sonmouseover=alert", re.sub(r'"[^"]*"', '""', html))


def test_page_has_nothing_inline() -> None:
    """The policy forbids inline scripts, styles and handlers; the page has none, and every script is our own file."""
    with client(FakeServices(models=every_state())) as browser:
        response = browser.get("/")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", response.text, flags=re.DOTALL):
        assert 'src="/static/' in attributes or 'type="application/json"' in attributes
        assert not body or 'type="application/json"' in attributes
    assert not re.search(r"\sstyle=|<style|\son\w+=", response.text)


def test_no_file_of_ours_names_another_host() -> None:
    """Templates, styles and scripts load nothing from elsewhere: the page works with the network cut."""
    harmless = re.compile(r"https?://(?:127\.0\.0\.1|api\.example\.com|www\.w3\.org/(?:2000/svg|1999/xlink))")
    for path in sorted([*(WEB / "templates").rglob("*"), *(WEB / "static").rglob("*")]):
        if path.suffix in {".html", ".css", ".js", ".svg"} and "vendor" not in path.parts:
            text = harmless.sub("", path.read_text(encoding="utf-8"))
            assert not re.search(r"https?://\w|[\"'(]//\w", text), path.name


# --- live --------------------------------------------------------------------------------------------------------


class Tab:
    """An open page, reading the stream."""

    def __init__(self) -> None:
        self.services = FakeServices(models=every_state())
        self._pages = made(self.services)
        self._stream: AsyncGenerator[bytes, None] | None = None

    async def picture(self) -> str:
        """Return the next message."""
        if self._stream is None:
            self._stream = self._pages._pictures(ENGLISH)
        return (await anext(self._stream)).decode()

    async def close(self) -> None:
        """Go away."""
        if self._stream is not None:
            await self._stream.aclose()


@pytest.fixture
def tab() -> Tab:
    """Built outside the loop, as the pages are at start: they read their files then."""
    return Tab()


async def test_stream_begins_with_the_whole_picture(tab: Tab) -> None:
    """A tab that comes back sees everything at once, and then only what changed."""
    first = await tab.picture()
    for part in ("models", "memory", "welcome", "toasts"):
        assert f'hx-target="#{part}"' in first
    tab.services.models[1]["progress"] = 0.61
    tab.services.bus.publish(CatalogChanged(changed=("devstral-small",)))
    second = await tab.picture()
    assert "loading 61 %" in second
    assert 'hx-target="#models"' in second
    assert 'hx-target="#memory"' not in second
    await tab.close()


async def test_facts_that_change_nothing_send_nothing(tab: Tab) -> None:
    """A request that ends is no news for the picture: a comment keeps the line alive."""
    await tab.picture()
    tab.services.bus.publish(RequestEnded("r", "a", "auto", 200, None, 0, 0, 0))
    assert (await tab.picture()).startswith(":")
    await tab.close()


async def test_many_facts_make_one_picture(tab: Tab) -> None:
    """A load that reports a hundred times does not print the page a hundred times."""
    await tab.picture()
    for _ in range(100):
        tab.services.bus.publish(ModelStateChanged("devstral-small", "loading", "ready", "loaded"))
    assert (await tab.picture()).count("is ready.") == 1
    tab.services.bus.publish(CatalogChanged())
    assert (await tab.picture()).startswith(":")
    await tab.close()


async def test_stream_stops_listening_when_the_tab_closes(tab: Tab) -> None:
    """Nothing of a closed tab stays on the bus."""
    before = len(tab.services.bus._listeners)
    await tab.picture()
    assert len(tab.services.bus._listeners) == before + 1
    await tab.close()
    assert len(tab.services.bus._listeners) == before


@pytest.mark.parametrize("code", NAMES)
def test_notes_tell_what_a_person_would_ask(code: str) -> None:
    """Ready, failed, swapped and a lost loader are worth a note; progress and requests are not."""
    words = language(code)
    told = [
        ModelStateChanged("a", "loading", "ready", "loaded"),
        ModelStateChanged("a", "loading", "failed", "load failed", cause="timeout"),
        ModelStateChanged("a", "failed", "disabled", "too many failures"),
        Swapped("a", ("b",), 1, 1.0),
        LoaderChanged("down"),
        LoaderChanged("fatal"),
    ]
    for fact in told:
        assert (note := toast(fact, words, now=5.0)) is not None
        assert note.until == 5.0 + LASTS_S
    untold = [ModelStateChanged("a", "absent", "loading", "wanted"), LoaderChanged("up"), CatalogChanged()]
    assert [toast(fact, words, now=0.0) for fact in untold] == [None, None, None]


def test_notes_pass() -> None:
    """A note is gone when its time is over, and only the newest few are shown."""
    notes = tuple(
        note
        for at in range(10)
        if (note := toast(ModelStateChanged(f"m{at}", "loading", "ready", ""), ENGLISH, now=float(at)))
    )
    assert len(still_fresh(notes, now=9.0)) == AT_MOST
    assert still_fresh(notes, now=9.0 + LASTS_S) == ()


def test_every_cause_has_words() -> None:
    """Whatever a model failed of, the page can say it in both languages, scripts included."""
    from batuta.errors import Cause

    for cause in Cause:
        assert cause.value in CAUSES
        for code in NAMES:
            assert f"cause.{cause.value}" in language(code).scripts


def test_fragments_are_printed_once_for_many_tabs() -> None:
    """Ten tabs cost the loop one printing, not ten."""
    renderer = made(FakeServices())._renderer
    rows = panel(every_state(), (Problem("a", "b"),), ENGLISH, now=WALL)
    picture = Snapshot(rows, (device_row(one_device()[0], ENGLISH),), Welcome(False, (), ""))
    first = renderer.fragments(ENGLISH, picture)
    assert all(
        again is once for again, once in zip(renderer.fragments(ENGLISH, picture).values(), first.values(), strict=True)
    )


def test_clock_of_the_tests_stands_still() -> None:
    """The fakes keep the pages' own rule: time comes in from outside."""
    assert StillClock().wall() == WALL
