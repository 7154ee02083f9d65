"""Downloads and files handed over: ask for one, see how it goes, call it off. Decides nothing; see `downloads`.

`POST /manage/import` is a raw route: its body is a model file, which goes to the disk as it comes and is never held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from batuta.catalog.service import Catalog
from batuta.downloads import service as pulls
from batuta.errors import BadRequest
from batuta.web.auth import Identity
from batuta.web.disconnect import ClientGone, Receive
from batuta.web.dispatch import RawRoute, Scope
from batuta.web.errors import NotFound
from batuta.web.routes.manage_forms import ErrorView, Form
from batuta.web.services import Services
from batuta.web.session import Send
from batuta.web.table import UPLOAD
from batuta.web.views import View, memory_view

_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "nothing of that name; the message names the nearest"},
}


class PullForm(Form):
    """What to download: a name of the catalogue, `hf:org/repo`, `hf:org/repo:QUANT` or `hf:org/repo/file.gguf`."""

    name: str = Field(min_length=1, max_length=400)


class PullError(BaseModel):
    """Why a download failed."""

    code: str
    message: str
    suggestion: str | None = None


class PullView(BaseModel):
    """A download and how far it is. Bytes, bytes a second, seconds; `asked_at` in unix seconds."""

    id: str
    name: str
    source: str = Field(description="what the name means, as hf:...")
    state: str = Field(
        description="queued, listing, checking, downloading, waiting, finishing, done, failed, cancelled"
    )
    bytes: int
    total: int = Field(description="0 while nobody knows")
    rate: float | None
    remaining_s: float | None
    wait_s: float = Field(description="seconds until the next try, while it waits")
    note: str = Field(description="why it waits")
    label: str = Field(description="the quantization that was picked")
    files: list[str]
    is_new: bool = Field(description="false for a model that was there already")
    error: PullError | None
    asked_at: float
    model: str | None = Field(description="its id in the catalog, once it is there")


class PullList(BaseModel):
    """All downloads of this run, the oldest first."""

    pulls: list[PullView]


class StarterView(BaseModel):
    """A model of the catalogue. `size`: bytes, about."""

    name: str
    title: str
    source: str
    size: int
    licence: str
    machine: str = Field(description="8GB, 16GB, card16, card24 or any: the least machine it is meant for")
    use: str = Field(description="chat, code or embedding")
    default: bool = Field(description="the first choice for that machine and use")
    fits: bool = Field(description="the memory budget of a device here holds it")


class StarterList(BaseModel):
    """The catalogue."""

    date: str = Field(description="of which the sizes and sources are")
    problem: str = Field(description="why a starters.toml of your own was left out; empty when all is well")
    starters: list[StarterView]


class DiscardView(BaseModel):
    """How many bytes were freed."""

    bytes: int


def router(services: Services) -> APIRouter:
    """Build the routes."""
    routes = APIRouter(prefix="/manage", responses=_ERRORS, tags=["downloads"])
    ours = _Pulls(services)

    def add(method: str, path: str, endpoint: Any, summary: str, **rest: Any) -> None:
        routes.add_api_route(path, endpoint, methods=[method], summary=summary, **rest)

    add("GET", "/starters", ours.starters, "Models that are offered for download", response_model=StarterList)
    add("GET", "/pulls", ours.all, "List the downloads", response_model=PullList)
    add("POST", "/pulls", ours.start, "Download a model", response_model=PullView, status_code=202)
    add("POST", "/pulls/discard", ours.discard, "Remove what cut downloads left", response_model=DiscardView)
    add("GET", "/pulls/{pull_id}", ours.one, "Look at one download", response_model=PullView)
    add("DELETE", "/pulls/{pull_id}", ours.cancel, "Call a download off", response_model=PullView)
    return routes


def raw_routes(services: Services) -> dict[tuple[str, str], RawRoute]:
    """Return (method, path) -> handler, for the dispatcher's raw table."""
    return {("POST", UPLOAD): _Import(services)}


class _Pulls:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._downloads = services.downloads

    def _view(self, pull: pulls.Pull) -> View:
        return pulls.view(pull) | {"model": model_of(self._services.catalog, pull)}

    def _pull(self, pull_id: str) -> pulls.Pull:
        if (pull := self._downloads.get(pull_id)) is None:
            raise NotFound(f"there is no download {pull_id[:64]!r}; GET /manage/pulls lists them")
        return pull

    async def starters(self) -> View:
        """The dated catalogue, with what fits here. Nothing of it is fetched by itself."""
        catalogue = await self._downloads.catalogue()
        budgets = [int(device["budget"]) for device in memory_view(self._services)]
        found = [
            starter.model_dump(by_alias=False, exclude={"is_default"})
            | {"default": starter.is_default, "fits": starter.fits(budgets)}
            for starter in catalogue.starters.values()
        ]
        return {"date": catalogue.date, "problem": catalogue.problem, "starters": found}

    async def all(self) -> View:
        """The downloads since the start, at most the last fifty that have ended."""
        return {"pulls": [self._view(pull) for pull in self._downloads.all()]}

    async def start(self, form: PullForm) -> View:
        """Begin it, or queue it behind the one that runs, and answer at once.

        One that is under way already is answered as it is. One that was cut or called off goes on from where it was.
        """
        return self._view(await self._downloads.start(form.name))

    async def one(self, pull_id: str) -> View:
        """How far it is; why it failed."""
        return self._view(self._pull(pull_id))

    async def cancel(self, pull_id: str) -> View:
        """Stop it. What came is kept for the next time; `POST /manage/pulls/discard` removes it."""
        return self._view(self._downloads.cancel(self._pull(pull_id)))

    async def discard(self, form: PullForm) -> View:
        """Free the disk of what cut or cancelled downloads of that name have left."""
        return {"bytes": await self._downloads.discard(form.name)}


def model_of(catalog: Catalog, pull: pulls.Pull) -> str | None:
    """Return the id of the model that a download became; None while the catalog does not have it."""
    paths = {str(path) for path in pull.files}
    return next((spec.id for spec in catalog.specs().values() if spec.address in paths), None)


class _Import:
    """`POST /manage/import?name=FILE.gguf`, the file as the body. Answers when the model is in the catalog."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send, _identity: Identity) -> None:
        name = _only_name(scope["query_string"])
        length = next((int(value) for header, value in scope["headers"] if header == b"content-length"), None)
        taken = await self._services.downloads.uploads.take(name, _pieces(receive), size=length)
        model = next((s.id for s in self._services.catalog.specs().values() if s.address == str(taken.path)), None)
        body = {"file": str(taken.path), "bytes": taken.size, "sha256": taken.sha256, "model": model}
        await Response(orjson.dumps(body), 201, media_type="application/json")(scope, receive, send)


def _only_name(query: bytes) -> str:
    try:
        names = parse_qs(query.decode("ascii"), strict_parsing=True, errors="strict").get("name", [])
    except ValueError:
        names = []
    if len(names) != 1:
        raise BadRequest("say once what the file is called: POST /manage/import?name=FILE.gguf")
    return names[0]


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body"):
            return
