"""A model's weights in two places: one flat buffer in RAM that stays, and one arena on the device that may go.

    buffer  |weight|weight|....|rotary table|      page-locked where the device is a GPU; made once, at the load
    arena   |weight|weight|....|rotary table|      the model's tensors are views of it

Weights do not change, so leaving the device copies nothing: the arena is dropped. Coming back is one copy of the whole
buffer into a new arena, at the speed of the bus. Knows nothing of requests or of who computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import psutil
import torch

ALIGN: Final = 256  # bytes: what CUDA's own allocations begin at, and every kernel's vector loads can rely on
SPARED: Final = 0.1  # of the machine's RAM that must stay free beside the buffer


class Unparkable(Exception):
    """The model's weights cannot be kept so; the text says why."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a tensor's bytes are. Tensors that share their bytes share a place."""

    tensor: torch.Tensor
    offset: int
    size: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def view(self, flat: torch.Tensor) -> torch.Tensor:
        """Return the tensor's view of a buffer or an arena."""
        piece = flat[self.offset : self.offset + self.size].view(self.tensor.dtype)
        return piece.as_strided(self.shape, self.stride, piece.storage_offset())


class Arena:
    """The weights of one model, with which it is on the device or not.

    Its methods are called where the model computes, while nothing is computed.

    Args:
        model: a module whose weights are in RAM.
        device: where they are to be, as torch names it.
        is_asked_for: they are to be kept in RAM even where little is left free there.

    Raises:
        Unparkable: they cannot be; the model is as it was.
    """

    def __init__(self, model: torch.nn.Module, device: str, *, is_asked_for: bool = False) -> None:
        self.device = torch.device(device)
        self._slots, self.size = _plan(model)
        if not is_asked_for:
            check_room(self.size)
        self._buffer = torch.empty(self.size, dtype=torch.uint8)
        self._arena: torch.Tensor | None = None
        self._versions: list[int] = []
        self.is_pinned = self.device.type == "cuda" and _pin(self._buffer, self.device)
        for slot in self._slots:
            slot.view(self._buffer).copy_(slot.tensor.data)
        self._bind(self._buffer)  # from here on, what the weights were read into is free

    def __repr__(self) -> str:
        where = f"on {self.device}" if self.is_here else "parked"
        return f"<Arena {len(self._slots)} tensors, {self.size} bytes, {where}>"

    @property
    def is_here(self) -> bool:
        """Whether the weights are on the device."""
        return self._arena is not None

    def bring(self) -> None:
        """Copy the weights to the device. When there is no room for them, raises what torch does; nothing has changed.

        The model's tensors stay the same objects, so tied ones stay tied.
        """
        if self._arena is not None:
            return
        arena = torch.empty(self.size, dtype=torch.uint8, device=self.device)
        arena.copy_(self._buffer, non_blocking=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self._arena = arena
        self._bind(arena)
        self._versions = [slot.tensor._version for slot in self._slots]  # noqa: SLF001  # torch has no other name for it

    def drop(self) -> None:
        """Free the device's memory. Only what was written to since is copied out: nothing, in all models we know."""
        if self._arena is None:
            return
        for slot, version in zip(self._slots, self._versions, strict=True):
            if slot.tensor._version != version:  # noqa: SLF001  # as above
                slot.view(self._buffer).copy_(slot.tensor.data)
        self._arena = None
        self._bind(self._buffer)
        _give_back(self.device)

    def close(self) -> None:
        """Let go of the page lock; the model is not used any more."""
        self.drop()
        if self.is_pinned:
            torch.cuda.cudart().cudaHostUnregister(self._buffer.data_ptr())
            self.is_pinned = False

    def _bind(self, flat: torch.Tensor) -> None:
        for slot in self._slots:
            slot.tensor.data = slot.view(flat)


def _give_back(device: torch.device) -> None:
    """Return freed memory to the device, with what libraries keep for themselves."""
    if device.type == "cuda":
        if clear := getattr(torch._C, "_cuda_clearCublasWorkspaces", None):  # noqa: SLF001  # it has no public name
            clear()
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _plan(model: torch.nn.Module) -> tuple[list[Slot], int]:
    """Give every tensor of the model its place; return the places and the bytes of all."""
    slots: list[Slot] = []
    known: dict[tuple[Any, ...], int] = {}
    end = 0
    for tensor in _tensors(model):
        if type(tensor) not in {torch.Tensor, torch.nn.Parameter} or tensor.layout != torch.strided:
            raise Unparkable(f"its weights are quantised or of a form of their own ({type(tensor).__name__})")
        if tensor.device.type != "cpu":
            raise Unparkable(f"a part of it is on {tensor.device}")
        shape, stride = tuple(tensor.shape), _stride(tensor)
        size = prod(shape) * tensor.element_size()
        key = (tensor.data_ptr(), shape, stride, tensor.dtype) if size else (id(tensor),)
        if key not in known:
            known[key] = end
            end += -(-size // ALIGN) * ALIGN
        slots.append(Slot(tensor, known[key], size, shape, stride))
    return slots, end


def _tensors(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Yield each tensor object once: weights and buffers, and those that a module keeps without registering them."""
    seen: set[int] = set()
    loose = (value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor))
    for group in (model.parameters(), model.buffers(), loose):
        for tensor in group:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield tensor


def _stride(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return how the tensor lies in its place: as it does now, unless that has holes or overlaps."""
    steps = sorted(zip(tensor.stride(), tensor.shape, strict=True))
    expected = 1
    for step, length in steps:
        if length > 1 and step != expected:
            return tuple(torch.empty(tensor.shape, device="meta").stride())
        expected *= length
    return tuple(tensor.stride())


def check_room(size: int) -> None:
    """Raise Unparkable when a copy of so many bytes would leave too little of the RAM free."""
    memory = psutil.virtual_memory()
    if memory.available - size < memory.total * SPARED:
        raise Unparkable(
            f"a copy of {size / 1e9:.1f} GB in RAM would leave less than {SPARED:.0%} of it free "
            f"({memory.available / 1e9:.1f} GB are available)"
        )


def _pin(buffer: torch.Tensor, device: torch.device) -> bool:
    """Lock the buffer's pages in RAM, so that the device reads them itself; return whether the system allows it.

    Not `pin_memory()`: its allocator takes the next power of two, which is 16 GiB for 9.
    """
    with torch.cuda.device(device):  # or another GPU would have to hold a context for it
        if int(torch.cuda.cudart().cudaHostRegister(buffer.data_ptr(), buffer.numel(), 0)) == 0:
            return True
    with suppress(RuntimeError):  # the refusal is still to be reported, and would be taken for a later call's
        torch.zeros(1, device=device)
    return False
