"""The log: one record, one line, no secrets, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from batuta.errors import BadSettings
from batuta.observe import log as subject
from batuta.settings import load_settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A configured log; its file."""
    settings, _ = load_settings({"data_dir": str(tmp_path), "auth.api_key": "a-very-plain-value"}, {})
    log = subject.configure(settings, to_terminal=False)
    yield tmp_path / "logs" / subject.FILE_NAME
    log.close()


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_is_a_json_line_with_time_level_and_fields(log_file: Path) -> None:
    """Structlog's records carry time, level, text and fields, in a file only its owner can read."""
    structlog.get_logger().info("loaded", model="brain", seconds=2.5)
    (record,) = records(log_file)
    assert record["event"] == "loaded"
    assert (record["level"], record["model"], record["seconds"]) == ("info", "brain", 2.5)
    assert record["timestamp"].endswith("Z")
    assert stat.S_IMODE(log_file.stat().st_mode) == 0o600


def test_the_standard_librarys_loggers_go_the_same_way(log_file: Path) -> None:
    """Uvicorn's records are in the same file, with their logger's name."""
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(logging.StreamHandler(io.StringIO()))
    subject.install(subject.Log(subject.RotatingFile(log_file), None))
    uvicorn.warning("Invalid HTTP request from %s", "127.0.0.1")
    (record,) = records(log_file)
    assert (record["logger"], record["event"]) == ("uvicorn.error", "Invalid HTTP request from 127.0.0.1")


def test_setting_up_twice_writes_once(log_file: Path, tmp_path: Path) -> None:
    """A second set-up replaces the first."""
    settings, _ = load_settings({"data_dir": str(tmp_path)}, {})
    again = subject.configure(settings, to_terminal=False)
    logging.getLogger("x").info("once")
    again.close()
    assert len(records(log_file)) == 1


def test_arguments_that_do_not_fit_are_no_reason_to_fail(log_file: Path) -> None:
    """A log call with wrong arguments is written as it stands."""
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%d models", ("three",), None)
    next(h for h in logging.getLogger().handlers if isinstance(h, subject._FromLogging)).handle(record)
    assert records(log_file)[0]["event"] == "%d models"


def test_the_request_id_is_on_every_record_of_its_request(log_file: Path) -> None:
    """A bound request id is written with each record."""
    subject.bind_request("r-1")
    structlog.get_logger().info("routed")
    assert records(log_file)[0]["request_id"] == "r-1"


def test_tracebacks_are_kept_on_the_one_line(log_file: Path) -> None:
    """An exception is a field of its record, with the secrets in its message masked."""
    try:
        raise ValueError("refused sk-test-not-a-key\nfake line")  # noqa: TRY301  # the text is the subject
    except ValueError:
        structlog.get_logger().exception("failed")
    (record,) = records(log_file)
    assert "ValueError: refused sk-****" in record["exception"]
    assert record["level"] == "error"


def test_secrets_of_the_settings_are_masked(log_file: Path) -> None:
    """A key that has no shape of its own is masked by its value."""
    structlog.get_logger().info("got a-very-plain-value", header="x a-very-plain-value y")
    assert "very-plain" not in log_file.read_text(encoding="utf-8")


@hypothesis(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), name=st.text(max_size=20), value=st.text(max_size=60))
def test_one_record_is_one_line_whatever_it_holds(log_file: Path, text: str, name: str, value: str) -> None:
    """No text, field name or value can start a second record or reach a terminal as a control character."""
    log_file.write_bytes(b"")
    structlog.get_logger().info(text, **{f"f{name}": value})
    raw = log_file.read_bytes()
    assert raw.count(b"\n") == 1
    assert not any(byte < 32 or byte == 127 for byte in raw[:-1])
    assert len(raw.decode().splitlines()) == 1


def test_the_terminal_gets_readable_lines_without_colour_when_piped() -> None:
    """In a pipe a record is plain text; control characters are shown, not obeyed."""
    terminal = io.StringIO()
    subject.Log(None, terminal).write({"event": "hi\x1b[2J\nthere", "level": "info", "model": "brain"})
    line = terminal.getvalue()
    assert line.count("\n") == 1
    assert r"hi\x1b[2J\nthere  model=brain" in line
    assert "\x1b" not in line


def test_a_traceback_in_the_terminal_cannot_fake_a_record() -> None:
    """The lines of a traceback are indented."""
    shown = subject.terminal_text(
        {"event": "x", "exception": "Trace\nError: a\n10:00:00 info     fake"}, has_colour=True
    )
    assert [line[:4] for line in shown.splitlines()[1:]] == ["    "] * 3


def test_the_file_is_rotated_by_size(tmp_path: Path) -> None:
    """Past its limit the file becomes NAME.1; as many are kept as were asked for."""
    file = subject.RotatingFile(tmp_path / "x.log", limit=100, keep=2)
    for number in range(12):
        file.write(f"{number:<40}")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    """Writing to a device without room is counted and survived."""
    file = subject.RotatingFile(Path("/dev/full"))
    file.write("lost")
    file.close()
    assert file.lost == 1


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """The message names the file and what to do."""
    (tmp_path / "logs").write_text("a file, no folder", encoding="utf-8")
    settings, _ = load_settings({"data_dir": str(tmp_path)}, {})
    with pytest.raises(BadSettings, match="--data-dir"):
        subject.configure(settings, to_terminal=False)
