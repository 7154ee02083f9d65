"""The separate process that owns local model memory, and the gateway's side of it (client, supervisor)."""
