"""Conversations take turns: all go on, the room is kept, one that fails or leaves harms nobody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.loader.engines.hf.errors import Failed, NoMemory, is_out_of_memory
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.turns import End, Heard, Job, Rota, TurnTaker

PATIENCE_S = 5.0


class Told:
    """What a job was told, and when it was over."""

    def __init__(self) -> None:
        self.all: list[Heard] = []
        self.over = threading.Event()

    def __call__(self, what: Heard) -> None:
        self.all.append(what)
        if not isinstance(what, int):
            self.over.set()


def job(prompt: int = 3, most: int = 5, heard: Told | None = None) -> Job:
    return Job([7] * prompt, most, Sampling(), frozenset({0}), heard or Told())


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class Fake:
    """A stepper that reads a prompt in one step and then counts; it notes who was stepped and forgotten."""

    def __init__(self) -> None:
        self.steps: list[Job] = []
        self.forgotten: list[Job] = []
        self.fails: dict[Job, Exception] = {}
        self.cleaned = 0
        self.may_go = threading.Event()
        self.may_go.set()
        self.says = 9
        self.broken = threading.Event()
        self.cannot_clean = False

    def step(self, job: Job) -> int | None:
        self.may_go.wait(PATIENCE_S)
        self.steps.append(job)
        if job in self.fails:
            raise self.fails[job]
        if job.state is None:
            job.state = "read"
            return None
        return self.says

    def forget(self, job: Job) -> None:
        job.state = None
        self.forgotten.append(job)

    def clean(self) -> None:
        if self.cannot_clean:
            raise RuntimeError("CUDA error: unspecified launch failure")
        self.cleaned += 1


# --- who is next ---------------------------------------------------------------------------------------------------


def test_those_that_run_take_turns() -> None:
    """Two conversations advance step by step, whoever came first."""
    rota = Rota(slots=4, room=100)
    first, second = job(), job()
    rota.add(first)
    rota.add(second)
    assert [rota.next().job for _ in range(4)] in ([second, first] * 2, [first, second] * 2)


def test_a_slot_is_waited_for_in_order() -> None:
    """With one slot the second begins when the first is done."""
    rota = Rota(slots=1, room=100)
    first, second = job(), job()
    rota.add(first)
    rota.add(second)
    assert {rota.next().job for _ in range(3)} == {first}
    rota.drop(first)
    assert rota.next().job is second
    rota.drop(second)
    assert not rota.is_busy
    assert rota.next().job is None


def test_the_last_to_come_is_set_aside_when_the_room_is_full() -> None:
    """What it held is freed; it goes on when the others leave room."""
    rota = Rota(slots=4, room=12)
    first, second = job(5), job(5)
    rota.add(first)
    rota.add(second)
    assert rota.next().set_aside == ()
    first.tokens.append(9)
    turn = rota.next()
    assert (turn.job, turn.set_aside) == (first, (second,))
    assert rota.next().set_aside == ()
    rota.drop(first)
    assert rota.next().job is second


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 6)), min_size=1, max_size=6), st.integers(1, 3))
def test_everyone_is_served_and_the_room_is_kept(asked: list[tuple[int, int]], slots: int) -> None:
    """However many come: all finish, no more than the slots run, and together they hold no more than the room."""
    room = 32
    rota = Rota(slots=slots, room=room)
    jobs = [job(min(prompt, room - most - 1), most) for prompt, most in asked]
    for each in jobs:
        rota.add(each)
    held: set[Job] = set()
    for _ in range(2000):
        turn = rota.next()
        if turn.job is None:
            break
        held = (held - set(turn.set_aside)) | {turn.job}
        assert len(held) <= slots
        assert len(held) == 1 or sum(len(each.tokens) for each in held) <= room
        turn.job.tokens.append(9)
        if turn.job.said == turn.job.most:
            rota.drop(turn.job)
            held.discard(turn.job)
    assert [each.said for each in jobs] == [each.most for each in jobs]


# --- the thread ----------------------------------------------------------------------------------------------------


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def taker(fake: Fake) -> Iterator[TurnTaker]:
    taker = TurnTaker(fake, Rota(slots=4, room=1000), on_broken=fake.broken.set)
    yield taker
    fake.may_go.set()
    taker.close()


def test_an_answer_ends_at_its_length_or_when_the_model_ends_it(fake: Fake, taker: TurnTaker) -> None:
    """The reason is told; the end's token is not."""
    long, short = Told(), Told()
    taker.submit(job(most=3, heard=long))
    assert long.over.wait(PATIENCE_S)
    assert long.all == [9, 9, 9, End("length")]
    fake.says = 0
    taker.submit(job(heard=short))
    assert short.over.wait(PATIENCE_S)
    assert short.all == [End("stop")]
    assert len(fake.forgotten) == 2


