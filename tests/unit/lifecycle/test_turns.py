"""Models that take turns: who is left alone for how long, who comes back, who is expected, who is parked where."""

from __future__ import annotations

import pytest

from batuta.catalog.entities import Tier
from batuta.errors import Cause
from batuta.lifecycle import events as ev
from batuta.lifecycle.commands import AbortLoad, Grant, Sleep, StartLoad, StartUnload, Wake
from batuta.lifecycle.ledger import MemoryLedger
from batuta.lifecycle.machine import Lifecycle
from batuta.lifecycle.queueing import BoundedWait
from batuta.lifecycle.residency import Leaving
from batuta.lifecycle.room import WaitReason
from batuta.lifecycle.states import ModelState
from batuta.observe.events import Swapped
from batuta.testing.playbook import GB, Play, refused, spec

PAIR = {"brain": 13 * GB, "coder": 9 * GB}
CARD = "cuda:0"


def ready(play: Play, model: str, seconds: float = 4.0) -> None:
    """Have the model loaded, and idle."""
    play.when(play.wanted(f"first {model}", model))
    play.when(ev.Loaded(model, 0, seconds, tier=Tier.CACHED))
    play.when(ev.Released(f"first {model}", ok=True))


def swap(play: Play, model: str, request: str = "swap") -> None:
    """Have the model loaded in the place of the other, and answering."""
    (leaves,) = play.when(play.wanted(request, model))
    assert isinstance(leaves, StartUnload)
    play.when(ev.Unloaded(leaves.model, 0.5))
    play.when(ev.Loaded(model, 0, 4.0, tier=Tier.CACHED))


# Who is left alone ---------------------------------------------------------------------------------------------------


def test_a_busy_model_stays_some_times_what_its_swap_costs() -> None:
    """Or a loaded device would do nothing but swap: four times both loads, although the waiter was due long before."""
    play = Play(16 * GB, PAIR, queue=BoundedWait(normal_s=15.0, busy_factor=4.0))
    ready(play, "coder", 3.0)
    swap(play, "brain", "stream")
    came = play.now
    play.when(play.wanted("a", "coder"))
    wait = play.lifecycle.outlook["coder"]
    assert (wait.reason, wait.victims) == (WaitReason.BUSY, ("brain",))
    assert wait.until == pytest.approx(came + 4 * (3.0 + 4.0))
    assert play.after(27.9) == []
    assert play.state("brain") is ModelState.READY
    play.after(0.2)
    assert play.state("brain") is ModelState.DRAINING


def test_a_model_that_has_had_its_time_goes_first() -> None:
    """Of two busy ones, the one that came long ago is drained, though the other would cost less."""
    play = Play(16 * GB, {"old": 8 * GB, "new": 8 * GB, "third": 8 * GB}, queue=BoundedWait(normal_s=15.0))
    for name in ("old", "new"):
        play.when(play.wanted(f"stream {name}", name))
        play.when(ev.Loaded(name, 0, 1.0 if name == "new" else 4.0))
        play.now += 100.0 if name == "old" else 0.0
    play.when(play.wanted("a", "third"))
    play.after(15.1)
    assert play.state("old") is ModelState.DRAINING
    assert play.state("new") is ModelState.READY


# Who comes back ------------------------------------------------------------------------------------------------------


