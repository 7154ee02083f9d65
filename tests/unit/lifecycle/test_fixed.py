"""Models that their engines cannot unload: they hold their bytes, and nobody waits for them to go."""

from __future__ import annotations

import asyncio

import pytest

from batuta.errors import CannotUnload, Cause, ModelNotFound, NoFit
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import Command, Grant, Refuse, StartLoad, StartUnload
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.runner import Runner
from batuta.lifecycle.states import ModelState
from batuta.lifecycle.views import could_fit, plan, snapshot, view
from batuta.observe.bus import Bus
from batuta.testing.clock import ManualClock
from batuta.testing.fake_engine import FakeEngine
from batuta.testing.playbook import GB, Play, refused, spec

S = ModelState
WHY = "it holds the one model it was started with; stop it where it was started"
HELD = "are held by a server that Batuta cannot stop: stop it yourself"
PAIR = {"statue": 13 * GB, "coder": 9 * GB}


def seen(play: Play, *residents: str, fixed: bool = True) -> list[Command]:
    """Let a look at the engine of all models find these in memory."""
    covers = frozenset(play.lifecycle.residencies)
    return play.when(
        ev.Observed(dict.fromkeys(residents, 13 * GB), covers, fixed=dict.fromkeys(residents, WHY) if fixed else {})
    )


def with_statue(models: dict[str, int] | None = None) -> Play:
    """Return a play in which the statue is in memory, and known to stay there."""
    play = Play(16 * GB, PAIR if models is None else models)
    assert seen(play, "statue") == []
    assert play.state("statue") is S.READY
    return play


def refusal(commands: list[Command]) -> Refuse:
    (only,) = commands
    assert isinstance(only, Refuse)
    return only


def test_who_cannot_fit_beside_it_is_refused_at_once() -> None:
    """No wait and no try: the refusal says who holds the memory and who can change that, and the plan says the same."""
    play = with_statue()
    refused_now = refusal(play.when(play.wanted("a", "coder")))
    assert isinstance(refused_now.error, NoFit)
    assert refused_now.error.message == (
        f"no room: coder needs 9.0 GB, and of the 16.0 GB of host 13.0 GB (statue) {HELD}"
    )
    assert refused_now.error.details == {"held_by": ["statue"]}
    told = plan(play.lifecycle, "coder", play.now)
    assert (told.fits, told.held_by, told.pinned_by, told.evict) == ("after_stopping", ("statue",), (), ())
    assert told.reason.endswith(HELD)
    assert could_fit(play.lifecycle) == {"statue": True, "coder": False}


def test_another_leaves_in_its_place() -> None:
    """However long ago it was used, and also when the whole device is to be emptied."""
    play = with_statue({"statue": 5 * GB, "small": 5 * GB, "coder": 2 * GB})
    play.lifecycle.ledgers["host"].budget = 24 * GB
    play.after(60.0)
    play.when(play.wanted("warm", "small"))
    play.when(ev.Loaded("small", 0, 1.0))
    play.when(ev.Released("warm", ok=True))
    play.lifecycle.residencies["coder"].spec = spec("coder", 9 * GB)
    assert play.when(play.wanted("a", "coder")) == [StartUnload("small")]
    play.when(ev.Unloaded("small"))
    play.when(play.wanted("warm", "small"))
    play.when(ev.LoadFailed("coder", Cause.OUT_OF_MEMORY, "cudaMalloc"))
    assert play.state("statue") is S.READY


def test_one_whose_unload_is_refused_for_good_is_not_told_again() -> None:
    """It goes back to READY, who waited for its room hears NoFit in the same step, and no later alarm tries again."""
    play = Play(16 * GB, PAIR)
    seen(play, "statue", fixed=False)
    assert play.when(play.wanted("a", "coder")) == [StartUnload("statue")]
    assert refused(play.when(ev.UnloadFailed("statue", WHY, is_final=True))) == {"a": "no_fit"}
    assert play.state("statue") is S.READY
    assert play.after(3600.0) == []
    assert refused(play.when(play.wanted("b", "coder"))) == {"b": "no_fit"}
    assert play.when(play.wanted("c", "statue")) == [Grant("c", "statue")]
    assert view(play.lifecycle, "statue", play.now).fixed == WHY


def test_what_was_refused_for_good_outlasts_looks_but_not_the_stay() -> None:
    """An engine that knows nothing of it beforehand is not asked again before the model has left memory once."""
    play = Play(16 * GB, PAIR)
    seen(play, "statue", fixed=False)
    play.when(ev.UnloadAsked("statue"))
    play.when(ev.UnloadFailed("statue", WHY, is_final=True))
    seen(play, "statue", fixed=False)
    assert play.when(ev.UnloadAsked("statue")) == []
    play.when(ev.Lost("statue", "connection refused"))
    seen(play, "statue", fixed=False)
    assert play.when(ev.UnloadAsked("statue")) == [StartUnload("statue")]


