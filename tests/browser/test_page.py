"""The page as a person meets it, in a real browser with the network cut."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visitor
from tests.browser.page_app import ANSWERING

pytestmark = pytest.mark.browser


def send(page: Page, text: str) -> None:
    """Type a message and press Enter."""
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")


def answered(page: Page) -> None:
    """Wait until the last answer is complete."""
    expect(page.locator(".turn:last-child .facts").first).to_be_visible()
    expect(page.locator("#send")).to_be_visible()


def test_message_is_answered_with_the_network_cut(visitor: Visitor) -> None:
    """Open, type, Enter: the answer streams in as Markdown, and no other host is asked for anything."""
    page = visitor.open()
    send(page, "How does a baton keep time?")
    answered(page)
    answer = page.locator(".turn:last-child .text")
    expect(answer.locator("table td").first).to_have_text("Adagio")
    expect(answer.locator("ol > li")).to_have_count(3)
    expect(answer.locator("figure.code .hljs-keyword").first).to_have_text("def")
    facts = page.locator(".turn:last-child .facts").inner_text()
    assert facts.startswith(ANSWERING)
    assert "first word after" in facts
    assert "31 + 172 tokens" in facts
    body = visitor.app.calls[-1][2]
    assert body["model"] == "auto"
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [{"role": "user", "content": "How does a baton keep time?"}]
    page.click(".turn:last-child figure.code button")
    assert page.evaluate("navigator.clipboard.readText()").startswith("def interval")
    assert (visitor.foreign, visitor.complaints) == ([], [])


def test_text_is_the_same_however_it_was_cut(visitor: Visitor) -> None:
    """Block by block or as a whole, Markdown becomes the same elements: lists stay together, fences stay closed."""
    page = visitor.open()
    differing = page.evaluate(
        """async () => {
            const address = document.querySelector('script[type=module]').src;
            const { MarkdownStream } = await import(new URL('stream.js', address));
            const { render } = await import(new URL('markdown.js', address));
            const texts = [
                'one\\n\\ntwo\\nthree\\n\\n# head\\nrest\\n\\n> quote\\n> more\\n\\nend',
                '1. a\\n\\n   still a\\n\\n2. b\\n\\n   ```py\\n   x = 1\\n\\n   y = 2\\n   ```\\n\\n3. c\\n\\nafter',
                '- a\\n  - b\\n\\n  - c\\n\\n- d\\n\\ntext\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |\\n\\nend',
                '```js\\nconst a = `\\n\\n`;\\n```\\nafter\\n\\n~~~\\n```\\n~~~\\n\\nend',
                'see [ref] and\\n\\nmore\\n\\n[ref]: http://ok.example/\\n',
                '<details>\\n<summary>s</summary>\\n\\ninside\\n\\n</details>\\n\\nend',
                '```\\nnever closed\\n\\nat all',
            ];
            const outline = (node) => [...node.querySelectorAll('*')]
                .filter((element) => !element.hasAttribute('aria-live'))
                .map((element) => element.nodeName + (element.children.length ? '' : ':' + element.textContent.trim()));
            const wrong = [];
            for (const text of texts) {
                const whole = document.createElement('div');
                whole.append(render(text));
                for (const size of [1, 3, 7, text.length]) {
                    const box = document.createElement('div');
                    const stream = new MarkdownStream(box);
                    for (let at = 0; at < text.length; at += size) stream.push(text.slice(at, at + size));
                    stream.finish();
                    const [made, meant] = [outline(box), outline(whole)];
                    if (String(made) !== String(meant)) wrong.push([text, size, made, meant]);
                }
            }
            return wrong;
        }"""
    )
    assert differing == []


def test_waiting_is_visible_until_the_first_word(visitor: Visitor) -> None:
    """A model that loads shows what it does, how far it is and who it is; then the answer says who stepped in."""
    page = visitor.open()
    send(page, "Write code, slow")
    expect(page.locator(".waiting .stage")).to_contain_text("reading weights")
    expect(page.locator(".waiting .stage")).to_contain_text("%")
    expect(page.locator(".waiting progress")).to_be_visible()
    answered(page)
    expect(page.locator(".waiting")).to_have_count(0)
    expect(page.locator(".turn:last-child .fallback")).to_have_text(
        f"{ANSWERING} stepped in for devstral-small: out of memory."
    )


def test_wait_can_be_cancelled_or_given_to_another_model(visitor: Visitor) -> None:
    """Nobody is trapped in a wait: Cancel ends it, and another model can be asked at once."""
    page = visitor.open()
    send(page, "Load forever")
    page.click(f".waiting button:has-text('Use {ANSWERING} now')")
    expect(page.locator(".waiting button:has-text('Use')")).to_be_hidden()
    page.click(".waiting button:has-text('Cancel')")
    expect(page.locator(".turn:last-child .facts")).to_have_text("Stopped.")
    assert [call[2]["model"] for call in visitor.app.calls] == ["auto", ANSWERING]
    expect(page.locator("#send")).to_be_visible()


def test_error_stays_with_its_cause_and_a_way_on(visitor: Visitor) -> None:
    """A refusal and an answer that breaks off stay on screen; one click tries again or asks the suggested model."""
    page = visitor.open()
    send(page, "Please refuse")
    problem = page.locator(".problem")
    expect(problem).to_contain_text("the memory budget is 14.5 GB")
    expect(problem).to_contain_text("out of memory")
    problem.get_by_text(f"Use {ANSWERING} instead").click()
    expect(problem).to_be_visible()
    assert visitor.app.calls[-1][2]["model"] == ANSWERING
    send(page, "Now break")
    expect(page.locator(".turn:last-child .problem")).to_contain_text("The answer broke off")
    expect(page.locator(".turn:last-child .text")).to_contain_text("A baton keeps an orchestra")
    page.locator(".turn:last-child").get_by_role("button", name="Try again").click()
    expect(page.locator(".turn")).to_have_count(4)


def test_models_panel_is_current_without_a_reload(visitor: Visitor) -> None:
    """States and percents change in place; what a person has typed or opened stays."""
    page = visitor.open()
    page.fill("#prompt", "half a thou")
    row = page.locator("[data-model='devstral-small']")
    expect(row).to_contain_text("loading 43 %")
    page.evaluate("document.querySelector('#external-models').open = false")
    visitor.app.show("progress")
    expect(row).to_contain_text("loading 63 %")
    assert page.input_value("#prompt") == "half a thou"
    assert not page.evaluate("document.querySelector('#external-models').open")
    page.click("[data-model='gemma-4-e4b'] [data-action=load]")
    page.click("[data-model='granite-4-tiny'] [data-action=retry]")
    page.click("[data-model='bonsai-27b'] [data-action=enable]")
    page.wait_for_timeout(200)
    assert [call[:2] for call in visitor.app.calls] == [
        ("POST", "models/gemma-4-e4b/load"),
        ("POST", "models/reset-failed"),
        ("POST", "models/granite-4-tiny/load"),
        ("PATCH", "models/bonsai-27b"),
    ]


def test_live_stream_starts_however_slowly_its_script_arrives(visitor: Visitor) -> None:
    """The panel is live even when the extension that keeps it live is the last file to come."""
    page = visitor.open()

    def late(route: Route) -> None:
        page.wait_for_timeout(400)
        route.continue_()

    page.route("**/hx-sse.min.js", late)
    page.reload()
    page.wait_for_selector("body.started")
    visitor.app.show("progress")
    expect(page.locator("[data-model='devstral-small']")).to_contain_text("loading 63 %")


def test_first_model_appears_by_itself(visitor: Visitor) -> None:
    """An empty computer shows the three ways; a server can be added; when a model is there, the page is ready."""
    page = visitor.open(scene="empty")
    expect(page.locator("#first h1")).to_have_text("No model yet")
    expect(page.locator("#first")).to_contain_text("the file ends after 0.4 of 2.0 GB")
    page.fill("#add-provider [name=name]", "My Server")
    page.click("#add-provider button")
    expect(page.locator("#add-provider .result")).to_contain_text("My Server was added")
    assert visitor.app.calls[-1][2] == {
        "id": "my-server",
        "name": "My Server",
        "base_url": "http://127.0.0.1:11434/v1",
        "is_local": True,
    }
    visitor.app.show("first")
    expect(page.locator("#hello")).to_be_visible()
    expect(page.locator("[data-model='tiny-starter']")).to_contain_text("loading 20 %")


def test_everything_works_from_the_keyboard(visitor: Visitor) -> None:
    """Send, stop, edit, choose a model and start over without a mouse."""
    page = visitor.open()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.focus("#prompt")
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two forever")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text("one\ntwo forever")
    expect(page.locator(".waiting")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".turn:last-child .facts")).to_have_text("Stopped.")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#prompt") == "one\ntwo forever"
    page.keyboard.press("Control+A")
    page.keyboard.type("three")
    page.keyboard.press("Enter")
    answered(page)
    expect(page.locator(".turn")).to_have_count(2)
    page.focus("#picked")
    page.keyboard.press("Enter")
    page.keyboard.type("mistr")
    expect(page.locator("#choice-list [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#picked-name")).to_have_text("mistral/mistral-medium")
    expect(page.locator("#picked")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#prompt")).to_be_focused()


def test_choosing_a_model_brings_it_in_while_the_message_is_written(visitor: Visitor) -> None:
    """One that is not in memory is told to be expected; what answers at once needs nothing."""
    page = visitor.open()
    for name in ("gemma", "mistr"):
        page.focus("#picked")
        page.keyboard.press("Enter")
        page.keyboard.type(name)
        expect(page.locator("#choice-list [role=option]")).to_have_count(1)
        page.keyboard.press("Enter")
    expect(page.locator("#picked-name")).to_have_text("mistral/mistral-medium")
    assert visitor.app.calls == [("POST", "models/gemma-4-e4b/expect", {})]


def test_conversation_and_choices_survive_a_reload(visitor: Visitor) -> None:
    """Language and appearance are remembered; changing them loses nothing of the conversation."""
    page = visitor.open()
    send(page, "please think")
    answered(page)
    expect(page.locator(".reasoning summary")).to_contain_text("Thought for")
    page.select_option("#theme", "dark")
    with page.expect_navigation():
        page.select_option("#language", "pt_BR")
    page.wait_for_selector("body.started")
    assert page.evaluate("document.documentElement.lang") == "pt-BR"
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    expect(page.locator(".turn:last-child .text")).to_contain_text("Because the beat is shared.")
    expect(page.locator(".reasoning summary")).to_contain_text("Pensou por")
    expect(page.locator("#prompt")).to_have_attribute("placeholder", "Escreva uma mensagem")


def test_a_conversation_can_stay_on_this_machine(visitor: Visitor) -> None:
    """Its every message says so, also after a reload; a new conversation starts without it."""
    page = visitor.open()
    page.check("#stays")
    send(page, "between us")
    answered(page)
    assert visitor.app.calls[-1][2]["local_only"] is True
    page.reload()
    page.wait_for_selector("body.started")
    expect(page.locator("#stays")).to_be_checked()
    page.click("#new-chat")
    expect(page.locator("#stays")).not_to_be_checked()
    send(page, "in the open")
    answered(page)
    assert "local_only" not in visitor.app.calls[-1][2]


def test_narrow_screen_has_everything(visitor: Visitor) -> None:
    """On a phone nothing is wider than the screen, and the models are one button away."""
    page = visitor.open(width=390, height=844)
    send(page, "How does a baton keep time?")
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#scroll').scrollWidth") <= 390
    page.click("#open-sidebar")
    expect(page.locator("[data-model='devstral-small']")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#open-sidebar")).to_be_focused()
