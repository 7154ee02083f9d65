"""When something goes wrong: the page says it in the visitor's words, and offers what helps."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_app import ANSWERING
from tests.browser.test_accessible import violations
from tests.browser.test_page import send

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("locale", ["en-US", "pt-BR"])
def test_full_conversation_says_what_to_do(visitor: Visitor, locale: str) -> None:
    """Trying again cannot help; a new chat or another model can, and no address of a process is shown."""
    page = visitor.open(locale=locale)
    send(page, "More, until it is full")
    problem = page.locator(".problem")
    words = (
        ("is full for", "8,231 tokens", "New chat") if locale == "en-US" else ("cheia para", "8.231", "Nova conversa")
    )
    expect(problem).to_contain_text(f"{words[0]} {ANSWERING}")
    expect(problem).to_contain_text(words[1])
    expect(problem).to_contain_text("engine.context_length")
    expect(problem).not_to_contain_text("127.0.0.1")
    expect(problem).not_to_contain_text("upstream_rejected")
    expect(problem.get_by_role("button")).to_have_count(2)
    assert violations(page) == []
    problem.get_by_role("button").nth(1).click()
    expect(page.locator("#choices")).to_be_visible()
    page.keyboard.press("Escape")
    problem.get_by_role("button", name=words[2]).click()
    expect(page.locator(".turn")).to_have_count(0)


@pytest.mark.parametrize("locale", ["en-US", "pt-BR"])
def test_broken_answer_names_the_model_and_no_address(visitor: Visitor, locale: str) -> None:
    """The first words are a person's; the program's words are one click away, and still without the address."""
    page = visitor.open(locale=locale)
    send(page, "Please cut")
    problem = page.locator(".problem")
    expect(problem.locator("> p").first).to_have_text(
        f"{ANSWERING} broke its answer off." if locale == "en-US" else f"{ANSWERING} interrompeu a resposta."
    )
    expect(problem).not_to_contain_text("127.0.0.1")
    expect(problem.locator("details p")).to_be_hidden()
    problem.locator("summary").click()
    expect(problem.locator("details p")).to_contain_text("stream_broken")
    assert violations(page) == []


@pytest.mark.parametrize("locale", ["en-US", "pt-BR"])
def test_pin_in_the_way_is_named(visitor: Visitor, locale: str) -> None:
    """Whom to unpin is said, instead of that the model is too large."""
    page = visitor.open(locale=locale)
    send(page, "It is pinned")
    way = "Unpin it in the models panel" if locale == "en-US" else "Desafixe no painel"
    expect(page.locator(".problem")).to_contain_text(way)
    expect(page.locator(".problem")).to_contain_text(f"{ANSWERING} is pinned" if locale == "en-US" else ANSWERING)


def test_guide_stays_when_nobody_can_answer(visitor: Visitor) -> None:
    """A message sent too early does not hide the ways to get a model, not even after a reload."""
    page = visitor.open(scene="empty")
    send(page, "Is there nobody")
    expect(page.locator(".problem")).to_contain_text("There is no model yet")
    expect(page.locator("#first")).to_be_visible()
    page.get_by_role("button", name="How to get a model").click()
    expect(page.locator("#first h1")).to_be_in_viewport()
    page.reload()
    page.wait_for_selector("body.started")
    expect(page.locator("#first h1")).to_be_visible()
    assert violations(page) == []
    visitor.app.show("busy")
    expect(page.locator("#first")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".bubble")).to_be_visible()


def test_wrong_address_of_a_server_is_corrected(visitor: Visitor) -> None:
    """A server that does not answer is corrected in place; one that is not wanted is removed."""
    page = visitor.open(scene="odd")
    expect(page.locator("#server-list")).to_contain_text("offline")
    page.click("[data-server=ollama] [data-action=change]")
    expect(page.locator("#server-form [name=base_url]")).to_have_value("http://127.0.0.1:23100/ollama/v1")
    page.fill("#server-form [name=base_url]", "http://127.0.0.1:23999/v1")
    page.click("#server-form button")
    expect(page.locator("#server-form .result")).to_contain_text("ollama is saved, but it does not answer yet")
    page.fill("#server-form [name=base_url]", "https://api.example.com/v1")
    page.fill("#server-form [name=key_env]", "EXAMPLE_API_KEY")
    page.click("#server-form button")
    expect(page.locator("#server-form .result")).to_contain_text("ollama was corrected")
    expect(page.locator("#server-form button")).to_have_text("Add")
    assert [call[2]["id"] for call in visitor.app.calls] == ["ollama", "ollama"]
    last = visitor.app.calls[-1][2]
    assert (last["is_local"], last["key_env"]) == (False, "EXAMPLE_API_KEY")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("[data-server=ollama] [data-action=remove]")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("[data-server=ollama] [data-action=remove]")
    page.wait_for_timeout(150)
    assert [call[:2] for call in visitor.app.calls[2:]] == [("DELETE", "providers/ollama")]


def test_models_are_pinned_forgotten_and_told_apart(visitor: Visitor) -> None:
    """Two of one name have two names; a pin is one click; a deleted file is forgotten, and never offered."""
    page = visitor.open(scene="odd")
    page.click("#picked")
    names = page.locator("#choice-list .name").all_inner_texts()
    assert "tiny" not in names
    assert {"UPPER", "lower"} <= set(names)
    assert "deleted" not in names
    page.keyboard.press("Escape")
    page.click("[data-model=UPPER] [data-action=unpin]")
    page.hover("[data-model=lower]")
    page.click("[data-model=lower] [data-action=pin]")
    page.click("#gone-models summary")
    page.click("[data-model=deleted] [data-action=forget]")
    page.wait_for_timeout(150)
    assert visitor.app.calls == [
        ("PATCH", "models/UPPER", {"pinned": False}),
        ("PATCH", "models/lower", {"pinned": True}),
        ("DELETE", "models/deleted", None),
    ]


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 1280), ("dark", "pt-BR", 390)])
def test_no_violation_where_things_are_odd(visitor: Visitor, scheme: str, locale: str, width: int) -> None:
    """Servers, pins, gone models and errors in two languages: none has a violation, nothing is cut off."""
    page = visitor.open(scheme=scheme, locale=locale, width=width, scene="odd")
    if width < 800:
        page.click("#open-sidebar")
    page.click("#add-server summary")
    page.click("#gone-models summary")
    assert violations(page) == []
    assert page.evaluate(
        "document.querySelector('#sidebar .grow').scrollWidth <= document.querySelector('#sidebar').clientWidth"
    )


def test_wait_says_for_whom(visitor: Visitor) -> None:
    """A queue is no riddle: the line names the model that has to finish first; nobody busy is offered as ready now."""
    page = visitor.open(scene="odd")
    send(page, "Stand in the queue")
    stage = page.locator(".waiting .stage")
    expect(stage).to_contain_text(
        "big-b · waiting for big-a to finish 1 answer (about 6 s), then loading big-b (4.6 s)"
    )
    visitor.app.show("later")
    expect(stage).to_contain_text("waiting for big-a to finish 1 answer (about 2 s), then loading big-b (4.6 s)")


def test_wait_is_said_in_the_visitors_language(visitor: Visitor) -> None:
    """Who is waited for, and how long, in Portuguese, where the stream's notes are in English."""
    page = visitor.open(scene="odd", locale="pt-BR")
    send(page, "Stand in the queue")
    words = "esperando big-a terminar 1 resposta (cerca de 6 s), depois carregando big-b (4,6 s)"
    expect(page.locator(".waiting .stage")).to_contain_text(words)


