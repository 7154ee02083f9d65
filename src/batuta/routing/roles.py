"""Virtual model names and who stands behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from batuta.catalog.entities import Capability, ModelSpec, Role


class Virtual(StrEnum):
    """Names that are not models but choices."""

    AUTO = "auto"
    BRAIN = "brain"
    EXECUTOR = "executor"


_BY_NAME = {v.value: v for v in Virtual}
_ROLE_OF = {Virtual.AUTO: Role.BRAIN, Virtual.BRAIN: Role.BRAIN, Virtual.EXECUTOR: Role.EXECUTOR}


def as_virtual(name: str) -> Virtual | None:
    """Return the virtual name, or None if it is a model's own name."""
    return _BY_NAME.get(name)


def role_of(virtual: Virtual) -> Role:
    """Return the role whose holder answers for a virtual name."""
    return _ROLE_OF[virtual]


def holders(virtual: Virtual, specs: Iterable[ModelSpec]) -> list[ModelSpec]:
    """Return the models that hold the role behind a virtual name, those still seen first, then by id; none may."""
    role = _ROLE_OF[virtual]
    return sorted((s for s in specs if role in s.roles and s.enabled), key=lambda s: (not s.is_present, s.id))


def can_chat(spec: ModelSpec) -> bool:
    """Say whether the model answers messages (an embedding model does not)."""
    return Capability.CHAT in spec.capabilities or Capability.COMPLETION in spec.capabilities
