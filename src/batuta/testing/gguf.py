"""Writes small real GGUF models, so that tests and benches load a true model offline. Knows nothing of the loader.

A model has the llama architecture, one token a byte, and random weights that only ever say printable ASCII and
never stop by themselves: `max_tokens` decides the length. As a command:

    python -m batuta.testing.gguf PATH [--size small|large | --bytes 1GB] [--tools] [--embedding]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Size = Literal["small", "large"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<' + message['role'] + '> ' + (message['content'] or '') + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant> ' }}{% endif %}"
)
TOOL_TEMPLATE = (
    "{% if tools %}{{ '<tools> ' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{{ '\\n' }}{% endif %}"
)

UNKNOWN, BOS, EOS, BYTES = 0, 1, 2, 3  # the first token ids; bytes 0..255 are tokens 3..258
VOCABULARY = BYTES + 256
MUTE = -40.0  # weight of what must never be said; times the anchor, its chance is below e^-200
OPINION = 4.0  # size of the random part of a letter's logit: large enough that greedy text is not one letter
_VOCABULARY_TENSORS = ("token_embd.weight", "output.weight")
# How likely each printable byte is before the random part, in logits: mostly words of small letters.
FAVOUR: dict[str, float] = {
    **{chr(code): -3.0 for code in range(0x20, 0x7F)},
    **dict.fromkeys("bcdfghjklmnpqrstvwxyz", 0.0),
    **dict.fromkeys("aeiou", 1.0),
    " ": 1.5,
    ".": -1.0,
    ",": -1.0,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a llama model; `heads` query heads share `kv_heads` key-value heads."""

    embd: int
    ff: int
    layers: int
    heads: int
    kv_heads: int
    context: int = 32_768

    @property
    def kv_width(self) -> int:
        """Floats of one key (or value) row of one layer."""
        return self.embd // self.heads * self.kv_heads

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield each tensor's name and shape (rows first), in file order."""
        yield "token_embd.weight", (VOCABULARY, self.embd)
        yield "output_norm.weight", (self.embd,)
        yield "output.weight", (VOCABULARY, self.embd)
        for layer in range(self.layers):
            block = f"blk.{layer}."
            yield block + "attn_norm.weight", (self.embd,)
            yield block + "attn_q.weight", (self.embd, self.embd)
            yield block + "attn_k.weight", (self.kv_width, self.embd)
            yield block + "attn_v.weight", (self.kv_width, self.embd)
            yield block + "attn_output.weight", (self.embd, self.embd)
            yield block + "ffn_norm.weight", (self.embd,)
            yield block + "ffn_gate.weight", (self.ff, self.embd)
            yield block + "ffn_up.weight", (self.ff, self.embd)
            yield block + "ffn_down.weight", (self.embd, self.ff)


# Weights of 0.9 and 12 MB; key-value cache of 2 and 16 MiB at 8,192 tokens.
SHAPES: dict[Size, Shape] = {
    "small": Shape(embd=128, ff=256, layers=2, heads=4, kv_heads=1),
    "large": Shape(embd=256, ff=1024, layers=6, heads=4, kv_heads=1),
}
_BENCH_LAYER = Shape(embd=1024, ff=4096, layers=1, heads=16, kv_heads=4)


def tiny_gguf(
    path: Path,
    size: Size = "small",
    *,
    seed: int = 0,
    name: str | None = None,
    tools: bool = False,
    pooling: int | None = None,
    context: int = 32_768,
) -> Path:
    """Write a model that loads in well under 0.3 s.

    Args:
        path: the file to write; its folder must exist.
        size: `large` needs clearly more memory than `small`.
        seed: the same seed gives the same bytes.
        name: `general.name`; the file's stem when None.
        tools: give the chat template a tools section.
        pooling: `llama.pooling_type` to declare (1 is mean): makes it an embedding model.
        context: tokens it claims to have been trained for.

    Returns:
        `path`.
    """
    import numpy as np  # the extra `testing`: the package itself does without it

    rng = np.random.default_rng(seed)
    shape = replace(SHAPES[size], context=context)

    def weights(tensor: str, dims: tuple[int, ...]) -> np.ndarray[Any, Any]:
        if tensor in _VOCABULARY_TENSORS:
            return _vocabulary(rng, tensor, dims)
        if len(dims) == 1:
            return np.ones(dims, dtype=np.float32)
        values = (rng.standard_normal(dims, dtype=np.float32) / np.sqrt(dims[1])).astype(np.float16)
        return _keep_anchor(tensor, values)

    _write(path, shape, weights, name=name, tools=tools, pooling=pooling)
    return path


