"""Plays of the lifecycle: who is loaded, who waits, who leaves, who is refused."""

from __future__ import annotations

from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Grant, Refuse, Sleep, StartLoad, StartUnload, Wake
from batuta.lifecycle.events import Priority
from batuta.lifecycle.states import ModelState
from batuta.lifecycle.views import plan, view
from batuta.observe.events import ModelStateChanged, Swapped
from batuta.testing.playbook import GB, Play, refused, remote, spec

PAIR = {"brain": 13 * GB, "coder": 9 * GB}


def ready(play: Play, *models: str) -> None:
    """Bring models into memory, one after the other."""
    for number, model in enumerate(models):
        request = f"warm-{model}-{number}"
        play.when(play.wanted(request, model))
        play.when(ev.Loaded(model, 0, 2.0))
        play.when(ev.Released(request, ok=True))


def test_a_hundred_callers_of_a_cold_model_cause_one_load_and_are_all_served() -> None:
    """Single flight: one load, many waiters, each granted once."""
    play = Play(16 * GB, PAIR)
    play.lifecycle.residencies["brain"].spec = spec("brain", 13 * GB, slots=0)
    commands = [c for n in range(100) for c in play.when(play.wanted(f"r{n}", "brain"))]
    assert commands == [StartLoad("brain")]
    assert play.when(ev.Loaded("brain", 0, 4.0)) == [Grant(f"r{n}", "brain") for n in range(100)]


def test_a_hundred_callers_of_a_model_that_fails_are_told_the_same_cause() -> None:
    """A failed load refuses every waiter, once, with one cause."""
    play = Play(16 * GB, PAIR)
    for n in range(100):
        play.when(play.wanted(f"r{n}", "brain"))
    commands = play.when(ev.LoadFailed("brain", Cause.CORRUPT_FILE, "bad magic"))
    assert refused(commands) == {f"r{n}": "model_failed" for n in range(100)}
    assert {c.error.cause for c in commands if isinstance(c, Refuse)} == {Cause.CORRUPT_FILE}


def test_a_loaded_model_is_used_at_once_and_never_reloaded() -> None:
    """READY with a free slot is granted in the same step."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    assert play.when(play.wanted("a", "brain")) == [Grant("a", "brain")]


def test_a_load_survives_the_caller_who_asked_for_it() -> None:
    """The load belongs to the lifecycle: its first caller leaves, it goes on, the next one finds it ready."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    assert play.when(ev.Abandoned("a")) == []
    play.when(ev.Loaded("brain", 0, 4.0))
    assert play.when(play.wanted("b", "brain")) == [Grant("b", "brain")]


def test_no_load_is_started_for_nobody() -> None:
    """A queued caller who leaves before the load begins takes the load with him."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("busy", "brain"))
    play.when(play.wanted("a", "coder"))
    play.when(ev.Abandoned("a"))
    assert play.when(ev.Released("busy", ok=True)) == []
    assert play.state("coder") is ModelState.ABSENT
    assert play.state("brain") is ModelState.READY


def test_an_idle_model_leaves_for_the_one_that_is_wanted() -> None:
    """Swap: unload first, load when the memory is back, and tell the swap with its figures."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    assert play.when(play.wanted("a", "coder")) == [StartUnload("brain")]
    assert play.state("brain") is ModelState.UNLOADING
    assert play.when(ev.Unloaded("brain", 0.5)) == [StartLoad("coder", ("brain",))]
    play.now += 3.0
    assert play.when(ev.Loaded("coder", 0, 3.0)) == [Grant("a", "coder")]
    assert Swapped("coder", ("brain",), 13 * GB, 3.0) in play.facts


def test_streams_are_drained_and_never_cut_before_an_eviction() -> None:
    """A busy model is closed to new requests only when the waiter is overdue, and leaves after its last answer."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    assert play.when(play.wanted("a", "coder")) == []
    assert play.state("brain") is ModelState.READY
    assert play.after(14.9) == []
    assert play.when(play.wanted("more", "brain")) == [Grant("more", "brain")]
    assert play.after(0.2) == []
    assert play.state("brain") is ModelState.DRAINING
    assert play.when(play.wanted("late", "brain")) == []
    assert play.when(ev.Released("stream", ok=True)) == []
    assert play.when(ev.Released("more", ok=True)) == [StartUnload("brain")]


def test_an_interactive_waiter_is_due_before_a_batch_one() -> None:
    """Priorities bound the wait: a third of the normal patience for a person, four times it for a batch."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(play.wanted("batch", "coder", priority=Priority.BATCH))
    play.after(20)
    assert play.state("brain") is ModelState.READY
    play.when(play.wanted("person", "coder", priority=Priority.INTERACTIVE))
    play.after(5.1)
    assert play.state("brain") is ModelState.DRAINING


