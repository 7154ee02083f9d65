"""Checks a folder of safetensors before any engine sees it, and reads what it says of its model.

config.json, the index, the header of each weight file (8 bytes of length, then JSON) and the chat template are read in
plain Python: a length, offset, shape or name that lies is found here. Pickled weights are refused: reading one runs
whatever it holds. Knows nothing of processes or engines, and imports no torch.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeGuard

from batuta.errors import BadModelFile, Cause
from batuta.loader.paths import open_model, resolve

SUFFIX: Final = ".safetensors"
WHOLE: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
CONFIG: Final = "config.json"
TEMPLATE: Final = "chat_template.jinja"
ADAPTER: Final = "adapter_config.json"
PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

LARGEST_JSON: Final = 16 << 20  # bytes of config.json and its kind; a large tokenizer_config.json has some 200 KB
LARGEST_HEADER: Final = 100_000_000  # bytes; the format's own limit
MOST_TENSORS: Final = 1_000_000
MOST_FILES: Final = 1000
LONGEST_NAME: Final = 65_535

# Type -> bits of one value.
BITS: Final[Mapping[str, int]] = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip

WRITES: Final = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How the names of architectures end that write text."""
EMBEDS: Final = frozenset({
    "BertModel", "RobertaModel", "XLMRobertaModel", "MPNetModel", "DistilBertModel", "ModernBertModel", "AlbertModel",
    "ElectraModel", "CamembertModel", "NomicBertModel", "NewModel", "EuroBertModel", "Gemma3TextModel",
})  # fmt: skip
"""Architectures that give vectors and cannot chat."""
COUNTS_FROM_PADDING: Final = ("Roberta", "XLMRoberta", "Camembert", "MPNet")
"""How the names of architectures begin whose first position is the padding's number and one."""


@dataclass(frozen=True, slots=True)
class SafetensorsInfo:
    """What a folder says of its model; the fields that `gguf.GGUFInfo` has too mean the same.

    Attributes:
        path: the real folder, links followed.
        size: bytes of the weight files.
        arch: `LlamaForCausalLM`, `Qwen2ForCausalLM`, ...
        name: `org/name` of a folder in Hugging Face's cache, else the folder's name.
        context_length: tokens it was trained for; 0 when unknown.
        tensor_bytes: bytes of the weights as they are stored.
        parameters: how many numbers the weights have.
        kv_per_token: bytes of key and value cache for a token, in the type of the weights.
        vocabulary: number of tokens; 0 when unknown.
        embedding_length: width of its hidden state; 0 when unknown.
        chat_template: the template it brings, or None.
        is_embedding: it gives vectors and cannot chat.
        is_part: no language model by itself: a text encoder of a picture model, a speech model.
        has_tools: its template has a place for tool declarations.
        has_reasoning: its template knows thinking.
        dtype: the type most of the weights are stored in, as safetensors names it: BF16, F32, ...
        files: names of the weight files.
    """

    path: str
    size: int
    arch: str
    name: str
    context_length: int
    tensor_bytes: int
    parameters: int
    kv_per_token: int
    vocabulary: int
    embedding_length: int
    chat_template: str | None
    is_embedding: bool
    is_part: bool
    has_tools: bool
    has_reasoning: bool
    dtype: str
    files: tuple[str, ...]

    @property
    def can_chat(self) -> bool:
        """Whether it can chat: without a template nothing says who speaks."""
        return self.chat_template is not None and not self.is_embedding


@dataclass(frozen=True, slots=True)
class Header:
    """A weight file's header that has passed all checks. `bytes_of`: bytes of the tensors of each type."""

    names: frozenset[str]
    bytes_of: Mapping[str, int]

    @property
    def tensor_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(self.bytes_of.values())


