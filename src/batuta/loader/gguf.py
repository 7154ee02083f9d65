"""Checks a GGUF file's header before any native code sees it, and reads what it says of the model.

Everything is bounds-checked against the bytes that are there and the file's length: a count, length, offset or
dimension that lies is found here and not in a parser written in C++. Knows nothing of processes or engines.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from batuta.errors import BadModelFile, Cause
from batuta.loader import ggml
from batuta.loader.paths import open_model

CHUNKS = (2 << 20, 16 << 20, ggml.MAX_HEADER)  # bytes read at a time: most headers fit the first or the second
KEPT_ARRAY = 4096  # values: per-layer arrays are kept, vocabularies are only measured
KEPT_STRING = 1 << 20
MOST_PARTS = 1000  # of a split model
_FIRST_PART = re.compile(r"-00001-of-(\d{5})")


@dataclass(frozen=True, slots=True)
class ArrayLength:
    """An array too long to keep: only how many values it has."""

    count: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header that has passed all checks.

    Attributes:
        version: of the format.
        values: metadata by key; long arrays are an `ArrayLength`.
        tensors: how many there are.
        tensor_bytes: their sizes added up.
        header_bytes: where the tensor data begin.
    """

    version: int
    values: dict[str, Any]
    tensors: int
    tensor_bytes: int
    header_bytes: int


class _Short(Exception):
    """The header goes on past the bytes that were read."""


class _Bad(Exception):
    """The header contradicts itself or the file; the text says how."""


class _Cursor:
    """Reads values from the bytes at hand; `limit` is the furthest the whole file could take it."""

    __slots__ = ("_data", "_limit", "at")

    def __init__(self, data: bytes, limit: int) -> None:
        self._data = data
        self._limit = limit
        self.at = 0

    def skip(self, count: int) -> int:
        """Step over `count` bytes; return where they began."""
        start, end = self.at, self.at + count
        if end > len(self._data):
            if end > self._limit:
                raise _Bad(f"it ends at byte {self._limit}, inside something that should reach byte {end}")
            raise _Short
        self.at = end
        return start

    def number(self, fmt: str, size: int) -> Any:
        return struct.unpack_from(fmt, self._data, self.skip(size))[0]

    def u32(self) -> int:
        return int(self.number("<I", 4))

    def u64(self) -> int:
        return int(self.number("<Q", 8))

    def text(self, longest: int) -> str:
        """Read a string; what is longer than `longest` is refused."""
        length = self.u64()
        if length > longest:
            raise _Bad(f"a string of {length} bytes where at most {longest} are allowed")
        start = self.skip(length)
        return self._data[start : self.at].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Step over `count` strings, checking each length."""
        unpack, data, at = struct.Struct("<Q").unpack_from, self._data, self.at
        try:
            # struct refuses to read outside the bytes, so the loop needs no check of its own: vocabularies
            # have 250,000 entries and this runs for each of them.
            for _ in range(count):
                at += 8 + unpack(data, at)[0]
        except (struct.error, OverflowError):
            at += 8  # the length that could not be read; `skip` tells a short read from a bad file
        self.skip(at - self.at)


def read_header(file: BinaryIO, size: int) -> Header:
    """Check and read the header of an open file of `size` bytes.

    Raises:
        ValueError: the header is not sound; the text says how.
        OSError: the file cannot be read.
    """
    if size == 0:
        raise ValueError("it is empty (0 bytes)")
    for chunk in CHUNKS:
        file.seek(0)
        data = file.read(min(chunk, size))
        try:
            return _parse(_Cursor(data, size), size)
        except _Short:
            if len(data) >= size:
                raise ValueError("it ends inside its header: the file is truncated") from None
        except _Bad as error:
            raise ValueError(str(error)) from None
    raise ValueError(f"its header is larger than {ggml.MAX_HEADER} bytes")


def _parse(cursor: _Cursor, size: int) -> Header:
    if size < 24:
        raise _Bad(f"it has {size} bytes, less than the smallest header: the file is truncated or no GGUF")
    magic = cursor.number("4s", 4)
    if magic != ggml.MAGIC:
        raise _Bad(f"it does not begin with GGUF (but with {magic!r}): this is no GGUF file")
    version = cursor.u32()
    if version not in ggml.VERSIONS:
        raise _Bad(f"GGUF version {version} is not supported (2 and 3 are; big-endian files are not)")
    tensors, keys = cursor.u64(), cursor.u64()
    if tensors > ggml.MAX_TENSORS or keys > ggml.MAX_KEYS:
        raise _Bad(f"it claims {tensors} tensors and {keys} keys: too many to be true")
    values = dict(_pair(cursor) for _ in range(keys))
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= ggml.MAX_ALIGNMENT or alignment & (alignment - 1):
        raise _Bad(f"its alignment is {alignment!r}, not a power of two")
    extents = [_tensor(cursor, alignment) for _ in range(tensors)]
    start = -(-cursor.at // alignment) * alignment
    _check_extents(extents, size - start)
    return Header(version, values, tensors, sum(length for _, length, _ in extents), start)


def _pair(cursor: _Cursor) -> tuple[str, Any]:
    key = cursor.text(ggml.MAX_KEY_BYTES)
    return key, _value(cursor, cursor.u32(), key)


def _value(cursor: _Cursor, kind: int, key: str) -> Any:
    if kind in ggml.SCALAR_BYTES:
        return cursor.number(ggml.SCALAR_FORMAT[kind], ggml.SCALAR_BYTES[kind])
    if kind == ggml.STRING:
        return cursor.text(KEPT_STRING)
    if kind == ggml.ARRAY:
        return _array(cursor, key)
    raise _Bad(f"the value of {key[:80]!r} has the unknown type {kind}")


def _array(cursor: _Cursor, key: str) -> tuple[Any, ...] | ArrayLength:
    kind, count = cursor.u32(), cursor.u64()
    if kind == ggml.STRING:
        if count * 8 > ggml.MAX_HEADER:
            raise _Bad(f"the array {key[:80]!r} claims {count} strings")
        cursor.skip_strings(count)
        return ArrayLength(count)
    width = ggml.SCALAR_BYTES.get(kind)
    if width is None:
        raise _Bad(f"the array {key[:80]!r} has values of the unknown type {kind}")
    if count > KEPT_ARRAY:
        cursor.skip(count * width)
        return ArrayLength(count)
    return tuple(cursor.number(ggml.SCALAR_FORMAT[kind], width) for _ in range(count))


def _tensor(cursor: _Cursor, alignment: int) -> tuple[int, int, str]:
    """Read one tensor's entry; return its offset, its bytes and its name."""
    name = cursor.text(ggml.MAX_KEY_BYTES)
    dims = cursor.u32()
    if not 1 <= dims <= ggml.MAX_DIMS:
        raise _Bad(f"tensor {name[:80]!r} has {dims} dimensions")
    shape = [cursor.u64() for _ in range(dims)]
    kind, offset = cursor.u32(), cursor.u64()
    if kind not in ggml.TENSOR_BLOCK:
        raise _Bad(f"tensor {name[:80]!r} has the unknown type {kind}")
    block, width = ggml.TENSOR_BLOCK[kind]
    if shape[0] % block:
        raise _Bad(f"tensor {name[:80]!r} has rows of {shape[0]} values, not a multiple of {block}")
    values = 1
    for dim in shape:
        values *= dim
    if not 0 < values < 1 << 62:  # what a signed 64-bit count can hold, with room for the bytes
        raise _Bad(f"tensor {name[:80]!r} has {values} values")
    if offset % alignment:
        raise _Bad(f"tensor {name[:80]!r} begins at {offset}, which is not a multiple of {alignment}")
    return offset, values // block * width, name


