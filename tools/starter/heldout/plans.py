"""Held-out ways to ask for a plan."""

from __future__ import annotations

from collections.abc import Mapping

ASK: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Please plan the following job: {task}",
        "I want a step by step plan for this: {task}",
        "Turn this into a plan: {task}",
        "Before any code, plan it: {task}",
    ),
    "pt": (
        "Por favor, planeje o seguinte trabalho: {task}",
        "Quero um plano passo a passo para isto: {task}",
        "Transforme isto em um plano: {task}",
        "Antes do código, planeje: {task}",
    ),
}
