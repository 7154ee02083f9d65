"""Plays of the lifecycle: who is loaded, who waits, who leaves, who is refused."""

from __future__ import annotations

from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Grant, Refuse, Sleep, StartLoad, StartUnload, Wake
from batuta.lifecycle.events import Priority
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.states import ModelState
from batuta.lifecycle.views import could_fit, plan, view
from batuta.observe.events import ModelStateChanged, QueueChanged, Swapped
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
    swap = Swapped(
        "coder",
        ("brain",),
        13 * GB,
        3.0,
        reason="a (normal) asked for it",
        tier="disk",
        drain_s=0.0,
        unload_s=0.0,
        load_s=3.0,
    )
    assert swap in play.facts


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
    assert "pinned by brain; unpin it" in refusal.error.message
    assert refusal.error.details == {"pinned_by": ["brain"]}


def test_a_pin_in_the_way_is_not_for_ever() -> None:
    """The plan names what to unpin; `never` is kept for what an empty device could not hold."""
    play = Play(16 * GB, PAIR | {"huge": 20 * GB})
    ready(play, "brain")
    play.when(ev.PinChanged("brain", pinned=True))
    kept_out = plan(play.lifecycle, "coder", play.now)
    assert (kept_out.fits, kept_out.pinned_by) == ("after_unpinning", ("brain",))
    huge = plan(play.lifecycle, "huge", play.now)
    assert (huge.fits, huge.pinned_by) == ("never", ())
    assert could_fit(play.lifecycle) == {"brain": True, "coder": False, "huge": False}
    play.when(ev.PinChanged("brain", pinned=False))
    assert could_fit(play.lifecycle) == {"brain": True, "coder": True, "huge": False}


def test_a_waiting_model_says_whom_it_waits_for() -> None:
    """A rival that is busy, one that is leaving or loading, or itself, while it has to leave before it comes back."""

    def waits_for(model: str) -> tuple[str, ...]:
        return view(play.lifecycle, model, play.now).waits_for

    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("a", "brain"))
    assert waits_for("coder") == ()
    play.when(play.wanted("b", "coder"))
    assert waits_for("coder") == ("brain",)
    play.when(ev.UnloadAsked("brain"))
    assert play.state("brain") is ModelState.DRAINING
    play.when(play.wanted("c", "brain"))
    assert (waits_for("brain"), waits_for("coder")) == (("brain",), ("brain",))
    play.when(ev.Released("a"))
    assert play.state("brain") is ModelState.UNLOADING
    assert waits_for("coder") == ("brain",)
    play.when(ev.Unloaded("brain"))
    loading = next(model for model in ("brain", "coder") if play.state(model) is ModelState.LOADING)
    other = "coder" if loading == "brain" else "brain"
    assert (waits_for(loading), waits_for(other)) == ((), (loading,))


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


