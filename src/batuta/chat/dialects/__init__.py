"""Dialect JSON <-> neutral types, one module per dialect. Pure functions."""
