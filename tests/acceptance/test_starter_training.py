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
from tools.starter.dialogue import BREAK, END, TEMPLATE, Turn, prompt  # noqa: E402
from tools.starter.model import Shape  # noqa: E402

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
def packs(text: Path, tokenizer: Tokenizer) -> tuple[train.Rows, ...]:
    short, long = train.ROWS
    return (train.pack(text, tokenizer, short), train.pack(text, tokenizer, long, over=short))


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


def test_only_answers_are_learned(packs: tuple[train.Rows, ...], tokenizer: Tokenizer) -> None:
    """Of a row, what counts is the assistant's words and their end; nothing else."""
    row = packs[0]
    learned = [int(t) for t, counts in zip(row.tokens[0][1:], row.learned[0], strict=True) if counts]
    assert tokenizer.decode(learned[:8], skip_special_tokens=False).startswith("here is 0" + END)
    assert "say" not in tokenizer.decode(learned)


def test_conversations_lie_whole_in_the_shortest_row_they_fit(packs: tuple[train.Rows, ...]) -> None:
    """Each conversation begins with the break, once, and a long one goes into the longer rows."""
    short, long = packs
    starts = sum(int(token == 0 and row[i + 1] != 0) for row in short.tokens for i, token in enumerate(row[:-1]))
    assert starts == len(CONVERSATIONS)
    assert len(long.tokens) == 1


def _run(work: Path, packs: tuple[train.Rows, ...], steps: int) -> train.Run:
    work.mkdir(exist_ok=True)
    return train.Run(work, packs, SHAPE, steps=steps, seed=1)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path, packs: tuple[train.Rows, ...]) -> None:
    """Stopping after some steps and resuming gives the same weights, to the last bit."""
    whole = _run(tmp_path / "whole", packs, 4)
    whole.go(time.monotonic() + 60)
    first = _run(tmp_path / "parts", packs, 4)
    for _ in range(2):
        first._one()
        first.step += 1
    first.save()
    second = _run(tmp_path / "parts", packs, 4)
    second.resume()
    assert second.step == 2
    second.go(time.monotonic() + 60)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_both_exports_hold_the_model(tmp_path: Path, packs: tuple[train.Rows, ...], tokenizer: Tokenizer) -> None:
    """The GGUF passes the loader's own check and carries tokenizer and template; the folder is Hugging Face's form."""
    work = tmp_path / "work"
    run = _run(work, packs, 1)
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