def test_a_look_that_finds_it_can_be_unloaded_after_all_is_believed() -> None:
    """Its server was started anew in another way, between two looks."""
    play = with_statue()
    seen(play, "statue", fixed=False)
    assert play.when(play.wanted("a", "coder")) == [StartUnload("statue")]


def test_neither_keep_alive_nor_a_person_nor_a_switch_tells_it_to_go() -> None:
    """It stays READY and booked; switched off it answers nobody and is shown as disabled, until it is switched on."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("statue", 13 * GB, ttl_s=60.0)))
    seen(play, "statue")
    assert play.after(600.0) == []
    assert play.when(ev.UnloadAsked("statue")) == []
    assert play.when(ev.SwitchedOff("statue")) == []
    assert play.after(600.0) == []
    assert refused(play.when(play.wanted("a", "statue"))) == {"a": "model_disabled"}
    shown = view(play.lifecycle, "statue", play.now)
    assert (shown.state, shown.reserved) == (S.DISABLED, 13 * GB)
    assert play.when(ev.SwitchedOn("statue")) == []
    assert play.when(play.wanted("b", "statue")) == [Grant("b", "statue")]
    assert "it stays, although a person asked" in [line.text for line in play.lifecycle.residencies["statue"].story]


def test_one_that_is_switched_off_holds_its_bytes_when_it_is_found() -> None:
    """Nobody may use it, and no other model may have its room; when its server ends it is plainly disabled."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("statue", 13 * GB, enabled=False)))
    play.when(ev.Registered(spec("coder", 9 * GB)))
    assert seen(play, "statue") == []
    assert play.lifecycle.ledgers["host"].holds("statue") == 13 * GB
    assert refused(play.when(play.wanted("a", "statue")) + play.when(play.wanted("b", "coder"))) == {
        "a": "model_disabled",
        "b": "no_fit",
    }
    assert seen(play) == []
    assert play.state("statue") is S.DISABLED
    assert play.when(play.wanted("c", "coder")) == [StartLoad("coder")]


def test_one_that_drains_when_this_becomes_known_is_kept() -> None:
    """It answers again, and who waited for its room is told that there will be none."""
    play = Play(16 * GB, PAIR)
    seen(play, "statue", fixed=False)
    play.when(play.wanted("stream", "statue"))
    play.when(play.wanted("a", "coder"))
    play.after(60.0)
    assert play.state("statue") is S.DRAINING
    assert refused(seen(play, "statue")) == {"a": "no_fit"}
    assert play.state("statue") is S.READY
    assert play.when(ev.Released("stream", ok=True)) == []


def test_one_that_a_person_sent_away_is_kept_when_this_becomes_known() -> None:
    """Nothing is tried that is known to be in vain."""
    play = Play(16 * GB, PAIR)
    seen(play, "statue", fixed=False)
    play.when(play.wanted("stream", "statue"))
    play.when(ev.UnloadAsked("statue"))
    assert play.state("statue") is S.DRAINING
    seen(play, "statue")
    assert play.state("statue") is S.READY
    assert play.when(ev.Released("stream", ok=True)) == []


def test_one_for_which_the_books_have_no_room_is_used_all_the_same() -> None:
    """It is in memory whatever the books say: what is left is booked for it, and more when there is more."""
    play = Play(16 * GB, PAIR | {"small": 5 * GB})
    play.when(play.wanted("warm", "small"))
    play.when(ev.Loaded("small", 0, 1.0))
    play.when(ev.Released("warm", ok=True))
    assert play.when(ev.Observed({"small": 5 * GB, "statue": 13 * GB}, frozenset(PAIR), fixed={"statue": WHY})) == []
    assert play.lifecycle.ledgers["host"].held == {"small": 5 * GB, "statue": 11 * GB}
    play.when(play.wanted("a", "statue"))
    play.when(ev.UnloadAsked("small"))
    play.when(ev.Unloaded("small"))
    seen(play, "statue")
    assert play.lifecycle.ledgers["host"].held == {"statue": 13 * GB}


