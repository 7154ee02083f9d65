"""Which door each address has, and the list of all addresses. Knows nothing of keys or of what the routes do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Protocol


class Need(Enum):
    """What a caller must be to pass. An address nobody thought of needs the most: it counts as a page."""

    OPEN = "open"  # anybody whose Host and Origin are right: no secret, no effect
    INFERENCE = "inference"
    ADMIN = "admin"
    PAGE = "page"  # admin too, but a browser without a session is shown the sign-in form


SIGN_IN: Final = "/session"
UPLOAD: Final = "/manage/import"  # its body is a model file: any size, and not JSON

_EXACT: Final[Mapping[str, Need]] = {
    "/health": Need.OPEN,
    "/ready": Need.OPEN,
    "/favicon.ico": Need.OPEN,
    SIGN_IN: Need.OPEN,
    "/metrics": Need.ADMIN,
    "/openapi.json": Need.ADMIN,
    "/v1/models": Need.INFERENCE,
    "/v1/chat/completions": Need.INFERENCE,
    "/v1/completions": Need.INFERENCE,
    "/v1/embeddings": Need.INFERENCE,
}
_BELOW: Final[tuple[tuple[str, Need], ...]] = (
    ("/v1/", Need.INFERENCE),
    ("/api/", Need.INFERENCE),
    ("/manage", Need.ADMIN),
    ("/static/", Need.OPEN),  # the sign-in form is drawn with these; they came with Batuta and hold nothing of anybody
)

_ENDLESS: Final = frozenset({"/ui/events", "/manage/events"})


def need_for(path: str) -> Need:
    """Return what a decoded path demands of its caller."""
    if (need := _EXACT.get(path)) is not None:
        return need
    for prefix, below in _BELOW:
        if path.startswith(prefix):
            return below
    return Need.PAGE


def is_endless(path: str) -> bool:
    """Say whether answers at this path go on until one side leaves: the event streams."""
    return path in _ENDLESS


def is_upload(path: str) -> bool:
    """Say whether a body at this path goes to the disk as it comes, however large it is."""
    return path == UPLOAD


class HasRoutes(Protocol):
    """What `all_routes` reads: the dispatcher's raw table and the app behind it."""

    @property
    def raw(self) -> Mapping[tuple[str, str], Any]: ...

    @property
    def app(self) -> Any: ...


def all_routes(dispatcher: HasRoutes) -> list[tuple[str, str]]:
    """Return (method, path) of every address: raw routes, the app's routes, what is mounted below it.

    Paths keep their `{parameters}`; `concrete` fills them in.
    """
    found = set(dispatcher.raw)
    found |= set(_walk(getattr(dispatcher.app, "routes", ()), ""))
    return sorted(found, key=lambda route: (route[1], route[0]))


def _walk(routes: Iterable[Any], prefix: str) -> Iterable[tuple[str, str]]:
    # Imported here: only tests and reports walk. FastAPI keeps included routers folded; this unfolds them.
    from fastapi.routing import iter_route_contexts
    from starlette.routing import Mount

    for route in iter_route_contexts(list(routes)):
        assert route.path is not None, f"{route!r} has no path: teach the walk about it, or it goes unchecked"
        path = prefix + route.path
        original = route.original_route
        if below := getattr(original, "routes", None):
            yield from _walk(below, path)
        elif isinstance(original, Mount):
            yield from (("GET", f"{path}/{{path}}"), ("HEAD", f"{path}/{{path}}"))
        else:
            yield from ((method, path) for method in sorted(route.methods or {"GET"}))


def concrete(path: str) -> str:
    """Return a path with every `{parameter}` replaced by `x`, as a caller could send it."""
    parts = path.split("{")
    return parts[0] + "".join("x" + part.partition("}")[2] for part in parts[1:])
