"""Training and export of the starter pair, on a handful of conversations and a model of a few thousand numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: training is not tested (`make torch`)")

from tokenizers import Tokenizer  # noqa: E402  # after the question whether any of this can run

from batuta.loader.gguf import inspect  # noqa: E402
from tools.starter import export, train  # noqa: E402
from tools.starter.batches import MANNERS, ROWS, Batches, shelve  # noqa: E402
from tools.starter.dialogue import BREAK, TEMPLATE, Turn, prompt  # noqa: E402
from tools.starter.kinship import Kinship  # noqa: E402
from tools.starter.model import Decoder, Shape  # noqa: E402

SHAPE = Shape(vocabulary=300, width=32, layers=2, heads=2, kv_heads=1, hidden=64, context=256)
CONVERSATIONS = [
    [["user", f"say {number}"], ["assistant", f"here is {number}"], ["user", "thanks"], ["assistant", "welcome"]]
    for number in range(60)
]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    lines = [*CONVERSATIONS, [["user", "long"], ["assistant", " ".join(["word"] * 330)]]]
    path.write_text("".join(json.dumps(turns) + "\n" for turns in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tokenizer(text: Path) -> Tokenizer:
    return train.train_tokenizer(text, SHAPE.vocabulary)


@pytest.fixture(scope="module")
def batches(text: Path, tokenizer: Tokenizer) -> Batches:
    return Batches(shelve(text, tokenizer), MANNERS["coder"], seed=1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_any_text_comes_back_from_the_tokenizer(tokenizer: Tokenizer) -> None:
    """Bytes it has never seen are kept, and digits stand alone, so that numbers can be copied."""
    for said in ("olá, 2026!\n    ok", "数字 🎼", 'print("x")\n'):
        assert tokenizer.decode(tokenizer.encode(said).ids) == said
    assert len(tokenizer.encode("12345").ids) == 5


def test_answers_count_and_what_people_say_counts_little(batches: Batches, tokenizer: Tokenizer) -> None:
    """The beginning of an answer counts most, the template nothing, and of a question a few words a little."""
    batch = batches.at(0)
    heavy = [int(t) for t, w in zip(batch.tokens[:, 1:].flat, batch.weights.flat, strict=True) if w == 6.0]
    light = [int(t) for t, w in zip(batch.tokens[:, 1:].flat, batch.weights.flat, strict=True) if w == 0.5]
    assert "here is" in tokenizer.decode(heavy)
    assert "say" not in tokenizer.decode(heavy)
    assert "here is" not in tokenizer.decode(light)
    template = tokenizer.encode("user").ids[0]
    assert all(w == 0 for t, w in zip(batch.tokens[:, 1:].flat, batch.weights.flat, strict=True) if t == template)


def test_a_step_shows_the_same_whenever_it_is_made(batches: Batches) -> None:
    """Each step has a batch of its own, drawn from its number alone: a run can be taken up anywhere."""
    assert (batches.at(3).tokens == batches.at(3).tokens).all()
    assert (batches.at(3).tokens != batches.at(4).tokens).any()


def test_conversations_lie_whole_in_the_shortest_row_they_fit(batches: Batches) -> None:
    """Each begins with the break; the long one is shown only in the steps of long rows."""
    rows = {batches.at(step).weights.shape[1] for step in range(20)}
    assert rows == set(ROWS)
    assert (batches.at(0).tokens[:, 0] == 0).all()


def _run(work: Path, batches: Batches, steps: int) -> train.Run:
    work.mkdir(exist_ok=True)
    torch.manual_seed(1)
    model = Decoder(SHAPE, Kinship((), (0,) * SHAPE.vocabulary, 0))
    return train.Run(work, batches, model, recipe=train.RECIPES["coder"], steps=steps, seed=1)


def test_a_stopped_run_is_taken_up_whole(tmp_path: Path, batches: Batches) -> None:
    """Weights, optimizers, step and figures are those that were left, and the next step goes on from them."""
    first = _run(tmp_path, batches, 4)
    for _ in range(2):
        first._one()
        first.step += 1
    first.save()
    second = _run(tmp_path, batches, 4)
    assert second.resume()
    assert second.step == 2
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    for left, taken in zip(first.optimizers, second.optimizers, strict=True):
        for number, state in left.state_dict()["state"].items():
            for name, value in state.items():
                assert torch.equal(torch.as_tensor(value), torch.as_tensor(taken.state_dict()["state"][number][name]))
    second.go(time.monotonic() + 60)
    assert second.step == 4
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["steps"] == 4


def test_both_exports_hold_the_model(tmp_path: Path, batches: Batches, tokenizer: Tokenizer) -> None:
    """The GGUF passes the loader's own check and carries tokenizer and template; the folder is Hugging Face's form."""
    work = tmp_path / "work"
    run = _run(work, batches, 1)
    run.go(time.monotonic() + 60)
    tokenizer.save(str(work / "tokenizer.json"))
    weights, shape = train.checkpoint_of(work)
    export.write_gguf("starter-brain", weights, shape, tokenizer, tmp_path / "brain.gguf")
    info = inspect(tmp_path / "brain.gguf", (tmp_path,))
    assert (info.name, info.context_length) == ("starter-brain", 256)
    assert info.chat_template
    export.write_hugging_face("starter-brain", weights, shape, work / "tokenizer.json", tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (tmp_path / "hf" / "model.safetensors").stat().st_size > 2 * sum(w.numel() for w in weights.values())


def test_a_prompt_is_what_the_template_writes() -> None:
    """What was trained on is what engines send."""
    jinja2 = pytest.importorskip("jinja2")
    turns = [Turn("system", "s"), Turn("user", "q")]
    said = [{"role": turn.role, "content": turn.content} for turn in turns]
    rendered = jinja2.Template(TEMPLATE).render(messages=said, add_generation_prompt=True)
    assert rendered == prompt(turns)
    assert BREAK not in rendered