def test_a_draining_model_is_revived_when_nobody_needs_its_room_any_more() -> None:
    """The waiter it was leaving for has left: it stays, and serves those who waited for it."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(play.wanted("a", "coder"))
    play.after(16)
    play.when(play.wanted("again", "brain"))
    assert play.state("brain") is ModelState.DRAINING
    assert play.when(ev.Abandoned("a")) == [Grant("again", "brain")]
    assert play.state("brain") is ModelState.READY


def test_a_model_wanted_while_it_unloads_is_loaded_again() -> None:
    """Nobody waits for something that nobody starts: after UNLOADING its waiters are wanted again."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.UnloadAsked("brain"))
    assert play.when(play.wanted("a", "brain")) == []
    assert play.when(ev.Unloaded("brain")) == [StartLoad("brain")]


def test_pinned_models_stay_and_the_refusal_names_them() -> None:
    """All pinned: the refusal says who holds the memory, with figures."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.PinChanged("brain", pinned=True))
    commands = play.when(play.wanted("a", "coder"))
    assert refused(commands) == {"a": "no_fit"}
    (refusal,) = commands
    assert isinstance(refusal, Refuse)
    assert "9.0 GB" in refusal.error.message
    assert "brain" in refusal.error.message


def test_a_model_larger_than_the_budget_is_refused_with_figures() -> None:
    """It would never fit, so nobody waits for it and nobody leaves for it."""
    play = Play(8 * GB, PAIR | {"small": 2 * GB})
    ready(play, "small")
    assert refused(play.when(play.wanted("a", "brain"))) == {"a": "no_fit"}
    assert play.state("small") is ModelState.READY


def test_one_large_model_leaves_rather_than_three_small_ones() -> None:
    """Nobody is evicted who need not be."""
    play = Play(16 * GB, {"s1": 2 * GB, "s2": 2 * GB, "big": 9 * GB, "new": 10 * GB})
    for model in ("s1", "s2", "big"):
        ready(play, model)
        play.now += 1
    assert play.when(play.wanted("a", "new")) == [StartUnload("big")]


def test_the_least_recently_used_leaves_first() -> None:
    """The simple rule."""
    play = Play(16 * GB, {"old": 6 * GB, "young": 6 * GB, "new": 6 * GB})
    ready(play, "old")
    play.now += 10
    ready(play, "young")
    assert play.when(play.wanted("a", "new")) == [StartUnload("old")]


def test_loads_happen_one_at_a_time_and_both_models_end_up_resident() -> None:
    """Two small models fit together, but a device loads one after the other."""
    play = Play(16 * GB, {"a": 4 * GB, "b": 4 * GB})
    assert play.when(play.wanted("1", "a")) == [StartLoad("a")]
    assert play.when(play.wanted("2", "b")) == []
    assert play.when(ev.Loaded("a", 0, 1.0)) == [Grant("1", "a"), StartLoad("b")]


def test_a_small_model_cannot_take_the_room_an_earlier_one_waits_for() -> None:
    """Room that is being made for the first in the queue is set aside."""
    play = Play(16 * GB, {"brain": 13 * GB, "giant": 15 * GB, "small": 3 * GB})
    ready(play, "brain")
    assert play.when(play.wanted("a", "giant")) == [StartUnload("brain")]
    assert play.when(play.wanted("b", "small")) == []
    assert play.when(ev.Unloaded("brain")) == [StartLoad("giant", ("brain",))]


def test_a_small_model_may_use_what_the_earlier_one_does_not_need() -> None:
    """No head-of-line blocking: 3 GB stay free beside the swap of 13 for 9."""
    play = Play(16 * GB, PAIR | {"small": 3 * GB})
    ready(play, "brain")
    play.when(play.wanted("a", "coder"))
    assert play.when(play.wanted("b", "small")) == [StartLoad("small")]


def test_a_waiter_is_refused_at_its_deadline_and_the_load_goes_on() -> None:
    """The caller falls back; a late success is kept."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain", deadline_s=30))
    commands = play.after(31)
    assert refused(commands) == {"a": "model_loading"}
    assert play.state("brain") is ModelState.LOADING
    play.when(ev.Loaded("brain", 0, 40.0))
    assert play.state("brain") is ModelState.READY


