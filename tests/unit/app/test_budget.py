"""How much memory models may take, and how much of it others have: the figures, without a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batuta.app.booking import Booking
from batuta.app.budget import budget_of, foreign, less_margin, tolerance
from batuta.catalog.entities import MemoryNeed, ModelSpec, Role
from batuta.errors import BadSettings
from batuta.lifecycle.ledger import MemoryLedger
from batuta.loader.memory import Device
from batuta.loader.usage import DeviceUse
from batuta.settings import MemorySettings, Settings

GB = 10**9
HOST = Device("host", "RAM", "host", 24 * GB, 20 * GB)
SMALL = Device("cuda:0", "a card", "cuda", 16 * GB, 15 * GB)
LARGE = Device("cuda:1", "a larger card", "cuda", 24 * GB, 23 * GB)


def settings(**memory: object) -> Settings:
    return Settings(memory=MemorySettings.model_validate(memory), starter=False)


def test_without_a_setting_each_device_gives_what_it_has_less_the_margin() -> None:
    """A GPU its whole memory, the host what is available now; two GPUs of different size are not one."""
    booking = Booking(settings(margin="1GB"), (HOST, SMALL, LARGE))
    assert booking.budgets == {"host": 19 * GB, "cuda:0": 15 * GB, "cuda:1": 23 * GB}
    assert booking.largest == 23 * GB


def test_one_size_holds_for_every_device() -> None:
    """As `--memory-budget 16GB` has always meant it; a smaller device gives no more than it has."""
    booking = Booking(settings(budget="16GB", margin="1GB"), (HOST, SMALL, LARGE))
    assert booking.budgets == {"host": 16 * GB, "cuda:0": 15 * GB, "cuda:1": 16 * GB}


def test_a_table_has_a_size_for_each_device_that_it_names() -> None:
    """One that it does not name is left to itself."""
    booking = Booking(settings(budget={"host": "4GB", "cuda:1": "14GB"}, margin="1GB"), (HOST, SMALL, LARGE))
    assert booking.budgets == {"host": 4 * GB, "cuda:0": 15 * GB, "cuda:1": 14 * GB}


def test_a_budget_for_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    """A wrong name would otherwise leave the device it meant unlimited."""
    with pytest.raises(BadSettings, match=r"names cuda:1, and the devices of this machine are host, cuda:0"):
        Booking(settings(budget={"cuda:1": "14GB", "host": "1GB"}), (HOST, SMALL))


def test_the_margin_is_never_more_than_half() -> None:
    """On a machine of 2 GB a margin of 1.5 GB would leave nothing worth having."""
    assert budget_of(Device("host", "RAM", "host", 2 * GB, 2 * GB), settings()) == GB
    assert less_margin(0, GB) == 0


def test_a_small_change_is_none() -> None:
    """256 MB, or two hundredths of a large device."""
    assert tolerance(4 * GB) == 256_000_000
    assert tolerance(100 * GB) == 2 * GB


# --- what others have taken --------------------------------------------------------------------------------------


def test_what_nobody_booked_is_foreign() -> None:
    """A game has 3 GB of the card, and a model of ours the rest."""
    use = DeviceUse("cuda:0", 16 * GB, 12 * GB, {"brain": 9 * GB})
    assert foreign(use, {"brain": 9 * GB}, {}) == 3 * GB


def test_what_a_model_takes_beyond_its_booking_is_in_no_book() -> None:
    """It counts as foreign, so that nobody else is promised it."""
    assert foreign(DeviceUse("cuda:0", 16 * GB, 10 * GB, {"brain": 10 * GB}), {"brain": 9 * GB}, {}) == GB


def test_a_model_that_the_driver_does_not_show_counts_with_its_booking() -> None:
    """In a container nobody tells which process has a GPU's memory: ours must not be taken for another's."""
    assert foreign(DeviceUse("cuda:0", 16 * GB, 12 * GB, {"brain": 0}), {"brain": 9 * GB}, {}) == 3 * GB


def test_what_a_model_on_a_gpu_keeps_in_host_memory_is_in_no_book() -> None:
    """PyTorch takes gigabytes beside the card: the host's models cannot have those."""
    use = DeviceUse("host", 24 * GB, 4 * GB, {"brain": 3 * GB})
    assert foreign(use, {}, {"brain": 9 * GB}) == 4 * GB


def test_a_model_that_is_booked_nowhere_yet_is_ours() -> None:
    """A gateway that starts again finds its models in memory: they must not make their own room too small."""
    assert foreign(DeviceUse("cuda:0", 16 * GB, 14 * GB, {"brain": 13 * GB}), {}, {}) == GB


