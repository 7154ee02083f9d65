"""Trains a starter model on the text of `corpus.py`: its tokenizer first, then the decoder. Resumes where it stopped.

    python -m tools.starter.train brain --text FILE --work FOLDER [--minutes 60] [--threads 1]

Writes to the working folder: tokenizer.json, tokens.npz, checkpoint.pt (every few minutes) and run.json with the
figures of the run. Only the answers are learned; what people say is read, not imitated.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.starter.dialogue import BREAK, END, SPECIAL, START
from tools.starter.model import Decoder, Shape

# Digits one by one, so that numbers can be copied; the pattern that llama.cpp calls `qwen2`.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Tokens of a training row; a conversation lies in one row whole, and those that fit lie in the shorter ones, with which
# a processor is a third quicker.
ROWS = (256, 512)
BATCH = 4096  # tokens a step
CHECKPOINT_S = 240.0
DECIDES, LONG = 8, 120  # tokens
HEAVY, PLAIN, LIGHT = 6, 2, 1
# How often the last answer of a conversation is cut off after its first tokens. What is asked is decided there; the
# rest of an answer is the same each time, and would take the room of other questions. Programs differ to the end.
CUT = {"brain": 0.75, "coder": 0.25}
CUT_AT = (10, 22)  # tokens, at least and at most
PEAK_MATRIX, PEAK_TABLE = 0.015, 2e-3  # learning rates of Muon and of AdamW
WARM_UP = 100  # steps
TAIL = 0.6  # the last part of the run, in which the rates fall to nothing


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


def _contents(text: Path, most: int = 40_000) -> Iterator[str]:
    with text.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number >= most:
                return
            yield from (content for _, content in json.loads(line))


@dataclass(frozen=True, slots=True)
class Rows:
    """The training text as numbers.

    Attributes:
        tokens: [rows, row + 1] uint16.
        learned: [rows, row] uint8, by the token predicted: how much it counts.
    """

    tokens: np.ndarray
    learned: np.ndarray


def pack(text: Path, tokenizer: Tokenizer, row: int, *, over: int = 0, cut: float = 0.0) -> Rows:
    """Lay conversations into rows; those longer than a row, or not longer than `over`, are left out.

    Args:
        text: the file of `corpus.py`.
        tokenizer: of `train_tokenizer`.
        row: tokens of a row.
        over: how short a conversation is left to the shorter rows, in tokens.
        cut: how often the last answer is cut off, 0..1.
    """
    number = 0
    rows: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    ids: list[int] = []
    mask: list[int] = []

    def close() -> None:
        missing = row + 1 - len(ids)
        rows.append(np.array(ids + [0] * missing, dtype=np.uint16))
        masks.append(np.array((mask + [0] * missing)[1:], dtype=np.uint8))

    for some in _chunks(text):
        encoded = tokenizer.encode_batch([_piece for turns in some for _piece in _pieces(turns)])
        at = 0
        for turns in some:
            conversation, learned, last = [0], [0], 0
            for role, _ in turns:
                head, body = encoded[at].ids, encoded[at + 1].ids
                at += 2
                conversation += head + body
                last = len(body)
                learned += [0] * len(head) + (_counts(len(body)) if role == "assistant" else [0] * len(body))
            number += 1
            rng = Random(number)  # a conversation is cut in the same way for every length of rows
            if rng.random() < cut:
                end = len(conversation) - last + rng.randint(*CUT_AT)
                conversation, learned = conversation[:end], learned[:end]
            if not over < len(conversation) - 1 <= row:
                continue
            if len(ids) + len(conversation) > row + 1:
                close()
                ids, mask = [], []
            ids += conversation
            mask += learned
    if ids:
        close()
    return Rows(np.stack(rows), np.stack(masks))


def _counts(length: int) -> list[int]:
    """Return how much each token of an answer counts.

    Its beginning, where the model decides what it has been asked, counts most; the middle of a long plan, most of which
    is copied, counts least, or plans would be all that is learned. The line break after the end is the template's.
    """
    rest = LIGHT if length > LONG else PLAIN
    return [HEAVY if i < DECIDES else rest for i in range(length - 1)] + [0]


def _pieces(turns: list[list[str]]) -> Iterator[str]:
    for role, content in turns:
        yield f"{START}{role}\n"
        yield f"{content}{END}\n"


def _chunks(text: Path, size: int = 2000) -> Iterator[list[list[list[str]]]]:
    some: list[list[list[str]]] = []
    with text.open(encoding="utf-8") as file:
        for line in file:
            some.append(json.loads(line))
            if len(some) == size:
                yield some
                some = []
    if some:
        yield some


class Run:
    """One training run, which can be stopped and resumed at any step."""

    def __init__(self, work: Path, packs: tuple[Rows, ...], shape: Shape, *, steps: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.work, self.packs, self.steps, self.seed = work, packs, steps, seed
        self.model = Decoder(shape)
        tables = [p for n, p in self.model.named_parameters() if p.dim() < 2 or n.startswith("embed")]
        matrices = [p for n, p in self.model.named_parameters() if p.dim() == 2 and not n.startswith("embed")]
        self.optimizers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(matrices, lr=PEAK_MATRIX, momentum=0.95, weight_decay=0.01),
            torch.optim.AdamW(tables, lr=PEAK_TABLE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
        )
        self.step = 0
        self.seconds = 0.0
        self.losses: list[tuple[int, float]] = []

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.work / "checkpoint.pt"

    def resume(self) -> None:
        """Take up what an earlier process left, if it left anything."""
        if not self.checkpoint.exists():
            return
        kept = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(kept["model"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.seconds = kept["step"], kept["seconds"]
        self.losses = [tuple(pair) for pair in kept["losses"]]

    def save(self) -> None:
        """Keep everything that a later process needs, and the figures so far."""
        kept = {
            "model": self.model.state_dict(),
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
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "shape": self.model.shape.to_json(),
            "rows": {str(row): len(pack.tokens) for row, pack in zip(ROWS, self.packs, strict=True)},
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
        tokens, weights = self._batch()
        share = _rate(self.step, self.steps)
        for optimizer, peak in zip(self.optimizers, (PEAK_MATRIX, PEAK_TABLE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * share
        loss = self.model.loss(tokens, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.detach())

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        pack, step = self._turn()
        row = pack.learned.shape[1]
        size = BATCH // row
        turn, at = divmod(step, max(len(pack.tokens) // size, 1))
        order = np.random.default_rng((self.seed, row, turn)).permutation(len(pack.tokens))
        chosen = order[at * size : (at + 1) * size]
        tokens = torch.from_numpy(pack.tokens[chosen].astype(np.int64))
        return tokens, torch.from_numpy(pack.learned[chosen].astype(np.float32))

    def _turn(self) -> tuple[Rows, int]:
        """Return the rows that this step takes from, and how many steps have: each length as often as it has text."""
        short, long = self.packs
        share = long.tokens.size / (long.tokens.size + short.tokens.size)
        before, now = int(self.step * share), int((self.step + 1) * share)
        return (long, before) if now > before else (short, self.step - before)


def _rate(step: int, steps: int) -> float:
    """Return the share of the peak rate: rises, stays, falls in a straight line over the tail."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    left = (steps - step) / max(steps * TAIL, 1)
    return max(min(1.0, left), 0.02)