def test_swap_is_told_below_the_memory(visitor: Visitor) -> None:
    """When it happens, with its figures, on a page that is open; nothing of it is wider than the column."""
    page = visitor.open(scene="odd", width=390)
    page.click("#open-sidebar")
    visitor.app.swap()
    said = "big-a left for big-b: 9.0 GB back, 6.1 s (2.0 drained, 0.4 unloaded, 3.7 loaded)"
    expect(page.locator(".swaps li").first).to_have_text(said)
    assert violations(page) == []
    assert page.evaluate(
        "document.querySelector('#swaps').scrollWidth <= document.querySelector('#sidebar').clientWidth"
    )


def test_progress_does_not_outlive_the_load(visitor: Visitor) -> None:
    """When the panel says ready, the line waits for the first word, whatever the last note was."""
    page = visitor.open()
    send(page, "Load forever")
    expect(page.locator(".waiting .stage")).to_contain_text("reading weights")
    visitor.app.show("ready")
    expect(page.locator(".waiting .stage")).to_contain_text("devstral-small · waiting for the first word")
    expect(page.locator(".waiting progress")).to_be_hidden()


def test_model_on_disk_is_not_offered_as_ready_now(visitor: Visitor) -> None:
    """`Use ... now` is only said of a model that can answer now."""
    page = visitor.open()
    page.route("**/alternative", lambda route: route.fulfill(json={"model": "gemma-4-e4b", "reason": ""}))
    with page.expect_response("**/alternative"):
        send(page, "Load forever")
    page.wait_for_timeout(100)
    expect(page.locator(".waiting button:has-text('Use')")).to_be_hidden()


def test_window_has_one_scrollbar(visitor: Visitor) -> None:
    """Nothing hangs below the window, neither on the first page nor in a conversation."""
    page = visitor.open(scene="empty")
    height = "document.documentElement.scrollHeight"
    assert page.evaluate(height) == 800
    send(page, "Is there nobody")
    expect(page.locator(".problem")).to_be_visible()
    assert page.evaluate(height) == 800


def test_single_strokes_are_no_strikethrough(visitor: Visitor) -> None:
    """`a~b~c` is what it says; two strokes strike out."""
    page = visitor.open()
    made = page.evaluate(
        """async () => {
            const address = document.querySelector('script[type=module]').src;
            const { render } = await import(new URL('markdown.js', address));
            const box = document.createElement('div');
            box.append(render('a~b~c and ~~gone~~ and ~x'));
            return box.innerHTML.trim();
        }"""
    )
    assert made == "<p>a~b~c and <del>gone</del> and ~x</p>"
