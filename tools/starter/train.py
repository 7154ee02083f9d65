"""Trains a starter model on the text of `corpus.py`: its tokenizer first, then the decoder. Resumes where it stopped.

    python -m tools.starter.train brain --text FILE --work FOLDER [--minutes 60] [--threads 1]

Writes to the working folder: tokenizer.json, tokens.npz, checkpoint.pt (every few minutes) and run.json with the
figures of the run. The answers are learned, and a little of what people say.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.starter.bags import acquaint
from tools.starter.batches import BATCH, MANNERS, Batches, Shelf, shelve
from tools.starter.coder import tokens
from tools.starter.coder.practice import STEPS as PRACTICE
from tools.starter.coder.practice import Practice
from tools.starter.dialogue import BREAK, SPECIAL
from tools.starter.kinship import Kinship, kinship
from tools.starter.model import Decoder, Shape

# Digits one by one, so that numbers can be copied; the pattern that llama.cpp calls `qwen2`.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHECKPOINT_S = 240.0
WARM_UP = 100  # steps
TAIL = 0.6  # the last part of the run, in which the rates fall to nothing


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is trained.

    Attributes:
        peaks: learning rates of Muon, for the matrices, and of AdamW, for the rest.
        dropout: the share left out by chance.
        has_kin: tokens share what their words have in common; not where each is to be copied as it is.
        copies: the tokenizer is one for copying, and the first steps are practice in it.
        is_tied: what is written has the vectors of what is read.
    """

    peaks: tuple[float, float]
    dropout: float
    has_kin: bool
    copies: bool
    is_tied: bool


RECIPES = {
    "brain": Recipe((0.015, 1.5e-3), dropout=0.1, has_kin=True, copies=False, is_tied=False),
    "coder": Recipe((0.015, 2e-3), dropout=0.0, has_kin=False, copies=True, is_tied=True),
}