def test_a_load_that_takes_too_long_is_aborted_and_fails_with_its_cause() -> None:
    """180 s, then the engine is told to stop; the model rests."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain", deadline_s=500))
    assert AbortLoad("brain") in play.after(181)
    commands = play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "stopped"))
    assert refused(commands) == {"a": "model_failed"}
    assert play.state("brain") is ModelState.FAILED


def test_out_of_memory_evicts_all_unpinned_and_tries_once_more() -> None:
    """Then fails with the cause, and does not try a third time."""
    play = Play(16 * GB, {"a": 4 * GB, "b": 4 * GB, "kept": 2 * GB})
    ready(play, "b", "kept")
    play.when(ev.PinChanged("kept", pinned=True))
    play.when(play.wanted("1", "a"))
    assert play.when(ev.LoadFailed("a", Cause.OUT_OF_MEMORY, "cudaMalloc")) == [StartUnload("b")]
    assert play.when(ev.Unloaded("b")) == [StartLoad("a", ("b",))]
    commands = play.when(ev.LoadFailed("a", Cause.OUT_OF_MEMORY, "cudaMalloc"))
    assert refused(commands) == {"1": "model_failed"}
    assert play.state("kept") is ModelState.READY


def test_a_failed_model_rests_and_comes_back_by_one_probe() -> None:
    """Refused while it rests, with the time to come back; then one request at a time until one succeeds."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
    (refusal,) = play.when(play.wanted("b", "brain"))
    assert isinstance(refusal, Refuse)
    assert refusal.error.retry_after_s == 30.0
    play.after(30)
    assert play.state("brain") is ModelState.ABSENT
    assert play.when(play.wanted("c", "brain")) == [StartLoad("brain")]
    play.when(play.wanted("d", "brain"))
    assert play.when(ev.Loaded("brain", 0, 1.0)) == [Grant("c", "brain")]
    assert play.when(ev.Released("c", ok=True)) == [Grant("d", "brain")]


def test_the_rest_grows_with_each_failure_and_five_in_a_row_switch_the_model_off() -> None:
    """30, 60, 90, 120 s, then DISABLED, visibly, until a person enables it."""
    play = Play(16 * GB, PAIR)
    for expected in (30, 60, 90, 120):
        play.when(play.wanted(f"r{expected}", "brain"))
        play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
        assert view(play.lifecycle, "brain", play.now).retry_at == play.now + expected
        play.after(expected)
    play.when(play.wanted("last", "brain"))
    play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
    assert play.state("brain") is ModelState.DISABLED
    assert refused(play.when(play.wanted("x", "brain"))) == {"x": "model_disabled"}
    play.when(ev.SwitchedOn("brain"))
    assert play.when(play.wanted("y", "brain")) == [StartLoad("brain")]


def test_reset_clears_the_failed_cache_at_once() -> None:
    """A person who has mended the cause need not wait."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    play.when(ev.LoadFailed("brain", Cause.NOT_INSTALLED, "no file"))
    play.when(ev.ResetAsked("brain"))
    assert play.when(play.wanted("b", "brain")) == [StartLoad("brain")]


def test_a_crash_frees_the_memory_and_the_next_request_waits_out_the_short_rest() -> None:
    """A crash costs one model half a second, not half a minute."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Crashed("brain", "signal 9"))
    assert play.state("brain") is ModelState.FAILED
    assert play.lifecycle.ledgers["host"].reserved == 0
    assert play.when(play.wanted("next", "brain")) == []
    assert play.after(0.6) == [StartLoad("brain")]
    assert play.when(ev.Released("stream", ok=False)) == []
    assert play.when(ev.Loaded("brain", 0, 1.0)) == [Grant("next", "brain")]