def test_two_streams_progress_together(fake: Fake, taker: TurnTaker) -> None:
    """Neither waits for the other to end."""
    fake.may_go.clear()
    first, second = Told(), Told()
    jobs = [job(most=50, heard=first), job(most=50, heard=second)]
    for each in jobs:
        taker.submit(each)
    fake.may_go.set()
    assert first.over.wait(PATIENCE_S)
    assert second.over.wait(PATIENCE_S)
    middle = Counter(fake.steps[10:90])
    assert abs(middle[jobs[0]] - middle[jobs[1]]) <= 2


def test_who_leaves_is_not_computed_for(fake: Fake, taker: TurnTaker) -> None:
    """Cancelled during a step, a job is not stepped again and what it held is freed; others go on."""
    fake.may_go.clear()
    gone, stays = job(most=10_000), Told()
    cancel = taker.submit(gone)
    cancel()
    taker.submit(job(most=3, heard=stays))
    fake.may_go.set()
    assert stays.over.wait(PATIENCE_S)
    assert fake.steps.count(gone) <= 1
    assert gone in fake.forgotten


def test_memory_that_runs_out_costs_one_conversation(fake: Fake, taker: TurnTaker) -> None:
    """It gets a typed error, its memory is given back, and the other one is answered."""
    poor, rich = Told(), Told()
    big = job(heard=poor)
    fake.fails[big] = OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    taker.submit(big)
    taker.submit(job(most=2, heard=rich))
    assert poor.over.wait(PATIENCE_S)
    assert rich.over.wait(PATIENCE_S)
    assert [type(each) for each in poor.all] == [NoMemory]
    assert rich.all[-1] == End("length")
    assert big in fake.forgotten
    assert fake.cleaned == 1
    assert fake.fails[big].__traceback__ is None, "its frames hold what did not fit"


@pytest.mark.parametrize(
    ("words", "cannot_clean"), [("CUDA error: device-side assert triggered", False), ("CUDA out of memory", True)]
)
def test_a_device_that_is_broken_ends_the_process(
    fake: Fake, taker: TurnTaker, words: str, *, cannot_clean: bool
) -> None:
    """A fault of a GPU that stays, at once or while memory is given back: nobody is left waiting in a dead program."""
    broken = job()
    fake.fails[broken] = OutOfMemoryError(words)
    fake.cannot_clean = cannot_clean
    taker.submit(broken)
    assert fake.broken.wait(PATIENCE_S)


def test_any_other_failure_is_told_without_its_details(fake: Fake, taker: TurnTaker) -> None:
    """A bug in a model's code ends that answer only; its text may hold the conversation, so only its kind is told."""
    heard = Told()
    broken = job(heard=heard)
    fake.fails[broken] = IndexError("secret words")
    taker.submit(broken)
    assert heard.over.wait(PATIENCE_S)
    [error] = heard.all
    assert isinstance(error, Failed)
    assert "IndexError" in error.message
    assert not fake.broken.is_set()
    assert "secret" not in error.message


def test_errands_run_between_steps(fake: Fake, taker: TurnTaker) -> None:
    """A vector is computed while a long answer goes on; an errand that fails tells the one who asked."""
    taker.submit(job(most=100_000))
    assert taker.do(lambda: 42).result(PATIENCE_S) == 42

    def fail() -> None:
        raise MemoryError

    with pytest.raises(NoMemory):
        taker.do(fail).result(PATIENCE_S)
    late = taker.do(lambda: 1)
    late.cancel()
    assert taker.do(lambda: 2).result(PATIENCE_S) == 2


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("x"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_every_device_says_out_of_memory_its_own_way(error: Exception, is_memory: bool) -> None:
    """CUDA, MPS and the CPU are understood."""
    assert is_out_of_memory(error) is is_memory