def inspect(folder: Path | str, roots: tuple[Path, ...]) -> SafetensorsInfo:
    """Check a model folder and return what it says. Reads headers only; unchanged files are not read twice.

    Args:
        folder: the folder, or a weight file in it.
        roots: folders it must lie in, links followed.

    Raises:
        BadModelFile: with `cause` and the path; see `loader.paths.open_model` and the module's docstring.
    """
    given = Path(folder)
    if given.suffix == SUFFIX and not given.is_dir():
        given = given.parent
    shown = str(given)
    real = resolve(given, roots)
    try:
        return _describe(given, real, roots)
    except _Pickled as error:
        raise _bad(shown, str(error), Cause.FORBIDDEN_PATH) from None
    except (ValueError, RecursionError) as error:
        reason = "its JSON is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _bad(shown, f"{reason}. Download it again, or remove it", Cause.CORRUPT_FILE) from None


def read_header(file: BinaryIO, size: int) -> Header:
    """Check and read the header of an open weight file of `size` bytes.

    Raises:
        ValueError: the header is not sound; the text says how.
        OSError: the file cannot be read.
    """
    if size < 8:
        raise ValueError(f"it has {size} bytes, fewer than the length of a header takes: the file is truncated")
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(LARGEST_HEADER, size - 8):
        raise ValueError(
            f"its header claims {length} bytes and {size - 8} are there: it is truncated or no safetensors"
        )
    data = file.read(length)
    if not data.startswith(b"{"):
        raise ValueError("its header does not begin with a JSON object: it is no safetensors file")
    header = _parse(data, "its header")
    header.pop("__metadata__", None)
    if len(header) > MOST_TENSORS:
        raise ValueError(f"its header lists {len(header)} tensors")
    extents = sorted(_extent(name, entry) for name, entry in header.items())
    bytes_of: dict[str, int] = {}
    at = 0
    for begin, end, kind, name in extents:
        if begin != at:
            raise ValueError(f"tensor {name[:80]!r} begins at {begin}, and the one before it ends at {at}")
        at = end
        bytes_of[kind] = bytes_of.get(kind, 0) + end - begin
    if (there := size - 8 - length) != at:
        raise ValueError(f"its tensors have {at} bytes and {there} are there: the file is truncated or was changed")
    return Header(frozenset(header), bytes_of)


def _extent(name: str, entry: Any) -> tuple[int, int, str, str]:
    """Check one tensor's entry; return where it begins and ends, its type and its name."""
    shown = repr(name[:80])
    if len(name) > LONGEST_NAME or not isinstance(entry, dict):
        raise ValueError(f"the entry of tensor {shown} is malformed")
    kind, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(kind, str) or kind not in BITS:
        raise ValueError(f"tensor {shown} has the unknown type {kind!r}")
    if not is_counts(shape) or not is_counts(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {shown} has the shape {shape!r:.80} and the place {offsets!r:.80}")
    bits = BITS[kind]
    for dim in shape:
        bits *= dim
        if bits >= 1 << 64:
            raise ValueError(f"tensor {shown} has the shape {shape!r:.80}, more than any memory holds")
    begin, end = offsets
    if bits % 8 or end - begin != bits // 8:
        raise ValueError(f"tensor {shown} has {end - begin} bytes where its shape and type take {bits / 8:g}")
    return begin, end, kind, name


def is_counts(value: Any) -> TypeGuard[list[int]]:
    """Whether a JSON value is a list of whole numbers that are no less than 0."""
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 1 << 63 for each in value)


# --- the folder --------------------------------------------------------------------------------------------------


class _Pickled(Exception):
    """There are weights, but pickled ones."""