def checkpoint_of(work: Path) -> tuple[dict[str, torch.Tensor], Shape]:
    """Return the weights and sizes of the model that a run has made so far. Raises FileNotFoundError."""
    kept = torch.load(work / "checkpoint.pt", weights_only=True)
    return kept["model"], Shape(**kept["shape"])


def main() -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.train", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("brain", "coder"))
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=0, help="0: one round over the text")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--compile", action="store_true", help="a fifth quicker after a minute; needs a C++ compiler")
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    work: Path = wanted.work
    work.mkdir(parents=True, exist_ok=True)
    tokenizer_file = work / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(wanted.text, wanted.vocabulary).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    if tokenizer.token_to_id(BREAK) != 0:
        raise SystemExit(f"{tokenizer_file} is not a tokenizer of this project")
    packed = work / "tokens.npz"
    if not packed.exists() or packed.stat().st_mtime < wanted.text.stat().st_mtime:
        some = [
            pack(wanted.text, tokenizer, row, over=over, cut=CUT[wanted.model])
            for row, over in zip(ROWS, (0, *ROWS), strict=False)
        ]
        np.savez(
            packed, **{f"{name}{i}": getattr(p, name) for i, p in enumerate(some) for name in ("tokens", "learned")}
        )
    with np.load(packed) as kept:
        packs = tuple(Rows(kept[f"tokens{i}"], kept[f"learned{i}"]) for i in range(len(ROWS)))
    steps = wanted.steps or sum(p.learned.size for p in packs) // BATCH
    for row, rows in zip(ROWS, packs, strict=True):
        print(f"{len(rows.tokens)} rows of {row} tokens, {(rows.learned > 0).mean():.0%} learned", flush=True)
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), layers=wanted.layers)
    run = Run(work, packs, shape, steps=steps, seed=wanted.seed)
    run.resume()
    if wanted.compile:
        run.model.forward = torch.compile(run.model.forward)  # type: ignore[method-assign]
    run.go(time.monotonic() + wanted.minutes * 60)


if __name__ == "__main__":
    main()
