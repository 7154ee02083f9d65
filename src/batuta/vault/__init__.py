"""Secrets: how they are held, and that they never show."""
