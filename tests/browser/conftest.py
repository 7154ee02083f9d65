"""One browser and one made-up computer for all browser tests: starting them is what costs time."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

from tests.browser.page_app import PageApp, serving

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 10_000  # for one thing to appear, on a busy machine


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def computer() -> Iterator[tuple[PageApp, str]]:
    """The made-up computer and its address."""
    page_app = PageApp()
    with serving(page_app) as address:
        yield page_app, address


class Visitor:
    """A person in front of the page: what they do, and what their browser noticed meanwhile."""

    def __init__(self, browser: Browser, computer: tuple[PageApp, str]) -> None:
        self.app, self.address = computer
        self._browser = browser
        self._contexts: list[Page] = []
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.app.calls.clear()

    def open(
        self, *, scene: str = "busy", locale: str = "en-US", scheme: str = "light", width: int = 1280, height: int = 800
    ) -> Page:
        """Open the page; every request to another host is noted and refused."""
        self.app.show(scene)
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.address)
        page = context.new_page()
        self._contexts.append(page)
        page.route("**/*", self._judge)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.add_init_script("window.hits = []; window.pwned = (...what) => window.hits.push(what[0]);")
        page.goto(self.address)
        page.wait_for_selector("body.started")
        return page

    def _judge(self, route: Route, request: Request) -> None:
        if request.url.startswith(self.address) or urlsplit(request.url).scheme in {"data", "blob"}:
            route.continue_()
        else:
            self.foreign.append(request.url)
            route.abort()

    def leave(self) -> None:
        """Close everything."""
        for page in self._contexts:
            page.context.close()


@pytest.fixture
def visitor(browser: Browser, computer: tuple[PageApp, str]) -> Iterator[Visitor]:
    """A person with a fresh browser profile."""
    someone = Visitor(browser, computer)
    yield someone
    someone.leave()
