"""The check of safetensors folders: what a sound one says, and that nothing unsound gets past it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from batuta.errors import BadModelFile, Cause, ModelFailed
from batuta.loader import forms, safetensors
from batuta.loader.safetensors import SafetensorsInfo, inspect, read_header
from batuta.testing.gguf import tiny_gguf
from batuta.testing.safetensors import Tensor, tiny_safetensors, write_file

MUTATIONS = 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_safetensors(tmp_path / "models" / "Tiny-1.5", shards=2)


def refusal(folder: Path, root: Path | None = None) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        inspect(folder, (root or folder.parent,))
    assert str(folder) in caught.value.message
    assert caught.value.message.isprintable()
    return caught.value


def change(folder: Path, **facts: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **facts}))


def weights(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(kind: str = "F32", shape: Any = (1,), place: Any = (0, 4)) -> dict[str, Any]:
    return {"a": {"dtype": kind, "shape": list(shape), "data_offsets": list(place)}}


# --- what a sound folder says --------------------------------------------------------------------------------------


def test_a_folder_says_what_its_model_is(folder: Path) -> None:
    """Architecture, name, context, weights, cache, vocabulary, template and type come from headers alone."""
    info = inspect(folder, (folder.parent,))
    assert (info.arch, info.name, info.context_length, info.dtype) == ("LlamaForCausalLM", "Tiny-1.5", 4096, "F32")
    assert info.size == sum(each.stat().st_size for each in folder.glob("*.safetensors"))
    assert info.tensor_bytes == info.parameters * 4
    assert info.kv_per_token == 2 * 2 * 16 * 2 * 4  # layers, key-value heads, width, keys and values, bytes
    assert (info.vocabulary, info.embedding_length) == (261, 64)
    assert info.has_tools
    assert info.can_chat
    assert not info.is_part
    assert info.files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_a_weight_file_stands_for_its_folder(folder: Path) -> None:
    """Who names a .safetensors file means the model it belongs to."""
    assert inspect(folder / "model-00001-of-00002.safetensors", (folder.parent,)) == inspect(folder, (folder.parent,))


def test_half_precision_halves_the_bytes_and_the_cache(tmp_path: Path) -> None:
    """The estimate follows the stored type, and the type that is asked for."""
    whole = inspect(tiny_safetensors(tmp_path / "a"), (tmp_path,))
    half = inspect(tiny_safetensors(tmp_path / "b", kind="BF16"), (tmp_path,))
    assert (half.tensor_bytes * 2, half.kv_per_token * 2) == (whole.tensor_bytes, whole.kv_per_token)
    assert forms.estimate(half, "float32") == forms.estimate(whole)
    assert forms.estimate(whole, "float16") == forms.estimate(half)
    assert forms.estimate(half).total(2000) - forms.estimate(half).total(1000) == 1000 * half.kv_per_token


def test_a_model_in_the_cache_of_hugging_face_has_its_own_name(tmp_path: Path) -> None:
    """`models--org--name/snapshots/<revision>`, whose files are links, is `org/name`."""
    cached = tmp_path / "models--org--name"
    blobs = tiny_safetensors(cached / "blobs")
    snapshot = cached / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(file)
    assert inspect(snapshot, (tmp_path,)).name == "org/name"


@pytest.mark.parametrize(
    ("facts", "is_embedding", "is_part"),
    [
        ({"architectures": ["BertModel"]}, True, False),
        ({"architectures": ["CLIPTextModel"]}, False, True),
        ({"architectures": ["WhisperForConditionalGeneration"], "is_encoder_decoder": True}, False, True),
        ({"architectures": ["Gemma3ForConditionalGeneration"]}, False, False),
    ],
)
def test_what_cannot_write_is_told_apart(
    folder: Path, facts: dict[str, Any], is_embedding: bool, is_part: bool
) -> None:
    """Encoders embed; parts of picture and speech models are no models by themselves."""
    change(folder, **facts)
    info = inspect(folder, (folder.parent,))
    assert (info.is_embedding, info.is_part) == (is_embedding, is_part)


def test_a_model_that_also_sees_keeps_its_facts_in_a_part(folder: Path) -> None:
    """`text_config` holds the language model's numbers."""
    change(folder, text_config={"max_position_embeddings": 99, "num_hidden_layers": 1})
    info = inspect(folder, (folder.parent,))
    assert (info.context_length, info.kv_per_token) == (99, 1 * 2 * 16 * 2 * 4)


