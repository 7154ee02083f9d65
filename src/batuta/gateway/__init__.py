"""Serve ONE request: from a parsed call to the bytes of its answer."""
