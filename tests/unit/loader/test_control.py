"""Frames and addresses of the control wire."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.errors import BadModelFile, BatutaBug, Cause, ModelFailed, NoFit
from batuta.loader import control

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), max_size=5)


@given(MESSAGES, st.randoms(use_true_random=False))
def test_any_split_gives_the_same_messages(messages: list[dict[str, Any]], random: Any) -> None:
    """However the bytes are cut on their way, the same messages come out."""
    wire = b"".join(control.encode(message) for message in messages)
    cuts = sorted(random.randrange(len(wire) + 1) for _ in range(6)) if wire else []
    reader = control.FrameReader()
    got: list[dict[str, Any]] = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        got += reader.feed(wire[start:end])
    assert got == messages


@given(st.binary(max_size=200))
def test_garbage_is_a_frame_error_or_an_object(data: bytes) -> None:
    """Whatever bytes come, the reader gives objects or FrameError and nothing else."""
    try:
        messages = control.FrameReader().feed(data)
    except control.FrameError:
        return
    assert all(isinstance(message, dict) for message in messages)


@pytest.mark.parametrize("length", [0, 1, control.MAX_FRAME + 1, 2**32 - 1])
def test_an_absurd_length_is_refused_before_its_bytes_come(length: int) -> None:
    """A frame that announces too much is refused at its head: nothing is buffered for it."""
    with pytest.raises(control.FrameError, match=str(length)):
        control.FrameReader().feed(struct.pack(">I", length))


@pytest.mark.parametrize("body", [b"[]", b"12", b"null", b"{", b"\xff\xff", b"[" * 5000])
def test_only_json_objects_are_messages(body: bytes) -> None:
    """JSON that is no object, and what is no JSON, is refused."""
    with pytest.raises(control.FrameError):
        control.decode(body)


def test_a_message_that_is_too_large_is_not_sent() -> None:
    """The sender keeps the limit that the receiver enforces."""
    with pytest.raises(control.FrameError):
        control.encode({"text": "x" * control.MAX_FRAME})


@pytest.mark.parametrize("kind", [BadModelFile, ModelFailed, NoFit])
def test_an_error_keeps_its_type_and_cause(kind: type[ModelFailed]) -> None:
    """A typed error that crosses the wire arrives as the same type, with cause, model and details."""
    error = kind("no", model="m", cause=Cause.OUT_OF_MEMORY, details={"need": 1})
    back = control.error_from_wire(json.loads(json.dumps(control.error_to_wire(error))))
    assert (type(back), back.message, back.model, back.cause, back.details) == (
        kind, "no", "m", Cause.OUT_OF_MEMORY, {"need": 1},
    )  # fmt: skip


@pytest.mark.parametrize("wire", [None, 3, "x", []])
def test_an_error_without_form_is_a_bug_not_a_crash(wire: object) -> None:
    """An answer that makes no sense becomes an error of ours."""
    assert isinstance(control.error_from_wire(wire), BatutaBug)


@given(JSON)
def test_any_error_object_is_understood_somehow(value: Any) -> None:
    """Whatever stands in the fields of an error, a Batuta error comes out."""
    control.error_from_wire({"type": value, "message": value, "cause": "nonsense", "details": value})


def test_the_socket_lies_in_the_run_folder(tmp_path: Path) -> None:
    """A path of ordinary length is used as it is."""
    assert control.socket_path(Path("/data/run")) == Path("/data/run/loader.sock")


def test_a_long_path_gives_a_short_private_one_and_always_the_same() -> None:
    """A unix socket's path may have some 100 bytes; a deeper data folder gets one in the temporary folder."""
    deep = Path("/") / "/".join(["folder"] * 20) / "run"
    path = control.socket_path(deep)
    assert len(str(path)) <= control.LONGEST_SOCKET_PATH
    assert path == control.socket_path(deep)
    assert path != control.socket_path(deep.parent / "run2")


def test_a_folder_of_ours_becomes_private(tmp_path: Path) -> None:
    """A run folder that others may enter is closed to them."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    control.private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_linked_run_folder_is_refused(tmp_path: Path) -> None:
    """Somebody else's link in a shared temporary folder does not get our socket."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError, match="link"):
        control.private_folder(tmp_path / "run")


def test_the_peer_of_a_unix_socket_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says who connected: this user may, another may not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert control.is_same_user(ours)
        monkeypatch.setattr(control, "peer_user", lambda _connection: 65_534)
        assert not control.is_same_user(ours)
