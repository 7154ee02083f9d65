"""Writes small real models in Hugging Face form, so that tests load a true model offline. Knows nothing of the loader.

A folder has config.json, tokenizer.json (byte level: one token a byte), a chat template and safetensors weights. Only
numpy is needed to write one. Two kinds:

* without a script: a llama or qwen2 with random weights and real attention. It only ever says printable ASCII and
  never stops by itself: `max_tokens` decides the length.
* with a script: a table. The text `says[cue]` follows when the conversation so far ends with `cue`, which is a mark of
  the template (`CHAT`, `CALL`, `RESULT`) or a single character; then the model stops. Each token of a script occurs
  once in the vocabulary and leads to the next, so greedy decoding has one way to go and the text is truly generated.

As a command:

    python -m batuta.testing.safetensors FOLDER [--family llama|qwen2] [--says TEXT]
"""

from __future__ import annotations

import argparse
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from batuta.testing.gguf import FAVOUR, MUTE, OPINION

if TYPE_CHECKING:
    import numpy as np

Family = Literal["llama", "qwen2"]
Kind = Literal["F32", "F16", "BF16"]

BOS, EOS = "<|begin|>", "<|end|>"
CHAT, CALL, RESULT = "<|chat|>", "<|call|>", "<|result|>"
SPECIAL: Final = (BOS, EOS, CHAT, CALL, RESULT)
"""The first token ids: begin, end, and the template's marks for where an answer to chat, tools or results begins."""

CERTAIN: Final = 40.0  # logit of a script's next token; all others have 0: its chance is 1 - e^-30
SHORTEST_PIECE, LONGEST_PIECE = 3, 24  # characters of a script in one token
_HEADER_ALIGN: Final = 8

TEMPLATE: Final = (
    "{% if tools %}{{ '<tools> ' }}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{{ '\\n' }}{% endif %}"
    "{% for message in messages %}{{ '<' + message['role'] + '> ' + (message['content'] or '') }}"
    "{% for call in message['tool_calls'] or [] %}{{ '<tool_call>' }}"
    "{{ {'name': call['function']['name'], 'arguments': call['function']['arguments']} | tojson }}"
    "{{ '</tool_call>' }}{% endfor %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant> ' }}"
    "{% if messages and messages[-1]['role'] == 'tool' %}{{ '<|result|>' }}"
    "{% elif tools %}{{ '<|call|>' }}{% else %}{{ '<|chat|>' }}{% endif %}{% endif %}"
)
"""Writes tools and calls in Hermes' form and marks what kind of answer is due."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a llama or qwen2 model; `heads` query heads share `kv_heads` key-value heads."""

    vocabulary: int
    hidden: int
    ff: int
    layers: int
    heads: int
    kv_heads: int

    @property
    def kv_width(self) -> int:
        """Floats of one key (or value) row of one layer."""
        return self.hidden // self.heads * self.kv_heads


def tiny_safetensors(
    folder: Path,
    *,
    seed: int = 0,
    family: Family = "llama",
    kind: Kind = "F32",
    context: int = 4096,
    shards: int = 1,
    template: str | None = TEMPLATE,
    says: Mapping[str, str] | None = None,
    layers: int = 2,
    hidden: int = 64,
) -> Path:
    """Write a model folder.

    Args:
        folder: made if it is not there.
        seed: the same seed gives the same bytes.
        family: architecture.
        kind: type of the weights.
        context: tokens it claims to have been trained for.
        shards: number of weight files; more than one brings an index file.
        template: chat template; None for a model without one.
        says: cue -> what it says then; None for random text without an end.
        layers: how deep the random model is.
        hidden: how wide the random model is.

    Returns:
        `folder`.

    Raises:
        ValueError: a script cannot be cut into tokens that occur once.
    """
    import numpy as np  # the extra `testing`: the package itself does without it

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary()
    steps = _steps(vocabulary, says) if says is not None else {}
    if says is None:
        shape = Shape(len(vocabulary), hidden, hidden * 2, layers, 4, 2)
        tensors = dict(_random_weights(np.random.default_rng(seed), shape, family))
    else:
        size = len(vocabulary)
        shape = Shape(size, -(-size // 8) * 8, 8, 1, 1, 1)
        tensors = dict(_table_weights(shape, family, steps))
    _write_weights(folder, {name: _encode(values, kind) for name, values in tensors.items()}, shards)
    _write_json(folder / "config.json", _config(shape, family, kind, context))
    _write_json(folder / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1})
    _write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(context, template))
    return folder