def test_the_default_model_returns_when_all_is_idle() -> None:
    """Two idle seconds after the executor's last answer the brain takes its place again, and the swap says why."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    assert play.after(30.0) == [], "it is answering"
    play.when(ev.Released("swap", ok=True))
    assert play.after(1.9) == []
    assert play.after(0.2) == [StartUnload("coder")]
    assert play.when(ev.Unloaded("coder", 0.5)) == [StartLoad("brain", ("coder",))]
    assert play.when(ev.Loaded("brain", 0, 4.0)) == []
    told = [fact for fact in play.facts if isinstance(fact, Swapped)][-1]
    assert (told.model, told.evicted, told.reason) == ("brain", ("coder",), "it returns after 2 idle seconds")
    assert play.after(100.0) == [], "it is there"


@pytest.mark.parametrize("why", ["nothing set", "asked to go", "switched off", "never there", "pinned in the way"])
def test_who_does_not_return(why: str) -> None:
    """A return undoes a swap, and nothing else: not a person's wish, not somebody else's pin."""
    play = Play(16 * GB, PAIR)
    if why != "nothing set":
        play.when(ev.ReturnSet("brain", 2.0))
    if why == "never there":
        ready(play, "coder")
    else:
        ready(play, "brain")
        swap(play, "coder")
        play.when(ev.Released("swap", ok=True))
    if why == "asked to go":
        play.when(ev.UnloadAsked("brain"))
    if why == "switched off":
        play.when(ev.SwitchedOff("brain"))
    if why == "pinned in the way":
        play.when(ev.PinChanged("coder", pinned=True))
    assert play.after(60.0) == []
    assert play.state("coder") is ModelState.READY


def test_a_return_is_called_off_for_somebody_who_waits() -> None:
    """A load that nobody asked for is not waited for by who needs its room."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    play.after(2.1)
    play.when(ev.Unloaded("coder", 0.5))
    assert play.state("brain") is ModelState.LOADING
    assert play.when(play.wanted("again", "coder")) == [AbortLoad("brain")]
    cause = ev.LoadFailed("brain", Cause.TIMEOUT, "stopped")
    assert play.when(cause) == [StartLoad("coder", ())]
    assert play.when(ev.Loaded("coder", 0, 4.0)) == [Grant("again", "coder")]
    assert play.lifecycle.residencies["brain"].failures == 0, "it is not to blame"


def test_a_return_that_is_wanted_by_now_is_not_called_off() -> None:
    """Somebody waits for the very model that is coming back, and somebody else for its room."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    swap(play, "coder")
    play.when(ev.Released("swap", ok=True))
    play.after(2.1)
    play.when(ev.Unloaded("coder", 0.5))
    play.when(play.wanted("first", "brain"))
    assert play.when(play.wanted("second", "coder")) == []
    assert play.when(ev.Loaded("brain", 0, 4.0)) == [Grant("first", "brain")]


# Who is expected -----------------------------------------------------------------------------------------------------


def test_a_hint_loads_where_nobody_waits_and_nobody_is_busy() -> None:
    """The plan's next step is being loaded while a person reads: its request is then answered at once."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    assert play.when(ev.Hinted("coder", "the next step of a plan", play.now + 60)) == [StartUnload("brain")]
    assert play.when(ev.Unloaded("brain", 0.5)) == [StartLoad("coder", ("brain",))]
    play.when(ev.Loaded("coder", 0, 4.0))
    assert play.when(play.wanted("a", "coder")) == [Grant("a", "coder")]
    assert any("the next step of a plan" in line.text for line in play.lifecycle.residencies["coder"].story)


def test_a_hint_waits_for_who_is_answering_and_never_cuts_anybody_off() -> None:
    """It comes true in the moment in which the busy model is idle, if it still stands then."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    assert play.when(ev.Hinted("coder", "soon", play.now + 60)) == []
    assert play.after(50.0) == []
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("brain")]


def test_a_hint_ends() -> None:
    """Nobody came: after its time it moves nobody."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Hinted("coder", "soon", play.now + 10))
    play.after(10.1)
    assert play.when(ev.Released("stream", ok=True)) == []


def test_a_hint_keeps_the_return_out_until_it_ends() -> None:
    """What was brought in ahead is not sent away two seconds later because it is idle yet."""
    play = Play(16 * GB, PAIR)
    play.when(ev.ReturnSet("brain", 2.0))
    ready(play, "brain")
    play.when(ev.Hinted("coder", "soon", play.now + 30))
    play.when(ev.Unloaded("brain", 0.5))
    play.when(ev.Loaded("coder", 0, 4.0))
    assert play.after(29.0) == []
    assert play.after(1.5) == [StartUnload("coder")]


def test_a_model_with_a_hint_of_its_own_leaves_for_no_other_hint() -> None:
    """Two people's next steps would take turns in throwing each other out, and neither would find it ready."""
    play = Play(16 * GB, PAIR)
    play.when(ev.Hinted("coder", "one person's next step", play.now + 60))
    play.when(ev.Loaded("coder", 0, 4.0))
    assert play.when(ev.Hinted("brain", "another's", play.now + 90)) == []
    assert play.after(60.5) == [StartUnload("coder")], "the hint that kept it is over"


