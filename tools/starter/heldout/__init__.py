"""Phrasings that no training text is made from: what the starter models are measured on. corpus.py never reads them."""
