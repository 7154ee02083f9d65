"""Writes a safetensors model of any size with random weights, a shard at a time. Knows nothing of what is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from batuta.testing.safetensors import tiny_safetensors

SHARD = 2 << 30  # bytes; what is in memory while it is written
WIDE = 4 << 30  # bytes from which on the model is 4,096 wide, as those of 7 to 14 billion parameters are
VOCABULARY = 261  # of the tiny model, whose tokenizer it has
HEAD = 128
BYTES = 2  # of a bfloat16
SHARE = 4  # query heads for each key-value head

Shape = dict[str, tuple[int, ...]]


def safetensors_model(cache: Path, size: int) -> Path:
    """Return the folder of a llama of about that many bytes in bfloat16, made on first use and kept."""
    folder = cache / f"pinned-{size}"
    done = folder / "model.safetensors.index.json"
    if done.exists():
        return folder
    tiny_safetensors(folder)
    (folder / "model.safetensors").unlink()
    hidden = 4096 if size >= WIDE else 2048
    layers = max(1, round(size / _bytes(_layer(hidden, 0))))
    _write_config(folder, hidden, layers)
    where = dict(_write_shards(folder, hidden, layers))
    done.write_text(json.dumps({"metadata": {}, "weight_map": where}), encoding="utf-8")
    return folder


def weight_bytes(folder: Path) -> int:
    """Return the bytes of a model's weight files."""
    return sum(each.stat().st_size for each in folder.glob("*.safetensors"))


def _ends(hidden: int) -> Shape:
    table = (VOCABULARY, hidden)
    return {"model.embed_tokens.weight": table, "lm_head.weight": table, "model.norm.weight": (hidden,)}


def _layer(hidden: int, number: int) -> Shape:
    block, narrow, wide = f"model.layers.{number}.", hidden // SHARE, hidden * 11 // 4
    rows = {"self_attn.q_proj": hidden, "self_attn.k_proj": narrow, "self_attn.v_proj": narrow}
    rows |= {"self_attn.o_proj": hidden, "mlp.gate_proj": wide, "mlp.up_proj": wide}
    shapes: Shape = {f"{block}{name}.weight": (count, hidden) for name, count in rows.items()}
    shapes[f"{block}mlp.down_proj.weight"] = (hidden, wide)
    return shapes | {f"{block}{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}


def _bytes(shapes: Shape) -> int:
    return BYTES * sum(map(prod, shapes.values()))


def _write_shards(folder: Path, hidden: int, layers: int) -> Iterator[tuple[str, str]]:
    """Yield (tensor, file) for all that was written."""
    pending = _ends(hidden)
    number = 0
    for layer in range(layers):
        pending |= _layer(hidden, layer)
        if _bytes(pending) < SHARD and layer < layers - 1:
            continue
        name = f"model-{number:05}.safetensors"
        random = torch.Generator().manual_seed(number)
        tensors = {key: _values(shape, random) for key, shape in pending.items()}
        save_file(tensors, folder / name, metadata={"format": "pt"})
        yield from ((key, name) for key in pending)
        pending, number = {}, number + 1


def _values(shape: tuple[int, ...], random: torch.Generator) -> torch.Tensor:
    """Return small random numbers for a matrix, ones for the scale of a normalisation."""
    values = torch.ones(shape, dtype=torch.bfloat16)
    return values if len(shape) == 1 else values.uniform_(-0.02, 0.02, generator=random)


def _write_config(folder: Path, hidden: int, layers: int) -> None:
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config |= {
        "vocab_size": VOCABULARY,
        "hidden_size": hidden,
        "intermediate_size": hidden * 11 // 4,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD,
        "num_key_value_heads": hidden // HEAD // SHARE,
        "head_dim": HEAD,
        "torch_dtype": "bfloat16",
    }
    path.write_text(json.dumps(config), encoding="utf-8")
