"""Writes a trained starter model in two forms: Hugging Face (safetensors) and GGUF (Q8_0), with all they need inside.

    python -m tools.starter.export brain --work FOLDER --out FOLDER

The same weights go into both. The GGUF is what the package ships; the other form is for the transformers engine.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf.quants import quantize
from safetensors.torch import save_file
from tokenizers import Tokenizer

from tools.starter.dialogue import BREAK, END, SPECIAL, TEMPLATE
from tools.starter.model import Shape
from tools.starter.train import checkpoint_of

ABOUT = {
    "brain": "A very small demonstration model that ships with Batuta: answers questions about using it.",
    "coder": "A very small demonstration model that ships with Batuta: writes short Python programs.",
}
LICENCE = "apache-2.0"
# Name in the checkpoint, below `layers.N.` -> name in GGUF, below `blk.N.`.
LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
TOP_NAMES = {
    "embed_tokens.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}

Weights = Mapping[str, torch.Tensor]


def write_gguf(name: str, weights: Weights, shape: Shape, tokenizer: Tokenizer, out: Path) -> None:
    """Write the GGUF. name: of the model, as people read it."""
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_name(name)
    writer.add_description(ABOUT[name.removeprefix("starter-")])
    writer.add_license(LICENCE)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_float32("general.sampling.temp", 0.0)  # so small a model is at its best with its likeliest words
    writer.add_int32("general.sampling.top_k", 1)
    _add_tokenizer(writer, tokenizer)
    for key, value in weights.items():
        array = _for_llama_cpp(key, value, shape)
        kind = gguf.GGMLQuantizationType.F32 if array.ndim == 1 else gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(gguf_name(key), quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    described = json.loads(tokenizer.to_str())
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in described["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token for token, _ in by_id])
    writer.add_token_types([gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t, _ in by_id])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(SPECIAL.index(BREAK))
    writer.add_eos_token_id(SPECIAL.index(END))
    writer.add_pad_token_id(SPECIAL.index(BREAK))
    writer.add_add_bos_token(True)  # every conversation of the training began with it
    writer.add_chat_template(TEMPLATE)


def gguf_name(key: str) -> str:
    """Return a tensor's name in GGUF."""
    if key in TOP_NAMES:
        return TOP_NAMES[key]
    _, layer, rest = key.split(".", 2)
    return f"blk.{layer}.{LAYER_NAMES[rest]}"


def _for_llama_cpp(key: str, value: torch.Tensor, shape: Shape) -> np.ndarray:
    """Return the tensor as llama.cpp wants it: queries and keys with the rotated pairs side by side."""
    array: np.ndarray = value.to(torch.float32).numpy()
    heads = {"q_proj": shape.heads, "k_proj": shape.kv_heads}.get(key.split(".")[-2])
    if heads is None:
        return array
    rows, columns = array.shape
    return array.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_hugging_face(name: str, weights: Weights, shape: Shape, tokenizer_file: Path, out: Path) -> None:
    """Write a folder that transformers loads: config, float16 weights, tokenizer, chat template."""
    out.mkdir(parents=True, exist_ok=True)
    halves = {
        key if key.startswith("lm_head") else f"model.{key}": value.to(torch.float16).contiguous()
        for key, value in weights.items()
    }
    save_file(halves, out / "model.safetensors", metadata={"format": "pt", "name": name, "license": LICENCE})
    shutil.copyfile(tokenizer_file, out / "tokenizer.json")
    ids = {token: number for number, token in enumerate(SPECIAL)}
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rope_base,
        "hidden_act": "silu",
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": ids[BREAK],
        "eos_token_id": ids[END],
        "pad_token_id": ids[BREAK],
        "torch_dtype": "float16",
    }
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BREAK,
        "eos_token": END,
        "pad_token": BREAK,
        "additional_special_tokens": list(SPECIAL),
        "model_max_length": shape.context,
        "clean_up_tokenization_spaces": False,
        "chat_template": "{{ bos_token }}" + TEMPLATE,
    }
    _write_json(out / "config.json", config)
    _write_json(out / "tokenizer_config.json", about)
    _write_json(out / "generation_config.json", {"eos_token_id": ids[END], "pad_token_id": ids[BREAK]})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Export what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tools.starter.export", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("brain", "coder"))
    parser.add_argument("--work", type=Path, required=True, help="the folder that train.py worked in")
    parser.add_argument("--out", type=Path, required=True)
    wanted = parser.parse_args()
    name = f"starter-{wanted.model}"
    weights, shape = checkpoint_of(wanted.work)
    tokenizer_file = wanted.work / "tokenizer.json"
    wanted.out.mkdir(parents=True, exist_ok=True)
    file = wanted.out / f"{name}.gguf"
    write_gguf(name, weights, shape, Tokenizer.from_file(str(tokenizer_file)), file)
    write_hugging_face(name, weights, shape, tokenizer_file, wanted.out / name)
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