@pytest.mark.parametrize("model", ["nobody", "api/far"])
def test_a_hint_for_what_cannot_be_loaded_changes_nothing(model: str) -> None:
    """It is a hint, not an order."""
    play = Play(16 * GB, PAIR)
    assert play.when(ev.Hinted(model, "soon", play.now + 10)) == []
    assert play.lifecycle.alarm is None


# Reading ahead -------------------------------------------------------------------------------------------------------


def test_what_has_to_wait_is_read_into_the_file_cache_meanwhile() -> None:
    """Once, and only what is not there already."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(play.wanted("stream", "brain"))
    play.when(play.wanted("a", "coder"))
    play.when(play.wanted("b", "coder"))
    assert play.warmed == ["coder"]


# Lowered budgets -----------------------------------------------------------------------------------------------------


def test_a_lowered_budget_sends_idle_models_away() -> None:
    """Down to the new figure, the cheapest first; what still fits stays."""
    play = Play(16 * GB, {"a": 5 * GB, "b": 5 * GB, "c": 5 * GB})
    for name in "abc":
        ready(play, name)
        play.now += 1.0
    assert play.when(ev.BudgetSet("host", 11 * GB, "other programs hold 5.0 GB")) == [StartUnload("a")]
    play.when(ev.Unloaded("a"))
    assert play.lifecycle.ledgers["host"].excess == 0
    assert play.lifecycle.residencies["a"].story[-1].text
    assert any("other programs hold 5.0 GB" in line.text for line in play.lifecycle.residencies["a"].story)


def test_a_busy_model_is_drained_down_to_a_lowered_budget_and_never_cut() -> None:
    """Its answers end first; whoever comes meanwhile is told with figures that it does not fit any more."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("stream", "brain"))
    play.when(ev.Loaded("brain", 0, 4.0))
    assert play.when(ev.BudgetSet("host", 10 * GB)) == []
    assert play.state("brain") is ModelState.DRAINING
    assert refused(play.when(play.wanted("late", "brain"))) == {}
    assert play.when(ev.Released("stream", ok=True)) == [StartUnload("brain")]
    assert refused(play.when(ev.Unloaded("brain"))) == {"late": "no_fit"}


def test_a_pinned_model_stays_whatever_the_budget_says() -> None:
    """A person's pin is a person's word; the books show what is over, and nothing new is booked."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.PinChanged("brain", pinned=True))
    assert play.when(ev.BudgetSet("host", 10 * GB)) == []
    assert play.lifecycle.ledgers["host"].excess == 3 * GB
    assert refused(play.when(play.wanted("a", "coder"))) == {"a": "no_fit"}


def test_a_budget_that_is_raised_again_takes_nobody_away() -> None:
    """What had to leave comes back when it is wanted."""
    play = Play(16 * GB, PAIR)
    ready(play, "brain")
    play.when(ev.BudgetSet("host", 10 * GB))
    play.when(ev.Unloaded("brain"))
    play.when(ev.BudgetSet("host", 16 * GB))
    assert play.when(play.wanted("a", "brain")) == [StartLoad("brain", ())]


# Parked in host memory -----------------------------------------------------------------------------------------------


class Card:
    """Two models that take turns on a card and are parked in host memory meanwhile."""

    def __init__(self, host: int) -> None:
        self.now = 1000.0
        self.lifecycle = Lifecycle({"host": MemoryLedger("host", host), CARD: MemoryLedger(CARD, 16 * GB)})
        for name, need in PAIR.items():
            self.when(ev.Registered(spec(name, need, device=CARD), can_sleep=True))
        self.when(ev.Registered(spec("ram", 5 * GB)))

    def when(self, event: ev.Event) -> list[object]:
        commands = self.lifecycle.handle(event, self.now)
        self.lifecycle.check()
        return [c for c in commands if isinstance(c, StartLoad | StartUnload | Sleep | Wake | Grant)]

    def want(self, model: str) -> list[object]:
        return self.when(ev.Wanted(f"for {model}", model, ev.Priority.NORMAL, self.now + 300))

    def use(self, model: str) -> None:
        self.when(ev.Loaded(model, 0, 4.0))
        self.when(ev.Released(f"for {model}", ok=True))
        self.now += 60.0

    @property
    def host(self) -> dict[str, int]:
        return self.lifecycle.ledgers["host"].held


def test_what_is_parked_is_booked_on_the_host() -> None:
    """From the moment it goes to sleep until it is awake again: host memory is a ledger like any other."""
    card = Card(20 * GB)
    card.want("brain")
    card.use("brain")
    assert card.want("coder") == [Sleep("brain")]
    assert card.host == {"brain": 13 * GB}
    assert card.when(ev.Slept("brain")) == [StartLoad("coder", ("brain",))]
    card.use("coder")
    assert card.want("brain") == [Sleep("coder")] or card.host == {"brain": 13 * GB}


def test_where_host_memory_is_short_it_is_unloaded_instead() -> None:
    """No place to park: the model leaves altogether, and its story says why."""
    card = Card(6 * GB)
    card.want("brain")
    card.use("brain")
    assert card.want("coder") == [StartUnload("brain")]
    assert card.host == {}
    assert any("not parked" in line.text for line in card.lifecycle.residencies["brain"].story)


def test_a_parked_model_makes_room_for_one_that_runs_in_host_memory() -> None:
    """Being parked is a convenience; a request for a model of the host's goes before it."""
    card = Card(16 * GB)
    card.want("brain")
    card.use("brain")
    card.want("coder")
    card.when(ev.Slept("brain"))
    card.use("coder")
    assert card.want("ram") == [StartUnload("brain")]
    assert card.lifecycle.residencies["brain"].leaving is Leaving.HOST_ROOM
    assert card.when(ev.Unloaded("brain")) == [StartLoad("ram", ("brain",))]
    assert card.host == {"ram": 5 * GB}