# --- weights -----------------------------------------------------------------------------------------------------


def _random_weights(
    rng: np.random.Generator, shape: Shape, family: Family
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield weights such that only printable ASCII is ever likely.

    Dimension 0 of every embedding is one large number, the anchor, and no layer writes dimension 0: after the last
    normalisation it is still a known positive number, so the output rows' dimension 0 is a bias for each token.
    """
    import numpy as np  # the extra `testing`

    anchor = shape.hidden**0.5
    for name, dims in _tensors(shape, family):
        if len(dims) == 1:
            yield name, (np.zeros if name.endswith("bias") else np.ones)(dims, dtype=np.float32)
            continue
        values = rng.standard_normal(dims, dtype=np.float32)
        if name == "model.embed_tokens.weight":
            values[:, 0] = anchor
        elif name == "lm_head.weight":
            values *= OPINION / anchor
            values[:, 0] = MUTE
            for code in range(256):
                if (favour := FAVOUR.get(chr(code))) is not None:
                    values[len(SPECIAL) + code, 0] = favour / anchor
            values[values[:, 0] == MUTE, 1:] = 0
        else:
            values *= 2 / dims[1] ** 0.5
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                values[0] = 0
        yield name, values


def _table_weights(
    shape: Shape, family: Family, steps: Mapping[int, int]
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield weights that make the model a table.

    A token's embedding is its number, the output row of its successor looks at that number alone, and the layer
    between adds nothing.
    """
    import numpy as np  # the extra `testing`

    for name, dims in _tensors(shape, family):
        values = np.zeros(dims, dtype=np.float32)
        if name == "model.embed_tokens.weight":
            values[np.arange(dims[0]), np.arange(dims[0])] = 1
        elif name == "lm_head.weight":
            for token in range(shape.vocabulary):
                # The last normalisation makes the one that stands in `hidden` numbers a sqrt(hidden).
                values[steps.get(token, 1), token] = CERTAIN / dims[1] ** 0.5
        elif len(dims) == 1 and not name.endswith("bias"):
            values[:] = 1
        yield name, values


def _tensors(shape: Shape, family: Family) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each tensor's name and shape."""
    yield "model.embed_tokens.weight", (shape.vocabulary, shape.hidden)
    yield "model.norm.weight", (shape.hidden,)
    yield "lm_head.weight", (shape.vocabulary, shape.hidden)
    for layer in range(shape.layers):
        block = f"model.layers.{layer}."
        yield block + "input_layernorm.weight", (shape.hidden,)
        yield block + "post_attention_layernorm.weight", (shape.hidden,)
        for part, width in (("q", shape.hidden), ("k", shape.kv_width), ("v", shape.kv_width)):
            yield f"{block}self_attn.{part}_proj.weight", (width, shape.hidden)
            if family == "qwen2":
                yield f"{block}self_attn.{part}_proj.bias", (width,)
        yield block + "self_attn.o_proj.weight", (shape.hidden, shape.hidden)
        yield block + "mlp.gate_proj.weight", (shape.ff, shape.hidden)
        yield block + "mlp.up_proj.weight", (shape.ff, shape.hidden)
        yield block + "mlp.down_proj.weight", (shape.hidden, shape.ff)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a safetensors file."""

    kind: str
    dims: tuple[int, ...]
    data: bytes


def _encode(values: np.ndarray[Any, Any], kind: Kind) -> Tensor:

    if kind == "BF16":  # the upper half of a float32
        raw = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    else:
        raw = values.astype("<f4" if kind == "F32" else "<f2").tobytes()
    return Tensor(kind, values.shape, raw)


def _write_weights(folder: Path, tensors: Mapping[str, Tensor], shards: int) -> None:
    if shards == 1:
        write_file(folder / "model.safetensors", tensors)
        return
    names = list(tensors)
    places: dict[str, str] = {}
    for number in range(shards):
        part = names[number::shards]
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        write_file(folder / file, {name: tensors[name] for name in part})
        places |= dict.fromkeys(part, file)
    total = sum(len(tensor.data) for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    _write_json(folder / "model.safetensors.index.json", index)


def write_file(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    """Write one safetensors file: the header's length in 8 bytes, the header as JSON, the data. Return `path`."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": tensor.kind,
            "shape": list(tensor.dims),
            "data_offsets": [at, at := at + len(tensor.data)],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEADER_ALIGN)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(tensor.data for tensor in tensors.values())
    return path


