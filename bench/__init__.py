"""Figures about Batuta, each a command: `python -m bench NAME`. Uses nothing but the project's own dependencies."""