def test_a_remote_model_that_is_forgotten_disappears_and_nothing_is_unloaded() -> None:
    """There is nothing to unload behind an API; a running answer ends first."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x")))
    assert play.when(ev.UnloadAsked("api/x")) == []
    assert play.state("api/x") is ModelState.READY
    play.when(play.wanted("a", "api/x"))
    assert play.when(ev.Forgotten("api/x")) == []
    assert play.when(ev.Released("a", ok=True)) == []
    assert "api/x" not in play.lifecycle.residencies


def test_a_forgotten_model_is_forgotten_also_when_it_crashes_or_is_unloaded_on_its_way_out() -> None:
    """Nothing outranks having left the catalog."""
    play = Play(16 * GB, {"a": GB, "b": GB})
    ready(play, "a", "b")
    for model in ("a", "b"):
        play.when(play.wanted(f"stream-{model}", model))
        play.when(ev.Forgotten(model))
    play.when(ev.Crashed("a", "signal 9"))
    play.when(ev.UnloadAsked("b"))
    assert play.when(ev.Released("stream-b", ok=True)) == [StartUnload("b")]
    play.when(ev.Unloaded("b"))
    assert play.lifecycle.residencies == {}


def test_who_may_not_be_used_any_more_is_unloaded_again_after_an_unload_that_failed() -> None:
    """Switched off or forgotten: served to nobody, and asked to leave again 5 s later."""
    play = Play(16 * GB, {"off": GB, "gone": GB})
    ready(play, "off", "gone")
    assert play.when(ev.SwitchedOff("off")) == [StartUnload("off")]
    assert play.when(ev.Forgotten("gone")) == [StartUnload("gone")]
    for model in ("off", "gone"):
        assert play.when(ev.UnloadFailed(model, "busy")) == []
    assert refused(play.when(play.wanted("a", "off"))) == {"a": "model_disabled"}
    assert play.after(4.9) == []
    assert play.after(0.2) == [StartUnload("off"), StartUnload("gone")]


def test_a_model_switched_off_that_the_loader_still_holds_is_unloaded() -> None:
    """A new gateway over an old loader: what a person does not want holds no memory."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB, enabled=False)))
    assert play.when(ev.Observed({"brain": 13 * GB}, frozenset({"brain"}))) == [StartUnload("brain")]
    play.when(ev.Unloaded("brain"))
    assert play.state("brain") is ModelState.DISABLED


def test_nothing_is_loaded_while_a_resident_without_room_is_leaving() -> None:
    """Its memory is in no book, and taken all the same."""
    play = Play(10 * GB, PAIR)
    play.when(ev.Observed({"brain": 13 * GB}, frozenset(PAIR)))
    assert play.when(play.wanted("a", "coder")) == []
    assert play.when(ev.Unloaded("brain")) == [StartLoad("coder")]


def test_nobody_is_loaded_or_evicted_for_a_request_whose_time_is_over() -> None:
    """A fallback after the deadline may use what is ready, and no more."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    assert play.when(play.wanted("a", "brain", deadline_s=0)) == [Grant("a", "brain")]
    (refusal,) = play.when(play.wanted("b", "coder", deadline_s=0))
    assert isinstance(refusal, Refuse)
    assert (refusal.error.code, refusal.error.retry_after_s) == ("model_loading", 5.0)
    assert play.state("brain") is ModelState.READY


def test_a_busy_model_is_left_alone_while_its_own_waiters_are_due_earlier() -> None:
    """Evicted for a later one, it would be the first to be loaded again: a swap for nothing."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB, slots=1)))
    play.when(ev.Registered(spec("coder", 9 * GB)))
    ready(play, "brain")
    for request in ("stream", "early1", "early2"):
        play.when(play.wanted(request, "brain"))
    play.now += 1
    play.when(play.wanted("c", "coder"))
    play.now += 1
    play.when(play.wanted("later", "brain"))
    play.after(20)
    assert play.state("brain") is ModelState.READY
    assert play.when(ev.Released("stream", ok=True)) == [Grant("early1", "brain")]
    assert play.when(ev.Released("early1", ok=True)) == [Grant("early2", "brain")]
    assert play.state("brain") is ModelState.DRAINING
    assert play.when(ev.Released("early2", ok=True)) == [StartUnload("brain")]
    assert play.when(ev.Unloaded("brain")) == [StartLoad("coder", ("brain",))]


def test_a_keep_alive_time_of_nothing_unloads_after_each_use() -> None:
    """0 is a time, not the lack of one."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("a", GB, ttl_s=0.0)))
    play.when(play.wanted("1", "a"))
    assert play.when(ev.Loaded("a", 0, 1.0)) == [Grant("1", "a")]
    assert play.when(ev.Released("1", ok=True)) == [StartUnload("a")]


def test_a_model_that_was_sent_to_sleep_is_used_when_it_wakes() -> None:
    """The reason for which it slept is over; it is not sent back to bed."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("dozer", 13 * GB, ttl_s=10.0), can_sleep=True))
    ready(play, "dozer")
    assert play.after(11) == [Sleep("dozer")]
    play.when(ev.Slept("dozer"))
    assert play.when(play.wanted("a", "dozer")) == [Wake("dozer")]
    assert play.when(ev.Loaded("dozer", 0, 1.0)) == [Grant("a", "dozer")]
    assert play.state("dozer") is ModelState.READY


