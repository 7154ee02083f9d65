"""Facts of the GGUF format: value types, tensor types and the architectures that only embed. Data, no logic."""

from __future__ import annotations

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # 1 had 32-bit counts and has not been written since August 2023

# Value type -> bytes of one value. Strings (8) and arrays (9) have their own rules.
SCALAR_BYTES: dict[int, int] = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
# Value type -> struct format, little-endian.
SCALAR_FORMAT: dict[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
STRING, ARRAY = 8, 9

# Tensor type -> (values a block, bytes a block).
TENSOR_BLOCK: dict[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip

MAX_DIMS = 4
MAX_TENSORS = 1_000_000  # the largest mixture-of-experts files have some 10,000
MAX_KEYS = 100_000
MAX_KEY_BYTES = 65_535  # the format's own limit
MAX_HEADER = 100 * 1024 * 1024
MAX_ALIGNMENT = 1 << 20

EMBEDDING_ARCHITECTURES = frozenset({
    "bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
    "t5encoder", "gemma-embedding", "llama-embed",
})  # fmt: skip
# Parts of other models: a projector for pictures, an adapter, a speech decoder. Not to be loaded by themselves.
PART_ARCHITECTURES = frozenset({"clip", "wavtokenizer-dec"})