def test_a_lost_loader_blames_no_model() -> None:
    """Its models are absent, without a failure, and loaded again when they are wanted."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.Lost("brain", "loader killed"))
    assert play.state("brain") is ModelState.ABSENT
    assert play.lifecycle.residencies["brain"].failures == 0
    assert play.when(play.wanted("a", "brain")) == [StartLoad("brain")]


def test_waiters_stay_when_the_loader_is_lost_during_their_load() -> None:
    """The load is started again for them."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    assert play.when(ev.Lost("brain", "loader killed")) == [StartLoad("brain")]


def test_models_found_resident_are_used_with_no_reload() -> None:
    """A new gateway takes over what the loader kept warm."""
    play = Play(16 * GB, PAIR)
    play.when(ev.Observed({"brain": 13 * GB}, frozenset(PAIR)))
    assert play.when(play.wanted("a", "brain")) == [Grant("a", "brain")]
    assert play.lifecycle.residencies["brain"].loads == 0


def test_a_resident_without_room_is_unloaded_and_never_overbooks() -> None:
    """What another gateway's budget let in does not break ours."""
    play = Play(10 * GB, PAIR)
    assert play.when(ev.Observed({"brain": 13 * GB, "coder": 9 * GB}, frozenset(PAIR))) == [StartUnload("brain")]
    assert play.state("coder") is ModelState.READY


def test_a_model_that_vanished_is_absent_and_its_memory_free() -> None:
    """The engine is believed, not our memory of it."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.Observed({}, frozenset(PAIR)))
    assert play.state("brain") is ModelState.ABSENT
    assert play.lifecycle.ledgers["host"].free == 16 * GB


def test_an_unused_model_leaves_after_its_ttl_and_a_pinned_one_does_not() -> None:
    """TTL counts from the end of the last use."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("a", GB, ttl_s=60.0)))
    play.when(ev.Registered(spec("b", GB, ttl_s=60.0, pinned=True)))
    ready(play, "a", "b")
    assert play.after(59) == []
    assert play.after(2) == [StartUnload("a")]
    assert play.state("b") is ModelState.READY


def test_an_engine_with_a_warm_tier_sleeps_and_wakes() -> None:
    """Room is made by sleeping; the memory counts as free once it is back; waking is a load of its own kind."""
    play = Play(16 * GB, {"coder": 9 * GB})
    play.when(ev.Registered(spec("dozer", 13 * GB), can_sleep=True))
    ready(play, "dozer")
    assert play.when(play.wanted("a", "coder")) == [Sleep("dozer")]
    assert play.when(ev.Slept("dozer")) == [StartLoad("coder", ("dozer",))]
    play.when(ev.Loaded("coder", 0, 1.0))
    play.when(ev.Released("a", ok=True))
    assert play.when(play.wanted("b", "dozer")) == [StartUnload("coder")]
    assert play.when(ev.Unloaded("coder")) == [Wake("dozer")]


def test_a_person_cancels_a_load_by_unloading() -> None:
    """Waiters are told, nobody is blamed."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    commands = play.when(ev.UnloadAsked("brain"))
    assert refused(commands) == {"a": "model_failed"}
    assert AbortLoad("brain") in commands
    play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "stopped"))
    assert play.state("brain") is ModelState.ABSENT
    assert play.lifecycle.residencies["brain"].failures == 0


def test_switching_a_busy_model_off_lets_its_streams_end_first() -> None:
    """No new request, the running ones to their end, then unloaded, then DISABLED."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(ev.SwitchedOff("brain"))
    assert refused(play.when(play.wanted("b", "brain"))) == {"b": "model_disabled"}
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("brain")]
    play.when(ev.Unloaded("brain"))
    assert play.state("brain") is ModelState.DISABLED


def test_a_remote_model_is_granted_at_once_and_holds_no_memory() -> None:
    """The same lease serves APIs; it only counts what is in flight."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x", slots=1)))
    assert play.when(play.wanted("a", "api/x")) == [Grant("a", "api/x")]
    assert play.when(play.wanted("b", "api/x")) == []
    assert play.when(ev.Released("a", ok=True)) == [Grant("b", "api/x")]


def test_a_remote_model_with_a_refused_key_is_ejected_at_once_and_probed_after_its_rest() -> None:
    """One 401 is enough; asking again at once cannot help."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x")))
    play.when(play.wanted("a", "api/x"))
    play.when(ev.AnswerFailed("api/x", Cause.AUTH, "401"))
    play.when(ev.Released("a", ok=False))
    assert refused(play.when(play.wanted("b", "api/x"))) == {"b": "model_failed"}
    play.after(31)
    assert play.when(play.wanted("c", "api/x")) == [Grant("c", "api/x")]
    assert play.when(play.wanted("d", "api/x")) == []
    assert play.when(ev.Released("c", ok=True)) == [Grant("d", "api/x")]


