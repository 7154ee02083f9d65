"""Signing in and out: exchanges a key for a session cookie, where the settings demand a key. Knows no other page."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from batuta.errors import BadRequest, BatutaError
from batuta.web.auth import Auth, Identity
from batuta.web.disconnect import Receive, read_body
from batuta.web.headers import FORM_REFERRER, SECURITY, completed

MAX_FORM = 16 * 1024
_PAGE: Final = ((b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store"), FORM_REFERRER)
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Words:
    language: str
    title: str
    ask: str
    button: str


_WORDS: Final = (
    _Words("en", "Sign in to Batuta", "Access key", "Sign in"),
    _Words("pt-BR", "Entrar no Batuta", "Chave de acesso", "Entrar"),
)
_REFUSED: Final[Mapping[str, Mapping[int, str]]] = {
    "en": {401: "This key is not valid.", 429: "Too many attempts. Wait a minute and try again."},
    "pt-BR": {401: "Esta chave não é válida.", 429: "Tentativas demais. Espere um minuto e tente de novo."},
}


class _Form(msgspec.Struct):
    key: str


class SignIn:
    """The form, and the two things a person does with it.

    Args:
        auth: keeps the sessions.
        stylesheet: address of the pages' style sheet; without it the form is plain but works.
    """

    def __init__(self, auth: Auth, *, stylesheet: str | None = None) -> None:
        self._auth = auth
        self._stylesheet = stylesheet

    async def show(self, scope: Mapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        """`GET /session`: the form."""
        del receive, identity
        await _answer(send, 200, self.page(scope))

    async def demand(self, scope: Mapping[str, Any], send: Send) -> None:
        """Answer a page that was asked for without a session: 401, and the form."""
        await _answer(send, 401, self.page(scope))

    async def sign_in(self, scope: Mapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        """`POST /session`: a form or JSON with `key`; 303 to the start page with the cookie, or the form again."""
        del identity
        key = _key_in(await read_body(receive, MAX_FORM), _header(scope, b"content-type"))
        client = scope.get("client")
        outcome = self._auth.sign_in(key, address=client[0] if client else "", is_https=scope["scheme"] == "https")
        if isinstance(outcome, BatutaError):
            await _answer(send, outcome.status, self.page(scope, refused=outcome))
        else:
            await _answer(send, 303, b"", (b"location", b"/"), (b"set-cookie", outcome))

    async def sign_out(self, scope: Mapping[str, Any], receive: Receive, send: Send, identity: Identity) -> None:
        """`DELETE /session`: end the session; what still runs under it is cut."""
        del receive, identity
        await _answer(send, 204, b"")
        self._auth.sign_out(_header(scope, b"cookie"))

    def page(self, scope: Mapping[str, Any], *, refused: BatutaError | None = None) -> bytes:
        """Return the form as HTML, in the caller's language: English, or Portuguese when that is preferred."""
        is_portuguese = _header(scope, b"accept-language").strip().lower().startswith(b"pt")
        words = _WORDS[is_portuguese]
        style = f'<link rel="stylesheet" href="{html.escape(self._stylesheet)}">' if self._stylesheet else ""
        why = _REFUSED[words.language].get(refused.status, refused.message) if refused else ""
        alert = f'<p role="alert">{html.escape(why)}</p>' if why else ""
        return (
            f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>{words.title}</title>{style}</head>'
            f'<body class="sign-in"><main><h1>{words.title}</h1>{alert}<form method="post" action="/session">'
            f'<label for="key">{words.ask}</label>'
            '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>'
            f'<button type="submit">{words.button}</button></form></main></body></html>'
        ).encode()


def _key_in(body: bytes, content_type: bytes) -> str:
    try:
        if b"json" in content_type:
            return msgspec.json.decode(body, type=_Form).key
        return parse_qs(body.decode(), strict_parsing=True, max_num_fields=4)["key"][0]
    except (msgspec.DecodeError, ValueError, KeyError):
        raise BadRequest("To sign in, send one field `key`, as a form or as JSON.") from None


def _header(scope: Mapping[str, Any], wanted: bytes) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == wanted), b"")


async def _answer(send: Send, status: int, page: bytes, *headers: tuple[bytes, bytes]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": completed([*headers, *_PAGE, (b"content-length", b"%d" % len(page))], SECURITY),
        }
    )
    await send({"type": "http.response.body", "body": page})
