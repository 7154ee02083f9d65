"""The page over the real gateway, the real loader and a real model file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from batuta.testing.gguf import tiny_gguf
from tests.support.running import Batuta, installation

pytestmark = pytest.mark.browser

PICTURE = os.environ.get("BATUTA_PICTURE")  # a path: keep a picture of the page there
PATIENCE_MS = 15_000


@pytest.fixture
def batuta(tmp_path: Path) -> Iterator[Batuta]:
    """A gateway with one model, not loaded."""
    (tmp_path / "models").mkdir()
    tiny_gguf(tmp_path / "models" / "tiny.gguf")
    # A random model does not know when to stop: its context does it.
    with installation(tmp_path, "--set", "engine.context_length=256") as it:
        yield it


@pytest.mark.parametrize("locale", ["en-US", "pt-BR"])
def test_a_person_asks_and_a_real_model_answers(browser: Browser, batuta: Batuta, locale: str) -> None:
    """The model is on disk, is loaded by the first message, answers, and the page says who it was."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=locale)
    try:
        page = context.new_page()
        page.goto(batuta.url)
        expect(page.locator("body")).to_contain_text("tiny", timeout=PATIENCE_MS)
        box = page.get_by_role("textbox").first
        box.fill("Say something.")
        box.press("Enter")
        ready = "ready" if locale == "en-US" else "pronto"
        expect(page.locator("body")).to_contain_text(f"{ready} ·", timeout=PATIENCE_MS)
        # Not the tokens a second: so small a model may be done before a rate can be told.
        expect(page.locator("main")).to_contain_text(re.compile(r"\+ \d+ tokens"), timeout=PATIENCE_MS)
        expect(page.locator("main")).to_contain_text("tiny")
        if PICTURE and locale == "en-US":
            page.screenshot(path=PICTURE)
    finally:
        context.close()