def test_five_bad_answers_in_a_row_reload_a_local_model() -> None:
    """READY that does not answer is not believed for ever."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    for _ in range(4):
        assert play.when(ev.AnswerFailed("brain", Cause.UNKNOWN, "500")) == []
    assert play.when(ev.AnswerFailed("brain", Cause.UNKNOWN, "500")) == [StartUnload("brain")]


def test_an_unload_that_fails_leaves_the_model_usable_and_is_tried_again_later() -> None:
    """The engine is still holding it: its memory stays booked."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("a", "coder"))
    assert play.when(ev.UnloadFailed("brain", "busy")) == []
    assert play.state("brain") is ModelState.READY
    assert play.after(5.1) == [StartUnload("brain")]


def test_a_swap_counts_against_those_it_passes_and_two_are_the_most_anybody_watches() -> None:
    """The third in the queue may push a busy model out once two swaps went by without it."""
    play = Play(16 * GB, {"a": 10 * GB, "b": 10 * GB, "c": 10 * GB})
    ready(play, "a")
    play.when(play.wanted("busy", "a"))
    play.when(play.wanted("wc", "c", priority=Priority.BATCH))
    for model, holder in (("b", "a"), ("a", "b")):
        play.when(play.wanted(f"w{model}", model, priority=Priority.INTERACTIVE))
        play.after(5.1)
        play.when(ev.Released("busy" if holder == "a" else "wb", ok=True))
        play.when(ev.Unloaded(holder))
        play.when(ev.Loaded(model, 0, 1.0))
    assert play.lifecycle.waiting.of("c")[0].swaps_seen == 2
    assert play.state("a") is ModelState.DRAINING


def test_the_story_tells_why_each_state_was_entered() -> None:
    """Every change of state is a line with its reason."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("a", "coder"))
    lines = [(line.old, line.new, line.text) for line in play.lifecycle.residencies["brain"].story if line.new]
    states = [new for _, new, _ in lines]
    assert states == [ModelState.LOADING, ModelState.READY, ModelState.DRAINING, ModelState.UNLOADING]
    assert "coder needs its room" in lines[2][2]
    told = [f.new for f in play.facts if isinstance(f, ModelStateChanged) and f.model == "brain"]
    assert told == ["loading", "ready", "draining", "unloading"]


def test_a_plan_answers_without_doing_anything() -> None:
    """Would it fit, what would go, how long."""
    play = Play(16 * GB, PAIR | {"huge": 20 * GB})
    ready(play, "brain")
    swap = plan(play.lifecycle, "coder", play.now)
    assert (swap.fits, swap.evict, swap.need, swap.free) == ("after_evicting", ("brain",), 9 * GB, 3 * GB)
    assert plan(play.lifecycle, "huge", play.now).fits == "never"
    assert plan(play.lifecycle, "brain", play.now).fits == "now"
    assert play.state("brain") is ModelState.READY


def test_a_forgotten_model_drains_and_disappears() -> None:
    """What left the catalog is refused by name, and its memory comes back."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    assert play.when(ev.Forgotten("brain")) == [StartUnload("brain")]
    assert refused(play.when(play.wanted("a", "brain"))) == {"a": "model_not_found"}
    play.when(ev.Unloaded("brain"))
    assert "brain" not in play.lifecycle.residencies


def test_the_status_line_says_what_matters() -> None:
    """The repr is for the log of a person in a hurry."""
    play = Play(16 * 2**30, {"brain": 13 * 2**30, "coder": 3 * 2**30})
    ready(play, "brain")
    play.when(play.wanted("a", "brain"))
    play.when(play.wanted("b", "coder"))
    play.when(ev.Progressed("coder", "reading", 0.41))
    assert repr(play.lifecycle) == "<Lifecycle 16.0/16.0 GiB, brain READY 1 in flight, coder LOADING 41%>"
