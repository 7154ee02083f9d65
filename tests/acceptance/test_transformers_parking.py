"""Parking with PyTorch itself, on tensors of the CPU: the same bytes and answers, and memory that is given back."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from batuta.loader.engines.hf.errors import NoMemory
from batuta.loader.engines.hf.parking import Gate, Parked, Parking
from batuta.loader.engines.hf.reasons import Refused
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.turns import Heard, Job, Rota, TurnTaker
from batuta.testing.safetensors import tiny_safetensors

if TYPE_CHECKING:
    import torch

    from batuta.loader.engines.hf.arena import Arena
    from batuta.loader.engines.hf.load import Loaded

MISSING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra `transformers` is not installed: {', '.join(MISSING)}"),
]
PATIENCE_S = 20.0
PARAMS: dict[str, Any] = {"context": 512, "embedding": "chat", "parking": "on"}
MANY = 1 << 50  # bytes that no machine has


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    from batuta.loader.engines.hf.load import load

    return load({**PARAMS, "model": tiny_safetensors(tmp_path)}, "cpu")


@pytest.fixture
def arena(loaded: Loaded) -> Arena:
    assert loaded.arena is not None
    return loaded.arena


def tensors(model: Any) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage().data_ptr())


# --- the arena -----------------------------------------------------------------------------------------------------


def test_every_tensor_is_a_view_of_one_arena(loaded: Loaded, arena: Arena) -> None:
    """Weights and rotary tables share one storage on the device; parked, they share the other one."""
    import torch

    here = {storage(each) for each in tensors(loaded.model).values()}
    assert len(here) == 1
    assert "model.rotary_emb.inv_freq" in tensors(loaded.model)
    assert sum(each.numel() * each.element_size() for each in tensors(loaded.model).values()) <= arena.size
    arena.drop()
    there = {storage(each) for each in tensors(loaded.model).values()}
    assert len(there) == 1
    assert here != there
    assert torch.get_default_dtype() == torch.float32


def test_bytes_are_the_same_before_and_after(loaded: Loaded, arena: Arena, tmp_path: Path) -> None:
    """Three times away and back, and every tensor has the bytes of the file; the objects are the same ones."""
    from safetensors.torch import load_file

    objects = {name: id(each) for name, each in tensors(loaded.model).items()}
    before = {name: each.clone() for name, each in tensors(loaded.model).items()}
    for _ in range(3):
        arena.drop()
        arena.bring()
    after = tensors(loaded.model)
    assert {name: id(each) for name, each in after.items()} == objects
    for name, each in before.items():
        assert each.equal(after[name]), name
    for name, each in load_file(tmp_path / "model.safetensors").items():
        assert each.equal(after[name]), name


def test_parking_gives_the_memory_back(loaded: Loaded, arena: Arena) -> None:
    """Nothing keeps the old arena alive: neither a tensor, nor a view, nor the model."""
    assert arena._arena is not None
    old = weakref.ref(arena._arena.untyped_storage())
    gc.collect()
    assert old() is not None  # it lives with the bytes, not with the name
    assert loaded.device_bytes == arena.size
    arena.drop()
    assert old() is None
    assert (arena.is_here, loaded.device_bytes) == (False, 0)


def test_tied_weights_stay_tied_and_take_their_room_once() -> None:
    """One parameter under two names, and two that share their bytes: a change of one is one of the other."""
    import torch

    from batuta.loader.engines.hf.arena import Arena

    model: Any = torch.nn.Module()
    model.embed, model.head = torch.nn.Linear(64, 64, bias=False), torch.nn.Linear(64, 64, bias=False)
    model.head.weight = model.embed.weight
    model.other = torch.nn.Parameter(model.embed.weight.data)
    model.requires_grad_(requires_grad=False)
    arena = Arena(model, "cpu")
    assert arena.size == 64 * 64 * 4
    for _ in range(2):
        arena.bring()
        assert model.head.weight is model.embed.weight
        model.embed.weight[0, 0] += 1
        assert model.other[0, 0] == model.embed.weight[0, 0]
        arena.drop()


def test_odd_tensors_keep_their_shape_and_layout() -> None:
    """Transposed, empty, scalar, with holes, of other types, or not registered at all: each is back as it was."""
    import torch

    from batuta.loader.engines.hf.arena import Arena

    model: Any = torch.nn.Module()
    kinds = {
        "turned": torch.randn(8, 4).t(),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(7),
        "holes": torch.randn(9, 9)[::2, ::3],
        "spread": torch.randn(1, 3).expand(5, 3),
        "small": torch.randn(5).to(torch.bfloat16),
        "truth": torch.tensor([True, False, True]),
    }
    for name, each in kinds.items():
        model.register_buffer(name, each)
    model.loose = torch.randn(3)
    before = {name: each.clone() for name, each in {**kinds, "loose": model.loose}.items()}
    arena = Arena(model, "cpu")
    arena.bring()
    arena.drop()
    arena.bring()
    for name, each in before.items():
        now = getattr(model, name)
        assert now.equal(each), name
        assert now.dtype is each.dtype
        assert now.numel() == 0 or storage(now) == storage(model.loose)
    assert model.turned.stride() == (1, 4)


def test_what_was_written_to_is_kept(loaded: Loaded, arena: Arena) -> None:
    """Weights never are, and are not copied out; a table that a model changes comes back as the model left it."""
    table = loaded.model.model.rotary_emb.inv_freq
    table.mul_(2)
    changed = table.clone()
    arena.drop()
    arena.bring()
    assert table.equal(changed)


def test_without_room_a_model_stays_parked(loaded: Loaded, arena: Arena) -> None:
    """The allocation fails before anything is changed; with room it comes back."""
    from batuta.loader.engines.hf.errors import is_out_of_memory

    arena.drop()
    size, arena.size = arena.size, MANY
    with pytest.raises(RuntimeError) as caught:
        arena.bring()
    assert is_out_of_memory(caught.value)
    assert not arena.is_here
    arena.size = size
    arena.bring()
    assert arena.is_here


def test_weights_that_cannot_be_parked_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form of tensor that we do not know, another device, too little RAM: the reason, and nothing is changed."""
    import torch

    from batuta.loader.engines.hf import arena

    class Packed(torch.Tensor):
        pass

    packed = torch.nn.Module()
    packed.register_buffer("weight", torch.ones(3).as_subclass(Packed))
    away = torch.nn.Linear(3, 3, device="meta")
    for module, words in ((packed, "quantised or of a form"), (away, "is on meta")):
        with pytest.raises(arena.Unparkable, match=words):
            arena.Arena(module, "cpu")
    assert type(packed.weight) is Packed
    plain = torch.nn.Linear(3, 3)
    monkeypatch.setattr(arena, "SPARED", 2.0)
    with pytest.raises(arena.Unparkable, match="would leave less than 200% of it free"):
        arena.Arena(plain, "cpu")
    assert arena.Arena(plain, "cpu", is_asked_for=True).size > 0


