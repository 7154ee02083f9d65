"""Anthropic's current SDK as a client: it sends API version 2026-10-21 and its key as a bearer."""

from __future__ import annotations

from tests.clients.messages import main

if __name__ == "__main__":
    main()
