"""A model leaves its device and comes back: nobody is cut or let in meanwhile, and what fails changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import pytest

from batuta.loader.engines.hf.errors import ApiError, Failed, NoMemory
from batuta.loader.engines.hf.parking import Gate, Parked, Parking
from batuta.loader.engines.hf.reasons import Refused

PATIENCE_S = 5.0
SIZE = 1000


class Played:
    """Weights and who computes with them; notes what was done, and fails where it is told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.is_here = True
        self.fails: dict[str, ApiError] = {}
        self.gate = Gate()
        self.parking = Parking(self.gate, self, self, held=lambda: SIZE * self.is_here, drain_s=0.01)

    def bring(self) -> None:
        self._do("bring")
        self.is_here = True

    def drop(self) -> None:
        self._do("drop")
        self.is_here = False

    def park(self, drop: Callable[[], None]) -> Future[None]:
        return self._soon("rest", drop)

    def wake(self, bring: Callable[[], None]) -> Future[None]:
        return self._soon("go on", bring, is_last=True)

    def _soon(self, what: str, errand: Callable[[], None], *, is_last: bool = False) -> Future[None]:
        future: Future[None] = Future()
        try:
            for step in (errand, lambda: self._do(what)) if is_last else (lambda: self._do(what), errand):
                step()
        except ApiError as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future

    def _do(self, what: str) -> None:
        self.done.append(what)
        if error := self.fails.pop(what, None):
            raise error


def test_a_model_is_parked_and_woken_as_often_as_asked() -> None:
    """What is held for answers goes before the weights and comes after them; asking twice does nothing more."""
    play = Played()
    assert play.parking.park() == {"device_bytes": 0}
    with pytest.raises(Parked):
        play.gate.enter()
    assert play.parking.wake() == {"device_bytes": SIZE}
    assert play.parking.wake() == {"device_bytes": SIZE}
    assert play.done == ["rest", "drop", "bring", "go on"]
    with play.gate.passed():
        pass


def test_parking_waits_for_the_answer_under_way_and_lets_no_other_in() -> None:
    """Who is inside ends in peace; who comes meanwhile is refused at once."""
    gate = Gate()
    gate.enter()
    closed: list[bool] = []
    thread = threading.Thread(target=lambda: closed.append(gate.close(PATIENCE_S)))
    thread.start()
    while gate.is_open:
        threading.Event().wait(0.001)
    with pytest.raises(Parked):
        gate.enter()
    assert closed == []
    gate.leave()
    thread.join(PATIENCE_S)
    assert closed == [True]


def test_a_model_that_goes_on_answering_is_not_parked() -> None:
    """It stays where it is, says so, and lets others in as before."""
    play = Played()
    with play.gate.passed():
        with pytest.raises(Refused, match=r"still under way after 0\.01 s"):
            play.parking.park()
        play.gate.enter()
        play.gate.leave()
    assert (play.done, play.is_here) == ([], True)


@pytest.mark.parametrize("where", ["bring", "go on"])
def test_a_model_without_room_stays_parked(where: str) -> None:
    """Whatever finds no room, weights or what goes with them: nothing is left on the device, and it can be retried."""
    play = Played()
    play.parking.park()
    play.fails[where] = NoMemory()
    with pytest.raises(Refused, match="out of memory"):
        play.parking.wake()
    assert not play.is_here
    with pytest.raises(Parked):
        play.gate.enter()
    assert play.parking.wake() == {"device_bytes": SIZE}


def test_what_fails_otherwise_is_passed_on() -> None:
    """A wake that fails leaves it parked; a parking that fails leaves it answering."""
    play = Played()
    play.fails["rest"] = Failed("the batch did not end")
    with pytest.raises(Failed):
        play.parking.park()
    play.gate.enter()
    play.gate.leave()
    play.parking.park()
    play.fails["go on"] = Failed("it broke")
    with pytest.raises(Failed):
        play.parking.wake()
    assert not play.is_here


def test_the_loader_is_told_what_was_done_or_why_not() -> None:
    """An order's result is what is held then, or the reason for which nothing has changed."""
    play = Played()
    orders = play.parking.orders()
    with play.gate.passed():
        assert orders["park"]() == {"failed": "answers are still under way after 0.01 s"}
    assert orders["park"]() == {"device_bytes": 0}
    play.fails["bring"] = Failed("the model's computation failed")
    assert orders["wake"]() == {"failed": "the model's computation failed"}
    assert orders["wake"]() == {"device_bytes": SIZE}


def test_an_answer_that_fails_has_left() -> None:
    """Nobody inside is forgotten, whatever became of the answer."""
    gate = Gate()
    with suppress(ValueError), gate.passed():
        raise ValueError
    assert gate.close(0)