def test_a_model_switched_off_while_it_falls_asleep_is_unloaded() -> None:
    """Asleep it would still hold host memory."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("dozer", 13 * GB, ttl_s=10.0), can_sleep=True))
    ready(play, "dozer")
    play.after(11)
    play.when(ev.SwitchedOff("dozer"))
    assert play.when(ev.Slept("dozer")) == [StartUnload("dozer")]
    play.when(ev.Unloaded("dozer"))
    assert play.state("dozer") is ModelState.DISABLED


def test_waiting_is_counted_from_the_first_of_the_queue_that_is_there() -> None:
    """What an earlier queue waited for is not told again."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    for number in range(5):  # one more than its slots: a queue
        play.when(play.wanted(f"r{number}", "brain"))
    for number in range(5):
        play.when(ev.Released(f"r{number}", ok=True))
    play.when(ev.UnloadAsked("brain"))
    play.when(ev.Unloaded("brain"))
    ready(play, "coder")
    play.now += 100
    play.when(play.wanted("again", "brain"))
    play.now += 2
    assert view(play.lifecycle, "brain", play.now).elapsed_s == 2.0
    play.when(ev.Unloaded("coder"))
    play.now += 3
    play.when(ev.Loaded("brain", 0, 3.0))
    assert [f.seconds for f in play.facts if isinstance(f, Swapped)] == [5.0]


def test_an_eviction_that_was_in_vain_is_not_told_as_a_swap_later() -> None:
    """The one it was for left; what is loaded later took nobody's place."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("a", "coder"))
    play.when(ev.Abandoned("a"))
    play.when(ev.Unloaded("brain"))
    assert play.when(play.wanted("b", "coder")) == [StartLoad("coder")]
    play.when(ev.Loaded("coder", 0, 1.0))
    assert not [f for f in play.facts if isinstance(f, Swapped)]


def test_reset_clears_a_record_also_when_its_rest_is_over() -> None:
    """A model on probation is trusted again at once, with all its slots."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
    play.after(30)
    play.when(ev.ResetAsked("brain"))
    residency = play.lifecycle.residencies["brain"]
    assert (residency.failures, residency.cause, residency.on_probation) == (0, None, False)
    for request in ("b", "c"):
        play.when(play.wanted(request, "brain"))
    assert play.when(ev.Loaded("brain", 0, 1.0)) == [Grant("b", "brain"), Grant("c", "brain")]


def test_reset_does_not_switch_on_what_a_person_switched_off() -> None:
    """Clearing the failed cache is another wish."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
    play.when(ev.Registered(spec("brain", 13 * GB, enabled=False)))
    play.when(ev.ResetAsked("brain"))
    assert play.state("brain") is ModelState.DISABLED


def test_a_model_that_was_given_up_is_not_switched_on_by_what_discovery_finds() -> None:
    """Only a person does that, also after more failures than would have given it up."""
    play = Play(16 * GB, PAIR)
    for number in range(5):
        play.when(play.wanted(f"r{number}", "brain"))
        play.when(ev.LoadFailed("brain", Cause.TIMEOUT, "slow"))
        play.after(301)
    play.when(ev.Registered(spec("brain", 13 * GB, name="renamed")))
    assert play.state("brain") is ModelState.DISABLED
    play.when(ev.Registered(spec("brain", 13 * GB, enabled=False)))
    play.when(ev.Registered(spec("brain", 13 * GB)))
    assert play.state("brain") is ModelState.ABSENT


def test_an_answer_of_an_earlier_life_does_not_blame_the_present_one() -> None:
    """The model crashed and was loaded again; its old requests fail late."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x")))
    for request in ("slow", "first"):
        play.when(play.wanted(request, "api/x"))
    play.when(ev.AnswerFailed("api/x", Cause.AUTH, "401", "first"))
    play.after(31)
    play.when(ev.AnswerFailed("api/x", Cause.AUTH, "401", "slow"))
    assert play.state("api/x") is ModelState.READY
    assert play.lifecycle.residencies["api/x"].failures == 1