def test_nobody_is_parked_where_somebody_waits_for_room() -> None:
    """A request for a model of the host's comes first; what leaves the card then leaves altogether."""
    card = Card(16 * GB)
    card.want("ram")
    card.when(ev.Loaded("ram", 0, 1.0))
    card.when(ev.Registered(spec("other", 12 * GB)))
    card.want("brain")
    card.use("brain")
    card.want("other")
    assert StartUnload("brain") in card.want("coder")
    assert card.host == {"ram": 5 * GB}


def test_a_copy_beside_the_device_is_booked_as_long_as_it_is_there() -> None:
    """A pinned copy is there from the load on, awake or parked; a request for a model of the host's has it let go."""
    card = Card(16 * GB)
    card.want("brain")
    card.when(ev.Loaded("brain", 0, 4.0, host_bytes=13 * GB))
    card.when(ev.Released("for brain", ok=True))
    assert card.host == {"brain": 13 * GB}
    assert card.want("coder") == [Sleep("brain")]
    assert card.host == {"brain": 13 * GB}
    card.when(ev.Slept("brain"))
    card.use("coder")
    card.now += 60.0
    assert card.want("brain") == [StartUnload("coder")], "there is no room to park both"
    assert card.when(ev.Unloaded("coder")) == [Wake("brain")]
    card.when(ev.Loaded("brain", 0, 0.5, tier=Tier.PARKED, host_bytes=13 * GB))
    card.when(ev.Released("for brain", ok=True))
    assert card.want("ram") == [StartUnload("brain")]
    assert card.when(ev.Unloaded("brain")) == [StartLoad("ram", ("brain",))]


def test_waking_is_priced_as_what_it_is() -> None:
    """A model that can be parked costs little to bring back, so it goes before one that has to be read again."""
    lifecycle = Lifecycle({"host": MemoryLedger("host", 64 * GB), CARD: MemoryLedger(CARD, 20 * GB)})
    now = 1000.0
    for name, naps in (("reader", False), ("napper", True)):
        lifecycle.handle(ev.Registered(spec(name, 9 * GB, device=CARD), can_sleep=naps), now)
        lifecycle.handle(ev.Wanted(name, name, ev.Priority.NORMAL, now + 60), now)
        lifecycle.handle(ev.Loaded(name, 0, 6.0), now)
        lifecycle.handle(ev.Released(name, ok=True), now)
    lifecycle.handle(ev.Registered(spec("third", 9 * GB, device=CARD)), now)
    commands = lifecycle.handle(ev.Wanted("t", "third", ev.Priority.NORMAL, now + 60), now)
    assert Sleep("napper") in commands
