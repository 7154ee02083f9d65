"""Tests of `tools/starter`."""
