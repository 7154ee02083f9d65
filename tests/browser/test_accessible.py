"""WCAG 2.2 A and AA as far as a program can see it: axe-core finds nothing, in either theme and language."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.test_page import answered, send

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe-core holds against the page as it is."""
    page.wait_for_timeout(250)  # fading buttons are judged when they have faded
    page.evaluate(AXE)
    found = page.evaluate("(rules) => axe.run(document, {runOnly: rules})", RULES)
    return [
        f"{problem['id']}: {node['html'][:160]} {node['failureSummary']}"
        for problem in found["violations"]
        for node in problem["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-US"), ("dark", "pt-BR")])
def test_no_violation_in_any_state(visitor: Visitor, scheme: str, locale: str) -> None:
    """First page, welcome, answer, waiting, error, model picker: none has a violation."""
    page = visitor.open(scheme=scheme, locale=locale, scene="empty")
    assert violations(page) == []
    visitor.app.show("busy")
    expect(page.locator("#hello")).to_be_visible()
    assert violations(page) == []
    send(page, "How does a baton keep time?")
    answered(page)
    send(page, "Please refuse")
    expect(page.locator(".problem")).to_be_visible()
    assert violations(page) == []
    send(page, "Load forever")
    expect(page.locator(".waiting .quiet").nth(1)).to_be_visible()
    page.click("#picked")
    assert violations(page) == []


def test_no_violation_on_a_phone(visitor: Visitor) -> None:
    """The narrow layout, with the models open, has none either."""
    page = visitor.open(width=390, height=844)
    page.click("#open-sidebar")
    assert violations(page) == []


def test_only_finished_blocks_are_read_out(visitor: Visitor) -> None:
    """A screen reader hears paragraphs, not the flicker of single words."""
    page = visitor.open()
    send(page, "How does a baton keep time?")
    page.wait_for_selector(".text [aria-live]")
    assert page.evaluate(
        "[...document.querySelectorAll('.text > div')].map((box) => box.getAttribute('aria-live'))"
    ) == [
        "polite",
        "off",
    ]
    answered(page)


def test_motion_can_be_switched_off(visitor: Visitor) -> None:
    """Who asks their system for less motion gets a still page."""
    page = visitor.open()
    page.emulate_media(reduced_motion="reduce")
    spinning = "getComputedStyle(document.querySelector('.is-loading .dot')).animationIterationCount"
    assert page.evaluate(spinning) == "1"