def _check_extents(extents: list[tuple[int, int, str]], room: int) -> None:
    end = 0
    for offset, length, name in sorted(extents):
        if offset < end:
            raise _Bad(f"tensor {name[:80]!r} overlaps the one before it")
        end = offset + length
        if end > room:
            raise _Bad(f"tensor {name[:80]!r} ends {end - room} bytes after the file: the file is truncated")


@dataclass(frozen=True, slots=True)
class GGUFInfo:
    """What a model file says of its model.

    Attributes:
        path: the real path, links followed.
        size: bytes of the file (of all parts of a split model).
        arch: `llama`, `qwen3`, ...
        name: what its maker calls it; the file's stem where he does not say.
        context_length: tokens it was trained for; 0 when unknown.
        tensor_bytes: bytes of the weights.
        kv_per_token: bytes of key and value cache for a token, at 16 bits a value.
        vocabulary: number of tokens; 0 when unknown.
        embedding_length: width of its hidden state; 0 when unknown.
        chat_template: the template it brings, or None.
        is_embedding: it gives vectors and cannot chat.
        is_part: a projector or decoder of another model: not to be loaded by itself.
        has_tools: its template has a place for tool declarations.
        has_reasoning: its template knows thinking.
    """

    path: str
    size: int
    arch: str
    name: str
    context_length: int
    tensor_bytes: int
    kv_per_token: int
    vocabulary: int
    embedding_length: int
    chat_template: str | None
    is_embedding: bool
    is_part: bool
    has_tools: bool
    has_reasoning: bool

    @property
    def can_chat(self) -> bool:
        """Whether it can chat: llama.cpp brings a template for a model that has none."""
        return not self.is_embedding


def inspect(path: Path | str, roots: tuple[Path, ...]) -> GGUFInfo:
    """Check the file and return what it says. Reads its header only; an unchanged file is not read twice.

    Args:
        path: the model file.
        roots: folders it must lie in, links followed.

    Raises:
        BadModelFile: with `cause` and the path; see `loader.paths.open_model` and the module's docstring.
    """
    with open_model(path, roots) as (file, real, stat):
        return _inspect_cached(_Opened(file, str(path)), str(real), stat.st_size, stat.st_mtime_ns, stat.st_ino)


class _Opened:
    """An open file that is equal to any other, so that the cache's key is the file's identity alone."""

    __slots__ = ("file", "shown")

    def __init__(self, file: BinaryIO, shown: str) -> None:
        self.file = file
        self.shown = shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Opened)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=512)
