"""Which environment variables a loader or a model's process may see. An allow-list: keys never enter them."""

from __future__ import annotations

from collections.abc import Mapping

NAMES = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "VIRTUAL_ENV",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE",
    "OLLAMA_MODELS", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "COMSPEC", "PATHEXT",
})  # fmt: skip
PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "GGML_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_")
# A variable that fits a prefix and still smells of a secret stays out.
FORBIDDEN = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")


def allowed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `environ` that a child may see."""
    return {name: value for name, value in environ.items() if is_allowed(name)}


def is_allowed(name: str) -> bool:
    """Whether a child may see the variable."""
    upper = name.upper()
    if any(word in upper for word in FORBIDDEN):
        return False
    return upper in NAMES or upper.startswith(PREFIXES)
