"""Sets up the log: JSON lines in `logs/gateway.log`, and readable lines in a terminal when asked.

One record is one line of the file, whatever its text holds. structlog and the standard library's loggers (uvicorn's
among them) go the same way: redacted, escaped, written. Knows nothing of what is logged.

structlog takes a quarter of a second to import; it is imported when the log is set up, not with this module.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

from batuta.errors import BadSettings
from batuta.observe.redact import Redactor, escape_control, escape_json
from batuta.settings import Settings

FILE_NAME = "gateway.log"
ROTATE_AT = 10_000_000  # bytes; four files of it are read in any editor and are no burden on a disk
KEEP = 3  # rotated files beside the current one
_TAMED = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "aiohttp", "alembic", "py.warnings")
_FIRST = ("timestamp", "level", "event", "logger", "request_id")
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
MAX_TRACE = 200  # lines of a traceback, its end; endless recursion has thousands

redactor = Redactor()
"""The process's own. Whoever learns of a secret tells it: `redactor.remember(secret)`."""


class RotatingFile:
    """Appends lines to a file of mode 0600; past `limit` bytes it becomes `NAME.1`, and so on up to `keep`.

    A disk that is full or gone costs log lines (counted in `lost`), never the work that was logged.
    """

    def __init__(self, path: Path, *, limit: int = ROTATE_AT, keep: int = KEEP) -> None:
        self._path = path
        self._limit = limit
        self._keep = keep
        self._lock = threading.Lock()
        self._fd, self._size = self._open()
        self.lost = 0

    def write(self, line: str) -> None:
        """Append `line` and a line feed."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                if self._size and self._size + len(data) > self._limit:
                    self._rotate()
                # One write a line: another process that appends to the file cannot split it.
                self._size += os.write(self._fd, data)
            except OSError:
                self.lost += 1

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _open(self) -> tuple[int, int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        fd = os.open(self._path, flags, 0o600)
        return fd, os.fstat(fd).st_size

    def _rotate(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        old = self._fd
        self._fd, self._size = self._open()
        os.close(old)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class Log:
    """Where records end: the file, and a terminal when there is one."""

    def __init__(self, file: RotatingFile | None, terminal: TextIO | None) -> None:
        self._file = file
        self._terminal = terminal
        self._has_colour = terminal is not None and terminal.isatty() and not os.environ.get("NO_COLOR")

    def write(self, record: Mapping[str, Any]) -> None:
        """Redact `record` (its text under `event`) and write it. Never raises for a sink that is gone."""
        clean = {name: redactor.field(name, value) for name, value in record.items() if name != "exception"}
        if trace := record.get("exception"):
            # Line by line: a long traceback is worth its length, one endless line is not.
            clean["exception"] = "\n".join(redactor.text(row) for row in str(trace).splitlines()[-MAX_TRACE:])
        if self._file is not None:
            self._file.write(json_line(clean))
        if self._terminal is not None:
            try:
                self._terminal.write(f"{terminal_text(clean, has_colour=self._has_colour)}\n")
                self._terminal.flush()
            except (OSError, ValueError):
                self._terminal = None  # the terminal was closed

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def json_line(record: Mapping[str, Any]) -> str:
    """Return `record` as JSON on one line, time, level and event first; reading it back gives the same values."""
    ordered = {name: record[name] for name in _FIRST if name in record} | dict(record)
    return escape_json(json.dumps(ordered, ensure_ascii=False, default=str))


def terminal_text(record: Mapping[str, Any], *, has_colour: bool) -> str:
    """Return `record` for a person: clock, level, text, fields; a traceback follows indented, so it fakes no record."""
    level = str(record.get("level", "info"))
    head = f"{level:<8}"
    if has_colour:
        head = f"\x1b[{_COLOURS.get(level, '0')}m{head}\x1b[0m"
    fields = " ".join(
        f"{escape_control(name)}={escape_control(str(value))}"
        for name, value in record.items()
        if name not in {"timestamp", "level", "event", "exception"} and value is not None
    )
    clock = time.strftime("%H:%M:%S")
    line = f"{clock} {head} {escape_control(str(record.get('event', '')))}  {fields}".rstrip()
    trace = [f"    {escape_control(row)}" for row in str(record.get("exception") or "").splitlines()]
    return "\n".join([line, *trace])


def configure(settings: Settings, *, to_terminal: bool) -> Log:
    """Make every logger of this process write to the log folder, and to stderr as well with `to_terminal`.

    Raises:
        BadSettings: the log folder cannot be written.
    """
    for value in (settings.auth.api_key, *settings.auth.inference_keys):
        if value:
            redactor.remember(_Plain(value))
    path = settings.log_dir / FILE_NAME
    try:
        # One by one: with `parents` alone, the data folder itself would be as open as the umask leaves it.
        for folder in (settings.data_dir, settings.log_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = RotatingFile(path)
    except OSError as error:
        raise BadSettings(
            f"the log file {path} cannot be written: {error.strerror}; choose another folder with --data-dir"
        ) from None
    log = Log(file, sys.stderr if to_terminal else None)
    install(log)
    return log


def install(log: Log) -> None:
    """Route structlog and the standard library's loggers into `log`."""
    import structlog

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _stamp, _Writer(log)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _FromLogging):
            root.removeHandler(handler)
    root.addHandler(_FromLogging(log))
    root.setLevel(logging.INFO)
    for name in _TAMED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(capture=True)


def bind_request(request_id: str) -> None:
    """Write `request_id` with every record of this task from now on."""
    import structlog

    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _stamp(_logger: Any, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record["timestamp"] = _now()
    record["level"] = "error" if method == "exception" else {"warn": "warning"}.get(method, method)
    if trace := _trace(record.pop("exc_info", None) or (method == "exception")):
        record["exception"] = trace
    return record


def _trace(exc_info: Any) -> str | None:
    if not exc_info:
        return None
    error: BaseException | None
    if isinstance(exc_info, BaseException):
        error = exc_info
    elif isinstance(exc_info, tuple):
        error = exc_info[1]
    else:
        error = sys.exc_info()[1]
    return "".join(traceback.format_exception(error)).rstrip() if error is not None else None


def _now() -> str:
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


class _Writer:
    """structlog's last processor."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __call__(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> str:
        self._log.write(record)
        return ""


class _FromLogging(logging.Handler):
    """Takes the standard library's records."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)  # arguments that do not fit the text are the caller's mistake, not a reason to fail
        entry: dict[str, Any] = {
            "timestamp": _now(),
            "level": record.levelname.lower(),
            "event": text,
            "logger": record.name,
        }
        if trace := _trace(record.exc_info):
            entry["exception"] = trace
        self._log.write(entry)


class _Plain:
    """A secret that came with the settings."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def fingerprint(self) -> str:
        return ""