def test_without_a_template_it_cannot_chat(tmp_path: Path) -> None:
    """A base model completes and embeds; a template in a file of its own, or one of several, is found too."""
    folder = tiny_safetensors(tmp_path / "base", template=None)
    assert not inspect(folder, (tmp_path,)).can_chat
    (folder / "chat_template.jinja").write_text("{{ messages }} <think>")
    info = inspect(folder, (tmp_path,))
    assert (info.can_chat, info.has_tools, info.has_reasoning) == (True, False, True)
    (folder / "chat_template.jinja").unlink()
    several = [{"name": "default", "template": "x"}, {"name": "tool_use", "template": "tools"}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))
    assert inspect(folder, (tmp_path,)).has_tools


# --- what is refused -----------------------------------------------------------------------------------------------


def test_pickled_weights_are_refused_with_advice(folder: Path) -> None:
    """A folder with only .bin files is not loaded: reading a pickle runs what it holds."""
    for file in folder.glob("model*"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")
    error = refusal(folder)
    assert error.cause is Cause.FORBIDDEN_PATH
    assert "pickle" in error.message
    assert ".safetensors" in error.message


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "config.json": lambda folder: (folder / "config.json").unlink(),
    "is no JSON": lambda folder: (folder / "config.json").write_text("{"),
    "no JSON object": lambda folder: (folder / "config.json").write_text("[]"),
    "not UTF-8": lambda folder: (folder / "config.json").write_bytes(b"\xff"),
    "nested too deeply": lambda folder: (folder / "config.json").write_text("[" * 200_000),
    "gives one name twice": lambda folder: (folder / "config.json").write_text('{"a": 1, "a": 2}'),
    "neither architectures": lambda folder: (folder / "config.json").write_text("{}"),
    "its hidden_size": lambda folder: change(folder, hidden_size="wide"),
    "its num_hidden_layers": lambda folder: change(folder, num_hidden_layers=-1),
    "more than": lambda folder: (folder / "config.json").write_bytes(b" " * (safetensors.LARGEST_JSON + 1)),
    "weight files are missing": lambda folder: (folder / "model-00002-of-00002.safetensors").unlink(),
    "neither model.safetensors nor": lambda folder: (folder / "model.safetensors.index.json").unlink(),
    "no weight_map": lambda folder: (folder / "model.safetensors.index.json").write_text("{}"),
    "the file is truncated": lambda folder: truncate(folder / "model-00001-of-00002.safetensors"),
    "and it is not there": lambda folder: index(folder, {"ghost": "model-00001-of-00002.safetensors"}),
}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def index(folder: Path, places: dict[str, str]) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


@pytest.mark.parametrize("words", BREAKAGES)
def test_a_broken_folder_is_refused_in_words(folder: Path, words: str) -> None:
    """Every breakage is a BadModelFile that says what is wrong."""
    BREAKAGES[words](folder)
    assert words in refusal(folder).message


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/x.safetensors", "a\\b.safetensors", "x.bin", "a/b.safetensors"]
)
def test_an_index_leads_nowhere_else(folder: Path, name: str) -> None:
    """Weight files lie in the folder: an index that points outside it is refused before anything is opened."""
    index(folder, {"a": name})
    assert "no .safetensors file in this folder" in refusal(folder).message


def test_weights_that_nobody_checked_are_not_loaded(folder: Path) -> None:
    """A config that names other weights could name a pickle; an adapter brings weights of its own."""
    change(folder, transformers_weights="adapter_model.bin")
    assert "names other weights" in refusal(folder).message
    change(folder, transformers_weights=None)
    inspect(folder, (folder.parent,))
    (folder / "adapter_config.json").write_text("{}")
    assert "merge it" in refusal(folder).message


@pytest.mark.parametrize(
    ("facts", "context"),
    [
        ({"architectures": ["XLMRobertaModel"], "pad_token_id": 1}, 512),
        ({"architectures": ["RobertaModel"], "pad_token_id": 3}, 510),
        ({"architectures": ["MPNetModel"], "pad_token_id": None}, 512),
        ({"architectures": ["BertModel"], "pad_token_id": 0}, 514),
    ],
)
def test_positions_that_count_from_the_padding_are_not_read(folder: Path, facts: dict[str, Any], context: int) -> None:
    """RoBERTa and its kind keep the first positions for padding: a text as long as their table would not fit it."""
    change(folder, max_position_embeddings=514, **facts)
    assert inspect(folder, (folder.parent,)).context_length == context


def test_a_link_out_of_the_roots_is_refused(folder: Path, tmp_path: Path) -> None:
    """A weight file that is a link to somewhere else is not followed."""
    part = folder / "model-00001-of-00002.safetensors"
    part.rename(tmp_path / "elsewhere.safetensors")
    part.symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(BadModelFile) as caught:
        inspect(folder, (folder.parent,))
    assert caught.value.cause is Cause.FORBIDDEN_PATH
    with pytest.raises(BadModelFile, match="outside the model folders"):
        inspect(folder, (tmp_path / "other",))
    assert refusal(folder.parent / "nobody").cause is Cause.NOT_INSTALLED


