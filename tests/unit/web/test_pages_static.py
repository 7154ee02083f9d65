"""The static files: what is served, how it is kept, and that what was made elsewhere is what it claims to be."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from batuta.web.assets import FOREVER, REVALIDATE, STATIC, Assets

ASSETS = Assets()


async def _serve(request: Request) -> Response:
    return ASSETS.respond(request, request.path_params["path"])


BROWSER = TestClient(Starlette(routes=[Route("/static/{path:path}", _serve)]))
LISTED = tomllib.loads((STATIC / "VENDORED.toml").read_text(encoding="utf-8"))["file"]


@pytest.mark.parametrize("entry", LISTED, ids=lambda entry: entry["file"])
def test_vendored_file_is_the_listed_one(entry: dict[str, str]) -> None:
    """Each file made elsewhere has its hash, licence text and source on record."""
    assert hashlib.sha256((STATIC / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (STATIC / entry["licence_file"]).read_text(encoding="utf-8").strip()
    assert entry["source"].startswith("npm:")
    assert entry["version"] in entry["source"]


def test_every_vendored_file_is_listed() -> None:
    """Nothing comes in without a record."""
    present = {path.relative_to(STATIC).as_posix() for path in (STATIC / "vendor").glob("*.*")}
    assert present == {entry["file"] for entry in LISTED}


def test_current_address_is_kept_for_ever() -> None:
    """The address changes with the content, so a browser need not ask again."""
    response = BROWSER.get(ASSETS.url("css/batuta.css"))
    assert response.headers["cache-control"] == FOREVER
    assert response.headers["content-type"].startswith("text/css")
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("prefix", ["", "0123456789ab/"])
def test_other_address_is_revalidated(prefix: str) -> None:
    """A page that was open during an upgrade still gets its files, and an ETag to compare."""
    first = BROWSER.get(f"/static/{prefix}js/app.js")
    assert first.headers["cache-control"] == REVALIDATE
    again = BROWSER.get(f"/static/{prefix}js/app.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_unpacked_content_is_the_file() -> None:
    """With or without gzip, the same bytes arrive."""
    body = (STATIC / "js/app.js").read_bytes()
    plain = BROWSER.get(ASSETS.url("js/app.js"), headers={"accept-encoding": "identity"})
    assert plain.content == body
    assert gzip.decompress(Assets()._files["js/app.js"].packed) == body


@pytest.mark.parametrize(
    "path",
    ["../templates/chat.html", "%2e%2e/assets.py", "..%2f..%2fassets.py", "js", "", "js/", "js\\app.js", "/etc/passwd"],
)
def test_nothing_outside_the_table_is_served(path: str) -> None:
    """A path is a key in a table, never a way through the disk."""
    assert BROWSER.get(f"/static/{path}").status_code == 404


def test_wrong_name_in_a_template_is_an_error() -> None:
    """A page cannot be printed with an address that does not exist."""
    with pytest.raises(KeyError, match="no static file"):
        ASSETS.url("js/missing.js")


def test_hash_follows_the_content(tmp_path: Path) -> None:
    """One changed byte changes every address; the same bytes keep it."""
    (tmp_path / "a.js").write_text("1", encoding="utf-8")
    before = Assets(tmp_path).version
    assert Assets(tmp_path).version == before
    (tmp_path / "a.js").write_text("2", encoding="utf-8")
    assert Assets(tmp_path).version != before
