"""`GET /api-keys`: the page of the keys, and its list as a fragment. Decides nothing; the buttons call the keys API."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from batuta.keys.service import Keys
from batuta.web import i18n
from batuta.web.assets import Assets
from batuta.web.first_look import keys_read
from batuta.web.fragments import N_
from batuta.web.i18n import Language
from batuta.web.keys_view import key_lines
from batuta.web.render import PAGE_HEADERS, Renderer
from batuta.web.services import Services

THEMES: Final = frozenset({"light", "dark"})
SEALS: Final = {
    "keyring": N_("The master key lies in the keyring of this computer."),
    "file": N_("The master key lies in the file vault.key in the data folder, which only you can read."),
    "passphrase": N_("The master key is made of your passphrase."),
    "environment": N_("The master key is in the environment variable BATUTA_MASTER_KEY."),
}


BY_A_CLICK: Final = frozenset({"keyring", "file"})  # the others need a new passphrase, or another start


def router(services: Services, *, renderer: Renderer | None = None) -> APIRouter:
    """Build the routes. renderer: prints the pages; None: one of its own."""
    page = _KeysPage(services, renderer or Renderer(Assets()))

    async def known() -> None:
        await keys_read(services)

    routes = APIRouter(include_in_schema=False, dependencies=[Depends(known)])
    routes.add_api_route("/api-keys", page.show, methods=["GET"])
    routes.add_api_route("/ui/keys", page.fragment, methods=["GET"])
    return routes


class _KeysPage:
    def __init__(self, services: Services, renderer: Renderer) -> None:
        self._keys: Keys = services.keys
        self._clock = services.clock
        self._language = services.settings.language
        self._renderer = renderer
        for code in i18n.NAMES:  # read now: a request must not wait for the disk
            i18n.language(code)

    async def show(self, request: Request) -> Response:
        """The whole page."""
        words = self._words(request)
        theme = request.cookies.get("batuta_theme", "")
        seal = SEALS.get(self._keys.source or "", "")
        html = self._renderer.page(
            "keys.html",
            words,
            keys=self._list(words),
            offers=sorted(self._keys.offers(), key=lambda offer: offer.name.casefold()),
            sealed=self._keys.sealed,
            asks_passphrase=self._keys.source in {None, "passphrase"},
            master_key=words.say(seal) if seal and not self._keys.sealed else "",
            can_rotate=self._keys.source in BY_A_CLICK,
            theme=theme if theme in THEMES else "",
        )
        return HTMLResponse(html, headers=dict(PAGE_HEADERS))

    async def fragment(self, request: Request) -> Response:
        """The list alone, which the page puts in the place of its own."""
        return HTMLResponse(self._list(self._words(request)), headers=dict(PAGE_HEADERS))

    def _list(self, words: Language) -> str:
        lines = key_lines(self._keys.rows(), words, now=self._clock.wall(), is_sealed=bool(self._keys.sealed))
        return self._renderer.page("_keys.html", words, keys=lines)

    def _words(self, request: Request) -> Language:
        return i18n.choose(
            cookie=request.cookies.get(i18n.COOKIE),
            setting=self._language,
            accept=request.headers.get("accept-language"),
        )
