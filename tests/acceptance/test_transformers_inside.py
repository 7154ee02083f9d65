"""The parts of the transformers program that touch PyTorch, in this process, where a failure can be played."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from batuta.loader.engines.hf.errors import NoMemory
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.turns import End, Heard, Job
from batuta.testing.safetensors import tiny_safetensors

if TYPE_CHECKING:
    from batuta.loader.engines.hf.batch import Batcher
    from batuta.loader.engines.hf.load import Loaded

MISSING = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(bool(MISSING), reason=f"the extra `transformers` is not installed: {', '.join(MISSING)}"),
]
PATIENCE_S = 20.0
PARAMS: dict[str, Any] = {"context": 512, "embedding": "chat"}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    from batuta.loader.engines.hf.load import load

    return load({**PARAMS, "model": tiny_safetensors(tmp_path_factory.mktemp("tiny"))}, "cpu")


def test_no_special_token_is_text(loaded: Loaded) -> None:
    """Roles and marks that the tokenizer calls special are silent, also those that it has no name for."""
    assert loaded.silent == {0, 1, 2, 3, 4}
    assert loaded.vocabulary == 261


@dataclass
class Faulty:
    """Stands before a model's computation; raises at the call that is named."""

    forward: Any
    words: str = ""
    after: int = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.after -= 1
        if self.words and self.after < 0:
            words, self.words = self.words, ""
            raise RuntimeError(words)
        return self.forward(*args, **options)


@dataclass
class Play:
    """A batch whose model can be made to fail."""

    batch: Batcher
    faulty: Faulty
    broken: list[bool] = field(default_factory=list)

    async def ask(self, most: int = 8, *, leaves_after: int = 1000) -> list[Heard]:
        """Return what is heard of an answer, by one who leaves after so many tokens."""
        loop, news = asyncio.get_running_loop(), asyncio.Queue[Heard]()

        def tell(what: Heard) -> None:
            loop.call_soon_threadsafe(news.put_nowait, what)

        cancel = self.batch.submit(Job([70, 71, 72], most, Sampling(temperature=0), frozenset({1}), tell))
        heard: list[Heard] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(heard) < leaves_after and (not heard or isinstance(heard[-1], int)):
                heard.append(await news.get())
        cancel()
        return heard


@pytest.fixture
def play(loaded: Loaded) -> Iterator[Play]:
    from batuta.loader.engines.hf.batch import Batcher

    broken: list[bool] = []
    batch = Batcher(loaded, slots=3, on_broken=lambda: broken.append(True))
    loaded.model.forward = faulty = Faulty(loaded.model.forward)
    yield Play(batch, faulty, broken)
    loaded.model.forward = faulty.forward
    batch.close()


async def test_a_batch_that_runs_out_of_memory_is_begun_anew(play: Play) -> None:
    """All under way are told; the very next request is answered, with the pool of keys and values that was there."""
    first = await play.ask()
    pool = play.batch._manager.batch_processor.cache
    play.faulty.words, play.faulty.after = "CUDA out of memory. Tried to allocate 2 GiB", 3
    both = await asyncio.gather(play.ask(40), play.ask(40))
    assert [type(heard[-1]) for heard in both] == [NoMemory, NoMemory]
    assert await asyncio.gather(*(play.ask() for _ in range(5))) == [first] * 5
    assert play.batch._manager.batch_processor.cache is pool
    assert play.broken == []


async def test_a_device_that_is_broken_ends_the_process_of_a_batch(play: Play) -> None:
    """A fault of a GPU that stays is found at the next request: the loader begins a new process."""
    play.faulty.words = "CUDA error: device-side assert triggered"
    await play.ask()
    await play.ask()
    assert play.broken == [True]


async def test_nothing_is_kept_for_those_who_left(play: Play) -> None:
    """Fifty ask at once and are answered; of those who leave early nothing stays behind."""
    answers = await asyncio.gather(*(play.ask(6) for _ in range(50)))
    assert {len(heard) for heard in answers} == {7}
    assert {heard[-1] for heard in answers} == {End("length")}
    for _ in range(10):
        await play.ask(200, leaves_after=2)
    await play.ask()  # what was on its way to them has come by now
    router = play.batch._manager.output_router
    assert (router.output_queue.qsize(), router.result_handlers) == (0, {})