def _inspect_cached(opened: _Opened, real: str, size: int, _mtime: int, _inode: int) -> GGUFInfo:
    try:
        header = read_header(opened.file, size)
        return describe(header, Path(real), size)
    except ValueError as error:
        raise BadModelFile(
            f"{opened.shown} cannot be loaded: {error}. Download it again, or remove it.",
            cause=Cause.CORRUPT_FILE,
            details={"path": opened.shown},
        ) from None
    except OSError as error:
        raise BadModelFile(
            f"{opened.shown} cannot be read: {error.strerror or error}",
            cause=Cause.UNREADABLE_FILE,
            details={"path": opened.shown},
        ) from None


def describe(header: Header, path: Path, size: int) -> GGUFInfo:
    """Turn a sound header into what the catalog wants to know.

    Raises:
        ValueError: a value has an impossible type, or a part of a split model is missing.
    """
    values = header.values
    arch = values.get("general.architecture")
    if not isinstance(arch, str) or not arch:
        raise ValueError("it names no architecture (general.architecture)")
    template = values.get("tokenizer.chat_template")
    template = template if isinstance(template, str) else None
    more_size, more_tensors = _other_parts(values, path)
    tokens = values.get("tokenizer.ggml.tokens")
    name = values.get("general.name")
    return GGUFInfo(
        path=str(path),
        size=size + more_size,
        arch=arch,
        name=name if isinstance(name, str) and name else path.stem,
        context_length=_int(values, f"{arch}.context_length"),
        tensor_bytes=header.tensor_bytes + more_tensors,
        kv_per_token=kv_per_token(values, arch),
        vocabulary=tokens.count if isinstance(tokens, ArrayLength) else 0,
        embedding_length=_int(values, f"{arch}.embedding_length"),
        chat_template=template,
        is_embedding=arch in ggml.EMBEDDING_ARCHITECTURES or _int(values, f"{arch}.pooling_type") > 0,
        is_part=arch in ggml.PART_ARCHITECTURES or values.get("general.type") in {"mmproj", "adapter", "imatrix"},
        has_tools=template is not None and "tools" in template,
        has_reasoning=template is not None and ("<think>" in template or "enable_thinking" in template),
    )


def kv_per_token(values: dict[str, Any], arch: str) -> int:
    """Return the bytes of keys and values that one token of context takes over all layers, at 16 bits each."""
    layers = _int(values, f"{arch}.block_count")
    heads = values.get(f"{arch}.attention.head_count", 0)
    kv_heads = values.get(f"{arch}.attention.head_count_kv", heads)
    most_heads = max(heads, default=0) if isinstance(heads, tuple) else heads
    default = (
        _int(values, f"{arch}.embedding_length") // most_heads if isinstance(most_heads, int) and most_heads else 0
    )
    width = _int(values, f"{arch}.attention.key_length", default) + _int(
        values, f"{arch}.attention.value_length", default
    )
    if isinstance(kv_heads, tuple):
        total = sum(count for count in kv_heads if isinstance(count, int) and count > 0)
    elif isinstance(kv_heads, int):
        own = max(layers - _int(values, f"{arch}.attention.shared_kv_layers"), 0)
        total = kv_heads * -(-own // max(_int(values, f"{arch}.full_attention_interval", 1), 1))
    else:
        total = 0
    return max(total * width * 2, 0)


def _int(values: dict[str, Any], key: str, default: int = 0) -> int:
    value = values.get(key, default)
    if isinstance(value, tuple):
        value = max((item for item in value if isinstance(item, int)), default=default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise ValueError(f"its {key} is {value!r}")
    return value


def parts(path: Path) -> tuple[Path, ...]:
    """Return the files of a model whose first file this is: itself, and the others of a split one."""
    name = _FIRST_PART.search(path.name)
    if name is None:
        return (path,)
    count = int(name[1])
    files = [_part(path, number, count) for number in range(1, min(count, MOST_PARTS) + 1)]
    return tuple(file for file in files if file.exists())


def _part(path: Path, number: int, count: int) -> Path:
    return path.with_name(path.name.replace(f"-00001-of-{count:05d}", f"-{number:05d}-of-{count:05d}"))


def _other_parts(values: dict[str, Any], path: Path) -> tuple[int, int]:
    """Return the bytes of the files and tensors of a split model's other parts."""
    count = _int(values, "split.count")
    if count <= 1:
        return 0, 0
    if _int(values, "split.no") != 0:
        raise ValueError("it is a later part of a split model: load the part that ends in -00001-of-... instead")
    first = f"-00001-of-{count:05d}"
    if first not in path.name or count > MOST_PARTS:
        raise ValueError(f"it is split into {count} files, but its own name does not hold {first}")
    size = tensors = 0
    for number in range(2, count + 1):
        part = _part(path, number, count)
        try:
            with part.open("rb") as file:
                part_size = part.stat().st_size
                tensors += read_header(file, part_size).tensor_bytes
        except FileNotFoundError:
            raise ValueError(f"its part {part.name} is missing") from None
        size += part_size
    return size, tensors