@pytest.mark.parametrize(("code", "is_pinned"), [(0, True), (2, False)])
def test_the_buffer_is_locked_as_large_as_it_is(monkeypatch: pytest.MonkeyPatch, code: int, *, is_pinned: bool) -> None:
    """CUDA's runtime, played, is asked for exactly its bytes; a refusal is no failure, only a slower wake."""
    import torch

    from batuta.loader.engines.hf.arena import _pin

    asked: list[tuple[int, ...]] = []

    class Runtime:
        def cudaHostRegister(self, *given: int) -> int:  # noqa: N802  # its name
            asked.append(given)
            return code

    monkeypatch.setattr(torch.cuda, "cudart", Runtime)
    monkeypatch.setattr(torch.cuda, "device", lambda _device: nullcontext())
    buffer = torch.empty(5000, dtype=torch.uint8)
    assert _pin(buffer, torch.device("cpu")) is is_pinned
    assert asked == [(buffer.data_ptr(), 5000, 0)]


def test_on_the_processor_nothing_is_parked_unless_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There it would only be a second copy; quantised weights are not, and the log says why."""
    from batuta.loader.engines.hf.load import _is_parkable, load

    folder = tiny_safetensors(tmp_path)
    assert load({**PARAMS, "model": folder, "parking": "auto"}, "cpu").arena is None
    config = folder / "config.json"
    config.write_text(config.read_text().replace("{", '{"quantization_config": {}, ', 1))
    assert not _is_parkable(folder, is_asked_for=True)
    assert "read anew whenever it comes back: its weights are quantised" in capsys.readouterr().err


# --- with what computes --------------------------------------------------------------------------------------------


async def answer(computer: Any, gate: Gate, most: int = 8) -> list[Heard]:
    """Return what is heard of an answer that came through the gate."""
    loop, news = asyncio.get_running_loop(), asyncio.Queue[Heard]()

    def tell(what: Heard) -> None:
        loop.call_soon_threadsafe(news.put_nowait, what)

    job = Job([70, 71, 72], most, Sampling(temperature=0), frozenset({1}), tell)
    heard: list[Heard] = []
    with gate.passed():
        cancel = computer.submit(job)
        async with asyncio.timeout(PATIENCE_S):
            while not heard or isinstance(heard[-1], int):
                heard.append(await news.get())
        cancel()
    return heard


@pytest.fixture(params=["turns", "batch"])
def computer(request: pytest.FixtureRequest, loaded: Loaded) -> Iterator[Any]:
    from batuta.loader.engines.hf.batch import Batcher
    from batuta.loader.engines.hf.steps import Steps

    broken: list[bool] = []
    made: Any
    if request.param == "batch":
        made = Batcher(loaded, slots=2, on_broken=lambda: broken.append(True))
    else:
        made = TurnTaker(Steps(loaded), Rota(slots=2, room=512), on_broken=lambda: broken.append(True))
    yield made
    made.close()
    assert broken == []


async def test_answers_are_the_same_before_and_after(computer: Any, loaded: Loaded, arena: Arena) -> None:
    """In turns and in batches: parked it refuses, woken it says what it said, and several at once as before."""
    gate = Gate()
    parking = Parking(gate, computer, arena, held=lambda: loaded.device_bytes)
    first = await answer(computer, gate)
    for _ in range(2):
        assert await asyncio.to_thread(parking.park) == {"device_bytes": 0}
        with pytest.raises(Parked):
            await answer(computer, gate)
        assert await asyncio.to_thread(parking.wake) == {"device_bytes": arena.size}
        assert await asyncio.gather(*(answer(computer, gate) for _ in range(3))) == [first] * 3


async def test_an_answer_under_way_ends_before_the_weights_go(computer: Any, loaded: Loaded, arena: Arena) -> None:
    """Parking that is asked for in the middle of an answer waits for its end."""
    gate = Gate()
    parking = Parking(gate, computer, arena, held=lambda: loaded.device_bytes)
    whole = await answer(computer, gate, 60)
    running = asyncio.get_running_loop().create_task(answer(computer, gate, 60))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(parking.park) == {"device_bytes": 0}
    assert running.done() or gate._inside == 0
    assert await running == whole


async def test_a_pool_without_room_leaves_the_model_parked(loaded: Loaded, arena: Arena) -> None:
    """The weights found room and the batch's pool did not: both are off the device, and it can be tried again."""
    from batuta.loader.engines.hf.batch import Batcher

    batch, gate = Batcher(loaded, slots=2, on_broken=lambda: None), Gate()
    parking = Parking(gate, batch, arena, held=lambda: loaded.device_bytes)
    first = await answer(batch, gate)
    parking.park()
    assert batch._manager.batch_processor is None  # and with it the pool

    def fail() -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    start, batch._start = batch._start, fail  # type: ignore[method-assign]
    with pytest.raises(Refused, match="out of memory"):
        parking.wake()
    assert not arena.is_here
    batch._start = start  # type: ignore[method-assign]
    parking.wake()
    assert await answer(batch, gate) == first
    batch.close()


def test_the_words_for_too_little_memory_are_known() -> None:
    """What the gate says when a wake fails is what the loader takes for a lack of memory."""
    import re

    from batuta.loader.faults import FAULTS

    words = "out of memory: there is no room for it on its device"
    cause = next(cause for pattern, _, cause, _ in FAULTS if re.search(pattern, words))
    assert cause.value == "out_of_memory"
    assert NoMemory.status == 503
