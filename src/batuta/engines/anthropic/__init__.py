"""Anthropic's API, and those that speak its dialect."""
