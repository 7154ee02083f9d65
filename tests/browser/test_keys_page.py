"""The page of the keys in a real browser: adding, testing, changing and deleting by mouse and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from batuta.errors import KeyInvalid
from tests.browser.conftest import PATIENCE_MS
from tests.browser.key_house import KeyHouse, key_house
from tests.browser.test_accessible import violations

pytestmark = pytest.mark.browser

KEY = "sk-test-not-a-key-0123456789"
OTHER = "sk-test-not-a-key-9876543210"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[KeyHouse]:
    """A gateway without a key."""
    with key_house(tmp_path) as it:
        yield it


class Person:
    """Somebody in front of the page."""

    def __init__(self, browser: Browser, stage: KeyHouse) -> None:
        self._browser, self.stage = browser, stage
        self._pages: list[Page] = []
        self.complaints: list[str] = []
        self.asked: list[str] = []

    def open(self, *, locale: str = "en-US", scheme: str = "light", width: int = 1280) -> Page:
        """Open the page; say yes to whatever it asks."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 800},
            locale=locale,
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        self._pages.append(page)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._agree)
        page.goto(f"{self.stage.address}/api-keys")
        page.wait_for_selector("body.started")
        return page

    def _agree(self, dialog: Dialog) -> None:
        self.asked.append(dialog.message)
        dialog.accept()

    def leave(self) -> None:
        """Close everything."""
        for page in self._pages:
            page.context.close()


@pytest.fixture
def person(browser: Browser, stage: KeyHouse) -> Iterator[Person]:
    """A person with a fresh browser profile."""
    someone = Person(browser, stage)
    yield someone
    someone.leave()
    assert someone.complaints == []


def row(page: Page, text: str) -> Locator:
    """Return a key's line."""
    return page.locator("#keys li", has_text=text)


def focused(page: Page) -> str:
    """Return the name that the focused element has for those who cannot see it."""
    name: str = page.evaluate(
        "() => { const e = document.activeElement; return e.ariaLabel ?? e.name ?? e.textContent.trim(); }"
    )
    return name


@pytest.mark.parametrize(("scheme", "locale", "width"), [("light", "en-US", 1280), ("dark", "pt-BR", 390)])
def test_no_violation_in_any_state(person: Person, scheme: str, locale: str, width: int) -> None:
    """Empty, with keys, while one is changed, while the vault is sealed: readable by all, no wider than a phone."""
    page = person.open(scheme=scheme, locale=locale, width=width)
    expect(page.locator("h1")).to_have_text("API keys" if locale == "en-US" else "Chaves de API")
    assert violations(page) == []
    person.stage.add(KEY, label="the first of two keys of the workshop")
    person.stage.add(OTHER, daily_limit="5")
    page.reload()
    page.locator("[data-action=change]").first.click()
    page.locator("#key-form summary").click()
    page.select_option("#key-form [name=provider]", "+")
    expect(page.locator("#other")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    person.stage.lose_master_key()
    page.reload()
    expect(page.locator("#unseal-form")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_key_is_added_by_keyboard_alone(person: Person) -> None:
    """No provider is chosen beforehand: a key that goes to a wrong one is known to it. Then one line says all."""
    page = person.open()
    form = page.locator("#key-form")
    form.locator("[name=key]").fill(KEY)
    page.keyboard.press("Enter")
    assert focused(page) == "provider"
    assert person.stage.listed() == []
    form.locator("[name=provider]").select_option("openai")
    form.locator("[name=key]").focus()
    page.keyboard.press("Enter")
    expect(form.locator(".result")).to_contain_text("OpenAI is good")
    expect(form.locator(".result")).to_contain_text("lists 2 models")
    expect(form.locator(".result")).not_to_contain_text("null")
    expect(row(page, "6789")).to_contain_text("good")
    assert form.locator("[name=key]").input_value() == ""
    assert KEY not in page.content()


def test_what_is_refused_is_said_where_it_was_asked(person: Person) -> None:
    """The reason, no word of programs, the field to mend in focus, and the rest of the form as it was."""
    page = person.open(locale="pt-BR")
    form = page.locator("#key-form")
    form.locator("[name=provider]").select_option("openai")
    form.locator("[name=key]").fill("sk-test not-a-key")
    form.locator("[type=submit]").click()
    expect(form.locator(".result")).to_contain_text("A chave não foi adicionada")
    expect(form.locator(".result [lang=en]")).to_contain_text("there is a space")
    assert (focused(page), form.locator("[name=provider]").input_value()) == ("key", "openai")
    person.stage.add(KEY)
    form.locator("[name=key]").fill(KEY)
    form.locator("[type=submit]").click()
    expect(form.locator(".result")).to_have_text("A chave não foi adicionada: ela já está guardada.")
    form.locator("[name=provider]").select_option("+")
    form.locator("[name=name]").fill("Casa")
    form.locator("[name=base_url]").fill("http://192.168.1.9:4000/v1")
    form.locator("[name=key]").fill(OTHER)
    form.locator("[type=submit]").click()
    expect(form.locator(".result")).to_contain_text("marque a caixa")
    form.locator("[name=is_local]").check()
    form.locator("[name=key]").fill(OTHER)
    form.locator("[type=submit]").click()
    expect(row(page, "Casa")).to_be_visible()


def test_a_limit_that_is_no_amount_is_shown_where_it_is(person: Person) -> None:
    """What is folded away unfolds, so that the browser can point at it."""
    page = person.open()
    form = page.locator("#key-form")
    form.locator("summary").click()
    form.locator("[name=daily_limit]").fill("much")
    form.locator("summary").click()
    form.locator("[name=provider]").select_option("openai")
    form.locator("[name=key]").fill(KEY)
    form.locator("[type=submit]").click()
    expect(form.locator("[name=daily_limit]")).to_be_visible()
    assert person.stage.listed() == []
    form.locator("[name=daily_limit]").fill("2,50")
    form.locator("[type=submit]").click()
    expect(row(page, "6789")).to_contain_text("US$ 0.00 of US$ 2.50 today")


def test_the_focus_stays_with_whoever_works_without_a_mouse(person: Person) -> None:
    """After a test, a switch, a change that was given up and a deletion, the next Tab goes on from there."""
    person.stage.add(KEY, label="first")
    person.stage.add(OTHER, label="second")
    person.stage.house.upstream.checks[KEY] = KeyInvalid("api.openai.com refused the key")
    page = person.open()
    row(page, "first").get_by_role("button", name="Test").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#told.is-bad")).to_contain_text("OpenAI first is refused by its provider")
    expect(row(page, "first")).to_contain_text("refused by its provider")
    assert focused(page) == "Test OpenAI first"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row(page, "first")).to_contain_text("not in use")
    assert focused(page) == "Use OpenAI first"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused(page) == "key"
    page.keyboard.press("Escape")
    expect(page.locator("#change")).to_be_hidden()
    assert focused(page) == "Change OpenAI first"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row(page, "first")).to_have_count(0)
    assert person.asked == ["Delete OpenAI first? It cannot be brought back."]
    assert focused(page) == "Test OpenAI second"
    row(page, "second").locator("[data-action=remove]").click()
    expect(page.locator("#keys")).to_contain_text("No key yet")
    assert focused(page) == "Your keys"