def test_what_was_learned_of_another_file_or_context_is_forgotten() -> None:
    """A smaller context is believed, and booked from the next load on."""
    play = Play(16 * GB, {"a": 4 * GB})
    play.when(play.wanted("1", "a"))
    play.when(ev.Loaded("a", 9 * GB, 1.0))
    assert play.lifecycle.residencies["a"].need == 9 * GB
    play.when(ev.Registered(spec("a", 4 * GB, name="renamed")))
    assert play.lifecycle.residencies["a"].need == 9 * GB
    play.when(ev.Registered(spec("a", 2 * GB)))
    assert play.lifecycle.residencies["a"].need == 2 * GB
    assert play.lifecycle.ledgers["host"].holds("a") == 9 * GB


def test_a_booking_stays_on_its_device_until_the_model_has_left() -> None:
    """A changed device does not lose memory in the books."""
    play = Play(16 * GB, {"a": 4 * GB})
    play.lifecycle.ledgers["gpu0"] = MemoryLedger("gpu0", 8 * GB)
    ready(play, "a")
    play.when(ev.Registered(spec("a", 4 * GB, device="gpu0")))
    assert play.lifecycle.ledgers["host"].holds("a") == 4 * GB
    play.when(ev.UnloadAsked("a"))
    play.when(ev.Unloaded("a"))
    assert play.lifecycle.ledgers["host"].reserved == 0
    play.when(ev.Registered(spec("a", 4 * GB, device="gpu0")))
    play.when(play.wanted("1", "a"))
    assert play.lifecycle.ledgers["gpu0"].holds("a") == 4 * GB


def test_a_waiter_that_is_refused_at_its_deadline_is_taken_off_the_shown_queue() -> None:
    """Pages count by these facts."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain", deadline_s=30))
    play.after(31)
    assert [f.waiting for f in play.facts if isinstance(f, QueueChanged)] == [1, 0]


def test_a_lease_of_a_model_that_was_forgotten_is_no_lease_of_the_one_that_comes_back() -> None:
    """A provider is deleted and added again while an answer runs."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x", slots=1)))
    play.when(play.wanted("old", "api/x"))
    play.when(ev.SwitchedOff("api/x"))
    play.when(ev.Forgotten("api/x"))
    play.when(ev.Registered(remote("api/x", slots=1)))
    assert play.when(play.wanted("new", "api/x")) == [Grant("new", "api/x")]
    assert play.when(ev.Released("old", ok=True)) == []
    assert play.lifecycle.residencies["api/x"].in_flight == 1


def test_a_model_that_would_not_leave_after_bad_answers_starts_a_new_count() -> None:
    """One more bad answer is not five."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    for _ in range(5):
        play.when(ev.AnswerFailed("brain", Cause.UNKNOWN, "500"))
    play.when(ev.UnloadFailed("brain", "busy"))
    play.after(6)
    assert play.when(ev.AnswerFailed("brain", Cause.UNKNOWN, "500")) == []
    assert play.state("brain") is ModelState.READY


def test_on_probation_one_bad_answer_is_enough() -> None:
    """A remote model that has just failed has no credit."""
    play = Play(GB)
    play.when(ev.Registered(remote("api/x")))
    play.when(ev.AnswerFailed("api/x", Cause.AUTH, "401"))
    play.after(31)
    play.when(ev.AnswerFailed("api/x", Cause.UNKNOWN, "500"))
    assert play.state("api/x") is ModelState.FAILED
    assert play.lifecycle.residencies["api/x"].failures == 2


def test_a_resident_is_booked_with_what_it_was_seen_to_take() -> None:
    """If that is more than its estimate."""
    play = Play(16 * GB, {"a": 4 * GB})
    play.when(ev.Observed({"a": 7 * GB}, frozenset({"a"})))
    assert play.lifecycle.ledgers["host"].holds("a") == 7 * GB


def test_a_crash_after_a_steady_time_starts_a_new_count_of_failures() -> None:
    """A crash a day does not switch a model off."""
    play = Play(16 * GB, PAIR)
    for number in range(10):
        play.when(play.wanted(f"r{number}", "brain"))
        play.when(ev.Loaded("brain", 0, 1.0))
        play.when(ev.Released(f"r{number}"))  # nothing is known of the answer
        play.now += 60
        play.when(ev.Crashed("brain", "signal 9"))
        assert play.lifecycle.residencies["brain"].failures == 1
        play.after(1)


def test_a_load_is_aborted_once() -> None:
    """Asked twice, told once; its time running out meanwhile changes nothing."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    assert AbortLoad("brain") in play.when(ev.UnloadAsked("brain"))
    assert play.when(ev.UnloadAsked("brain")) == []
    assert play.after(200) == []