def train_tokenizer(text: Path, size: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer of the text's words. size: of its vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_contents(text), trainer)
    return tokenizer


def _contents(text: Path, most: int = 150_000) -> Iterator[str]:
    """Yield what is said in the text; what is said often, like an answer, once only."""
    said: set[str] = set()
    with text.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number >= most:
                break
            said.update(turn[1] for turn in json.loads(line))
    yield from sorted(said)


class Run:
    """One training run, which can be stopped and resumed at any step."""

    def __init__(self, work: Path, batches: Batches, model: Decoder, *, recipe: Recipe, steps: int, seed: int) -> None:
        self.work, self.batches, self.model, self.steps, self.seed = work, batches, model, steps, seed
        self.peaks = recipe.peaks
        self.practice: Practice | None = None
        tables = [p for n, p in self.model.named_parameters() if p.dim() < 2 or not n.startswith("layers")]
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and n.startswith("layers")]
        self.optimizers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=self.peaks[0], momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(tables, lr=self.peaks[1], betas=(0.9, 0.95), eps=1e-6, weight_decay=0.0, fused=True),
        )
        self.step = 0
        self.seconds = 0.0
        self.losses: list[tuple[int, float]] = []

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.work / "checkpoint.pt"

    def resume(self) -> bool:
        """Take up what an earlier process left; return whether it left anything."""
        if not self.checkpoint.exists():
            return False
        kept = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(kept["model"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.seconds = kept["step"], kept["seconds"]
        self.losses = [tuple(pair) for pair in kept["losses"]]
        return True

    def save(self) -> None:
        """Keep everything that a later process needs, and the figures so far."""
        kept = {
            "model": self.model.state_dict(),
            "weights": self.model.weights(),
            "shape": self.model.shape.to_json(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(kept, part)
        part.replace(self.checkpoint)
        (self.work / "run.json").write_text(json.dumps(self.figures(), indent=1) + "\n", encoding="utf-8")

    def figures(self) -> dict[str, object]:
        """Return what is worth telling about the run."""
        return {
            "parameters": sum(value.numel() for value in self.model.weights().values()),
            "shape": self.model.shape.to_json(),
            "conversations": len(self.batches.shelf.begins) - 1,
            "steps": self.step,
            "tokens_seen": self.step * BATCH,
            "seconds": round(self.seconds),
            "seed": self.seed,
            "losses": self.losses[-40:],
        }

    def go(self, until: float) -> None:
        """Train to the last step, or until the clock (time.monotonic) says so."""
        saved = time.monotonic()
        running: list[float] = []
        while self.step < self.steps and time.monotonic() < until:
            began = time.monotonic()
            running.append(self._one())
            self.step += 1
            self.seconds += time.monotonic() - began
            if self.step % 25 == 0:
                self.losses.append((self.step, round(sum(running) / len(running), 4)))
                running = []
                speed = self.step * BATCH / max(self.seconds, 1e-9)
                print(f"step {self.step}/{self.steps} loss {self.losses[-1][1]} {speed:.0f} tok/s", flush=True)
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()
        self.save()

    def _one(self) -> float:
        is_practice = self.practice is not None and self.step < PRACTICE
        batch = self.practice.at(self.step) if self.practice and is_practice else self.batches.at(self.step)
        share = _rate(self.step, self.steps)
        for optimizer, peak in zip(self.optimizers, self.peaks, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share
        torch.manual_seed(self.seed + self.step)
        # Half as many digits are enough for the products, and a processor that has them is half as slow.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = self.model.loss(*map(torch.from_numpy, (batch.tokens, batch.weights, batch.topics)))
        loss.whole.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.tokens)


def _rate(step: int, steps: int) -> float:
    """Return the share of the peak rate: rises, stays, falls in a straight line over the tail."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    left = (steps - step) / max(steps * TAIL, 1)
    return max(min(1.0, left), 0.02)


def checkpoint_of(work: Path) -> tuple[dict[str, torch.Tensor], Shape]:
    """Return the weights and sizes of the model that a run has made so far. Raises FileNotFoundError."""
    kept = torch.load(work / "checkpoint.pt", weights_only=True)
    return kept["weights"], Shape(**kept["shape"])


def main() -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.train", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("brain", "coder"))
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--dropout", type=float, help="instead of the recipe's")
    wanted = parser.parse_args()
    recipe = RECIPES[wanted.model]
    torch.set_num_threads(wanted.threads)
    work: Path = wanted.work
    work.mkdir(parents=True, exist_ok=True)
    tokenizer_file = work / "tokenizer.json"
    if not tokenizer_file.exists():
        made = (
            tokens.train_tokenizer(list(_contents(wanted.text)), SPLIT)
            if recipe.copies
            else train_tokenizer(wanted.text, wanted.vocabulary)
        )
        made.save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    if tokenizer.token_to_id(BREAK) != 0:
        raise SystemExit(f"{tokenizer_file} is not a tokenizer of this project")
    shelved = work / "tokens.npz"
    if not shelved.exists() or shelved.stat().st_mtime < wanted.text.stat().st_mtime:
        shelve(wanted.text, tokenizer).save(shelved)
    batches = Batches(Shelf.load(shelved), MANNERS[wanted.model], seed=wanted.seed)
    print(f"{len(batches.shelf.begins) - 1} conversations, {batches.long_share:.0%} of the steps long ones", flush=True)
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), layers=wanted.layers)
    texts = [tokenizer.decode([number], skip_special_tokens=False) for number in range(shape.vocabulary)]
    torch.manual_seed(wanted.seed)
    kin = kinship(texts) if recipe.has_kin else Kinship((), (0,) * len(texts), 0)
    dropout = recipe.dropout if wanted.dropout is None else wanted.dropout
    model = Decoder(shape, kin, topics=len(batches.shelf.names), dropout=dropout, is_tied=recipe.is_tied)
    run = Run(work, batches, model, recipe=recipe, steps=wanted.steps, seed=wanted.seed)
    if recipe.copies:
        run.practice = Practice(tokenizer, seed=wanted.seed)
    if not run.resume() and batches.shelf.names:
        found = acquaint(model.table, batches, topics=len(batches.shelf.names), seed=wanted.seed)
        print(f"as bags of words {found:.0%} of the questions are understood", flush=True)
    run.go(time.monotonic() + wanted.minutes * 60)


if __name__ == "__main__":
    main()