HEADERS: dict[str, bytes] = {
    "fewer than the length": b"1234567",
    "claims 5 bytes and 2": weights(b"{}", length=5),
    "claims 99": weights(b"{}", length=99),
    "claims 18446744073709551615": weights(b"{}", length=(1 << 64) - 1),
    "does not begin with": weights([]),
    "is no JSON": weights(b"{]"),
    "is not UTF-8": weights(b'{"\xff": 1}'),
    "gives one name twice": weights(b'{"a": 1, "a": 1}'),
    "malformed": weights({"a": []}),
    "unknown type": weights(entry("F99"), b"1234"),
    "has the shape": weights(entry(shape=[-1]), b"1234"),
    "has the shape [True]": weights(entry(shape=[True]), b"1234"),
    "and the place": weights(entry(place=[0, 4, 8]), b"1234"),
    "more than any memory": weights(entry(shape=[1 << 40, 1 << 40]), b"1234"),
    "its shape and type take": weights(entry(shape=[2]), b"1234"),
    "and type take 1.5": weights(entry("F4", shape=[3], place=[0, 1]), b"1"),
    "begins at 4": weights(entry(place=[4, 8]), b"12345678"),
    "3 are there": weights(entry(), b"123"),
    "5 are there": weights(entry(), b"12345"),
}


@pytest.mark.parametrize("words", HEADERS)
def test_a_header_that_lies_is_found_out(words: str) -> None:
    """Lengths, types, shapes and places are checked against each other and the file."""
    data = HEADERS[words]
    with pytest.raises(ValueError, match=r"\w") as caught:
        read_header(BytesIO(data), len(data))
    assert words in str(caught.value)


def test_a_sound_header_is_read() -> None:
    """Types are counted by bytes; a tensor of no values is sound."""
    tensors = {**entry(), "b": {"dtype": "F4", "shape": [2], "data_offsets": [4, 5]}}
    tensors["empty"] = {"dtype": "I64", "shape": [0, 3], "data_offsets": [5, 5]}
    data = weights({"__metadata__": {"format": "pt"}, **tensors}, b"12345")
    header = read_header(BytesIO(data), len(data))
    assert header.names == {"a", "b", "empty"}
    assert dict(header.bytes_of) == {"F32": 4, "F4": 1, "I64": 0}


def test_no_mutation_of_a_file_breaks_the_reader(tmp_path: Path) -> None:
    """Flipped, cut and doubled bytes are either refused or still sound; nothing else is ever raised."""
    dice = random.Random(7)
    tensors = {name: Tensor("F32", (2,), b"12345678") for name in ("a", "b")}
    content = write_file(tmp_path / "m.safetensors", tensors).read_bytes()
    passed = 0
    for _ in range(MUTATIONS):
        data = bytearray(content)
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(data))
            data[at : at + dice.randrange(2)] = dice.choice([b"", b"9", b"\xff", b'"', bytes([dice.randrange(256)])])
        try:
            header = read_header(BytesIO(data), len(data))
        except ValueError:
            continue
        passed += 1
        assert 0 <= header.tensor_bytes <= len(data)
    assert passed, "the mutations are too coarse to show anything"


# --- which engine --------------------------------------------------------------------------------------------------


def test_the_form_decides_the_engine(folder: Path, tmp_path: Path) -> None:
    """A folder and a .safetensors file are one form, everything else is the other."""
    assert forms.form_of(folder) == forms.form_of("/m/x.safetensors") == "safetensors"
    assert forms.form_of("/m/x.gguf") == forms.form_of("/m/nothing") == "gguf"
    assert isinstance(forms.inspect(folder, (tmp_path,)), SafetensorsInfo)
    assert forms.inspect(tiny_gguf(tmp_path / "a.gguf"), (tmp_path,)).arch == "llama"


def test_a_missing_extra_is_named_with_its_install_command() -> None:
    """Without PyTorch the load is refused in words, and nothing is imported to find out."""
    with pytest.raises(ModelFailed) as caught:
        forms.require("safetensors", "tiny", find=lambda name: None if name == "torch" else object())
    assert caught.value.cause is Cause.NOT_INSTALLED
    assert "pip install 'batuta[transformers]'" in caught.value.message
    assert "(torch)" in caught.value.message
    assert forms.require("gguf", "tiny", find=lambda _name: None).program.endswith("llamacpp")
