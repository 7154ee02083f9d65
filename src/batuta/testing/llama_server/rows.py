"""What a fake llama-server says of itself and its models: lists, properties, slots, errors. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from batuta.testing.llama_server.children import Child, Children, Habits
from batuta.testing.local_server import FakeModel

Body = dict[str, Any]

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    500: "server_error",
    501: "not_supported_error",
    503: "unavailable_error",
}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refusal(status: int, message: str) -> web.Response:
    """Return an error in llama-server's form."""
    error = {"code": status, "message": message, "type": KINDS[status]}
    return web.json_response({"error": error}, status=status)


def meta(model: FakeModel) -> Body:
    """Return what a loaded model's file says."""
    return {
        "vocab_type": 1,
        "n_vocab": 259,
        "n_ctx": model.context,
        "n_ctx_train": 4 * model.context,
        "n_embd": 128,
        "n_params": model.size // 2,
        "size": model.size,
        "ftype": "F16",
    }


def single_list(child: Child) -> Body:
    """Return `/v1/models` of a server of one model."""
    row = {
        "id": child.name,
        "aliases": [child.name],
        "tags": [],
        "object": "model",
        "architecture": _architecture(child.model),
        "created": int(time.time()),
        "owned_by": "llamacpp",
        "meta": None if child.status == "loading" else meta(child.model),
    }
    return {"object": "list", "data": [row]}


def router_list(children: Children) -> Body:
    """Return `/models` of a router."""
    return {"data": [_router_row(child) for child in children.all.values()], "object": "list"}


def _router_row(child: Child) -> Body:
    details = child.model.details
    status: Body = {"value": child.status, "args": _arguments(child)}
    if child.status == "unloaded" and child.exit_code:
        status |= {"exit_code": child.exit_code, "failed": True}
    row = {
        "id": child.name,
        "aliases": list(details.get("aliases", ())),
        "tags": [],
        "object": "model",
        "owned_by": "llamacpp",
        "created": int(time.time()),
        "status": status,
        "architecture": _architecture(child.model),
        "source": child.source,
        "can_remove": child.source == "cache",
    }
    return row | ({"meta": meta(child.model)} if child.status in {"loaded", "sleeping"} else {})


def _arguments(child: Child) -> list[str]:
    """Return the command that the child is started with."""
    path = child.model.details.get("path", f"/models/{child.name}.gguf")
    place = ["--host", "127.0.0.1", "--port", str(child.port), "--alias", child.name]
    embeds = ["--embedding"] if child.model.is_embedding else []
    return ["llama-server", *place, "--ctx-size", str(child.model.context), "--model", path, "--parallel", "4", *embeds]


def _architecture(model: FakeModel) -> Body:
    more = ["image"] if model.details.get("vision") else []
    return {"input_modalities": ["text", *more], "output_modalities": ["text"]}


def router_props(children: Children, *, autoload: bool, build_info: str) -> Body:
    """Return `/props` of a router."""
    return {
        "role": "router",
        "max_instances": children.most,
        "models_autoload": autoload,
        "model_alias": "llama-server",
        "model_path": "none",
        "default_generation_settings": {"params": None, "n_ctx": 0},
        "ui_settings": {},
        "build_info": build_info,
        "cors_proxy_enabled": False,
    }


def single_props(child: Child, habits: Habits, *, slots: int, has_slots: bool, build_info: str) -> Body:
    """Return `/props` of a server of one model."""
    props: Body = {
        "default_generation_settings": {"params": {"temperature": 0.8}, "n_ctx": child.model.context},
        "total_slots": slots,
        "model_alias": child.name,
        "model_path": child.model.details.get("path", f"/models/{child.name}.gguf"),
        "modalities": {"vision": bool(child.model.details.get("vision")), "audio": False},
        "endpoint_slots": has_slots,
        "chat_template": "{{ messages }}",
        "chat_template_caps": {"supports_tools": True, "supports_tool_calls": True},
    }
    if habits.tells_build:
        props["build_info"] = build_info
    if habits.can_sleep:
        props["is_sleeping"] = child.status == "sleeping"
    return props


def slot_list(child: Child, slots: int) -> list[Body]:
    """Return `/slots`."""
    return [
        {
            "id": number,
            "id_task": number if number < child.running else -1,
            "n_ctx": child.model.context,
            "speculative": False,
            "is_processing": number < child.running,
        }
        for number in range(slots)
    ]


def metrics(children: Iterable[Child]) -> str:
    """Return `/metrics`."""
    running = sum(child.running for child in children)
    return (
        "# HELP llamacpp:requests_processing Number of requests processing.\n"
        "# TYPE llamacpp:requests_processing gauge\n"
        f"llamacpp:requests_processing {running}\n"
    )