def test_of_two_that_fit_one_is_loaded_at_a_time() -> None:
    """Also when both have waited for the same moment."""
    play = Play(16 * GB, {"a": 2 * GB, "b": 2 * GB, "c": 2 * GB})
    for model in ("a", "b", "c"):
        play.when(play.wanted(f"w{model}", model))
    assert play.when(ev.Loaded("a", 0, 1.0)) == [Grant("wa", "a"), StartLoad("b")]
    assert play.when(ev.Loaded("b", 0, 1.0)) == [Grant("wb", "b"), StartLoad("c")]


def test_a_model_leaves_for_one_of_those_who_want_its_room() -> None:
    """Two that are overdue in the same moment: it is drained for the first of them, once."""
    play = Play(16 * GB, {"old": 10 * GB, "one": 10 * GB, "two": 10 * GB})
    ready(play, "old")
    play.when(play.wanted("stream", "old"))
    play.when(play.wanted("w1", "one"))
    play.when(play.wanted("w2", "two"))
    play.after(15.1)
    assert play.state("old") is ModelState.DRAINING
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("old")]
    assert play.when(ev.Unloaded("old")) == [StartLoad("one", ("old",))]


def test_a_model_that_is_pinned_while_it_drains_stays() -> None:
    """Who wanted its room is told that it is pinned."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(play.wanted("c", "coder"))
    play.after(16)
    assert play.state("brain") is ModelState.DRAINING
    assert refused(play.when(ev.PinChanged("brain", pinned=True))) == {"c": "no_fit"}
    assert play.state("brain") is ModelState.READY


def test_a_pinned_model_on_its_way_out_could_be_loaded_again() -> None:
    """Its own pin does not stand in its way."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.PinChanged("brain", pinned=True))
    play.when(ev.UnloadAsked("brain"))
    assert plan(play.lifecycle, "brain", play.now).fits == "after_evicting"


def test_room_that_comes_by_falling_asleep_is_waited_for() -> None:
    """Nobody else is evicted meanwhile."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("dozer", 8 * GB), can_sleep=True))
    for model, need in (("other", 7 * GB), ("coder", 8 * GB)):
        play.when(ev.Registered(spec(model, need)))
    ready(play, "dozer")
    play.now += 1
    ready(play, "other")
    assert play.when(play.wanted("c", "coder")) == [Sleep("dozer")]
    assert play.when(ev.Slept("dozer")) == [StartLoad("coder", ("dozer",))]
    assert play.state("other") is ModelState.READY


def test_an_unused_model_that_would_not_leave_is_asked_again_later_and_not_at_once() -> None:
    """No storm of unloads."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("a", GB, ttl_s=60.0)))
    ready(play, "a")
    assert play.after(60) == [StartUnload("a")]
    assert play.when(ev.UnloadFailed("a", "busy")) == []
    assert play.after(4.9) == []
    assert play.after(0.1) == [StartUnload("a")]


