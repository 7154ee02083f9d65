"""Prints pages and fragments from templates. Knows nothing of services, requests or streams."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batuta.web.assets import Assets
from batuta.web.fragments import Snapshot
from batuta.web.i18n import NAMES, Language
from batuta.web.toasts import Toast

TEMPLATES = Path(__file__).parent / "templates"
PAGE_HEADERS: Final[Mapping[str, str]] = {
    # Styles, scripts and images of our own; a model's words can name nothing that the browser would fetch.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Renderer:
    """The templates, and the last printed form of each fragment: many tabs cost one printing.

    Making one reads and compiles every template: one serves all pages.
    """

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        sprite = assets.url("icons.svg")
        self._templates.globals.update(
            static_url=assets.url,
            languages=NAMES,
            icon=lambda name: Markup('<svg class="i" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
                sprite, name
            ),
        )
        for name in self._templates.list_templates():  # read now: a request must not wait for the disk
            self._templates.get_template(name)
        self._printed: dict[tuple[str, str], tuple[Any, str]] = {}

    def page(self, template: str, words: Language, **context: Any) -> str:
        """Print a template with this language's sentences as `_` and `n_`."""
        found = self._templates.get_template(template)
        return found.render(words=words, _=words.say, n_=words.say_many, **context)

    def fragments(self, words: Language, snapshot: Snapshot) -> dict[str, str]:
        """Print the parts of the page that change by themselves, by the id of the element they fill."""
        inputs: dict[str, Any] = {"models": snapshot.panel, "servers": snapshot.servers}
        inputs |= {"memory": snapshot.devices, "welcome": snapshot.welcome, "downloads": snapshot.downloads}
        inputs["swaps"] = snapshot.swaps
        return {name: self._fragment(name, value, words) for name, value in inputs.items()}

    def toasts(self, words: Language, toasts: tuple[Toast, ...]) -> str:
        """Print the passing notes."""
        return self.page("_toasts.html", words, toasts=toasts)

    def _fragment(self, name: str, value: Any, words: Language) -> str:
        known = self._printed.get((words.code, name))
        if known is not None and known[0] == value:
            return known[1]
        html = self.page(f"_{name}.html", words, **{name: value})
        self._printed[(words.code, name)] = (value, html)
        return html


def message(fragments: Mapping[str, str]) -> str:
    """Wrap fragments as one message of `/ui/events`: each is morphed into the element of its name."""
    return "".join(
        f'<hx-partial hx-target="#{name}" hx-swap="innerMorph">{html}</hx-partial>' for name, html in fragments.items()
    )
