"""Talks to the gateway over HTTP with the standard library, as any script could. Knows nothing of how it works inside.

No second HTTP client of the gateway's kind is loaded here: a command must answer in a fraction of a second.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from batuta.cli.door import NoGateway
from batuta.cli.record import is_alive, read_record
from batuta.errors import BadSettings, BatutaError
from batuta.vault.secret import Secret

if TYPE_CHECKING:
    from batuta.settings import Settings

ANSWER_S = 30.0  # seconds for a management call; the longest re-verifies every model
STREAM_S = 240.0  # seconds of silence in a stream; above the 180 s that a request may wait for its model
_CHUNK = 16 * 1024
_NOTE = b": batuta "
_LISTING = re.compile(r"GET /(?:v1|manage)/models lists(?: what there is| them)?")  # how programs list models


class Refused(BatutaError):
    """The gateway answered with an error; message and code are its own."""

    def __init__(self, message: str, *, status: int, code: str = "", suggestion: str | None = None) -> None:
        super().__init__(message, suggestion=suggestion, details={"code": code or f"http_{status}", "status": status})


class GatewayClient:
    """One gateway. Each call is its own connection."""

    def __init__(self, url: str, key: Secret | None = None) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if not host or scheme not in {"http", "https"}:
            raise BadSettings(f"{url!r} is no address of a gateway; write it like http://127.0.0.1:22888")
        self._is_tls = scheme == "https"
        self._host = host
        self._port = port or (443 if self._is_tls else 80)
        self._key = key
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{shown}:{self._port}"

    def get(self, path: str) -> Any:
        """Return the JSON answer to GET `path`. Raises NoGateway and Refused."""
        return self._call("GET", path, None, timeout_s=ANSWER_S)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = ANSWER_S) -> Any:
        """Return the JSON answer to POST `path`, waiting up to `timeout_s` for it. Raises NoGateway and Refused."""
        return self._call("POST", path, body or {}, timeout_s=timeout_s)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON answer to PATCH `path`. Raises NoGateway and Refused."""
        return self._call("PATCH", path, body, timeout_s=ANSWER_S)

    def delete(self, path: str) -> Any:
        """Return the JSON answer to DELETE `path`. Raises NoGateway and Refused."""
        return self._call("DELETE", path, None, timeout_s=ANSWER_S)

    def stream(
        self, path: str, body: Mapping[str, Any], on_note: Callable[[dict[str, Any]], None] | None = None
    ) -> Iterator[Any]:
        """Yield the JSON data of each event that answers POST `path`, until `[DONE]` or the end.

        `on_note` is told what the gateway says in comments meanwhile: who is asked, and how far that is.

        Raises NoGateway, Refused, and Refused in the middle when an event is an error.
        """
        from batuta.chat.sse import SSEParser

        with self._answer("POST", path, body, timeout=STREAM_S) as answer:
            parser, has_begun = SSEParser(), False
            while data := answer.read1(_CHUNK):
                if on_note is not None and not has_begun:
                    for note in _notes(data):
                        on_note(note)
                for event in parser.feed(data):
                    has_begun = True
                    if event.data.strip() == b"[DONE]":
                        return
                    yield _event_data(event.data)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None, *, timeout_s: float) -> Any:
        with self._answer(method, path, body, timeout=timeout_s) as answer:
            raw = answer.read()
        try:
            return json.loads(raw) if raw else None
        except ValueError:
            raise Refused(f"{self.url}{path} answered with something that is not JSON", status=502) from None

    @contextmanager
    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        with closing(kind(self._host, self._port, timeout=timeout)) as connection:
            try:
                connection.request(method, path, None if body is None else json.dumps(body), self._headers())
                with connection.getresponse() as answer:
                    if answer.status >= 400:
                        raise self._refusal(answer.status, answer.read(64 * 1024))
                    yield answer
            except (OSError, http.client.HTTPException) as error:
                raise _unreachable(self.url, error) from None

    def _refusal(self, status: int, raw: bytes) -> Refused:
        """Return the gateway's error; one about the key says how the command line is given one."""
        error = refusal(status, raw)
        if status != http.client.UNAUTHORIZED:
            return error
        what = f"the gateway at {self.url} " + ("refuses the key it was sent" if self._key else "wants a key")
        how = "set BATUTA_API_KEY to one of its keys, or auth.api_key in the settings file"
        return Refused(f"{what}; {how}", status=status, code=str(error.details["code"]))

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return headers


def model_path(model_id: str, action: str = "") -> str:
    """Return the management path of a model: `/manage/models/{id}`, or `/manage/models/{id}/{action}`."""
    return f"/manage/models/{quote(model_id, safe='/')}{f'/{action}' if action else ''}"


def refusal(status: int, raw: bytes) -> Refused:
    """Turn an error answer into an error with the gateway's own words."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return _refused(error, status)
    if isinstance(error, dict) and error.get("detail"):
        return Refused(f"the gateway refused: {error['detail']}", status=status)
    return Refused(f"the gateway answered with status {status}", status=status)


def _refused(error: Mapping[str, Any], status: int) -> Refused:
    suggestion = error.get("suggestion")
    return Refused(
        _LISTING.sub("`batuta models` lists what there is", str(error["message"])),
        status=status,
        code=str(error.get("code") or ""),
        suggestion=suggestion if isinstance(suggestion, str) else None,
    )


def _event_data(raw: bytes) -> Any:
    try:
        data = json.loads(raw)
    except ValueError:
        raise Refused("the gateway's stream holds something that is not JSON", status=502) from None
    if isinstance(data, dict) and isinstance(error := data.get("error"), dict) and "message" in error:
        raise _refused(error, 502)
    return data


def _notes(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the gateway's notes that stand whole in a chunk: each is sent at once, and one that is cut is no loss."""
    for line in data.split(b"\n"):
        if line.startswith(_NOTE):
            try:
                note = json.loads(line[len(_NOTE) :])
            except ValueError:
                continue
            if isinstance(note, dict):
                yield note


def _unreachable(url: str, error: Exception) -> BatutaError:
    if isinstance(error, TimeoutError):
        return Refused(f"the gateway at {url} did not answer in time", status=504, code="timeout")
    if isinstance(error, ConnectionRefusedError):
        return NoGateway(f"nothing listens at {url}; start Batuta with `batuta up`")
    if isinstance(error, BrokenPipeError | ConnectionError | http.client.HTTPException):
        return NoGateway(f"the gateway at {url} broke the connection off; `batuta status` tells whether it still runs")
    return NoGateway(f"the gateway at {url} cannot be reached: {error}")


def connect(settings: Settings, url: str | None = None) -> GatewayClient:
    """Return a client for the gateway of this installation, or for the one at `url`.

    The record's token goes to the recorded gateway only; elsewhere the key of the settings is sent, if there is one.

    Raises:
        NoGateway: none is running on the data folder.
    """
    key = Secret(settings.auth.api_key) if settings.auth.api_key else None
    if url:
        return GatewayClient(url, key)
    record = read_record(settings.run_dir)
    if record is None:
        raise NoGateway(_absent(settings.data_dir, "no gateway is running"))
    if not is_alive(record):
        raise NoGateway(_absent(settings.data_dir, f"the last gateway (pid {record.pid}) is gone"))
    return GatewayClient(record.url, record.token or key)


def _absent(data_dir: Path, what: str) -> str:
    return (
        f"{what} on the data folder {data_dir}; start one with `batuta up`, "
        "or name another installation with --data-dir or --url"
    )
