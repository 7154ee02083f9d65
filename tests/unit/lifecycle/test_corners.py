"""Corners of the scheduling core: what is left over from a hint, a copy, a pin, a budget, must not decide later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from batuta.catalog.entities import Tier
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Sleep, StartLoad, StartUnload
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.queueing import BoundedWait
from batuta.lifecycle.states import ModelState
from batuta.testing.playbook import GB, Play, refused, remote, spec

S = ModelState
PAIR = {"brain": 13 * GB, "coder": 9 * GB}
CARD = "cuda:0"


def ready(play: Play, model: str, seconds: float = 4.0, **rest: Any) -> None:
    play.when(play.wanted(f"first {model}", model))
    play.when(ev.Loaded(model, 0, seconds, **rest))
    play.when(ev.Released(f"first {model}", ok=True))


def swap(play: Play, model: str, request: str = "swap") -> None:
    (leaves,) = play.when(play.wanted(request, model))
    assert isinstance(leaves, StartUnload), leaves
    play.when(ev.Unloaded(leaves.model, 0.5))
    play.when(ev.Loaded(model, 0, 4.0, tier=Tier.CACHED))


def card(host: int, budget: int = 16 * GB, **rest: Any) -> Play:
    play = Play(host, **rest)
    play.lifecycle.ledgers[CARD] = MemoryLedger(CARD, budget)
    return play


def sleeper(play: Play, model: str, need: int, **rest: Any) -> None:
    play.when(ev.Registered(spec(model, need, device=CARD, **rest), can_sleep=True))


def test_lowered_host_budget_and_a_parked_model() -> None:
    """Lowered host budget and a parked model."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain")
    play.when(play.wanted("c", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 4.0))
    assert play.when(ev.BudgetSet("host", 10 * GB)) == [StartUnload("brain")]
    play.when(ev.Unloaded("brain"))
    assert play.lifecycle.ledgers["host"].excess == 0


