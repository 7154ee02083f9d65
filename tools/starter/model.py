"""The decoder that the starter models are: Llama's architecture, small, in plain PyTorch. Knows nothing of text.

Norms before, RMSNorm, rotary positions (halves rotated, as Hugging Face stores them), grouped keys and values, SwiGLU,
no biases; one table for the input and the output embedding, or two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.starter.kinship import Kinship

SHARED = 0.4  # the part of a vector that is shared changes with each of some ten traits, so each more slowly
HIDDEN = -1e4  # a score that softmax makes nothing of
TOPIC = 1.0  # how much naming the topic counts beside the words


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model. Row lengths are multiples of 32, the block size of Q8_0."""

    vocabulary: int = 4096
    width: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 704
    context: int = 2048
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Numbers a head works with."""
        return self.width // self.heads

    def to_json(self) -> dict[str, int | float]:
        """Return the sizes by name."""
        return asdict(self)


class Attention(nn.Module):
    """Causal attention with rotary positions and fewer key and value heads than query heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_width
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.width, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, unseen: Tensor) -> Tensor:
        """Mix the positions. x: [batch, length, width]; cos, sin: [length, head_width]; unseen: see `_unseen`."""
        batch, length, width = x.shape
        shape = self.shape
        q = self.q_proj(x).view(batch, length, shape.heads, shape.head_width).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, shape.kv_heads, shape.head_width).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, shape.kv_heads, shape.head_width).transpose(1, 2)
        q, k = _rotated(q, cos, sin), _rotated(k, cos, sin)
        groups = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        # Written out: in rows this short PyTorch's own attention is three times slower on a processor.
        q, k, v = (each.reshape(-1, length, shape.head_width) for each in (q, k, v))
        unseen = unseen.to(q.dtype).expand(-1, shape.heads, -1, -1).reshape(-1, length, length)
        scores = torch.baddbmm(unseen, q, k.transpose(1, 2), alpha=shape.head_width**-0.5)
        mixed = torch.bmm(scores.softmax(-1).to(v.dtype), v).view(batch, shape.heads, length, shape.head_width)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each position by itself. x: [..., width]."""
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, unseen: Tensor) -> Tensor:
        """Add what attention and feed-forward have to say. x: [batch, length, width]."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, unseen)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Table(nn.Module):
    """The vectors of the tokens, each the sum of its own and of those it shares with its kin."""

    def __init__(self, shape: Shape, kinship: Kinship) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.empty(shape.vocabulary, shape.width))
        self.shared = nn.Parameter(torch.empty(max(kinship.count, 1), shape.width))
        self.register_buffer("traits", torch.tensor(kinship.traits, dtype=torch.long), persistent=False)
        self.register_buffer("begins", torch.tensor(kinship.begins, dtype=torch.long), persistent=False)

    def forward(self, *, without: float = 0.0) -> Tensor:
        """Return all vectors. without: the share of what is summed that is left out, by chance."""
        traits, begins = self.get_buffer("traits"), self.get_buffer("begins")
        if without:
            kept = torch.rand(len(traits)).ge_(without) * SHARED
            own = self.own * torch.rand(len(self.own), 1).ge_(without)
        else:
            kept, own = torch.full((len(traits),), SHARED), self.own
        out: Tensor = own + functional.embedding_bag(traits, self.shared, begins, mode="sum", per_sample_weights=kept)
        return out


@dataclass(frozen=True, slots=True)
class Loss:
    """What a batch cost: all that is trained on, and the next tokens alone, in nats."""

    whole: Tensor
    tokens: Tensor


class Decoder(nn.Module):
    """The whole model. `weights` carry Hugging Face's names for Llama, below `model.`; training has some more."""

    def __init__(
        self, shape: Shape, kinship: Kinship, *, topics: int = 1, dropout: float = 0.0, is_tied: bool = True
    ) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.table = Table(shape, kinship)
        # Where words that mean the same lie together, the table cannot tell which of them an answer has.
        self.lm_head = None if is_tied else nn.Linear(shape.width, shape.vocabulary, bias=False)
        self.topics = nn.Linear(shape.width, max(topics, 1))
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self._start()

    def _start(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # The layers that write into the stream start smaller, so that its size does not grow with their number.
                is_output = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * self.shape.layers) ** 0.5 if is_output else 0.02)

    def forward(self, tokens: Tensor, table: Tensor) -> Tensor:
        """Return the hidden state after the last norm. tokens: [batch, length] -> [batch, length, width]."""
        cos, sin = _rotation(self.shape, tokens.shape[1])
        unseen = _unseen(tokens)
        x = functional.dropout(functional.embedding(tokens, table), self.dropout, self.training)
        for layer in self.layers:
            x = functional.dropout(layer(x, cos, sin, unseen), self.dropout / 2, self.training)
        out: Tensor = self.norm(x)
        return out

    def loss(self, tokens: Tensor, weights: Tensor, topics: Tensor) -> Loss:
        """Return what the batch cost.

        Args:
            tokens: [batch, length + 1].
            weights: [batch, length]; how much each prediction counts.
            topics: [batch, length]; what the answer is about that begins after a token, else -1. Naming it is learned
                along with the answer, for which it has to be known.
        """
        counts = weights.flatten() > 0  # the rest need not be predicted at all, which saves a seventh of the work
        table = self.table()
        hidden = self(tokens[:, :-1], self.table(without=self.dropout) if self.dropout else table).flatten(0, 1)
        logits = functional.linear(hidden[counts], table if self.lm_head is None else self.lm_head.weight)
        each = functional.cross_entropy(logits, tokens[:, 1:].flatten()[counts], reduction="none")
        kept = weights.flatten()[counts]
        cost = (each * kept).sum() / kept.sum()
        is_named = topics.flatten() >= 0
        if not is_named.any():
            return Loss(cost, cost.detach())
        named = functional.cross_entropy(self.topics(hidden[is_named]), topics.flatten()[is_named])
        return Loss(cost + TOPIC * named, cost.detach())

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the finished model by name."""
        kept = {name: value for name, value in self.state_dict().items() if not name.startswith(("table.", "topics."))}
        with torch.no_grad():
            return {"embed_tokens.weight": self.table(), **kept}


def _unseen(tokens: Tensor) -> Tensor:
    """Return what to add to the scores: each token sees those before it in its own conversation, which begins with 0.

    Conversations that lie in one row for the sake of speed would otherwise have to be told apart by learning.
    tokens: [batch, length] -> [batch, 1, length, length].
    """
    conversation = (tokens == 0).cumsum(dim=1)
    is_same = conversation[:, :, None] == conversation[:, None, :]
    return torch.zeros(is_same.shape).masked_fill_(~is_same.tril(), HIDDEN)[:, None]


def _rotation(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    angles = torch.outer(torch.arange(length, dtype=torch.float32), shape.rope_base**-half)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
