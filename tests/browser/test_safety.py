"""What a model writes is hostile input: nothing of it runs, fetches, or passes for the page's own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.payloads import PAYLOADS
from tests.browser.test_page import answered, send

pytestmark = pytest.mark.browser

# The browser reports what it meets, and blocks, in the lifeless document in which an answer is cleaned.
WHILE_CLEANING = (
    "Executing inline event handler violates",
    "Applying inline style violates",
    "Setting the document's base URI",
)
WHAT_IS_WRONG = """() => {
    const wrong = [];
    const allowed = new Set((
        'div span p br hr h2 h3 h4 h5 h6 strong b em i del s sub sup mark kbd blockquote ul ol li dl dt dd a img ' +
        'details summary table thead tbody tr th td caption figure figcaption pre code button svg use'
    ).split(' '));
    const inside = document.querySelector('#conversation');
    for (const element of inside.querySelectorAll('.text *')) {
        const name = element.nodeName.toLowerCase();
        if (!allowed.has(name)) wrong.push('element ' + name);
        for (const { name: key, value } of element.attributes) {
            if (/^on|^style$|^id$|^name$|^srcset$|^hx-|^data-/.test(key)) wrong.push(`${name} ${key}`);
            const isWeb = /^(https?|mailto):/i.test(element.protocol);
            if (key === 'href' && name === 'a' && !isWeb) wrong.push('link ' + value);
            if (key === 'src' && !/^data:image\\/(png|jpeg|gif|webp);/.test(value)) wrong.push('source ' + value);
        }
        if (name === 'a' && element.rel !== 'noopener noreferrer') wrong.push('rel of ' + element.href);
        if (/toast|problem|composer/.test(element.className)) wrong.push('dressed up as ' + element.className);
    }
    if (document.querySelector('#taken')) wrong.push('the panel was replaced');
    if (document.querySelectorAll('#models, #prompt').length !== 2) wrong.push('an id was taken');
    return wrong;
}"""


def assert_unharmed(page: Page, visitor: Visitor) -> None:
    """Nothing ran, nothing was fetched, and nothing of the answer is more than text and plain elements."""
    page.wait_for_timeout(200)  # a handler that would run gets its chance
    assert page.evaluate("window.hits") == []
    assert page.evaluate(WHAT_IS_WRONG) == []
    assert visitor.foreign == []
    assert [said for said in visitor.complaints if not any(words in said for words in WHILE_CLEANING)] == []


def test_hostile_answer_does_nothing(visitor: Visitor) -> None:
    """Each payload, streamed in small pieces and again after a reload, is shown and is harmless."""
    assert len(PAYLOADS) >= 40
    page = visitor.open()
    send(page, "Be hostile")
    answered(page)
    assert_unharmed(page, visitor)
    page.reload()
    page.wait_for_selector("body.started")
    expect(page.locator(".turn:last-child .text")).to_contain_text("covers the page")
    assert_unharmed(page, visitor)


def test_each_payload_alone_is_harmless(visitor: Visitor) -> None:
    """No payload needs a neighbour to be stopped: each is rendered by itself, into the living page."""
    page = visitor.open()
    send(page, "Hello")
    answered(page)
    page.evaluate(
        """async (payloads) => {
            const address = document.querySelector('script[type=module]').src;
            const { render } = await import(new URL('markdown.js', address));
            for (const payload of payloads) {
                const box = document.createElement('div');
                box.className = 'text';
                document.querySelector('#conversation').append(box);
                box.append(render(payload));
            }
        }""",
        list(PAYLOADS),
    )
    assert_unharmed(page, visitor)


def test_remote_image_is_a_link_and_an_embedded_one_an_image(visitor: Visitor) -> None:
    """An image of another host would tell it what was said; it is offered as a link. Data in the answer is shown."""
    page = visitor.open()
    shown = page.evaluate(
        """async (dot) => {
            const address = document.querySelector('script[type=module]').src;
            const { render } = await import(new URL('markdown.js', address));
            const box = document.createElement('div');
            box.append(render('![cat](https://evil.example/cat.png) ' + dot));
            const link = box.querySelector('a');
            return [box.querySelectorAll('img').length, link.textContent, link.href];
        }""",
        "![dot](data:image/gif;base64,R0lGODlhAQABAAAAACw=)",
    )
    assert shown == [1, "cat (image, not loaded)", "https://evil.example/cat.png"]
    assert visitor.foreign == []


def test_policy_stops_what_the_page_would_not(visitor: Visitor) -> None:
    """Even a script that got into the page would not run: the policy refuses everything inline."""
    page = visitor.open()
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'pwned(1)';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src="data:,x" onerror="pwned(2)">');
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.hits") == []
    assert any("Content Security Policy" in said for said in visitor.complaints)