def _describe(folder: Path, real: Path, roots: tuple[Path, ...]) -> SafetensorsInfo:
    if not real.is_dir():
        raise _bad(str(folder), "there is no such folder", Cause.NOT_INSTALLED)
    config = _read_json(folder / CONFIG, roots)
    _refuse_other_weights(folder, config)
    files, places = _weight_files(folder, roots)
    headers = {name: _read_weights(folder / name, roots) for name in files}
    for tensor, name in places.items():
        if tensor not in headers[name][1].names:
            raise ValueError(f"its index puts tensor {tensor[:80]!r} in {name}, and it is not there")
    bytes_of: dict[str, int] = {}
    for _, header in headers.values():
        for kind, count in header.bytes_of.items():
            bytes_of[kind] = bytes_of.get(kind, 0) + count
    dtype = max(bytes_of, key=bytes_of.__getitem__, default="F32")
    facts = _language_part(config)
    arch = _architecture(config)
    template = _template(folder, roots)
    is_embedding = arch in EMBEDS
    is_writer = arch.endswith(WRITES) and config.get("is_encoder_decoder") is not True
    return SafetensorsInfo(
        path=str(real),
        size=sum(size for size, _ in headers.values()),
        arch=arch,
        name=_name(folder),
        context_length=_context(arch, facts),
        tensor_bytes=sum(bytes_of.values()),
        parameters=sum(count * 8 // BITS[kind] for kind, count in bytes_of.items()),
        kv_per_token=kv_per_token(facts, max(BITS[dtype], 16) // 8),
        vocabulary=_int(facts, "vocab_size"),
        embedding_length=_int(facts, "hidden_size", _int(facts, "n_embd")),
        chat_template=template,
        is_embedding=is_embedding,
        is_part=not is_embedding and not is_writer,
        has_tools=template is not None and "tools" in template,
        has_reasoning=template is not None and ("<think>" in template or "enable_thinking" in template),
        dtype=dtype,
        files=tuple(files),
    )


def _refuse_other_weights(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse what would make the engine read weights that nobody checked; a pickle can be among them."""
    if config.get("transformers_weights") is not None:
        raise ValueError(f"its {CONFIG} names other weights than {WHOLE} or {INDEX} (transformers_weights)")
    if (folder / ADAPTER).exists():
        raise ValueError(f"it holds an adapter ({ADAPTER}), which is not applied: merge it into the model first")


def kv_per_token(facts: Mapping[str, Any], value_bytes: int) -> int:
    """Return the bytes of keys and values that one token of context takes over all layers.

    Layers that look back over a window only, or keep a state of fixed size, are counted like the others: the figure is
    never too small.
    """
    layers = _int(facts, "num_hidden_layers", _int(facts, "n_layer"))
    heads = _int(facts, "num_attention_heads", _int(facts, "n_head"))
    kv_heads = _int(facts, "num_key_value_heads", heads)
    width = _int(facts, "hidden_size", _int(facts, "n_embd"))
    head = _int(facts, "head_dim", width // heads if heads else 0)
    return layers * kv_heads * head * 2 * value_bytes


def _weight_files(folder: Path, roots: tuple[Path, ...]) -> tuple[list[str], dict[str, str]]:
    """Return the names of the weight files and, where there is an index, the file of each tensor."""
    if (folder / WHOLE).exists():
        return [WHOLE], {}
    if not (folder / INDEX).exists():
        names = sorted(each.name for each in folder.iterdir())
        if any(name.endswith(SUFFIX) for name in names):
            raise ValueError(f"it has neither {WHOLE} nor {INDEX}, which name the weights that belong together")
        if any(name.endswith(PICKLES) for name in names):
            raise _Pickled(
                "its weights are pickled (.bin, .pt), and reading a pickle runs whatever it holds. Choose a release "
                "with .safetensors files, or convert it where you trust it"
            )
        raise ValueError("it holds no .safetensors file")
    places = _read_json(folder / INDEX, roots).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise ValueError(f"{INDEX} has no weight_map of tensors and file names")
    files = sorted(set(places.values()))
    for name in files:
        if not name.endswith(SUFFIX) or Path(name).name != name or "\\" in name or not name.isprintable():
            raise ValueError(f"{INDEX} names the file {name[:80]!r}, which is no .safetensors file in this folder")
    if len(files) > MOST_FILES or len(places) > MOST_TENSORS:
        raise ValueError(f"{INDEX} lists {len(files)} files and {len(places)} tensors")
    if missing := [name for name in files if not (folder / name).exists()]:
        raise ValueError(f"{len(missing)} of its {len(files)} weight files are missing, {missing[0]} among them")
    return files, places


def _read_weights(path: Path, roots: tuple[Path, ...]) -> tuple[int, Header]:
    """Return the size and the header of one weight file."""
    with open_model(path, roots) as (file, real, stat):
        opened = _Opened(file)
        try:
            return stat.st_size, _header(opened, str(real), stat.st_size, stat.st_mtime_ns, stat.st_ino)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
        except OSError as error:
            raise _bad(str(path), f"it cannot be read: {error.strerror or error}", Cause.UNREADABLE_FILE) from None


class _Opened:
    """An open file that is equal to any other, so that the cache's key is the file's identity alone."""

    __slots__ = ("file",)

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opened)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=512)
def _header(opened: _Opened, _real: str, size: int, _mtime: int, _inode: int) -> Header:
    return read_header(opened.file, size)


# --- JSON files --------------------------------------------------------------------------------------------------


def _read_json(path: Path, roots: tuple[Path, ...]) -> dict[str, Any]:
    with open_model(path, roots) as (file, _, stat):
        if stat.st_size > LARGEST_JSON:
            raise ValueError(f"{path.name} has {stat.st_size} bytes, more than {LARGEST_JSON} are read of it")
        try:
            data = file.read(LARGEST_JSON)
        except OSError as error:
            raise _bad(str(path), f"it cannot be read: {error.strerror or error}", Cause.UNREADABLE_FILE) from None
    return _parse(data, path.name)


def _parse(data: bytes, what: str) -> dict[str, Any]:
    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{what} is no JSON ({error})") from None
    if isinstance(content, dict):
        return content
    raise ValueError(f"{what} is no JSON object")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("its JSON gives one name twice")
    return content


def _template(folder: Path, roots: tuple[Path, ...]) -> str | None:
    """Return the chat template: of a file of its own, or in the tokenizer's settings; one for tools goes first."""
    with suppress(BadModelFile, OSError, UnicodeDecodeError), open_model(folder / TEMPLATE, roots) as (file, _, _stat):
        return file.read(LARGEST_JSON).decode("utf-8")
    try:
        said = _read_json(folder / "tokenizer_config.json", roots).get("chat_template")
    except BadModelFile:  # not there: a model without
        return None
    if isinstance(said, list):
        named = {each.get("name"): each.get("template") for each in said if isinstance(each, dict)}
        said = named.get("tool_use") or named.get("default")
    return said if isinstance(said, str) and said else None


def _architecture(config: Mapping[str, Any]) -> str:
    said = config.get("architectures")
    if isinstance(said, list) and said and isinstance(said[0], str):
        return said[0][:LONGEST_NAME]
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise ValueError(f"{CONFIG} names neither architectures nor a model_type: it is no language model")
    return kind


def _context(arch: str, facts: Mapping[str, Any]) -> int:
    """Return the tokens it can read; some architectures count positions from the padding's number on."""
    said = _int(facts, "max_position_embeddings", _int(facts, "n_positions"))
    padding = _int(facts, "pad_token_id", 1) + 1 if arch.startswith(COUNTS_FROM_PADDING) else 0
    return max(said - padding, 0)


def _language_part(config: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of the language model: a model that also sees keeps them in a part of their own."""
    part = config.get("text_config")
    return config | part if isinstance(part, dict) else config


def _int(facts: Mapping[str, Any], key: str, default: int = 0) -> int:
    value = facts.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise ValueError(f"its {key} is {value!r:.80}")
    return value


def _name(folder: Path) -> str:
    """Return the model's name: of `models--org--name/snapshots/<revision>` it is `org/name`."""
    if folder.parent.name == "snapshots" and (cached := folder.parent.parent.name).startswith("models--"):
        return cached.removeprefix("models--").replace("--", "/", 1)
    return folder.name


def _bad(shown: str, reason: str, cause: Cause) -> BadModelFile:
    return BadModelFile(f"{shown} cannot be loaded: {reason}.", cause=cause, details={"path": shown})
