"""The states a model can be in and every way between them. The diagram in the docs is made from this table."""

from __future__ import annotations

from enum import StrEnum


class ModelState(StrEnum):
    """Where a model stands."""

    ABSENT = "absent"
    LOADING = "loading"
    READY = "ready"
    ASLEEP = "asleep"
    DRAINING = "draining"
    UNLOADING = "unloading"
    FAILED = "failed"
    DISABLED = "disabled"


class Trigger(StrEnum):
    """What moves a model from one state to another."""

    ROOM_MADE = "wanted and room reserved"
    LOADED = "loaded"
    LOAD_FAILED = "load failed"
    LOAD_RETRY = "out of memory, room made for one retry"
    LOST = "its loader is gone"
    CANCELLED = "load cancelled by a person"
    EJECTED = "too many bad answers"
    STRAY = "resident without room"
    CRASHED = "crashed"
    CHOSEN = "chosen to leave"
    REVIVED = "wanted again before it left"
    DRAINED = "drained"
    DRAINED_TO_SLEEP = "drained, engine has a warm tier"
    UNLOADED = "unloaded"
    UNLOAD_FAILED = "would not unload"
    VANISHED = "seen to be gone"
    APPEARED = "seen to be resident"
    SEEN_ASLEEP = "seen to be asleep"
    COOLED = "cooldown over"
    GAVE_UP = "too many failures in a row"
    RESET = "failed cache reset"
    DISABLE = "switched off"
    ENABLE = "switched on"


_S, _T = ModelState, Trigger

TRANSITIONS: dict[tuple[ModelState, Trigger], ModelState] = {
    (_S.ABSENT, _T.ROOM_MADE): _S.LOADING,
    (_S.ABSENT, _T.APPEARED): _S.READY,
    (_S.ABSENT, _T.STRAY): _S.UNLOADING,
    (_S.ABSENT, _T.SEEN_ASLEEP): _S.ASLEEP,
    (_S.ABSENT, _T.DISABLE): _S.DISABLED,
    (_S.LOADING, _T.LOADED): _S.READY,
    (_S.LOADING, _T.LOAD_FAILED): _S.FAILED,
    (_S.LOADING, _T.LOAD_RETRY): _S.ABSENT,
    (_S.LOADING, _T.CRASHED): _S.FAILED,
    (_S.LOADING, _T.LOST): _S.ABSENT,
    (_S.LOADING, _T.CANCELLED): _S.ABSENT,
    (_S.READY, _T.CHOSEN): _S.DRAINING,
    (_S.READY, _T.CRASHED): _S.FAILED,
    (_S.READY, _T.EJECTED): _S.FAILED,
    (_S.READY, _T.VANISHED): _S.ABSENT,
    (_S.READY, _T.SEEN_ASLEEP): _S.ASLEEP,
    (_S.READY, _T.LOST): _S.ABSENT,
    (_S.DRAINING, _T.DRAINED): _S.UNLOADING,
    (_S.DRAINING, _T.DRAINED_TO_SLEEP): _S.ASLEEP,
    (_S.DRAINING, _T.REVIVED): _S.READY,
    (_S.DRAINING, _T.CRASHED): _S.FAILED,
    (_S.DRAINING, _T.VANISHED): _S.ABSENT,
    (_S.DRAINING, _T.SEEN_ASLEEP): _S.ASLEEP,
    (_S.DRAINING, _T.LOST): _S.ABSENT,
    (_S.ASLEEP, _T.ROOM_MADE): _S.LOADING,
    (_S.ASLEEP, _T.APPEARED): _S.READY,
    (_S.ASLEEP, _T.STRAY): _S.UNLOADING,
    (_S.ASLEEP, _T.CHOSEN): _S.DRAINING,
    (_S.ASLEEP, _T.UNLOADED): _S.ABSENT,
    (_S.ASLEEP, _T.UNLOAD_FAILED): _S.READY,
    (_S.ASLEEP, _T.CRASHED): _S.FAILED,
    (_S.ASLEEP, _T.VANISHED): _S.ABSENT,
    (_S.ASLEEP, _T.LOST): _S.ABSENT,
    (_S.UNLOADING, _T.UNLOADED): _S.ABSENT,
    (_S.UNLOADING, _T.UNLOAD_FAILED): _S.READY,
    (_S.UNLOADING, _T.VANISHED): _S.ABSENT,
    (_S.UNLOADING, _T.CRASHED): _S.ABSENT,
    (_S.UNLOADING, _T.LOST): _S.ABSENT,
    (_S.FAILED, _T.COOLED): _S.ABSENT,
    (_S.FAILED, _T.RESET): _S.ABSENT,
    (_S.FAILED, _T.GAVE_UP): _S.DISABLED,
    (_S.FAILED, _T.DISABLE): _S.DISABLED,
    (_S.DISABLED, _T.ENABLE): _S.ABSENT,
    (_S.DISABLED, _T.STRAY): _S.UNLOADING,
    (_S.DISABLED, _T.APPEARED): _S.READY,
}
"""(state, trigger) -> next state. What is not here cannot happen.

A model that is in memory when a person switches it off is drained and unloaded first (CHOSEN), and becomes
DISABLED from ABSENT: memory is never forgotten by a switch. One that its engine cannot unload stays READY, holds its
memory, answers nobody, and is shown as disabled.
"""
