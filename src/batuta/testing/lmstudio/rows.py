"""How LM Studio writes its models down: rows of v0, of v1, of OpenAI's list, and of the SDK. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batuta.testing.lmstudio.shelf import Instance, Shelf
from batuta.testing.local_server import FakeModel

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Habits:
    """What a version has and does.

    Attributes:
        has_v0: `/api/v0`, to look.
        has_v1: `/api/v1`, to look, load and unload.
        tells_loading: v0 knows the state `loading`, the loaded context and capabilities.
        has_variants: v1 tells of variants and of reasoning.
        error_is_text: errors of the OpenAI routes are a text instead of an object.
        missing_status: status of an answer to a name that nobody has.
    """

    has_v0: bool = True
    has_v1: bool = True
    tells_loading: bool = True
    has_variants: bool = False
    error_is_text: bool = False
    missing_status: int = 400


def habits_of(version: str) -> Habits:
    """Return the habits of a version such as `0.4.2`."""
    number = tuple(int(part) for part in version.split("."))
    return Habits(
        has_v0=number >= (0, 3, 6),
        has_v1=number >= (0, 4),
        tells_loading=number >= (0, 3, 16),
        has_variants=number >= (1,),
        error_is_text=number < (0, 3, 9),
        missing_status=404 if number < (0, 3, 20) else 400,
    )


def kind_of(model: FakeModel, *, embedding: str) -> str:
    """Return the model's type; v0 and v1 write that of embedding models differently."""
    if model.is_embedding:
        return embedding
    return "vlm" if embedding == "embeddings" and model.details.get("vision") else "llm"


def v0_row(shelf: Shelf, model: FakeModel, habits: Habits) -> Row:
    """Return a row of `/api/v0/models`."""
    instances = shelf.of(model.name)
    ready = next((instance for instance in instances if not instance.is_loading), None)
    loading = "loading" if habits.tells_loading else "not-loaded"
    row: Row = {
        "id": model.name,
        "object": "model",
        "type": kind_of(model, embedding="embeddings"),
        "publisher": model.details.get("publisher", "batuta"),
        "arch": model.details.get("arch", "llama"),
        "compatibility_type": "gguf",
        "quantization": model.details.get("quantization", "Q4_K_M"),
        "state": "loaded" if ready else loading if instances else "not-loaded",
        "max_context_length": model.context,
    }
    if ready is not None and habits.tells_loading:
        row["loaded_context_length"] = ready.context
    if model.details.get("tools") and habits.tells_loading:
        row["capabilities"] = ["tool_use"]
    return row


def v1_row(shelf: Shelf, model: FakeModel, habits: Habits) -> Row:
    """Return a row of `/api/v1/models`. It has no word on what is loading."""
    details = model.details
    row: Row = {
        "type": kind_of(model, embedding="embedding"),
        "publisher": details.get("publisher", "batuta"),
        "key": model.name,
        "display_name": details.get("display_name", model.name),
        "architecture": details.get("arch", "llama"),
        "quantization": {"name": details.get("quantization", "Q4_K_M"), "bits_per_weight": 4},
        "size_bytes": model.size,
        "params_string": details.get("params", "1B"),
        "loaded_instances": [
            {"id": instance.id, "config": instance_config(instance)}
            for instance in shelf.of(model.name)
            if not instance.is_loading
        ],
        "max_context_length": model.context,
        "format": "gguf",
    }
    if not model.is_embedding:
        row["capabilities"] = {
            "vision": bool(details.get("vision")),
            "trained_for_tool_use": bool(details.get("tools")),
        }
        row["description"] = None
    if habits.has_variants and not model.is_embedding:
        if details.get("reasoning"):
            row["capabilities"]["reasoning"] = {"allowed_options": ["off", "on"], "default": "on"}
        variant = f"{model.name}@{details.get('quantization', 'Q4_K_M').lower()}"
        row |= {"variants": [variant], "selected_variant": variant}
    return row


def instance_config(instance: Instance) -> Row:
    """Return the load settings of an instance as v1 tells them."""
    usual = {} if instance.model.is_embedding else {"flash_attention": True, "offload_kv_cache_to_gpu": True}
    return {"context_length": instance.context, "eval_batch_size": 512, **usual, **instance.config}


def openai_list(shelf: Shelf, *, is_jit_on: bool) -> Row:
    """Return `/v1/models`: what could be asked, which without JIT is what is loaded."""
    names = list(shelf.models) if is_jit_on else [instance.id for instance in shelf.ready()]
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": "organization_owner"} for name in names]
    return {"object": "list", "data": rows}


def sdk_info(model: FakeModel) -> Row:
    """Return a downloaded model as the SDK wants it."""
    row: Row = {
        "type": kind_of(model, embedding="embedding"),
        "modelKey": model.name,
        "format": "gguf",
        "displayName": model.details.get("display_name", model.name),
        "path": f"{model.details.get('publisher', 'batuta')}/{model.name}.gguf",
        "sizeBytes": model.size,
        "paramsString": model.details.get("params", "1B"),
        "architecture": model.details.get("arch", "llama"),
        "maxContextLength": model.context,
    }
    if not model.is_embedding:
        row |= {"vision": bool(model.details.get("vision")), "trainedForToolUse": bool(model.details.get("tools"))}
    return row


def sdk_instance(instance: Instance) -> Row:
    """Return a loaded instance as the SDK wants it."""
    return sdk_info(instance.model) | {
        "identifier": instance.id,
        "instanceReference": instance.reference,
        "contextLength": instance.context,
    }
