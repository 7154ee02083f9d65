"""Coming to the page, and coming back to it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
COME_BACK = """() => {
  Object.defineProperty(document, 'visibilityState', {value: 'visible', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
  window.dispatchEvent(new Event('focus'));
}"""
LATER = "() => { const now = performance.now(); performance.now = () => now + 60000; }"


def comes_back(page: Page) -> None:
    """Let the browser tell what it tells when a person returns from another tab and another window."""
    with page.expect_response("**/manage/models?refresh=1"):
        page.evaluate(COME_BACK)


def test_batuta_looks_around_when_somebody_comes_back(visitor: Visitor) -> None:
    """Once when the page is opened, once for a return however many events it makes; the live stream tells the rest."""
    before = visitor.app.looks
    page = visitor.open()
    page.wait_for_load_state()
    assert visitor.app.looks - before == 1
    page.evaluate(COME_BACK)  # within the moment it is the same visit
    page.evaluate(LATER)
    comes_back(page)
    page.wait_for_function("() => true")
    assert visitor.app.looks - before == 2
    assert visitor.complaints == []
