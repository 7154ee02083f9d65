"""Batuta: one process in front of every model a person has."""

from __future__ import annotations

__version__ = "0.1.0"