# --- words -------------------------------------------------------------------------------------------------------


def _vocabulary() -> dict[str, int]:
    """Return the tokens every model has: the special ones and the 256 bytes, in byte order."""
    names = [*SPECIAL, *_byte_letters()]
    return {name: number for number, name in enumerate(names)}


def _byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary: printable ones for themselves."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters, spare = [], 0
    for code in range(256):
        letters.append(chr(code) if code in printable else chr(256 + spare))
        spare += code not in printable
    return letters


def _steps(vocabulary: dict[str, int], says: Mapping[str, str]) -> dict[int, int]:
    """Cut the scripts into tokens, which join the vocabulary; return which token follows which."""
    letters = _byte_letters()
    steps: dict[int, int] = {}
    for cue, text in says.items():
        last = vocabulary[cue] if cue in SPECIAL else vocabulary["".join(letters[code] for code in cue.encode())]
        for piece in _pieces(text, vocabulary, letters):
            vocabulary[piece] = len(vocabulary)
            steps[last] = last = vocabulary[piece]
        steps[last] = 1
    return steps


def _pieces(text: str, vocabulary: Mapping[str, int], letters: list[str]) -> list[str]:
    """Return the text in pieces, as byte letters, that are in no vocabulary yet and differ from each other."""
    taken = set(vocabulary)

    def cut(at: int) -> list[str] | None:
        if at >= len(text):
            return []
        for end in range(min(at + SHORTEST_PIECE, len(text)), min(at + LONGEST_PIECE, len(text)) + 1):
            piece = "".join(letters[code] for code in text[at:end].encode())
            if piece in taken:
                continue
            taken.add(piece)
            if (rest := cut(end)) is not None:
                return [piece, *rest]
            taken.discard(piece)  # this cut leaves an end that is taken already: try a longer piece
        return None

    pieces = cut(0)
    if pieces is None:
        raise ValueError(f"{text!r} cannot be cut into tokens that occur once; say it in other words")
    return pieces


# --- the files beside the weights --------------------------------------------------------------------------------


def _config(shape: Shape, family: Family, kind: Kind, context: int) -> dict[str, Any]:
    architecture = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}[family]
    return {
        "architectures": [architecture],
        "model_type": family,
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.ff,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[kind],
    }


def _tokenizer(vocabulary: Mapping[str, int]) -> dict[str, Any]:
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": vocabulary[name], "content": name, **flags} for name in SPECIAL],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(vocabulary),
            "merges": [],  # no text is ever joined: a prompt has one token a byte
        },
    }


def _tokenizer_config(context: int, template: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": EOS,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    return config | ({"chat_template": template} if template is not None else {})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def main(argv: list[str] | None = None) -> None:
    """Write one model folder and print its path."""
    parser = argparse.ArgumentParser(
        prog="python -m batuta.testing.safetensors", description="Write a small real model in Hugging Face form."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=("llama", "qwen2"), default="llama")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--says", help="answer every chat with this text; random letters without it")
    args = parser.parse_args(argv)
    says = {CHAT: args.says} if args.says else None
    print(tiny_safetensors(args.folder, seed=args.seed, family=args.family, says=says))  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