def test_a_stray_that_refuses_for_good_is_taken_over() -> None:
    """There was no room to book it and its engine did not say that it stays: it is told once, and then used."""
    play = Play(10 * GB, PAIR)
    assert seen(play, "statue", fixed=False) == [StartUnload("statue")]
    assert play.when(ev.UnloadFailed("statue", WHY, is_final=True)) == []
    assert play.lifecycle.ledgers["host"].held == {"statue": 10 * GB}
    assert seen(play, "statue", fixed=False) == []
    assert play.when(play.wanted("a", "statue")) == [Grant("a", "statue")]


def test_a_load_that_finds_it_fixed_says_so() -> None:
    """Whoever waits for its room behind it is told in the step in which it became ready."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "statue"))
    play.when(play.wanted("b", "coder"))
    commands = play.when(ev.Loaded("statue", 13 * GB, 0.1, was_resident=True, fixed=WHY))
    assert Grant("a", "statue") in commands
    assert refused(commands) == {"b": "no_fit"}


def test_a_load_that_was_called_off_too_late_leaves_it_ready() -> None:
    """It is there, and cannot be sent away again."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "statue"))
    play.when(ev.UnloadAsked("statue"))
    assert play.when(ev.Loaded("statue", 13 * GB, 0.1, fixed=WHY)) == []
    assert play.state("statue") is S.READY


def test_one_that_left_the_catalog_is_nobodys_any_more() -> None:
    """Its answers end first; then its memory is its server's alone, and is not booked."""
    play = with_statue()
    play.when(play.wanted("stream", "statue"))
    assert play.when(ev.Forgotten("statue")) == []
    assert play.state("statue") is S.DRAINING
    assert play.when(ev.Released("stream", ok=True)) == []
    assert "statue" not in play.lifecycle.residencies
    assert play.lifecycle.ledgers["host"].reserved == 0


def test_bad_answers_do_not_have_it_loaded_anew() -> None:
    """It could not be; its callers are told what each of them met."""
    play = with_statue()
    for _ in range(9):
        assert play.when(ev.AnswerFailed("statue", Cause.UNKNOWN, "500")) == []
    assert play.state("statue") is S.READY


def test_an_out_of_memory_beside_it_is_not_tried_again() -> None:
    """Nobody else could leave: the failure is told at once."""
    play = with_statue({"statue": 13 * GB, "small": GB})
    play.when(play.wanted("a", "small"))
    assert refused(play.when(ev.LoadFailed("small", Cause.OUT_OF_MEMORY, "cudaMalloc"))) == {"a": "model_failed"}


def test_a_pin_beside_it_is_named_only_where_unpinning_would_help() -> None:
    """With both in the way the figures name both."""
    play = with_statue({"statue": 10 * GB, "kept": 2 * GB, "small": 2 * GB, "coder": 9 * GB})
    play.when(play.wanted("warm", "kept"))
    play.when(ev.Loaded("kept", 0, 1.0))
    play.when(ev.Released("warm", ok=True))
    play.when(ev.PinChanged("kept", pinned=True))
    by_pin = plan(play.lifecycle, "small", play.now)
    assert (by_pin.fits, by_pin.pinned_by, by_pin.held_by) == ("after_unpinning", ("kept",), ())
    assert (
        "13.0 GB (statue) are held by a server that Batuta cannot stop, and 2.0 GB are pinned by kept" in by_pin.reason
    )
    assert plan(play.lifecycle, "coder", play.now).held_by == ("statue",)


@pytest.mark.parametrize("tells", [True, False])
async def test_the_runner_carries_it(tells: bool) -> None:  # the case
    """Told before or found out: at most one try, NoFit for who waits, and the person who asks hears why."""
    clock, died = ManualClock(), list[object]()
    engine = FakeEngine(clock, load_s=0.0)
    engine.fix("statue", WHY, is_told=tells)
    lifecycle = Lifecycle({"host": MemoryLedger("host", 16 * GB)})
    runner = await Runner(lifecycle, clock=clock, bus=Bus(), on_error=lambda *error: died.append(error)).start()
    statue, coder = (spec(model, need) for model, need in PAIR.items())
    engine.appear(statue)
    for each in (statue, coder):
        runner.register(each, engine)
    await runner.observe()
    with pytest.raises(NoFit, match=HELD):
        await runner.wait_ready("coder", deadline=clock.monotonic() + 600.0)
    assert engine.log == ([] if tells else ["kept statue"])
    with pytest.raises(CannotUnload, match=r"statue is held by .* stop it yourself \(.*where it was started\)"):
        runner.unload("statue")
    with pytest.raises(ModelNotFound):
        runner.unload("nobody")
    assert snapshot(lifecycle, 0.0).models["statue"].fixed
    await clock.advance(60.0)
    assert engine.log == ([] if tells else ["kept statue"])
    await runner.aclose()
    await asyncio.sleep(0)
    assert not died
