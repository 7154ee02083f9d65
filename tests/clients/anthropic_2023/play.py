"""The last of Anthropic's SDKs before version 1 as a client: it sends API version 2023-06-01."""

from __future__ import annotations

from tests.clients.messages import main

if __name__ == "__main__":
    main()