def test_the_models_of_other_engines_are_not_counted_twice() -> None:
    """Ollama's model is booked; the memory of its process is the same memory."""
    use = DeviceUse("cuda:0", 16 * GB, 11 * GB, {"brain": 4 * GB})
    assert foreign(use, {"brain": 4 * GB, "ollama/qwen": 6 * GB}, {}) == GB


def test_an_engine_that_maps_its_files_takes_less_than_is_booked_for_it() -> None:
    """Of the host's memory only its private part is taken: what else is taken is somebody else's."""
    use = DeviceUse("host", 24 * GB, 5 * GB, {}, engines=GB)
    assert foreign(use, {"ollama/qwen": 6 * GB}, {}) == 4 * GB


def test_an_engine_takes_more_than_our_models() -> None:
    """It holds others beside them, which nobody booked."""
    use = DeviceUse("host", 24 * GB, 9 * GB, {}, engines=8 * GB)
    assert foreign(use, {"ollama/qwen": 6 * GB}, {}) == 3 * GB


_bytes = st.integers(0, 30 * GB)
_models = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), _bytes)


@given(taken=_bytes, seen=_models, booked=_models, engines=st.none() | _bytes)
def test_foreign_use_is_never_less_than_nothing_nor_more_than_is_taken(
    taken: int, seen: dict[str, int], booked: dict[str, int], engines: int | None
) -> None:
    """Whatever the looks and the books say: and what is taken is booked, or foreign, or of a model not yet booked."""
    others = foreign(DeviceUse("host", 30 * GB, taken, seen, engines), booked, {})
    assert 0 <= others <= taken
    unbooked = sum(held for model, held in seen.items() if model not in booked)
    assert others + sum(booked.values()) + unbooked >= taken


# --- what follows ------------------------------------------------------------------------------------------------


def test_a_setting_bounds_what_is_there_and_promises_nothing() -> None:
    """16 GB were set, and others leave 9: the models get 9, and 16 again when they have gone."""
    booking = Booking(settings(budget={"cuda:0": "14GB"}, margin=0), (HOST, SMALL))
    ledgers = {device: MemoryLedger(device, budget) for device, budget in booking.budgets.items()}
    booking.see("cuda:0", 9 * GB, 7 * GB)
    (change,) = booking.changes((), ledgers)
    assert (change.device, change.budget, change.reason) == ("cuda:0", 9 * GB, "other programs hold 7.0 GB")
    ledgers["cuda:0"].budget = change.budget
    booking.see("cuda:0", 16 * GB, 0)
    (change,) = booking.changes((), ledgers)
    assert change.budget == 14 * GB


# --- the bundled pair --------------------------------------------------------------------------------------------

PAIR = tuple(
    ModelSpec(
        role.value,
        "local",
        role.value,
        memory=MemoryNeed(weights=size * 1_000_000),
        is_loadable=True,
        bundled_as=role,
    )
    for role, size in ((Role.BRAIN, 60), (Role.EXECUTOR, 40))
)


def budgets(booking: Booking, specs: tuple[ModelSpec, ...]) -> dict[str, tuple[int, str]]:
    ledgers = {device: MemoryLedger(device, 0) for device in booking.budgets}
    return {change.device: (change.budget, change.reason) for change in booking.changes(specs, ledgers)}


def test_the_bundled_pair_is_shown_in_room_for_one() -> None:
    """Whatever the machine has, and whatever others take of it; until there is something else to load."""
    booking = Booking(Settings(), (HOST,))
    assert budgets(booking, PAIR) == {"host": (80_000_000, "the two bundled models are shown taking turns")}
    booking.see("host", 9 * GB, 15 * GB)
    assert budgets(booking, PAIR)["host"][0] == 80_000_000
    own = ModelSpec("own", "local", "own", memory=MemoryNeed(weights=GB), is_loadable=True)
    assert budgets(booking, (*PAIR, own)) == {"host": (9 * GB, "other programs hold 15.0 GB")}


def test_the_pair_gets_no_more_than_is_there() -> None:
    """On a machine that is full the demonstration is not worth a crash."""
    booking = Booking(Settings(), (HOST,))
    booking.see("host", 70_000_000, 23 * GB)
    assert budgets(booking, PAIR) == {"host": (70_000_000, "other programs hold 23.0 GB")}


def test_a_setting_ends_the_demonstration_on_its_device() -> None:
    """A person's word goes before a show; a word about another device says nothing of this one."""
    limited = Settings(memory=MemorySettings(budget={"host": 5 * GB}))
    assert budgets(Booking(limited, (HOST,)), PAIR)["host"][0] == 5 * GB
    elsewhere = Settings(memory=MemorySettings(budget={"cuda:0": 5 * GB}))
    assert budgets(Booking(elsewhere, (HOST, SMALL)), PAIR)["host"][0] == 80_000_000
