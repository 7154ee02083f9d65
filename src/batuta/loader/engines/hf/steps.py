"""Computes one step of a conversation with transformers: a piece of its prompt or its next token; and embeddings."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import (
    DynamicCache,
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from batuta.loader.engines.hf.load import Loaded
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.turns import Job

PIECE: Final = {"cpu": 128}  # tokens of a prompt in one step: others wait for no more than this
PIECE_GPU: Final = 1024


@dataclass
class Kept:
    """What is held of a conversation between steps. `read`: tokens whose keys and values are in the cache."""

    cache: Any
    read: int = 0


class Steps:
    """A Stepper over a loaded model: each job has a key-value cache of its own."""

    def __init__(self, loaded: Loaded) -> None:
        self._model = loaded.model
        self._device = loaded.device
        self._pooling = loaded.pooling
        self._piece = PIECE.get(loaded.device, PIECE_GPU)
        keeps = getattr(loaded.model, "_supports_logits_to_keep", None)
        self._last_only: dict[str, Any] = {"logits_to_keep": 1} if callable(keeps) and keeps() else {}

    @torch.inference_mode()
    def step(self, job: Job) -> int | None:
        """Do one step; return the new token, None while the prompt is being read."""
        if job.picker is None:
            job.picker = Picker(job.sampling, self._device)
        if job.state is None:
            job.state = Kept(DynamicCache(config=self._model.config))
        kept: Kept = job.state
        piece = job.tokens[kept.read : kept.read + self._piece]
        out = self._model(
            input_ids=torch.tensor([piece], device=self._device),
            past_key_values=kept.cache,
            use_cache=True,
            **self._last_only,
        )
        kept.read += len(piece)
        if kept.read < len(job.tokens):
            return None
        return int(job.picker.pick(out.logits[0, -1].float(), job))

    def forget(self, job: Job) -> None:
        """Free what is held for the job."""
        job.state = None

    def clean(self) -> None:
        """Give freed memory back to the device."""
        gc.collect()
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
        elif self._device == "mps":
            torch.mps.empty_cache()

    @torch.inference_mode()
    def embed(self, tokens: list[int]) -> list[float]:
        """Return the pooled, normalised hidden state of one text."""
        inner = getattr(self._model, "base_model", self._model)
        ids = torch.tensor([tokens], device=self._device)
        mask = torch.ones_like(ids)
        states = inner(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        pooled = POOLINGS[self._pooling](states, mask.unsqueeze(-1))
        return [float(number) for number in torch.nn.functional.normalize(pooled, dim=-1)[0].tolist()]


POOLINGS: Final[dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    "mean": lambda states, mask: (states * mask).sum(1) / mask.sum(1),
    "cls": lambda states, _mask: states[:, 0],
    "last": lambda states, _mask: states[:, -1],
}


class Picker:
    """Chooses the next token of one conversation; has its random numbers, so that a seed gives the same answer."""

    def __init__(self, sampling: Sampling, device: str) -> None:
        self._sampling = sampling
        self._random = torch.Generator(device=device)
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed)
        self._processors: Any = processors(sampling)
        self._said: Counter[int] = Counter()

    def pick(self, logits: torch.Tensor, job: Job) -> int:
        """Return the token to say next, from the logits of the last one."""
        logits = self._adjusted(logits)
        if self._processors:
            ids = torch.tensor([job.tokens], device=logits.device)
            logits = self._processors(ids, logits.unsqueeze(0))[0]
        if self._sampling.temperature == 0:
            token = int(logits.argmax())
        else:
            token = int(torch.multinomial(logits.softmax(-1), 1, generator=self._random))
        self._said[token] += 1
        return token

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        """Apply what transformers has no class for: OpenAI's two penalties, on what was said, and the bias."""
        sampling = self._sampling
        if self._said and (sampling.presence_penalty or sampling.frequency_penalty):
            ids = torch.tensor([*self._said], device=logits.device)
            counts = torch.tensor([*self._said.values()], device=logits.device, dtype=logits.dtype)
            logits[ids] -= sampling.presence_penalty + sampling.frequency_penalty * counts
        for token, value in sampling.bias:
            if 0 <= token < logits.shape[-1]:
                logits[token] += value
        return logits


def processors(sampling: Sampling) -> LogitsProcessorList:
    """Return transformers' own processors for a sampling, in the order `generate` applies them."""
    chain: list[Any] = []
    if sampling.repetition_penalty != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature > 0:
        if sampling.temperature != 1:
            chain.append(TemperatureLogitsWarper(max(sampling.temperature, 1e-3)))
        if sampling.top_k > 0:
            chain.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            chain.append(TopPLogitsWarper(sampling.top_p))
        if sampling.min_p > 0:
            chain.append(MinPLogitsWarper(sampling.min_p))
    return LogitsProcessorList(chain)
