"""The parts of the transformers program. Only `load`, `model`, `sampling` and `batch` import torch or transformers."""
