"""Brings a model from its folder into memory: which device, which number type, and why not, in words.

No code of a model is ever run (`trust_remote_code` is off), no pickle is read, nothing is fetched from a network.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from batuta.loader.engines.hf.arena import Arena, Unparkable, check_room
from batuta.loader.engines.hf.reasons import Refused
from batuta.loader.engines.hf.request import Sampling
from batuta.loader.engines.hf.toolcalls import JSON, Form, form_of

BF16_SINCE: Final = 8  # CUDA compute capability: older cards emulate bfloat16, slowly
HEADS: Final = ("pooler.", "cls.", "lm_head.", "classifier.")
"""Parts of encoders that are trained for other ends than vectors."""
DTYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Loaded:
    """A model in memory.

    Attributes:
        model: transformers' model.
        tokenizer: its tokenizer.
        device: as torch names it.
        dtype: of its weights.
        ends: tokens that end an answer.
        silent: tokens that are no text.
        form: how it writes function calls.
        has_template: it has a chat template.
        defaults: the sampling its maker recommends.
        context: tokens a conversation may have.
        vocabulary: how many tokens the model has; its tokenizer may think otherwise.
        pooling: how an embedding is made of hidden states: mean | cls | last.
        arena: what takes its weights off the device and back; None where they stay.
    """

    model: Any
    tokenizer: Any
    device: str
    dtype: str
    ends: frozenset[int]
    silent: frozenset[int]
    form: Form
    has_template: bool
    defaults: Sampling
    context: int
    vocabulary: int
    pooling: str = "mean"
    arena: Arena | None = None

    @property
    def device_bytes(self) -> int:
        """What its weights, and on a GPU all else that PyTorch holds, take on its device now."""
        if self.device.startswith("cuda"):
            return int(torch.cuda.memory_reserved(self.device))
        return self.arena.size if self.arena is not None and self.arena.is_here else 0


def load(params: Mapping[str, Any], device: str) -> Loaded:
    """Load the model that the loader's parameters name onto `device`.

    Raises Refused and all that transformers raises; `reasons.explain` puts it in words.
    """
    folder = Path(params["model"])
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model, arena = _weights(folder, params, device)
    _check_steps(model)
    template = chat_template(tokenizer)
    form = form_of(template) if template else JSON
    marks = {form.mark, form.close, form.names_before} - {""}
    special = {*tokenizer.all_special_ids, *(n for n, token in tokenizer.added_tokens_decoder.items() if token.special)}
    silent = frozenset(number for number in special if str(tokenizer.decode([number])).strip() not in marks)
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        device=device,
        dtype=str(model.dtype).removeprefix("torch."),
        ends=_ends(model, tokenizer),
        silent=silent,
        form=form,
        has_template=template is not None,
        defaults=_defaults(model),
        context=int(params["context"]),
        vocabulary=int(model.get_input_embeddings().weight.shape[0]),
        pooling=pooling_of(folder),
        arena=arena,
    )


def choose_device(wanted: str, *, gpu_layers: int = -1) -> str:
    """Return the device to compute on, as torch names it.

    1. A device that is named is taken, or refused when this PyTorch does not have it.
    2. `auto` takes the CPU where GPUs are not wanted (`gpu_layers` 0), 3. else the GPU with most free memory,
       4. else Apple's, 5. else the CPU.

    Args:
        wanted: auto | cpu | cuda | rocm | mps, or one GPU of several: cuda:1.
        gpu_layers: 0 for no GPU.

    Raises:
        Refused: it is not there.
    """
    kind, _, number = wanted.partition(":")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0  # ROCm's PyTorch says cuda too
    if kind == "cpu" or (kind == "auto" and gpu_layers == 0):  # 1, 2
        return "cpu"
    if kind in {"auto", "cuda", "rocm"} and gpus:  # 1, 3
        if number and int(number) >= gpus:
            raise Refused(f"the device {wanted} was asked for, and there are {gpus}, counted from 0")
        return f"cuda:{number or _freest(gpus)}"
    if kind in {"auto", "mps"} and torch.backends.mps.is_available():  # 1, 4
        return "mps"
    if kind != "auto":  # 1
        raise Refused(
            f"the device {wanted} was asked for, and PyTorch {torch.__version__} does not see one: install the build "
            f"of PyTorch for it, or set device to auto"
        )
    return "cpu"  # 5


def device_name(device: str) -> str:
    """Return the device as people know it: `CUDA0 NVIDIA ...`, `CPU`."""
    if device.startswith("cuda"):
        kind = "ROCm" if torch.version.hip else "CUDA"
        return f"{kind}{device.partition(':')[2]} {torch.cuda.get_device_name(device)}"
    return device.upper()


def chat_template(tokenizer: Any) -> str | None:
    """Return the tokenizer's template; of several, the one for tools, else the default."""
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("tool_use") or template.get("default")
    return template if isinstance(template, str) and template else None


def pooling_of(folder: Path) -> str:
    """Return how a sentence-transformers folder makes an embedding of hidden states; mean where none is said."""
    try:
        said = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "mean"
    kinds = (("pooling_mode_cls_token", "cls"), ("pooling_mode_lasttoken", "last"))
    return next((kind for name, kind in kinds if isinstance(said, dict) and said.get(name) is True), "mean")