def random_gguf(path: Path, target_bytes: int, *, seed: int = 0) -> Path:
    """Write a loadable model of about `target_bytes` (at least 35 MB, in steps of 30 MB), at the speed of the disk.

    It exists to measure loading.
    """
    import numpy as np  # the extra `testing`

    rng = np.random.default_rng(seed)
    layer = sum(2 * _product(dims) for tensor, dims in _BENCH_LAYER.tensors() if tensor.startswith("blk."))
    one = _BENCH_LAYER
    layers = max(1, round(target_bytes / layer))
    shape = Shape(embd=one.embd, ff=one.ff, layers=layers, heads=one.heads, kv_heads=one.kv_heads)

    def weights(tensor: str, dims: tuple[int, ...]) -> np.ndarray[Any, Any]:
        if tensor in _VOCABULARY_TENSORS:
            return _vocabulary(rng, tensor, dims)
        if len(dims) == 1:
            return np.ones(dims, dtype=np.float32)
        bits = np.frombuffer(rng.bytes(2 * _product(dims)), dtype=np.uint16)
        # Random sign and mantissa under one small exponent: no NaN, no infinity, every page of the file different.
        return _keep_anchor(tensor, ((bits & 0x83FF) | 0x2000).view(np.float16).reshape(dims))

    _write(path, shape, weights, name=None, tools=False, pooling=None)
    return path


def _vocabulary(rng: np.random.Generator, tensor: str, dims: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the embedding or the output rows, such that only printable ASCII is ever likely.

    Dimension 0 of every embedding is one large number, the anchor, and no layer writes dimension 0: after the last
    normalisation it is still a known positive number, so the output rows' dimension 0 is a bias for each token.
    """
    import numpy as np  # the extra `testing`

    values = rng.standard_normal(dims, dtype=np.float32)
    anchor = dims[1] ** 0.5
    if tensor == "token_embd.weight":
        values[:, 0] = anchor
        return values.astype(np.float16)
    values *= OPINION / anchor
    values[:, 0] = MUTE
    for code in range(256):
        if (favour := FAVOUR.get(chr(code))) is not None:
            values[BYTES + code, 0] = favour / anchor
    values[values[:, 0] == MUTE, 1:] = 0
    return values.astype(np.float16)


def _keep_anchor(tensor: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if tensor.endswith(("attn_output.weight", "ffn_down.weight")):
        values[0] = 0
    return values


def _product(dims: tuple[int, ...]) -> int:
    total = 1
    for dim in dims:
        total *= dim
    return total


def _write(path: Path, shape: Shape, weights: Any, *, name: str | None, tools: bool, pooling: int | None) -> None:
    import gguf  # the extra `testing`
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name or path.stem)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embd)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.embd // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    if pooling is not None:
        writer.add_uint32("llama.pooling_type", pooling)
    _add_tokenizer(writer, gguf, tools=tools)
    for tensor, dims in shape.tensors():
        dtype = np.dtype(np.float32 if len(dims) == 1 else np.float16)
        writer.add_tensor_info(tensor, dims, dtype, _product(dims) * dtype.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, dims in shape.tensors():
        writer.write_tensor_data(weights(tensor, dims))
    writer.close()


def _add_tokenizer(writer: Any, gguf: Any, *, tools: bool) -> None:
    kind = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{code:02X}>" for code in range(256))])
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types([kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template((TOOL_TEMPLATE if tools else "") + CHAT_TEMPLATE)


def main(argv: list[str] | None = None) -> None:
    """Write one model file and print its path and size."""
    from batuta.setting_types import parse_size  # only the command reads sizes as people write them

    parser = argparse.ArgumentParser(prog="python -m batuta.testing.gguf", description="Write a small real GGUF.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", choices=sorted(SHAPES), default="small")
    parser.add_argument("--bytes", help="about this size instead (1GB, 400MB): for measuring loads")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tools", action="store_true", help="chat template with a tools section")
    parser.add_argument("--embedding", action="store_true", help="declare mean pooling")
    args = parser.parse_args(argv)
    if args.bytes:
        target = parse_size(args.bytes)
        if not isinstance(target, int):
            parser.error(f"--bytes {args.bytes!r} is not a size")
        random_gguf(args.path, target, seed=args.seed)
    else:
        tiny_gguf(args.path, args.size, seed=args.seed, tools=args.tools, pooling=1 if args.embedding else None)
    print(f"{args.path} {args.path.stat().st_size} bytes")  # noqa: T201  # a command's answer


if __name__ == "__main__":
    main()