def test_the_alarm_is_set_for_the_moment_in_which_a_waiter_is_due() -> None:
    """Nobody has to come by for a busy model to be drained."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(play.wanted("c", "coder"))
    assert play.lifecycle.alarm == play.now + 15.0


def test_a_short_rest_is_not_waited_for_by_a_request_that_ends_before_it() -> None:
    """It is told at once, with the time to come back."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.Crashed("brain", "signal 9"))
    (refusal,) = play.when(play.wanted("a", "brain", deadline_s=0.4))
    assert isinstance(refusal, Refuse)
    assert (refusal.error.code, refusal.error.retry_after_s) == ("model_failed", 0.5)


def test_nobody_leaves_when_another_alone_is_just_enough() -> None:
    """To the byte."""
    play = Play(8 * GB, {"small": 2 * GB, "big": 4 * GB, "new": 6 * GB})
    ready(play, "small")
    play.now += 1
    ready(play, "big")
    assert play.when(play.wanted("a", "new")) == [StartUnload("big")]


def test_a_model_that_took_more_than_there_is_room_for_does_not_overbook() -> None:
    """The books stay within the budget whatever a load reports; what it takes is remembered."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("a", "brain"))
    play.when(ev.Loaded("brain", 20 * GB, 1.0))
    assert play.lifecycle.ledgers["host"].reserved == 16 * GB


def test_another_leaves_in_place_of_a_draining_model_that_is_pinned() -> None:
    """The pin is obeyed at once, and the waiter still gets its room."""
    play = Play(16 * GB, {"old": 6 * GB, "young": 6 * GB, "new": 8 * GB})
    for model in ("old", "young"):
        ready(play, model)
        play.now += 1
    play.when(play.wanted("s1", "old"))
    play.when(play.wanted("s2", "young"))
    play.when(play.wanted("w", "new"))
    play.after(16)
    (leaver,) = [m for m in ("old", "young") if play.state(m) is ModelState.DRAINING]
    other = {"old": "young", "young": "old"}[leaver]
    play.when(ev.PinChanged(leaver, pinned=True))
    assert (play.state(leaver), play.state(other)) == (ModelState.READY, ModelState.DRAINING)


def test_a_model_may_have_a_word_of_its_own_on_how_long_its_load_takes() -> None:
    """A server that takes ten minutes to start is given them; the others keep to the rule."""
    for limit, allowed in ((None, 180), (600.0, 600), (30.0, 30)):
        play = Play(16 * GB, load_timeout_s=180.0)
        play.when(ev.Registered(spec("own", 4 * GB, load_timeout_s=limit)))
        play.when(play.wanted("a", "own", deadline_s=1000))
        assert play.after(allowed - 1) == []
        assert play.after(2) == [AbortLoad("own")]


def test_what_nobody_knows_the_size_of_is_loaded_alone_and_then_booked_with_what_it_takes() -> None:
    """All there is, for the load; afterwards there is room for others again."""
    play = Play(16 * GB, {"coder": 9 * GB})
    play.when(ev.Registered(spec("own", 16 * GB, has_known_size=False)))
    play.when(play.wanted("a", "coder"))
    play.when(ev.Loaded("coder", 0, 1.0))
    play.when(ev.Released("a"))
    assert play.when(play.wanted("b", "own")) == [StartUnload("coder")]
    assert play.when(ev.Unloaded("coder")) == [StartLoad("own", ("coder",))]
    play.when(ev.Loaded("own", 4 * GB, 1.0))
    assert play.lifecycle.ledgers["host"].held == {"own": 4 * GB}
    assert play.when(play.wanted("c", "coder")) == [StartLoad("coder")]


def test_what_nobody_knows_the_size_of_is_found_with_what_it_holds() -> None:
    """A new gateway books what the model really takes, not all there is."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("own", 16 * GB, has_known_size=False)))
    play.when(ev.Observed({"own": 4 * GB}, frozenset({"own"})))
    assert play.lifecycle.ledgers["host"].held == {"own": 4 * GB}
