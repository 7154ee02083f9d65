"""The Usage page in a real browser: found from the chat, readable by everybody, quiet about other hosts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_accessible import violations

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 1280), ("dark", "pt-BR", 390)])
def test_no_violation_and_nothing_from_elsewhere(visitor: Visitor, scheme: str, locale: str, width: int) -> None:
    """Both themes and languages, on a desk and on a phone; nothing is wider than the window."""
    page = visitor.open(scheme=scheme, locale=locale, width=width)
    page.goto(f"{visitor.address}/usage")
    expect(page.locator("h1")).to_have_text("Usage" if locale == "en-US" else "Uso")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert (visitor.foreign, visitor.complaints) == ([], [])


def test_the_page_is_a_click_away_and_its_days_can_be_chosen(visitor: Visitor) -> None:
    """From the chat, to the days of a week, to a file."""
    page = visitor.open()
    page.get_by_role("link", name="Usage").click()
    expect(page.locator("tbody tr").first).to_contain_text("US$ 5.25")
    page.fill("input[name=from]", "2026-11-15")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr").first).to_contain_text("US$ 1.75")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == "batuta-usage-2026-11-15-2026-11-21.csv"