# --- weights -----------------------------------------------------------------------------------------------------


def _weights(folder: Path, params: Mapping[str, Any], device: str) -> tuple[Any, Arena | None]:
    """Return the model on its device, and what parks it; None where it stays there.

    1. One that can be parked is read into RAM, which keeps a copy, and goes on from there.
    2. Any other goes straight to the GPU where that can be done, not by way of the CPU's memory.
    """
    arena: Arena | None = None
    parking = params.get("parking", "auto")
    is_parked = parking == "on" or (parking == "auto" and device.startswith("cuda"))
    is_parked = is_parked and _is_parkable(folder, is_asked_for=parking == "on")
    goes_straight = not is_parked and device != "cpu" and importlib.util.find_spec("accelerate") is not None
    model = _read(folder, params, device if goes_straight else "cpu")
    if params.get("dtype", "auto") == "auto" and _is_slow(model.dtype, device):
        model = model.to(torch.float16)
    model.requires_grad_(requires_grad=False)
    if is_parked:  # 1
        arena = _parked(model, device, is_asked_for=parking == "on")
    return (model if goes_straight or arena is not None else model.to(device)).eval(), arena  # 2


def _read(folder: Path, params: Mapping[str, Any], device: str) -> Any:
    dtype: Any = DTYPES.get(params.get("dtype", "auto"), "auto")
    is_embedding = params.get("embedding") == "model"
    kind: Any = AutoModel if is_embedding else AutoModelForCausalLM
    model, facts = kind.from_pretrained(
        folder,
        dtype=dtype,
        device_map=None if device == "cpu" else {"": device},
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    # An encoder's head is not needed for vectors.
    missing = sorted(name for name in facts["missing_keys"] if not (is_embedding and name.startswith(HEADS)))
    if missing:
        raise Refused(f"the file does not hold the model it describes: {len(missing)} tensors are missing, "
                      f"{missing[0]} among them")  # fmt: skip
    return model


def _parked(model: Any, device: str, *, is_asked_for: bool) -> Arena | None:
    """Move the model to its device with an arena; return that. None: it cannot be, and is where it was."""
    try:
        arena = Arena(model, device, is_asked_for=is_asked_for)
    except Unparkable as why:
        _say_unparked(why)
        return None
    if device.startswith("cuda") and not arena.is_pinned:
        sys.stderr.write("the copy in RAM could not be page-locked, so that waking is slower than the bus\n")
    arena.bring()
    return arena


def _is_parkable(folder: Path, *, is_asked_for: bool) -> bool:
    """Whether it is worth reading the model into RAM first: its weights are plain, and there is room for a copy."""
    try:
        if "quantization_config" in json.loads((folder / "config.json").read_text(encoding="utf-8")):
            raise Unparkable("its weights are quantised")  # noqa: TRY301  # one way to say so
        if not is_asked_for:
            check_room(sum(each.stat().st_size for each in folder.glob("*.safetensors")))
    except (OSError, ValueError, Unparkable) as why:
        _say_unparked(why)
        return False
    return True


def _say_unparked(why: Exception) -> None:
    sys.stderr.write(f"this model is not kept in RAM, so it is read anew whenever it comes back: {why}\n")


def _is_slow(dtype: torch.dtype, device: str) -> bool:
    """Whether the device only emulates the type that the weights are stored in."""
    if dtype != torch.bfloat16 or not device.startswith("cuda") or torch.version.hip:
        return False
    return torch.cuda.get_device_capability(device)[0] < BF16_SINCE


@torch.inference_mode()
def _check_steps(model: Any) -> None:
    """Compute two tokens, the second with the cache of the first: also the warm-up."""
    token = torch.zeros((1, 1), dtype=torch.long, device=model.device)
    if not getattr(model, "can_generate", lambda: False)():
        model(input_ids=token)
        return
    first = model(input_ids=token, use_cache=True)
    if getattr(first, "past_key_values", None) is None:
        raise Refused("its architecture keeps no key-value cache, and this engine cannot hold a conversation without")
    model(input_ids=token, past_key_values=first.past_key_values, use_cache=True)


def _freest(gpus: int) -> int:
    return max(range(gpus), key=lambda number: torch.cuda.mem_get_info(number)[0])


# --- what its maker says -------------------------------------------------------------------------------------------


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    ends: set[int] = set()
    for source in (getattr(model, "generation_config", None), model.config, tokenizer):
        said = getattr(source, "eos_token_id", None)
        ends |= set(said) if isinstance(said, list) else {said} if isinstance(said, int) else set()
    return frozenset(ends)


def _defaults(model: Any) -> Sampling:
    """Return the sampling that generation_config.json recommends; OpenAI's where it recommends none."""
    said = getattr(model, "generation_config", None)
    if said is None or not said.do_sample:
        return Sampling()

    def number(name: str, default: float) -> float:
        value = getattr(said, name, None)
        return float(value) if isinstance(value, int | float) else default

    return Sampling(
        temperature=number("temperature", 1.0),
        top_p=number("top_p", 1.0),
        top_k=int(number("top_k", 0)),
        min_p=number("min_p", 0.0),
        repetition_penalty=number("repetition_penalty", 1.0),
    )
