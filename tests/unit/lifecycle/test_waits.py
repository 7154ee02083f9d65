"""What people see of a wait: the place and seconds with each change of a queue, and the lines of the stories."""

from __future__ import annotations

from batuta.catalog.entities import Tier
from batuta.lifecycle import events as ev
from batuta.lifecycle.forecast import StepKind
from batuta.lifecycle.views import plan, view
from batuta.observe.events import QueueChanged, Swapped
from batuta.testing.playbook import GB, Play

PAIR = {"brain": 13 * GB, "coder": 9 * GB}


def story(play: Play, model: str) -> list[str]:
    return [line.text for line in play.lifecycle.residencies[model].story]


def waits(play: Play, model: str) -> list[str]:
    return [text for text in story(play, model) if text.startswith("waits")]


def queues(play: Play, model: str) -> list[tuple[int, int | None, float | None]]:
    facts = [fact for fact in play.facts if isinstance(fact, QueueChanged) and fact.model == model]
    return [(f.waiting, f.position, None if f.expected_s is None else round(f.expected_s, 1)) for f in facts]


def busy(answers: int = 2) -> Play:
    """The coder is loaded, has shown that an answer takes it 8 s, and gives some that began 2 s ago."""
    play = Play(16 * GB, PAIR)
    play.lifecycle.residencies["brain"].times.note(Tier.DISK, 4.6)
    play.when(play.wanted("first", "coder"))
    play.now += 3.0
    play.when(ev.Loaded("coder", 0, 3.0))
    play.now += 8.0
    play.when(ev.Released("first", ok=True))
    for number in range(answers):
        play.when(play.wanted(f"busy-{number}", "coder"))
    play.now += 2.0
    return play


def test_each_change_of_a_queue_tells_place_and_seconds() -> None:
    """Once everything has come to rest: the first waiter's wait, and nothing where nobody waits any more."""
    play = busy()
    play.when(play.wanted("a", "brain"))
    play.when(play.wanted("b", "brain"))
    assert queues(play, "brain") == [(1, 1, 10.6), (2, 1, 10.6)]
    play.when(ev.Abandoned("a"))
    play.when(ev.Abandoned("b"))
    assert queues(play, "brain")[-1] == (0, None, None)


def test_a_model_that_was_forgotten_has_no_queue() -> None:
    """Its waiters are refused, and the last fact of its queue says that it is empty."""
    play = Play(16 * GB, PAIR)
    play.when(play.wanted("x", "coder"))
    play.when(play.wanted("a", "brain"))
    play.when(ev.Forgotten("brain"))
    assert queues(play, "brain")[-1] == (0, None, None)
    assert "brain" not in play.lifecycle.residencies


def test_a_story_says_what_is_waited_for_once() -> None:
    """In words with figures; not again with each tick, each answer that ends, or each further waiter."""
    play = busy()
    play.when(play.wanted("a", "brain"))
    expected = ["waits for coder to finish 2 answers (about 6 s), then loading brain (4.6 s)"]
    assert waits(play, "brain") == expected
    for number in range(5):
        play.after(0.1)
        play.when(play.wanted(f"more-{number}", "brain"))
    play.when(ev.Released("busy-0", ok=True))
    assert waits(play, "brain") == expected
    play.after(60.0)  # its patience is over: the coder is drained, and that is another wait
    assert len(waits(play, "brain")) == 2


def test_a_story_tells_the_swap_to_all_who_had_a_part_in_it() -> None:
    """One line: who left for whom, what came back, how long it took."""
    play = busy(1)
    play.when(play.wanted("a", "brain"))
    play.now += 1.0
    play.when(ev.Released("busy-0", ok=True))
    play.now += 0.5
    play.when(ev.Unloaded("coder", 0.5))
    play.now += 4.0
    play.when(ev.Loaded("brain", 0, 4.0))
    (swap,) = [fact for fact in play.facts if isinstance(fact, Swapped)]
    line = f"coder left for brain: 9.0 GB back, {swap.seconds:.1f} s"
    for model in PAIR:
        assert [text for text in story(play, model) if text.startswith(line)], model


def test_a_view_has_the_forecast_of_who_is_waited_for() -> None:
    """And of a load under way; of nobody else."""
    play = busy()
    play.when(play.wanted("a", "brain"))
    seen = view(play.lifecycle, "brain", play.now)
    assert seen.forecast is not None
    assert [step.kind for step in seen.forecast.steps] == [StepKind.FINISH, StepKind.UNLOAD, StepKind.LOAD]
    assert (seen.tier, seen.queue_position) == (Tier.DISK, 1)
    coder = view(play.lifecycle, "coder", play.now)
    assert (coder.forecast, coder.tier) == (None, Tier.RESIDENT)


def test_a_plan_says_from_where_the_bytes_come() -> None:
    """The tier, and the seconds of a load from there."""
    play = busy()
    found = plan(play.lifecycle, "brain", play.now)
    assert (found.tier, found.seconds, found.evict) == (Tier.DISK, 4.6, ("coder",))
