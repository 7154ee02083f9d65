"""Phrasings that no training text is made from: what the starter models are measured on. Never imported by corpus.py."""