def test_lowered_host_budget_and_a_copy() -> None:
    """Lowered host budget and a copy."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    ready(play, "brain", host_bytes=13 * GB)
    assert play.when(ev.BudgetSet("host", 10 * GB)) == [StartUnload("brain")]


def test_parked_and_registered_for_another_device() -> None:
    """Parked and registered for another device."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain")
    play.when(play.wanted("c", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.Registered(spec("brain", 13 * GB, device="host"), can_sleep=True))
    play.when(play.wanted("b", "brain"))  # ValueError: brain already has a reservation on host


def test_parked_and_registered_for_another_card() -> None:
    """cuda:1 is booked for the wake although the engine wakes it on cuda:0."""
    play = card(40 * GB)
    play.lifecycle.ledgers["cuda:1"] = MemoryLedger("cuda:1", 16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain")
    play.when(play.wanted("c", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.Registered(spec("brain", 13 * GB, device="cuda:1"), can_sleep=True))
    assert play.lifecycle.residencies["brain"].spec.device == CARD, "its stay is on the card that it is woken on"


def test_a_returned_model_that_ttl_sends_away_does_not_return_for_ever() -> None:
    """A returned model that ttl sends away does not return for ever."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB, ttl_s=10.0)))
    play.when(ev.Registered(spec("coder", 9 * GB)))
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    play.after(2.1)
    play.when(ev.Unloaded("coder", 0.5))
    play.when(ev.Loaded("brain", 0, 4.0))
    assert play.after(10.1) == [StartUnload("brain")]
    assert play.when(ev.Unloaded("brain", 0.5)) == []


def test_a_returned_model_that_its_engine_let_go_does_not_return_for_ever() -> None:
    """A returned model that its engine let go does not return for ever."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    play.after(2.1)
    play.when(ev.Unloaded("coder", 0.5))
    play.when(ev.Loaded("brain", 0, 4.0))
    play.now += 300.0  # Ollama's own keep-alive
    assert play.when(ev.Observed({}, frozenset({"brain", "coder"}))) == []


def test_chosen_to_leave_but_stayed_is_not_displaced() -> None:
    """REVIVED, then unused for its TTL: it never made room for anybody."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB, ttl_s=60.0)))
    play.when(ev.Registered(spec("coder", 9 * GB)))
    play.when(ev.ReturnSet("brain", 2.0))
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0))
    play.when(play.wanted("c", "coder"))
    play.after(16.0)
    assert play.state("brain") is S.DRAINING
    play.when(ev.Abandoned("c"))
    assert play.state("brain") is S.READY
    play.when(ev.Released("stream", ok=True))
    assert play.after(60.1) == [StartUnload("brain")]
    assert play.when(ev.Unloaded("brain", 0.5)) == []


def test_a_hinted_model_that_ttl_sends_away_is_not_loaded_again_and_again() -> None:
    """A hinted model that ttl sends away is not loaded again and again."""
    play = Play(16 * GB)
    play.when(ev.Registered(spec("coder", 9 * GB, ttl_s=5.0)))
    play.when(ev.Hinted("coder", "soon", play.now + 60))
    play.when(ev.Loaded("coder", 0, 4.0))
    sent = play.after(5.1)
    if sent:  # or it stays while the hint stands
        assert play.when(ev.Unloaded("coder", 0.5)) == []


def test_a_return_that_was_forestalled_waits_its_idle_seconds_again() -> None:
    """A return that was forestalled waits its idle seconds again."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    assert play.after(2.1) == [StartUnload("coder")]
    play.when(play.wanted("again", "coder"))
    assert play.when(ev.Unloaded("coder", 0.5)) == [StartLoad("coder", ())]
    play.when(ev.Loaded("coder", 0, 4.0))
    play.after(5.0)
    assert play.when(ev.Released("again", ok=True)) == [], "two idle seconds have not passed"


def test_a_load_that_was_asked_for_is_not_called_off_when_its_caller_leaves() -> None:
    """product.md 3.3: a client that leaves does not abort the load; is_expected is left from a hint long void."""
    play = Play(16 * GB, {**PAIR, "other": 9 * GB})
    ready(play, "coder")
    assert play.when(ev.Hinted("brain", "soon", play.now + 5)) == [StartUnload("coder")]
    play.when(play.wanted("again", "coder"))
    play.when(ev.Unloaded("coder", 0.5))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.Released("again", ok=True))
    play.now += 600.0
    play.when(play.wanted("b", "brain"))
    play.when(ev.Unloaded("coder", 0.5))
    assert play.state("brain") is S.LOADING
    play.when(ev.Abandoned("b"))
    assert AbortLoad("brain") not in play.when(play.wanted("o", "other"))


def test_a_busy_model_is_not_drained_for_a_hint_that_is_void() -> None:
    """A busy model is not drained for a hint that is void."""
    play = Play(16 * GB, PAIR)
    ready(play, "coder")
    play.when(ev.Hinted("brain", "soon", play.now + 5))
    play.when(play.wanted("again", "coder"))
    play.when(ev.Unloaded("coder", 0.5))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.now += 600.0
    play.when(play.wanted("b", "brain"))
    play.after(16.0)
    assert play.state("coder") is S.DRAINING
    play.when(ev.Abandoned("b"))
    assert play.state("coder") is S.READY


def test_a_return_that_failed_is_not_tried_again_and_again() -> None:
    """A return that failed is not tried again and again."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    play.after(2.1)
    play.when(ev.Unloaded("coder", 0.5))
    play.when(ev.LoadFailed("brain", Cause.ENGINE_OFFLINE, "away"))
    play.when(play.wanted("again", "coder"))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.Released("again", ok=True))
    assert play.after(120.0) == [], "coder is not sent away for what failed a moment ago"


def test_a_hint_whose_load_failed_is_forgotten() -> None:
    """A hint whose load failed is forgotten."""
    play = Play(16 * GB, PAIR)
    play.when(ev.Hinted("brain", "soon", play.now + 60))
    play.when(ev.LoadFailed("brain", Cause.CRASH, "bang"))
    assert play.after(30.0) == []


@pytest.mark.parametrize("parked", [True, False])
def test_who_waits_for_host_memory_that_a_pinned_model_of_a_card_holds(parked: bool) -> None:
    """Who waits for host memory that a pinned model of a card holds."""
    play = card(16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain", host_bytes=13 * GB)
    if parked:
        play.when(play.wanted("c", "coder"))
        play.when(ev.Slept("brain"))
        play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.PinChanged("brain", pinned=True))
    play.when(ev.Registered(spec("ram", 5 * GB)))
    assert refused(play.when(play.wanted("r", "ram"))) == {"r": "no_fit"}


def test_the_first_who_has_had_its_time_is_drained_then() -> None:
    """`old` has had its time at 1036, `new`, which costs less, at 1042; the waiter is due at 1025."""
    play = Play(16 * GB, {"old": 8 * GB, "new": 8 * GB, "third": 8 * GB}, queue=BoundedWait(normal_s=15.0))
    play.when(ev.Registered(spec("third", 8 * GB), known=ev.Known({Tier.DISK: 4.0, Tier.CACHED: 4.0})))
    play.when(play.wanted("stream old", "old"))
    play.when(ev.Loaded("old", 0, 5.0, tier=Tier.CACHED))
    play.now += 10.0
    play.when(play.wanted("stream new", "new"))
    play.when(ev.Loaded("new", 0, 4.0, tier=Tier.CACHED))
    play.when(play.wanted("a", "third"))  # due at 1025; old ripe at 1036, new at 1042
    alarm = play.lifecycle.alarm
    assert alarm is not None
    assert alarm <= 1036.0, "in that moment one has had its time, and is enough"


def test_a_request_that_never_fits_calls_no_load_off() -> None:
    """A request that never fits calls no load off."""
    play = Play(16 * GB, {**PAIR, "giant": 40 * GB})
    play.when(ev.Hinted("brain", "soon", play.now + 60))
    assert AbortLoad("brain") not in play.when(play.wanted("g", "giant"))
    assert play.state("brain") is S.LOADING


def test_an_out_of_memory_that_nobody_waits_for_drives_nobody_out() -> None:
    """Whoever asked has left: the load failed, and the device is not emptied for one more try."""
    play = Play(16 * GB, {"a": 3 * GB, "small": 3 * GB})
    ready(play, "small")
    play.when(play.wanted("1", "a"))
    play.when(ev.Abandoned("1"))
    assert play.when(ev.LoadFailed("a", Cause.OUT_OF_MEMORY, "no room")) == []
    assert (play.state("a"), play.state("small")) == (S.FAILED, S.READY)


def test_an_expected_model_is_not_retried_without_emptying_the_device() -> None:
    """An expected model is not retried without emptying the device."""
    play = Play(16 * GB, {"a": 3 * GB, "small": 3 * GB})
    ready(play, "small")
    play.when(ev.Hinted("a", "soon", play.now + 60))
    again = play.when(ev.LoadFailed("a", Cause.OUT_OF_MEMORY, "no room"))
    assert StartLoad("a", ()) not in again, "the same load into the same memory"


def test_a_model_seen_asleep_is_booked_where_it_is_parked() -> None:
    """A model seen asleep is booked where it is parked."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    play.when(ev.Registered(spec("ram", 12 * GB)))
    ready(play, "brain")
    play.when(ev.Observed({}, frozenset({"brain"}), frozenset({"brain"})))
    assert play.state("brain") is S.ASLEEP
    assert play.lifecycle.ledgers["host"].holds("brain") == 13 * GB


def test_a_forgotten_model_seen_asleep_leaves() -> None:
    """A forgotten model seen asleep leaves."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0))
    play.when(ev.Forgotten("brain"))
    out = play.when(ev.Observed({}, frozenset({"brain"}), frozenset({"brain"})))
    out += play.when(ev.Released("stream", ok=True)) + play.after(60.0)
    assert StartUnload("brain") in out


def test_a_model_switched_off_and_seen_asleep_leaves() -> None:
    """A model switched off and seen asleep leaves."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0))
    play.when(ev.SwitchedOff("brain"))
    out = play.when(ev.Observed({}, frozenset({"brain"}), frozenset({"brain"}))) + play.after(60.0)
    assert StartUnload("brain") in out


def test_a_copy_stays_booked_when_the_engine_would_not_sleep() -> None:
    """A copy stays booked when the engine would not sleep."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain", host_bytes=13 * GB)
    assert play.when(play.wanted("c", "coder")) == [Sleep("brain")]
    play.when(ev.UnloadFailed("brain", "busy"))
    assert play.state("brain") is S.READY
    assert play.lifecycle.ledgers["host"].holds("brain") == 13 * GB


def test_a_parked_model_that_leaves_host_memory_does_not_hold_up_its_card() -> None:
    """A parked model that leaves host memory does not hold up its card."""
    play = card(14 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    ready(play, "brain")
    play.when(play.wanted("c", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(ev.Released("c", ok=True))
    play.when(ev.Registered(spec("ram", 9 * GB)))
    assert play.when(play.wanted("r", "ram")) == [StartUnload("brain")]
    sleeper(play, "tiny", 2 * GB)
    assert play.when(play.wanted("t", "tiny")) == [StartLoad("tiny", ())]


def test_what_is_worth_more_stays_parked() -> None:
    """What is worth more stays parked."""
    play = card(14 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    sleeper(play, "third", 10 * GB)
    ready(play, "brain", 20.0)
    for i in range(20):
        play.when(play.wanted(f"b{i}", "brain"))
        play.when(ev.Released(f"b{i}", ok=True))
    play.when(play.wanted("c", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 1.0))
    play.when(ev.Released("c", ok=True))
    assert play.when(play.wanted("t", "third")) == [StartUnload("coder")]
    assert play.state("brain") is S.ASLEEP


def test_another_file_is_not_in_the_file_cache() -> None:
    """Another file is not in the file cache."""
    play = Play(16 * GB, {"a": 3 * GB})
    ready(play, "a")
    play.when(ev.UnloadAsked("a"))
    play.when(ev.Unloaded("a"))
    play.when(ev.Registered(replace(spec("a", 3 * GB), address="/models/other.gguf")))
    assert play.lifecycle.residencies["a"].tier is Tier.DISK


def test_a_queue_at_an_api_keeps_no_hint_out() -> None:
    """A queue at an api keeps no hint out."""
    play = Play(16 * GB, PAIR)
    play.when(ev.Registered(remote("api/far", slots=1)))
    play.when(play.wanted("1", "api/far"))
    play.when(play.wanted("2", "api/far"))
    assert play.when(ev.Hinted("coder", "soon", play.now + 60)) == [StartLoad("coder", ())]


def test_a_queue_at_an_api_keeps_nobody_from_being_parked() -> None:
    """A queue at an api keeps nobody from being parked."""
    play = card(20 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    play.when(ev.Registered(remote("api/far", slots=1)))
    ready(play, "brain")
    play.when(play.wanted("1", "api/far"))
    play.when(play.wanted("2", "api/far"))
    assert play.when(play.wanted("c", "coder")) == [Sleep("brain")]


def test_a_called_off_load_that_dies_counts_as_no_failure() -> None:
    """A called off load that dies counts as no failure."""
    play = Play(16 * GB, PAIR)
    play.when(ev.Hinted("brain", "soon", play.now + 60))
    assert play.when(play.wanted("c", "coder")) == [AbortLoad("brain")]
    play.when(ev.Crashed("brain", "exit -15"))
    assert play.lifecycle.residencies["brain"].failures == 0


@pytest.mark.parametrize("why", ["too large", "switched off", "failed"])
def test_a_hint_that_cannot_come_true_keeps_no_return_out(why: str) -> None:
    """A hint that cannot come true keeps no return out."""
    play = Play(16 * GB, {**PAIR, "giant": 40 * GB, "bad": 2 * GB})
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    hinted = "giant" if why == "too large" else "bad"
    if why == "switched off":
        play.when(ev.SwitchedOff("bad"))
    play.when(ev.Hinted(hinted, "soon", play.now + 60))
    if why == "failed":
        play.when(ev.LoadFailed("bad", Cause.CORRUPT_FILE, "no"))
    assert StartUnload("coder") in play.after(5.0)


def test_a_budget_raised_before_the_drain_is_over() -> None:
    """A budget raised before the drain is over."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0))
    play.when(ev.BudgetSet("host", 10 * GB))
    play.when(ev.BudgetSet("host", 16 * GB))
    assert play.state("brain") is S.READY


def test_a_model_moves_device_once_it_has_left() -> None:
    """A model moves device once it has left."""
    play = card(16 * GB)
    play.when(ev.Registered(spec("a", 4 * GB, device="host")))
    ready(play, "a")
    play.when(ev.Registered(spec("a", 4 * GB, device=CARD)))
    play.when(ev.UnloadAsked("a"))
    play.when(ev.Unloaded("a"))
    play.when(play.wanted("x", "a"))
    assert play.lifecycle.ledgers[CARD].holds("a") == 4 * GB


def test_two_devices_want_the_same_model_to_leave() -> None:
    """KeyError: (DRAINING, CHOSEN)."""
    play = card(16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    play.when(ev.Registered(spec("ram", 5 * GB)))
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0, host_bytes=13 * GB))
    play.when(play.wanted("c", "coder"))
    play.when(play.wanted("r", "ram"))
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("brain")]