def test_a_key_is_changed(person: Person) -> None:
    """Another key, another name, a limit; an order is asked only where there are two. The new key is tested at once."""
    person.stage.add(KEY)
    page = person.open()
    page.locator("[data-action=change]").click()
    expect(page.locator("#order")).to_be_hidden()
    change = page.locator("#change-form")
    change.locator("[name=key]").fill(OTHER)
    change.locator("[name=label]").fill("work")
    change.locator("[name=monthly_limit]").fill("40")
    page.keyboard.press("Enter")
    expect(page.locator("#told.is-good")).to_contain_text("is good")
    expect(row(page, "3210")).to_contain_text("OpenAI · work")
    (found,) = person.stage.listed()
    assert (found["label"], found["monthly_limit"]) == ("work", "40")
    person.stage.add(KEY)
    page.reload()
    row(page, "6789").locator("[data-action=change]").click()
    change.locator("[name=position]").fill("1")
    change.get_by_role("button", name="Save").click()
    expect(page.locator("#told.is-good")).to_contain_text("is changed")
    expect(page.locator("#keys li").first).to_contain_text("6789")


def test_what_a_button_did_is_seen_from_the_last_row(person: Person) -> None:
    """The note stays in the window however long the list is."""
    for number in range(14):
        person.stage.add(f"{KEY}-{number}", label=f"number {number}")
    page = person.open(width=390)
    page.locator("#keys li").last.scroll_into_view_if_needed()
    page.locator("#keys li").last.get_by_role("button", name="Test").click()
    expect(page.locator("#told")).to_contain_text("number 13 is good")
    expect(page.locator("#told")).to_be_in_viewport()


def test_a_sealed_vault_offers_what_can_be_done_and_nothing_else(person: Person) -> None:
    """Nothing is called good, nothing can be tested or added; once the file is back, one click opens it."""
    person.stage.add(KEY)
    person.stage.lose_master_key()
    page = person.open()
    expect(row(page, "6789")).to_contain_text("cannot be read now")
    expect(page.locator("[data-action]")).to_have_count(1)
    expect(page.locator("#key-form")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#unseal-form .result")).to_contain_text("vault.key")
    person.stage.find_master_key()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#key-form")).to_be_visible()
    expect(row(page, "6789").get_by_role("button", name="Test")).to_be_visible()


def test_all_keys_are_sealed_anew(person: Person) -> None:
    """Asked first, told then; the keys stay."""
    person.stage.add(KEY)
    page = person.open()
    page.get_by_role("button", name="Seal all keys anew").click()
    expect(page.locator("#sealed-anew")).to_have_text("All keys are sealed anew (1).")
    assert len(person.asked) == 1
    assert [each["last4"] for each in person.stage.listed()] == ["6789"]
