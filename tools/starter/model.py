"""The decoder that the starter models are: Llama's architecture, small, in plain PyTorch. Knows nothing of text.

Norms before, RMSNorm, rotary positions (halves rotated, as Hugging Face stores them), grouped keys and values, SwiGLU,
no biases, one table for the input and the output embedding.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


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

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, seen: Tensor) -> Tensor:
        """Mix the positions. x: [batch, length, width]; cos, sin: [length, head_width]; seen: see `_visible`."""
        batch, length, width = x.shape
        shape = self.shape
        q = self.q_proj(x).view(batch, length, shape.heads, shape.head_width).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, shape.kv_heads, shape.head_width).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, shape.kv_heads, shape.head_width).transpose(1, 2)
        q, k = _rotated(q, cos, sin), _rotated(k, cos, sin)
        groups = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
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

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, seen: Tensor) -> Tensor:
        """Add what attention and feed-forward have to say. x: [batch, length, width]."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, seen)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """The whole model. Its parameters carry Hugging Face's names for Llama, below `model.`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_epsilon)
        self._start()

    def _start(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # The layers that write into the stream start smaller, so that its size does not grow with their number.
                is_output = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * self.shape.layers) ** 0.5 if is_output else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the hidden state after the last norm. tokens: [batch, length] -> [batch, length, width]."""
        cos, sin = _rotation(self.shape, tokens.shape[1])
        seen = _visible(tokens)
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin, seen)
        out: Tensor = self.norm(x)
        return out

    def loss(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Return the mean cross entropy of the next token, in nats.

        Args:
            tokens: [batch, length + 1].
            weights: [batch, length]; how much each prediction counts.
        """
        counts = weights.flatten() > 0  # the rest need not be predicted at all, which saves a seventh of the work
        hidden = self(tokens[:, :-1]).flatten(0, 1)[counts]
        logits = functional.linear(hidden, self.embed_tokens.weight)
        each = functional.cross_entropy(logits, tokens[:, 1:].flatten()[counts], reduction="none")
        kept = weights.flatten()[counts]
        return (each * kept).sum() / kept.sum()


def _visible(tokens: Tensor) -> Tensor:
    """Return who sees whom: each token those before it in its own conversation, which begins with the token 0.

    Conversations that lie in one row for the sake of speed would otherwise have to be told apart by learning.
    tokens: [batch, length] -> [batch, 1, length, length].
    """
    conversation = (tokens == 0).cumsum(dim=1)
    is_same = conversation[:, :, None] == conversation[:, None, :]
    return is_same.tril()[:, None]


def _rotation(shape: Shape, length: int) -> tuple[Tensor, Tensor]:
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float32) / shape.head_width
    angles = torch.outer(torch.arange(length, dtype=torch.float32), shape.rope_base**-half)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