def test_two_devices_want_the_same_busy_model_to_leave() -> None:
    """Two devices want the same busy model to leave."""
    play = card(16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    play.when(ev.Registered(spec("ram", 5 * GB)))
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0, host_bytes=13 * GB))
    play.when(play.wanted("c", "coder"))
    play.when(play.wanted("r", "ram"))
    play.after(20.0)


def test_swaps_on_another_device_make_nobody_overdue() -> None:
    """Swaps on another device make nobody overdue."""
    play = card(16 * GB)
    play.when(ev.Registered(spec("brain", 13 * GB)))
    play.when(ev.Registered(spec("coder", 9 * GB)))
    play.when(ev.Registered(spec("a", 13 * GB, device=CARD)))
    play.when(ev.Registered(spec("b", 9 * GB, device=CARD)))
    ready(play, "brain")
    play.when(play.wanted("stream", "a"))
    play.when(ev.Loaded("a", 0, 4.0))
    play.when(play.wanted("x", "b"))
    for i, model in enumerate(("coder", "brain")):
        swap(play, model, f"s{i}")
        play.when(ev.Released(f"s{i}", ok=True))
    play.after(0.1)
    assert play.state("a") is S.READY, "nobody swapped anything on its card"


def test_a_model_that_goes_to_sleep_where_host_memory_is_waited_for_leaves_altogether() -> None:
    """lifecycle.md: nobody is parked where somebody waits for room. With a copy that is booked, it is."""
    play = card(16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    play.when(ev.Registered(spec("ram", 5 * GB)))
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0, host_bytes=13 * GB))
    play.when(play.wanted("c", "coder"))
    play.after(16.0)
    assert play.state("brain") is S.DRAINING
    play.when(play.wanted("r", "ram"))
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("brain")]


def test_a_hint_throws_out_no_parked_model_that_is_waited_for() -> None:
    """lifecycle.md: neither a hint nor a return ever takes room from anybody who waits."""
    play = card(16 * GB)
    sleeper(play, "brain", 13 * GB)
    sleeper(play, "coder", 9 * GB)
    play.when(ev.Registered(spec("ram", 5 * GB)))
    ready(play, "brain")
    play.when(play.wanted("stream", "coder"))
    play.when(ev.Slept("brain"))
    play.when(ev.Loaded("coder", 0, 4.0))
    play.when(play.wanted("b", "brain"))  # it will be woken when the stream ends
    assert play.when(ev.Hinted("ram", "soon", play.now + 60)) == []


def test_a_lowered_budget_calls_a_load_for_nobody_off_first() -> None:
    """A lowered budget calls a load for nobody off first."""
    play = Play(16 * GB, {"used": 5 * GB, "hinted": 9 * GB})
    ready(play, "used")
    play.when(ev.Hinted("hinted", "soon", play.now + 60))
    assert play.state("hinted") is S.LOADING
    assert play.when(ev.BudgetSet("host", 8 * GB)) == [AbortLoad("hinted")]
