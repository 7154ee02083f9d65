"""Fetching model files when a person asks: named starters, anything on a hub, a file from the page."""
