"""WHEN a model is in memory. Pure decisions; only `runner` awaits."""
